package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/plots"
	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/results/assert"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
	"github.com/quotalab/quotalab/results/sweep"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/run"
)

const sweepLong = `Plays a scenario once for every cell of its sweep block, and prints a table of what its columns were. Cells in
virtual time are played at once on all processors, those in real time one after another. With find it searches
the highest value at which all assertions hold, at every place of the other axes.

Each cell is a record in a directory named by the hash of its plan, in quotalab-out/<scenario>/sweep or --dir.
A cell that is finished there is not played again: a sweep that was ended, however, goes on by the same command,
and after a change of the scenario only what the change concerns is played. Cells that another build of quotalab
made are played again. The result is in sweep.json there, which plot draws.

Assertions that do not hold in a cell are a result, not a failure of the sweep. Ctrl-C ends it in good order.`

// sweepFlags are the flags of sweep.
type sweepFlags struct {
	seed  uint64
	dir   string
	trace string
	jobs  int
	outs  []string
	live  liveFlags
}

// sweepOutputs are the kinds of -o.
var sweepOutputs = map[string]func(io.Writer, *sweep.Result, sweepDir) error{
	"csv":      func(w io.Writer, r *sweep.Result, _ sweepDir) error { return r.CSV(w) },
	"markdown": func(w io.Writer, r *sweep.Result, _ sweepDir) error { return r.Markdown(w) },
	"json":     func(w io.Writer, r *sweep.Result, _ sweepDir) error { return r.WriteJSON(w) },
	"bench":    func(w io.Writer, r *sweep.Result, d sweepDir) error { return r.Bench(w, d.summary) },
}

func (a *app) sweepCommand() *cobra.Command {
	var f sweepFlags
	kinds := slices.Sorted(maps.Keys(sweepOutputs))
	cmd := &cobra.Command{
		Use:   "sweep SCENARIO",
		Short: "Play a scenario with many values of some of its fields",
		Long:  sweepLong + "\n\n" + exitHelp(exitPassed, exitInvalid, exitAborted, exitUnexpected, exitInternal, exitSchedule, exitDependency) + "\n" + exitOrder,
		Example: `  quotalab sweep my.yaml -o csv=table.csv
  quotalab sweep my.yaml --jobs 2 -o bench=- | benchstat -
  quotalab plot quotalab-out/my/sweep`,
		Args:              args("SCENARIO"),
		ValidArgsFunction: completeScenario,
		RunE: func(cmd *cobra.Command, given []string) error {
			o := overrides{trace: f.trace}
			if cmd.Flags().Changed("seed") {
				o.seed = &f.seed
			}
			outs, err := parseOutputsOf(f.outs, kinds)
			if err != nil {
				return err
			}
			if f.jobs < 1 {
				return usagef("--jobs: expected at least 1, found %d", f.jobs)
			}
			return a.sweep(cmd.Context(), given[0], o, &f, outs)
		},
	}
	flags := cmd.Flags()
	flags.Uint64Var(&f.seed, "seed", 0, "seed of every random stream, instead of the scenario's; repeats derive theirs from it")
	flags.StringVar(&f.dir, "dir", "", "directory of the sweep (default: quotalab-out/<scenario>/sweep)")
	flags.StringVar(&f.trace, "trace", "", "file of every replay, instead of the scenario's")
	flags.IntVar(&f.jobs, "jobs", runtime.GOMAXPROCS(0), "cells in virtual time that are played at once")
	flags.StringArrayVarP(&f.outs, "out", "o", nil, "write the table as `kind=path`, - for standard output; can be repeated. Kinds: "+strings.Join(kinds, ", "))
	f.live.add(flags)
	return cmd
}

// sweep is the verb: load, play what is not finished, tabulate.
func (a *app) sweep(ctx context.Context, name string, o overrides, f *sweepFlags, outs []output) (err error) {
	s, real, err := a.newSweeper(name, o, f)
	if err != nil {
		return err
	}
	if s.made.Executable, err = executableHash(); err != nil {
		return fmt.Errorf("reading the program that runs: %w", err)
	}
	if s.dir, err = openSweepDir(s.dir.path); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.dir.close()) }()
	ctx, done := a.signals.graceful(ctx)
	defer done()
	ctx, s.cancel = context.WithCancelCause(ctx)
	defer s.cancel(nil)
	clock := "virtual"
	if real {
		clock = "real"
	}
	r, err := s.result(ctx, newSweepResult(s.scenario, clock))
	if errors.Is(err, errInterrupt) {
		return withCode(exitAborted, fmt.Errorf("interrupted: %s finished and kept in %s; the same command goes on from there",
			unit.Counted(s.played.Load()+s.kept.Load(), "run"), s.dir.path))
	}
	if err != nil {
		return fmt.Errorf("%w\nfinished cells are kept in %s; the same command goes on from there", err, s.dir.path)
	}
	return s.present(r, outs)
}

// newSweeper loads the scenario and compiles all cells that are known, so that
// mistakes are told before anything is played.
func (a *app) newSweeper(name string, o overrides, f *sweepFlags) (s *sweeper, real bool, err error) {
	p, problems, err := a.decode(name)
	if err != nil {
		return nil, false, invalid(err)
	}
	if len(problems) > 0 || p == nil {
		return nil, false, invalid(told(problems))
	}
	if p.Sweep == nil {
		return nil, false, invalidf("%s has no sweep: add one, such as\n  sweep:\n    axes:\n      shards.count: [1, 2, 4]\nor play the scenario by \"quotalab run\"", p.File)
	}
	named, err := f.live.servers(a.lookupEnv)
	if err != nil {
		return nil, false, err
	}
	if err := fixedByFlags(p.Sweep, o, &f.live, named); err != nil {
		return nil, false, err
	}
	o = named.override(o, f.live.clock)
	real, err = a.checkCells(p, cellsOf(p.Sweep), o)
	s = &sweeper{app: a, scenario: p, o: o, live: &f.live, dir: sweepDir{path: f.dir}, free: make(chan struct{}, f.jobs)}
	if f.dir == "" {
		s.dir.path = filepath.Join(outputRoot, p.Name, "sweep")
	}
	if real {
		s.free, s.made.Servers = make(chan struct{}, 1), f.live.redis+f.live.cluster
	}
	return s, real, err
}

// fixedByFlags refuses flags that set what the sweep varies: all its cells would
// be alike.
func fixedByFlags(s *scenarios.Sweep, o overrides, f *liveFlags, named servers) error {
	paths := s.Axes.Names()
	if s.Find != nil {
		paths = append(paths, s.Find.Axis)
	}
	for _, path := range paths {
		for _, fixed := range []struct {
			flag  string
			given bool
			path  bool
		}{
			{"--seed", o.seed != nil, path == "seed"},
			{"--clock", f.clock != "", path == "clock"},
			{"--trace", o.trace != "", strings.HasSuffix(path, ".replay") || strings.HasSuffix(path, ".replay.file")},
			{named.flag, named.flag != "", path == "clock" || strings.HasPrefix(path, "shards.count")},
		} {
			if fixed.given && fixed.path {
				return usagef("%s: the sweep varies %s: leave the flag out, or that axis", fixed.flag, path)
			}
		}
	}
	return nil
}

// result makes all runs.
func (s *sweeper) result(ctx context.Context, r sweep.Result) (*sweep.Result, error) {
	cells := cellsOf(s.scenario.Sweep)
	s.bars = s.newSweepBars(len(cells), r.Places(), r.Search != nil)
	defer s.bars.end()
	var err error
	if r.Search != nil {
		r.Searched, r.Runs, err = s.searches(ctx)
	} else {
		r.Runs, err = s.runs(ctx, cells)
	}
	if err != nil {
		return nil, err
	}
	return sweep.New(r)
}

// present stores and shows the result, and turns it into the exit code.
func (s *sweeper) present(r *sweep.Result, outs []output) error {
	var b bytes.Buffer
	err := r.WriteJSON(&b)
	if err == nil {
		err = replaceFile(filepath.Join(s.dir.path, sweep.File), b.Bytes())
	}
	if err != nil {
		return fmt.Errorf("writing the result of the sweep: %w", err)
	}
	if !slices.ContainsFunc(outs, func(o output) bool { return o.path == stdio }) {
		if err := r.Text(s.stdout); err != nil {
			return err
		}
	}
	err = eachOutput(outs, func(o output) error {
		return s.writeTo(o, func(w io.Writer) error { return sweepOutputs[o.kind](w, r, s.dir) })
	})
	if err != nil {
		return err
	}
	s.note("%s", s.tally())
	return s.judge(r)
}

// tally says what was played and what was there.
func (s *sweeper) tally() string {
	text := fmt.Sprintf("sweep: %s, %s played", s.dir.path, unit.Counted(s.played.Load(), "run"))
	if n := s.replaced.Load(); n > 0 {
		text += fmt.Sprintf(" (of these %s again: %v)", unit.Thousands(n), errOtherMade)
	}
	if n := s.kept.Load(); n > 0 {
		text += fmt.Sprintf(", %s finished before", unit.Thousands(n))
	}
	return text
}

// judge turns what the cells found into the exit code: assertions that fail are
// results.
func (s *sweeper) judge(r *sweep.Result) error {
	found := findings{valid: true, ok: true}
	for _, run := range r.Runs {
		if run.Unexpected > 0 && !found.unexpected {
			found.unexpected = true
			first, _ := s.first.Load(run.Plan)
			fmt.Fprintf(s.stderr, "quotalab: %s: %d decisions failed for a reason that is neither Redis' nor the network's. The first: %s\n",
				strings.Join(run.Settings, ", "), run.Unexpected, first)
		}
		found.valid = found.valid && run.Valid
	}
	if code := found.code(); code != exitPassed {
		return &exitError{code: code}
	}
	return nil
}

// summary of a finished run, as it is stored.
func (d sweepDir) summary(run *sweep.Run) (*summary.Summary, error) {
	path := filepath.Join(d.cell(run.Plan), record.SummaryFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var s summary.Summary
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &s, nil
}

// search one place for the highest value at which all assertions hold, in every
// repeat.
func (s *sweeper) search(ctx context.Context, place int, settings []scenarios.Setting) (sweep.Found, []sweep.Run, error) {
	f := s.scenario.Sweep.Find
	from, to := f.Bounds()
	byValue := map[string][]sweep.Run{}
	var all []sweep.Run
	probe := func(x float64) (bool, error) {
		value := f.Value(x)
		runs, err := s.runs(ctx, repeats(s.scenario.Sweep, place, settings, value))
		byValue[value], all = runs, append(all, runs...)
		return !slices.ContainsFunc(runs, func(r sweep.Run) bool { return !r.OK }), err
	}
	b := sweep.Bisection{From: from, To: to, Tolerance: float64(f.Tolerance), Round: f.Round}
	got, err := b.Find(probe)
	if err != nil {
		return sweep.Found{}, nil, err
	}
	found := sweep.Found{Place: place, Outcome: got.Outcome, Probes: len(got.Probes)}
	if got.Outcome == sweep.Capacity || got.Outcome == sweep.AllPass {
		found.Passes = f.Value(got.Passes)
		if x, _, ok := sweep.Quantity(found.Passes); ok {
			found.Capacity = &x
		}
	}
	if got.Outcome != sweep.AllPass {
		found.Fails = f.Value(got.Fails)
		found.Stops = sweep.Fails(byValue[found.Fails])
	}
	return found, all, nil
}

// runs makes several cells, in their order.
func (s *sweeper) runs(ctx context.Context, cells []cell) ([]sweep.Run, error) {
	runs := make([]sweep.Run, len(cells))
	inParallel(len(cells), cap(s.free), func(i int) {
		runs[i], _ = s.run(ctx, cells[i]) // the first error is the cause of ctx's end
	})
	return runs, context.Cause(ctx)
}

// searches searches every place.
func (s *sweeper) searches(ctx context.Context) ([]sweep.Found, []sweep.Run, error) {
	places := s.scenario.Sweep.Grid()
	found, runs := make([]sweep.Found, len(places)), make([][]sweep.Run, len(places))
	inParallel(len(places), cap(s.free), func(i int) {
		found[i], runs[i], _ = s.search(ctx, i, places[i])
		s.bars.placeDone()
	})
	return found, slices.Concat(runs...), context.Cause(ctx)
}

// sweeper plays the cells of one sweep.
type sweeper struct {
	*app
	scenario *scenarios.Scenario
	o        overrides
	live     *liveFlags
	dir      sweepDir
	made     cellFile // as this sweep makes them
	bars     *sweepBars

	free   chan struct{} // a slot for each cell that may be played at once
	busy   sync.Map      // hash of a plan → *sync.Mutex: cells of one plan wait for one another
	cancel context.CancelCauseFunc

	played, kept, replaced atomic.Int64
	first                  sync.Map // hash of a plan → message of its first unexpected failure
}

// run makes a cell's run: plays it, unless it is finished already. Its first
// error ends the sweep.
func (s *sweeper) run(ctx context.Context, c cell) (sweep.Run, error) {
	select {
	case s.free <- struct{}{}:
		defer func() { <-s.free }()
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return sweep.Run{}, context.Cause(ctx)
	}
	r, err := s.runCell(ctx, c)
	if err != nil {
		s.cancel(err)
	}
	return r, err
}

func (s *sweeper) runCell(ctx context.Context, c cell) (sweep.Run, error) {
	defer s.bars.cellDone()
	p, err := s.compileCell(s.scenario, c, s.o)
	if err != nil {
		return sweep.Run{}, err
	}
	hash := p.Hash()
	busy, _ := s.busy.LoadOrStore(hash, new(sync.Mutex))
	busy.(*sync.Mutex).Lock()
	defer busy.(*sync.Mutex).Unlock()
	made, err := s.dir.finished(hash, s.made)
	var r *analysis
	switch {
	case err == nil:
		s.kept.Add(1)
		if r, err = analyse(s.dir.cell(hash)); err != nil {
			err = invalidf("%w\nremove %s to play the cell again", err, s.dir.cell(hash))
		}
	case errors.Is(err, errOtherMade):
		s.replaced.Add(1)
		if err = s.dir.discard(hash); err != nil {
			break
		}
		fallthrough
	case errors.Is(err, fs.ErrNotExist):
		if r, made, err = s.playCell(ctx, p, hash, c); err == nil {
			s.played.Add(1)
		}
	}
	if err != nil {
		return sweep.Run{}, err
	}
	return s.row(c, hash, r, made), nil
}

// playCell plays a cell, on servers if it is one of real time, analyses it and
// finishes its directory.
func (s *sweeper) playCell(ctx context.Context, p *plan.Plan, hash string, c cell) (_ *analysis, made cellFile, err error) {
	var on stage
	started := clock.Now().UTC().Truncate(time.Millisecond)
	if p.Scenario.Clock == "real" {
		o := s.o
		o.now = started
		p, on, err = s.stageOf(ctx, func(o overrides) (*plan.Plan, error) { return s.compileCell(s.scenario, c, o) }, o, s.live)
		if err != nil {
			return nil, made, err
		}
		defer func() { err = errors.Join(err, on.close()) }()
	}
	partial, err := s.dir.begin(hash, s.made)
	if err != nil {
		return nil, made, err
	}
	m := run.Manifest(p)
	m.Started, m.Versions = started, linkedVersions()
	w, _, err := createRecord(partial, m, p.Text())
	if err != nil {
		return nil, made, err
	}
	bar := s.bars.cell(p, c)
	played, err := playInto(ctx, p, w, partial, nil, run.Options{Live: on.Live, Progress: bar.step})
	bar.end()
	if err != nil {
		return nil, made, fmt.Errorf("%s: %w", c, err)
	}
	if played.aborted {
		return nil, made, context.Cause(ctx)
	}
	made = s.made
	made.Unexpected, made.First = played.unexpected, played.first
	return s.finish(partial, hash, made)
}

func (s *sweeper) finish(partial, hash string, made cellFile) (*analysis, cellFile, error) {
	r, err := analyse(partial)
	if err == nil {
		err = r.store()
	}
	if err == nil {
		err = s.dir.finish(hash, made)
	}
	return r, made, err
}

// row keeps of a cell what tables tell: its analysis is large.
func (s *sweeper) row(c cell, hash string, r *analysis, made cellFile) sweep.Run {
	sum := r.summary
	run := sweep.Run{Place: c.place, Settings: []string{}, Repeat: c.repeat, Seed: sum.Seed, Plan: hash, Valid: sum.Valid, Invalid: sum.Invalid, OK: sum.OK, Pipelined: sum.AutoPipelined,
		Unexpected: made.Unexpected, Values: []*float64{}}
	for _, set := range c.settings {
		run.Settings = append(run.Settings, set.Value)
	}
	for _, a := range sum.Assertions {
		if !a.OK {
			text := a.Name()
			if a.Unknown {
				text += " (unknown)"
			}
			run.Failing = append(run.Failing, text)
		}
	}
	for _, column := range s.scenario.Sweep.Metrics {
		if v, known := assert.Column(sum, column); known {
			run.Values = append(run.Values, &v)
		} else {
			run.Values = append(run.Values, nil)
		}
	}
	s.first.Store(hash, made.First)
	return run
}

// isSweepDir tells whether a directory holds the result of a sweep.
func isSweepDir(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, sweep.File))
	return err == nil
}

// sweepFigures draws every column of the sweep in a directory.
func sweepFigures(dirs []string, o plots.Options, f plotFlags) (all []draw.Figure, err error) {
	switch {
	case len(dirs) > 1:
		return nil, usagef("expected the directory of a sweep alone, found %q: name one, or records", dirs)
	case len(f.only) > 0:
		return nil, usagef("--only: figures of a sweep are all of one kind")
	}
	path := filepath.Join(dirs[0], sweep.File)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, invalid(err)
	}
	r, err := sweep.Read(bytes.NewReader(data), path)
	if err != nil {
		return nil, invalid(err)
	}
	for _, s := range r.Drawn() {
		figures, err := plots.SweepFigures(s, o)
		if err != nil {
			return nil, err
		}
		all = append(all, figures...)
	}
	return all, nil
}
