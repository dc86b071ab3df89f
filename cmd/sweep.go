package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quotalab/quotalab/results/measure"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/sweep"
	"github.com/quotalab/quotalab/results/wording"
	"github.com/quotalab/quotalab/scenarios"
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
			wording.Counted(s.played.Load()+s.kept.Load(), "run"), s.dir.path))
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
	text := fmt.Sprintf("sweep: %s, %s played", s.dir.path, wording.Counted(s.played.Load(), "run"))
	if n := s.replaced.Load(); n > 0 {
		text += fmt.Sprintf(" (of these %s again: %v)", wording.Thousands(n), errOtherMade)
	}
	if n := s.kept.Load(); n > 0 {
		text += fmt.Sprintf(", %s finished before", wording.Thousands(n))
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
func (d sweepDir) summary(run *sweep.Run) (*measure.Summary, error) {
	path := filepath.Join(d.cell(run.Plan), record.SummaryFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var s measure.Summary
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &s, nil
}
