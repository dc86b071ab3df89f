package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/cmd/campaign/fleet"
	"github.com/quotalab/quotalab/plots"
	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/report"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/sweep"
	"github.com/quotalab/quotalab/scenarios"
)

const sweepLong = `Plays a scenario once for every cell of its sweep block, and prints a table of what its columns were. Cells in
virtual time are played at once on all processors, those in real time one after another. With find it searches
the highest value at which all assertions hold, at every place of the other axes.

Each cell is a record in a directory named by the hash of its plan, in quotalab-out/<scenario>/sweep or --dir.
A cell that is finished there is not played again: a sweep that was ended, however, goes on by the same command,
and after a change of the scenario only what the change concerns is played. Cells that another build of quotalab
made are played again. The result is in sweep.json there, which plot draws.

With --workers, --listen or --nats the cells are played by other processes, of this machine or of others that
quotalab worker is started on; with --part each of several machines plays a part without knowing of the others.
The table has the same bytes either way.

Assertions that do not hold in a cell are a result, not a failure of the sweep. Ctrl-C ends it in good order.`

type sweepFlags struct {
	play playFlags
	dir  string
	jobs int
	part campaign.Part
	many fleetFlags
	outs []string
	web  webFlags
}

var sweepOutputs = map[string]func(io.Writer, *sweep.Result, *campaign.Sweep) error{
	"csv":      func(w io.Writer, r *sweep.Result, _ *campaign.Sweep) error { return r.CSV(w) },
	"markdown": func(w io.Writer, r *sweep.Result, _ *campaign.Sweep) error { return r.Markdown(w) },
	"json":     func(w io.Writer, r *sweep.Result, _ *campaign.Sweep) error { return r.WriteJSON(w) },
	"html":     func(w io.Writer, r *sweep.Result, _ *campaign.Sweep) error { return report.Sweep(w, r) },
	"bench":    func(w io.Writer, r *sweep.Result, s *campaign.Sweep) error { return r.Bench(w, s.Summary) },
}

func (a *app) sweepCommand() *cobra.Command {
	var f sweepFlags
	cmd := &cobra.Command{
		Use:   "sweep SCENARIO",
		Short: "Play a scenario with many values of some of its fields",
		Long: sweepLong + exitHelp(campaign.Passed, campaign.Invalid, campaign.Aborted, campaign.LimiterFailed, campaign.Internal,
			campaign.OffSchedule, campaign.Unreachable) + exitOrder,
		Example: `  quotalab sweep my.yaml -o csv=table.csv
  quotalab sweep my.yaml --jobs 2 -o bench=- | benchstat -
  quotalab plot quotalab-out/my/sweep`,
		RunE: func(cmd *cobra.Command, given []string) error { return a.sweep(cmd.Context(), given[0], &f) },
	}
	flags := cmd.Flags()
	f.play.add(flags)
	flags.StringVar(&f.dir, "dir", "", "directory of the sweep (default: quotalab-out/<scenario>/sweep)")
	flags.IntVar(&f.jobs, "jobs", runtime.GOMAXPROCS(0), "cells in virtual time that are played at once")
	flags.Func("part", "play only part `i/n` of the cells, i from 0 to n-1, on a machine of its own or beside other parts; without it the command then tabulates what all parts have in --dir", func(text string) (err error) {
		f.part, err = parsePart(text)
		return err
	})
	f.many.add(flags)
	outFlag(flags, &f.outs, strings.Join(kindsOf(sweepOutputs), ", "))
	f.web.add(flags)
	return cmd
}

// parsePart reads the value of --part.
func parsePart(text string) (p campaign.Part, err error) {
	i, n, _ := strings.Cut(text, "/")
	p.Index, err = strconv.Atoi(i)
	if err == nil {
		p.Of, err = strconv.Atoi(n)
	}
	if err != nil || p.Index < 0 || p.Index >= p.Of {
		return p, fmt.Errorf("expected i/n, two whole numbers with i from 0 to n-1 such as 0/64, found %q", text)
	}
	return p, nil
}

// sweep is the verb: load, play what is not finished, tabulate.
func (a *app) sweep(ctx context.Context, name string, f *sweepFlags) (err error) {
	outs, err := parseOutputs(f.outs, kindsOf(sweepOutputs))
	if err != nil {
		return err
	}
	elsewhere, err := f.check()
	if err != nil {
		return err
	}
	w := &watchedSweep{monitor: a.monitor}
	f.many.Joined = w.joined
	s := &campaign.Sweep{Local: campaign.Local{Loader: a.Loader, Monitor: w}, Ended: w.ended, Dir: f.dir, Jobs: f.jobs, Part: f.part}
	if elsewhere {
		s.Jobs = mostOutstanding
	}
	if err := a.openSweep(s, name, f.play); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	w.page.Result = s.Begun()
	page, err := a.servePage(f.web, w.look)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, page.Close()) }()
	r, err := a.playSweep(ctx, s, f, elsewhere)
	w.over.Store(true)
	if f.part.Of > 0 {
		a.Note("%s", s.Tally())
	}
	if err != nil || f.part.Of > 0 {
		return err
	}
	err = a.emit(outs, r.Text, func(o output) error {
		return a.writeTo(o, func(w io.Writer) error { return sweepOutputs[o.kind](w, r, s) })
	})
	if err != nil {
		return err
	}
	a.Note("%s", s.Tally())
	found := s.Judge(r.Runs)
	if err := s.Close(); err != nil { // the page may be shown for long: others can use the directory
		return err
	}
	if err := a.showReport(ctx, page, f.web, func(w io.Writer) error { return report.Sweep(w, r) }); err != nil {
		return err
	}
	return found
}

// check refuses flags that do not fit, and reports whether cells are played elsewhere.
func (f *sweepFlags) check() (elsewhere bool, err error) {
	switch err := f.web.check(); {
	case err != nil:
		return false, err
	case f.jobs < 1:
		return false, usagef("--jobs: expected at least 1, found %d", f.jobs)
	case f.part.Of > 0 && (len(f.outs) > 0 || f.web.addr != ""):
		return false, usagef("--part: a part has no table: leave -o and --web to the sweep of all parts, without --part")
	}
	return f.many.check(f.part)
}

func (a *app) openSweep(s *campaign.Sweep, name string, f playFlags) (err error) {
	if s.Scenario, err = a.Decode(name); err != nil {
		return err
	}
	if s.Scenario.Sweep == nil {
		return campaign.Invalidf("%s has no sweep: add one, such as\n  sweep:\n    axes:\n      shards.count: [1, 2, 4]\nor play the scenario by \"quotalab run\"", s.Scenario.File)
	}
	if s.Overrides, err = f.overrides(a.lookupEnv); err != nil {
		return err
	}
	if err := fixedByFlags(s.Scenario.Sweep, s.Overrides); err != nil {
		return err
	}
	if s.Dir == "" {
		s.Dir = filepath.Join(campaign.OutputRoot, s.Scenario.Name, "sweep")
	}
	return s.Open()
}

// playSweep plays a sweep where the user can see and end it, here or on workers. Of a part there
// is no result.
func (a *app) playSweep(ctx context.Context, s *campaign.Sweep, f *sweepFlags, elsewhere bool) (r *sweep.Result, err error) {
	ctx, done := a.signals.graceful(ctx)
	defer done()
	if elsewhere {
		c, failed := fleet.Start(ctx, s, f.many.Options)
		if failed != nil {
			return nil, errors.Join(failed, s.Abandon())
		}
		defer func() { err = errors.Join(err, c.Close(s.Finished())) }()
	}
	if f.part.Of > 0 {
		err = s.RunPart(ctx)
	} else {
		r, err = s.Run(ctx)
	}
	a.end()
	return r, err
}

// fixedByFlags refuses flags that set what the sweep varies: all its cells would
// be alike.
func fixedByFlags(s *scenarios.Sweep, o campaign.Overrides) error {
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
			{"seed", o.Seed != nil, path == "seed"},
			{"clock", o.Clock != "", path == "clock"},
			{"trace", o.Trace != "", strings.HasSuffix(path, ".replay") || strings.HasSuffix(path, ".replay.file")},
			{o.Servers.How, o.Servers.How != "", path == "clock" || strings.HasPrefix(path, "shards.count")},
		} {
			if fixed.given && fixed.path {
				return usagef("--%s: the sweep varies %s: leave the flag out, or that axis", fixed.flag, path)
			}
		}
	}
	return nil
}

// isSweepDir reports whether a directory holds the result of a sweep.
func isSweepDir(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, sweep.File))
	return err == nil
}

// sweepFigures draws every column of the sweep in a directory.
func sweepFigures(dirs []string, o plots.Options, f plotFlags) ([]draw.Figure, error) {
	switch {
	case len(dirs) > 1:
		return nil, usagef("expected the directory of a sweep alone, found %q: name one, or records", dirs)
	case len(f.only) > 0:
		return nil, usagef("--only: figures of a sweep are all of one kind")
	}
	path := filepath.Join(dirs[0], sweep.File)
	data, err := record.ReadFile(path, sweep.MostBytes)
	if err != nil {
		return nil, campaign.With(campaign.Invalid, err)
	}
	r, err := sweep.Read(data, path)
	if err != nil {
		return nil, campaign.With(campaign.Invalid, err)
	}
	return plots.SweepFigures(r, o)
}

// kindsOf outputs by name, sorted.
func kindsOf[T any](outputs map[string]T) []string { return slices.Sorted(maps.Keys(outputs)) }
