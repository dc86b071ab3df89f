package campaign

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/fakeredis"
	"github.com/quotalab/quotalab/sim/plan"
)

// Cell is one run of a campaign, its unit of work: a scenario with a place on the axes of
// its sweep, a value of the searched one if there is one, and a repeat. The hash of
// its plan names it.
type Cell struct {
	Scenario *scenarios.Scenario
	Place    int
	Settings []scenarios.Setting
	Repeat   int
	plan     *plan.Plan // once compiled; nil: it depends on when it is played
}

// String names a cell by what is set in it.
func (c Cell) String() string {
	var parts []string
	for _, s := range c.Settings {
		parts = append(parts, s.Path[strings.LastIndexByte(s.Path, '.')+1:]+"="+s.Value)
	}
	if c.Repeat > 0 {
		parts = append(parts, fmt.Sprintf("repeat %d", c.Repeat))
	}
	if len(parts) == 0 {
		return "the scenario as it is"
	}
	return strings.Join(parts, " ")
}

// cellsOf returns the cells of a scenario that are known before its sweep
// begins: of a search those at its ends.
func cellsOf(s *scenarios.Scenario) (all []Cell) {
	for place, settings := range s.Sweep.Grid() {
		values := []string{""}
		if f := s.Sweep.Find; f != nil {
			from, to := f.Bounds()
			values = []string{f.Value(from), f.Value(to)}
		}
		for _, v := range values {
			all = append(all, repeats(s, place, settings, v)...)
		}
	}
	return all
}

// repeats returns the cells of a place, at a value of the searched axis if there is one.
func repeats(s *scenarios.Scenario, place int, settings []scenarios.Setting, value string) []Cell {
	if f := s.Sweep.Find; f != nil {
		settings = append(slices.Clip(settings), scenarios.Setting{Path: f.Axis, Value: value})
	}
	all := make([]Cell, s.Sweep.Repeats)
	for i := range all {
		all[i] = Cell{Scenario: s, Place: place, Settings: settings, Repeat: i}
	}
	return all
}

// Compile compiles one cell of a scenario with a sweep.
func (l *Loader) Compile(c Cell, o Overrides) (*plan.Plan, error) {
	settings := c.Settings
	if o.Seed != nil { // before the seeds of repeats are derived from it
		settings = append(slices.Clip(settings), scenarios.Setting{Path: "seed", Value: strconv.FormatUint(*o.Seed, 10)})
		o.Seed = nil
	}
	one, problems := c.Scenario.With(settings, c.Repeat)
	return l.compile(one, problems, o)
}

// Check compiles the cells of a scenario with a sweep, of a search those at its ends,
// and reports whether any is in real time. What is wrong with any is told
// once, with the first cell that it is in.
func (l *Loader) Check(s *scenarios.Scenario, o Overrides) (real bool, err error) {
	cells := cellsOf(s)
	clocks, errs := make([]string, len(cells)), make([]error, len(cells))
	InParallel(len(cells), runtime.GOMAXPROCS(0), func(i int) {
		p, err := l.Compile(cells[i], o)
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
		return false, told(all)
	}
	return slices.Contains(clocks, "real"), nil
}

// Local is the Runner of this process.
type Local struct {
	*Loader
	Overrides
	Monitor
	Left     func(limiter string, keys []fakeredis.Left) // of run.Options; may be nil
	Executed func(words []string, byScript bool)         // of run.Options; may be nil
}

// Run plays a cell, on servers if it is one of real time.
func (l Local) Run(ctx context.Context, c Cell, dir string) (_ *Played, err error) {
	o := l.Overrides
	o.Now = clock.Now().UTC().Truncate(time.Millisecond)
	s, err := Open(ctx, func(o Overrides) (*plan.Plan, error) {
		if c.plan != nil {
			return c.plan, nil
		}
		return l.Compile(c, o)
	}, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	r := NewRun(s, o.Now)
	r.Dir, r.Left, r.Executed = dir, l.Left, l.Executed
	step, end := l.Monitor.Run(c.String(), s.Plan)
	defer end()
	r.Progress, r.Tell = step, func(text string) { l.Monitor.Note("%s", text) }
	played, err := r.Play(ctx)
	if err != nil {
		err = fmt.Errorf("%s: %w", c, err)
	}
	return played, err
}
