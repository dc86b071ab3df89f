package cmd

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/gate"
	"github.com/quotalab/quotalab/results/measure"
	"github.com/quotalab/quotalab/results/record"
)

// report is what a record came to.
type report struct {
	reader  *record.Reader
	summary *measure.Summary
}

// analyse makes the summary of the record in dir: all of run, report and
// export go through here, so they agree.
func analyse(dir string) (*report, error) {
	reader, err := record.Open(dir)
	if err != nil {
		return nil, err
	}
	audited, err := audit.Replay(reader)
	if err != nil && !errors.Is(err, audit.ErrOrder) {
		return nil, fmt.Errorf("record %s: %w", dir, err)
	}
	summary, merr := measure.Measure(reader, audited)
	if merr != nil {
		return nil, fmt.Errorf("record %s: %w", dir, merr)
	}
	if err != nil {
		summary.Warnings = append(summary.Warnings, fmt.Sprintf("no audit: %v", err))
	}
	gate.Judge(summary, reader.Manifest().Asserts)
	return &report{reader, summary}, nil
}

// store writes the JSON summary into the record.
func (r *report) store() error {
	var b bytes.Buffer
	if err := r.summary.WriteJSON(&b); err != nil {
		return fmt.Errorf("writing the summary: %w", err)
	}
	return record.WriteSummary(r.reader.Dir(), b.Bytes())
}
