package campaign

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/fakeredis"
	"github.com/quotalab/quotalab/sim/plan"
)

// Cell is one run of a campaign, its unit of work: a scenario with a place on the axes of
// its sweep, a value of the searched one if there is one, and a repeat; or only one world of that. The
// hash of its plan names it, with the number of the world.
type Cell struct {
	Scenario *scenarios.Scenario
	Place    int
	Settings []scenarios.Setting
	Repeat   int
	World    int        // of its plan, from 1; 0: all
	Hash     string     // once compiled
	plan     *plan.Plan // nil: it is compiled again where it is played
}

// String names a cell by what is set in it.
func (c Cell) String() string {
	var parts []string
	if c.World > 0 {
		parts = append(parts, fmt.Sprintf("world %d", c.World))
	}
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

// name gives a cell the hash of its plan.
func (c Cell) name(p *plan.Plan) Cell {
	c.Hash = p.Hash()
	if c.World > 0 {
		c.Hash += fmt.Sprintf("-%d", c.World)
	}
	return c
}

// Prepare returns a cell with the hash of its plan, and with the plan unless that
// depends on when it is played.
func (l *Loader) Prepare(c Cell, o Overrides) (Cell, error) {
	p, err := l.Compile(c, o)
	if err != nil {
		return c, err
	}
	c = c.name(p)
	if p.Scenario.Clock != "real" {
		c.plan = p
	}
	return c, nil
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

// Checked is what the cells of a sweep are known to be before any is played.
type Checked struct {
	Real   bool             // some are in real time
	Starts string           // what lives in a process of its own in some, see plan.Plan
	Traces map[string]Trace // of all, by the names that the scenario gives them
	hashes []string         // of the plans of all
}

// Trace is the content of a trace.
type Trace struct {
	Hash string
	Open func() (io.ReadCloser, error)
}

// note adds what a plan is known to be.
func (c *Checked) note(p *plan.Plan) {
	c.Real = c.Real || p.Scenario.Clock == "real"
	c.Starts = cmp.Or(c.Starts, p.Starts())
	p.Traces(func(name, hash string, open func() (io.ReadCloser, error)) { c.Traces[name] = Trace{hash, open} })
}

// Check compiles the cells of a scenario with a sweep, of a search those at its ends.
// What is wrong with any is told once, with the first cell that it is in.
func (l *Loader) Check(s *scenarios.Scenario, o Overrides) (*Checked, error) {
	cells := cellsOf(s)
	c := &Checked{Traces: map[string]Trace{}, hashes: make([]string, len(cells))}
	errs := make([]error, len(cells))
	var mu sync.Mutex
	InParallel(len(cells), runtime.GOMAXPROCS(0), func(i int) {
		p, err := l.Compile(cells[i], o)
		if err == nil {
			c.hashes[i] = p.Hash()
			mu.Lock()
			c.note(p)
			mu.Unlock()
		}
		errs[i] = err
	})
	var all scenarios.Problems
	seen := map[string]bool{}
	for i, err := range errs {
		var problems scenarios.Problems
		if err != nil && !errors.As(err, &problems) {
			return nil, fmt.Errorf("the cell %s: %w", cells[i], err)
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
		return nil, told(all)
	}
	return c, nil
}

// Part is one of several parts of a sweep that are played apart: Index of Of, from
// 0. The zero value is the whole.
type Part struct{ Index, Of int }

// suffix marks what a part has for itself in a directory that others use too.
func (p Part) suffix() string {
	if p.Of == 0 {
		return ""
	}
	return fmt.Sprintf(".%d-of-%d", p.Index, p.Of)
}

// takes returns which of several things, named by their hashes, the part has: every
// Of-th in the order of the hashes, so that no part gets all that take long.
// What has one hash is in one part.
func (p Part) takes(hashes []string) []bool {
	mine := make([]bool, len(hashes))
	order := slices.Compact(slices.Sorted(slices.Values(hashes)))
	for i, h := range hashes {
		at, _ := slices.BinarySearch(order, h)
		mine[i] = p.Of == 0 || at%p.Of == p.Index
	}
	return mine
}

// Local is the Runner of this process.
type Local struct {
	*Loader
	Overrides
	Monitor
	Left     func(limiter string, keys []fakeredis.Left) // of run.Options; may be nil
	Executed func(words []string, byScript bool)         // of run.Options; may be nil
}

// Run plays a cell, on servers if it is one of real time, and analyses it.
func (l Local) Run(ctx context.Context, c Cell, dir string) (_ *Outcome, err error) {
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
	if c.World > 0 {
		return r.playWorld(ctx, c.World)
	}
	played, err := r.Play(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c, err)
	}
	of := &Outcome{Played: *played}
	if played.Aborted {
		return of, nil
	}
	a, err := played.Analyse()
	if err == nil {
		of.Run, of.Record = row(c, a.Summary, played), a.Summary.RecordHash
	}
	return of, err
}
