package cmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/quotalab/quotalab/sim/drive"
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
	live     liveFlags
	metrics  string
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
	f.live.add(flags)
	flags.StringVar(&f.metrics, "metrics", "", "show the run to Prometheus while it goes on, on this `address`, such as localhost:9464")
	return cmd
}

// run is the verb: load, play, analyse, show.
func (a *app) run(ctx context.Context, name string, o overrides, f runFlags) (err error) {
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
	o.now = vtime.Now().UTC().Truncate(time.Millisecond)
	p, servers, err := a.stage(ctx, name, o, &f.live)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, servers.close()) }()
	if p.Scenario.Sweep != nil {
		a.note("note: the sweep of %s is left out, the scenario is played as written: to play its cells, quotalab sweep %s", p.Scenario.Name, name)
	}
	m := drive.Manifest(p)
	m.Started, m.Versions, m.Tags = o.now, linkedVersions(), tags
	if f.noAssert {
		m.Asserts = nil
	}
	if a.verbose {
		fmt.Fprint(a.stderr, p.Text())
	}
	played, err := a.play(ctx, p, m, f.dir, f.metrics, servers.Live)
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
	if err := a.present([]*analysis{r}, outs, f.summary); err != nil {
		return err
	}
	a.note("record: %s, hash %s", played.dir, r.summary.RecordHash)
	return a.judge(r, played)
}

// judge turns what the run found into the exit code. The summary has told
// the rest.
func (a *app) judge(r *analysis, p played) error {
	if p.unexpected > 0 {
		fmt.Fprintf(a.stderr, "quotalab: %d decisions failed for a reason that is neither Redis' nor the network's. The first: %s\n", p.unexpected, p.first)
	}
	code := findings{aborted: p.aborted, unexpected: p.unexpected > 0, valid: r.summary.Valid, ok: r.summary.OK}.code()
	if code == exitPassed {
		return nil
	}
	return &exitError{code: code}
}
