package report_test

import (
	"github.com/quotalab/quotalab/plots/report"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/assert"
	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// read a record as the command line does.
func read(dir string) (in report.Input, err error) {
	r, err := record.Open(dir)
	if err != nil {
		return in, err
	}
	a, err := audit.All(r)
	if err != nil {
		return in, err
	}
	s, err := summary.Measure(r, a)
	if err != nil {
		return in, err
	}
	assert.Judge(s, r.Manifest().Asserts)
	set, err := series.Collect(r, a, s, series.Options{})
	if err != nil {
		return in, err
	}
	plan, err := r.Plan()
	return report.Input{Set: set, Dir: dir, Plan: plan, Command: "quotalab run " + s.Scenario}, err
}
