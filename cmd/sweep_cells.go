package cmd

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"

	"github.com/quotalab/quotalab/results/sweep"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/plan"
)

// cell is one run of a sweep: a place on its axes, a value of the searched one
// if there is one, and a repeat.
type cell struct {
	place    int
	settings []scenarios.Setting
	repeat   int
}

// cellsOf a sweep that are known before it begins: of a search those at its
// ends.
func cellsOf(s *scenarios.Sweep) (all []cell) {
	for place, settings := range s.Grid() {
		values := []string{""}
		if s.Find != nil {
			from, to := s.Find.Bounds()
			values = []string{s.Find.Value(from), s.Find.Value(to)}
		}
		for _, v := range values {
			all = append(all, repeats(s, place, settings, v)...)
		}
	}
	return all
}

// repeats of a place, at a value of the searched axis if there is one.
func repeats(s *scenarios.Sweep, place int, settings []scenarios.Setting, value string) []cell {
	settings = slices.Clone(settings)
	if s.Find != nil {
		settings = append(settings, scenarios.Setting{Path: s.Find.Axis, Value: value})
	}
	all := make([]cell, s.Repeats)
	for i := range all {
		all[i] = cell{place, settings, i}
	}
	return all
}

// compileCell compiles one cell of a scenario with a sweep.
func (a *app) compileCell(s *scenarios.Scenario, c cell, o overrides) (*plan.Plan, error) {
	settings := c.settings
	if o.seed != nil { // before the seeds of repeats are derived from it
		settings = append(slices.Clone(settings), scenarios.Setting{Path: "seed", Value: strconv.FormatUint(*o.seed, 10)})
		o.seed = nil
	}
	one, problems := s.With(settings, c.repeat)
	return a.compile(one, problems, o)
}

// checkCells compiles cells, and tells whether any is in real time. What is wrong
// with any is told once, with the first cell that it is in.
func (a *app) checkCells(s *scenarios.Scenario, cells []cell, o overrides) (real bool, err error) {
	clocks, errs := make([]string, len(cells)), make([]error, len(cells))
	inParallel(len(cells), runtime.GOMAXPROCS(0), func(i int) {
		p, err := a.compileCell(s, cells[i], o)
		if err == nil {
			clocks[i] = p.Scenario.Clock
		}
		errs[i] = err
	})
	var all scenarios.Problems
	seen := map[string]bool{}
	for i, err := range errs {
		var problems scenarios.Problems
		if err != nil && !errors.As(err, &problems) {
			return false, fmt.Errorf("the cell %s: %w", cells[i], err)
		}
		for _, p := range problems {
			if what := p.Error(); !seen[what] { // in the first cell that has it
				seen[what] = true
				p.Msg += " (in the cell " + cells[i].String() + ")"
				all = append(all, p)
			}
		}
	}
	if len(all) > 0 {
		return false, invalid(told(all.Sort()))
	}
	return slices.Contains(clocks, "real"), nil
}

// newSweepResult has all but the runs.
func newSweepResult(p *scenarios.Scenario, clock string) sweep.Result {
	s := p.Sweep
	r := sweep.Result{Scenario: p.Name, About: p.About, Clock: clock, Axes: []sweep.Axis{}, Zip: s.Mode == "zip", Repeats: int(s.Repeats)}
	for _, a := range s.Axes {
		r.Axes = append(r.Axes, sweep.NewAxis(a.Name, a.Value.Values))
	}
	for _, c := range s.Metrics {
		r.Columns = append(r.Columns, sweep.NewColumn(c))
	}
	for _, c := range s.Pareto {
		r.Pareto = append(r.Pareto, c.String())
	}
	if f := s.Find; f != nil {
		from, to := f.Bounds()
		_, unit, _ := sweep.Quantity(f.From)
		r.Search = &sweep.Search{Path: f.Axis, Unit: unit, From: f.Value(from), To: f.Value(to), Tolerance: float64(f.Tolerance)}
	}
	return r
}
