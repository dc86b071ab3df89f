package cmd

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/compare"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/clock"
)

const gateLong = `Plays scenarios and judges whether they are worse than their baseline: DIR/<scenario>/bench.txt of --baseline. One in
virtual time is played once, and every figure must be exactly the same. One in real time is played ten times: a figure
fails if it is worse by more than 5 % and the difference is more than chance. --rules names a gate.yaml (see
"quotalab schema gate") that says otherwise for some figures.

With --base-binary, scenarios in real time are played by that build of quotalab too, in turns with this one (base, new,
new, base, …), so that both see the same machine: a baseline of another day also tells the days apart. Without
--baseline, so are those in virtual time.

Figures of real time need six runs a side. They are compared by the Mann-Whitney U test with Holm's correction: if
nothing is worse, the chance that a gate fails all the same is alpha, 5 %, for all its figures together. With ten runs,
30 figures that vary by 3 % from run to run, and one that is 10 % slower, it is caught with a probability of 99 %;
if they vary by 4 %, of 90 %; by 5 %, of 70 %. Where no direction is better, a change either way counts. A run that is
not valid is played again, at most half as often as there are runs.

The verdict comes first, then what fails and why, then how much was judged. UNKNOWN is never passed: the baseline does
not suffice to judge. --update writes the baseline anew and judges nothing but assertions.

With --engines there is no baseline: each scenario, in virtual time, is played on embedded shards and on redis-server
processes (that of --engine redis=PATH, or of the PATH), and the records must be the same. It fails with 99 and shows
the first observation that differs.`

// gateOrder tells which code a gate with several findings gives. Where a run
// has no result, there is nothing to judge: those come first.
const gateOrder = `
The first of 109, 104, 114, 107, 105 that happens ends it; then the first of 113, 112, 99 is given, and 104 when
the figures cannot be judged.`

// gateFlags are the flags of gate.
type gateFlags struct {
	baseline, rules, baseBinary string
	runs                        int
	update, all, engines        bool
	outs                        []string
	live                        liveFlags
	liveSet                     *pflag.FlagSet // those of live, to pass on
}

func (a *app) gateCommand() *cobra.Command {
	f := gateFlags{liveSet: pflag.NewFlagSet("", pflag.ContinueOnError)}
	cmd := &cobra.Command{
		Use:   "gate --baseline DIR SCENARIO…",
		Short: "Judge whether scenarios got worse than their baseline",
		Long: gateLong + exitHelp(campaign.Passed, campaign.AssertionFailed, campaign.Invalid, campaign.Aborted, campaign.LimiterFailed, campaign.Internal,
			campaign.Regressed, campaign.OffSchedule, campaign.Unreachable) + gateOrder,
		Example: `  quotalab gate --baseline results/reference race-lua race-set
  quotalab gate --baseline my-baseline my.yaml --update
  quotalab gate --base-binary ../main/quotalab live-quickstart -o junit=gate.xml -o markdown=gate.md
  quotalab gate --engines my.yaml race-lua`,
		Args: args("SCENARIO…"),
		RunE: func(cmd *cobra.Command, given []string) error {
			if f.engines {
				return a.gateEngines(cmd.Context(), given, f)
			}
			return a.gate(cmd.Context(), given, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.baseline, "baseline", "", "`directory` of the baseline")
	flags.StringVar(&f.baseBinary, "base-binary", "", "another build of quotalab, to compare with: the `path` of its executable")
	flags.StringVar(&f.rules, "rules", "", "`file` of rules, gate.yaml")
	flags.IntVar(&f.runs, "runs", 0, "runs of each side in real time, 6 or more (default: the rules', 10)")
	flags.BoolVar(&f.update, "update", false, "write the baseline anew")
	flags.BoolVar(&f.engines, "engines", false, "compare embedded shards with redis-server processes in virtual time, instead of builds")
	flags.BoolVar(&f.all, "all", false, "list all that fails, and figures that pass too (so does --verbose)")
	outFlag(flags, &f.outs, strings.Join(gateKinds(), ", "))
	f.live.add(f.liveSet)
	flags.AddFlagSet(f.liveSet)
	return cmd
}

// gate is the verb. All that can be wrong is told before anything is played.
func (a *app) gate(ctx context.Context, given []string, f gateFlags) error {
	outs, err := parseOutputs(f.outs, gateKinds())
	if err != nil {
		return err
	}
	g, err := a.newGate(f)
	if err != nil {
		return err
	}
	for _, name := range given {
		if err := g.Add(name); err != nil {
			return err
		}
	}
	ctx, done := a.signals.graceful(ctx)
	defer done()
	if err := g.Play(ctx); err != nil {
		return err
	}
	if f.update {
		return a.updated(g)
	}
	v, err := g.Judge()
	if err != nil {
		return err
	}
	if err := a.presentGate(g, v, outs, f.all || a.verbose); err != nil {
		return err
	}
	return v.Status.Err()
}

// gateEngines is the verb with --engines.
func (a *app) gateEngines(ctx context.Context, given []string, f gateFlags) error {
	outs, err := parseOutputs(f.outs, []string{"json"})
	if err != nil {
		return err
	}
	if f.baseline != "" || f.baseBinary != "" || f.rules != "" || f.runs != 0 || f.update || f.all {
		return usagef("--engines compares one build with itself: expected none of --baseline, --base-binary, --rules, --runs, --update and --all")
	}
	e := &campaign.Engines{Loader: a.Loader, Monitor: a.monitor}
	if e.Overrides, err = f.live.overrides(a.lookupEnv); err != nil {
		return err
	}
	if e.Servers.How != "" || e.Engine.Name == "embedded" {
		return usagef("--engines plays on embedded shards and on engine redis: expected no flag that names other servers, and --engine redis=PATH or none")
	}
	for _, name := range given {
		if err := e.Check(name); err != nil {
			return err
		}
	}
	ctx, done := a.signals.graceful(ctx)
	defer done()
	var all []*campaign.Engined
	differ := 0
	for _, name := range given {
		v, err := e.Play(ctx, name)
		a.end()
		if err != nil {
			return err
		}
		if all = append(all, v); v.Difference != "" {
			differ++
		}
	}
	err = a.emit(outs, func(w io.Writer) error { return printEngines(w, all) }, func(o output) error {
		return a.writeTo(o, func(w io.Writer) error { return record.WriteJSON(w, all) })
	})
	if err == nil && differ > 0 {
		err = campaign.With(campaign.AssertionFailed, fmt.Errorf("%d of %s give another record on engine redis", differ, unit.Counted(int64(len(given)), "scenario")))
	}
	return err
}

func printEngines(w io.Writer, all []*campaign.Engined) error {
	var b strings.Builder
	for _, v := range all {
		if v.Difference == "" {
			fmt.Fprintf(&b, "%s: embedded and %s give the same record, %.12s\n", v.Name, v.Server, v.Hashes[0])
			continue
		}
		fmt.Fprintf(&b, "%s: embedded and %s differ, records %.12s and %.12s\n%s\n", v.Name, v.Server, v.Hashes[0], v.Hashes[1], v.Difference)
	}
	_, err := io.WriteString(w, metric.PrintableText(b.String()))
	return err
}

// newGate checks the flags and reads the rules.
func (a *app) newGate(f gateFlags) (*campaign.Gate, error) {
	switch {
	case f.baseline == "" && f.baseBinary == "":
		return nil, usagef("expected --baseline DIR, or --base-binary: there is nothing to compare with")
	case f.update && (f.baseline == "" || f.baseBinary != ""):
		return nil, usagef("--update writes the directory of --baseline, with what this build plays: expected --baseline and no --base-binary")
	case f.runs != 0 && f.runs < compare.MinRuns:
		return nil, usagef("--runs: expected %d or more, found %d", compare.MinRuns, f.runs)
	}
	g := &campaign.Gate{Loader: a.Loader, Monitor: a.monitor, Baseline: f.baseline, Updates: f.update, Runs: f.runs, Rules: scenarios.DefaultGate()}
	var err error
	if f.rules != "" {
		var problems scenarios.Problems
		if g.Rules, problems, err = scenarios.LoadGate(f.rules); firstOf(err, problems.Err()) != nil {
			return nil, campaign.Invalidf("--rules: %w", firstOf(err, problems.Err()))
		}
	}
	if g.Runs == 0 {
		g.Runs = int(g.Rules.Runs)
	}
	if f.baseBinary != "" {
		if g.BaseBinary, err = exec.LookPath(f.baseBinary); err != nil {
			return nil, usagef("--base-binary: %w", err)
		}
	}
	f.liveSet.VisitAll(func(flag *pflag.Flag) {
		if flag.Changed {
			g.Args = append(g.Args, "--"+flag.Name+"="+flag.Value.String())
		}
	})
	g.Overrides, err = f.live.overrides(a.lookupEnv)
	g.Now = clock.Now().UTC()
	return g, err
}

// updated writes the baseline anew, and says so.
func (a *app) updated(g *campaign.Gate) error {
	failed, err := g.Update()
	if err != nil {
		return err
	}
	for _, s := range g.Scenarios {
		a.print("%s: %s\n", s.Name, s.Baseline)
	}
	for _, text := range failed {
		a.print("  %s\n", text)
	}
	if len(failed) > 0 {
		return campaign.AssertionFailed.Err()
	}
	return nil
}
