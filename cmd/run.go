package cmd

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/drive"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/vtime"
)

const runLong = `Plays a scenario, writes its record, and prints a summary. SCENARIO is the name of a shipped scenario (see list), a
file, or - for standard input.

The record goes to a directory of its own, by default quotalab-out/<scenario>/<UTC time>-<plan hash>. Nothing is
overwritten. The same scenario and seed give the same record: compare the record hash.

Ctrl-C ends the run in good order: the record is completed and the summary printed. A second one ends at once.`

// runFlags are the flags of run.
type runFlags struct {
	seed     uint64
	dir      string
	trace    string
	noAssert bool
	tags     []string
	outs     []string
	summary  summaryFlags
}

func (a *app) runCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run SCENARIO",
		Short: "Play a scenario and print what happened",
		Long:  runLong + "\n\n" + exitHelp() + "\n" + exitOrder,
		Example: `  quotalab run boulder-new-account
  quotalab run my.yaml --seed 7 -o json=out.json`,
		Args:              args("SCENARIO"),
		ValidArgsFunction: completeScenario,
		RunE: func(cmd *cobra.Command, given []string) error {
			o := overrides{trace: f.trace}
			if cmd.Flags().Changed("seed") {
				o.seed = &f.seed
			}
			return a.run(cmd.Context(), given[0], o, f)
		},
	}
	flags := cmd.Flags()
	flags.Uint64Var(&f.seed, "seed", 0, "seed of every random stream, instead of the scenario's")
	flags.StringVar(&f.dir, "dir", "", "directory of the record, which must not hold one already")
	flags.StringVar(&f.trace, "trace", "", "file of every replay, instead of the scenario's")
	flags.BoolVar(&f.noAssert, "no-assert", false, "leave the scenario's assertions out")
	flags.StringArrayVar(&f.tags, "tag", nil, "tag of the run, `k=v`; can be repeated")
	outFlag(flags, &f.outs)
	f.summary.add(flags)
	return cmd
}

// run is the verb: load, play, analyse, show.
func (a *app) run(ctx context.Context, name string, o overrides, f runFlags) error {
	outs, err := parseOutputs(f.outs)
	if err != nil {
		return err
	}
	if err := f.summary.check(); err != nil {
		return err
	}
	tags, err := parseTags(f.tags)
	if err != nil {
		return err
	}
	p, err := a.load(name, o)
	if err != nil {
		return err
	}
	m := drive.Manifest(p)
	m.Started, m.Versions, m.Tags = vtime.Now().UTC().Truncate(time.Millisecond), linkedVersions(), tags
	if f.noAssert {
		m.Asserts = nil
	}
	if a.verbose {
		fmt.Fprint(a.stderr, p.Text())
	}
	played, err := a.play(ctx, p, m, f.dir)
	if err != nil {
		return err
	}
	r, err := analyse(played.dir)
	if err != nil {
		return fmt.Errorf("the record is at %s: %w", played.dir, err)
	}
	if err := r.store(); err != nil {
		return err
	}
	if err := a.present(r, outs, f.summary); err != nil {
		return err
	}
	a.note("record: %s, hash %s", played.dir, r.summary.RecordHash)
	return a.judge(r, played)
}

// played is what playing a plan came to, beside its record.
type played struct {
	dir        string
	aborted    bool
	unexpected int64
	first      string // message of the first unexpected failure
}

// play runs the plan into a new record.
func (a *app) play(ctx context.Context, p *plan.Plan, m record.Manifest, dir string) (played, error) {
	w, dir, err := createRecord(dir, m, p.Text())
	if err != nil {
		return played{}, err
	}
	begun := vtime.Now()
	ctx, done := a.signals.graceful(ctx)
	defer done()
	bar := a.newProgress(p, begun)
	sink := &watcher{Writer: w}
	result, err := drivePlan(ctx, p, sink, bar)
	bar.end()
	_, cerr := w.Close(func(m *record.Manifest) {
		result.Apply(m)
		m.Wall = vtime.Since(begun)
		if err != nil {
			first, _, _ := strings.Cut(err.Error(), "\n")
			m.Complete, m.Aborted = false, blame(err)+": "+first
		}
	})
	if err := errors.Join(err, cerr); err != nil {
		err = fmt.Errorf("running %s, record at %s: %w", p.Scenario.Name, dir, err)
		if errors.Is(err, drive.ErrLimiter) {
			err = withCode(exitUnexpected, err)
		}
		return played{}, err
	}
	return played{dir: dir, aborted: result.Aborted != "", unexpected: result.Unexpected, first: sink.unexpected}, nil
}

// blame says whose failure ended a run.
func blame(err error) string {
	if errors.Is(err, drive.ErrLimiter) {
		return "failure of a limiter"
	}
	return "internal error"
}

// drivePlan runs the plan. A panic is an error like any other of the harness,
// so that the record is closed and says what happened.
func drivePlan(ctx context.Context, p *plan.Plan, sink drive.Sink, bar *progress) (result drive.Result, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return drive.Run(ctx, p, sink, drive.Options{Progress: bar.step})
}

// watcher notes the first unexpected failure on its way to the record.
type watcher struct {
	*record.Writer
	unexpected string
}

func (w *watcher) Write(o *record.Observation) error {
	if w.unexpected == "" && o.Error == "unexpected" {
		w.unexpected = fmt.Sprintf("%s, client %s: %s", o.Limiter, o.Client, o.Message)
	}
	return w.Writer.Write(o)
}

// judge turns what the run found into the exit code. The summary has told
// the rest.
func (a *app) judge(r *report, p played) error {
	if p.unexpected > 0 {
		fmt.Fprintf(a.stderr, "quotalab: %d decisions failed for a reason that is neither Redis' nor the network's. The first: %s\n", p.unexpected, p.first)
	}
	code := findings{aborted: p.aborted, unexpected: p.unexpected > 0, valid: r.summary.Valid, ok: r.summary.OK}.code()
	if code == exitPassed {
		return nil
	}
	return &exitError{code: code}
}
