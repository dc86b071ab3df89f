package cmd

import (
	"bytes"
	"fmt"

	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/gate"
	"github.com/quotalab/quotalab/results/measure"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/series"
)

// analysis is what a record came to.
type analysis struct {
	reader  *record.Reader
	audited *audit.Result
	summary *measure.Summary
	drawn   *series.Set // once asked for
}

// set is what figures of the record draw.
func (r *analysis) set() (*series.Set, error) {
	if r.drawn != nil {
		return r.drawn, nil
	}
	var err error
	r.drawn, err = series.Collect(r.reader, r.audited, r.summary, series.Options{})
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", r.reader.Dir(), err)
	}
	return r.drawn, nil
}

// analyse makes the summary of the record in dir: all of run, report and
// export go through here, so they agree.
func analyse(dir string) (*analysis, error) {
	reader, err := record.Open(dir)
	if err != nil {
		return nil, err
	}
	audited, err := audit.All(reader)
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", dir, err)
	}
	summary, err := measure.Measure(reader, audited)
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", dir, err)
	}
	gate.Judge(summary, reader.Manifest().Asserts)
	return &analysis{reader: reader, audited: audited, summary: summary}, nil
}

// analyseAll analyses several records.
func analyseAll(dirs []string) ([]*analysis, error) {
	all := make([]*analysis, len(dirs))
	for i, dir := range dirs {
		var err error
		if all[i], err = analyse(dir); err != nil {
			return nil, invalid(err)
		}
	}
	return all, nil
}

// store writes the JSON summary into the record.
func (r *analysis) store() error {
	var b bytes.Buffer
	if err := r.summary.WriteJSON(&b); err != nil {
		return fmt.Errorf("writing the summary: %w", err)
	}
	return record.WriteSummary(r.reader.Dir(), b.Bytes())
}

func summaries(rs []*analysis) []*measure.Summary {
	all := make([]*measure.Summary, len(rs))
	for i, r := range rs {
		all[i] = r.summary
	}
	return all
}
