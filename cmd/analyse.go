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
	audited, warnings, err := auditAll(reader)
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", dir, err)
	}
	summary, err := measure.Measure(reader, audited)
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", dir, err)
	}
	summary.Warnings = append(summary.Warnings, warnings...)
	gate.Judge(summary, reader.Manifest().Asserts)
	return &report{reader, summary}, nil
}

// auditAll audits limiters and engines, as far as the record has them.
func auditAll(reader *record.Reader) (result *audit.Result, warnings []string, err error) {
	result, err = audit.Replay(reader)
	if errors.Is(err, audit.ErrOrder) {
		result, warnings, err = &audit.Result{}, []string{fmt.Sprintf("no audit: %v", err)}, nil
	}
	if err == nil && len(reader.Manifest().Engines) > 0 {
		result.Thresholds, err = audit.Thresholds(reader)
	}
	return result, warnings, err
}

// store writes the JSON summary into the record.
func (r *report) store() error {
	var b bytes.Buffer
	if err := r.summary.WriteJSON(&b); err != nil {
		return fmt.Errorf("writing the summary: %w", err)
	}
	return record.WriteSummary(r.reader.Dir(), b.Bytes())
}
