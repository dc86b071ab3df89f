package cmd

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/compare"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
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
		if g.Rules, problems, err = scenarios.LoadGate(f.rules); cmp.Or(err, problems.Err()) != nil {
			return nil, campaign.Invalidf("--rules: %w", cmp.Or(err, problems.Err()))
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

// gateWriters are the kinds of gate's -o that are about the verdict.
func gateWriters(g *campaign.Gate, all bool) map[string]func(io.Writer, *gateReport) error {
	return map[string]func(io.Writer, *gateReport) error{
		"json":     func(w io.Writer, r *gateReport) error { return record.WriteJSON(w, r.Verdict) },
		"markdown": func(w io.Writer, r *gateReport) error { return r.write(w, true, all) },
		"junit":    func(w io.Writer, r *gateReport) error { return writeJUnit(w, g, r) },
	}
}

// gateKinds are these and, as of export, those that are about what this build came to.
func gateKinds() []string {
	kinds := append(kindsOf(gateWriters(nil, false)), "bench", "bencher", "github-benchmark", "prometheus")
	slices.Sort(kinds)
	return kinds
}

type gateReport struct{ *campaign.Verdict }

// presentGate prints the verdict, unless an output goes to standard output.
func (a *app) presentGate(g *campaign.Gate, v *campaign.Verdict, outs []output, all bool) error {
	r, writers := &gateReport{v}, gateWriters(g, all)
	return a.emit(outs, func(w io.Writer) error { return r.write(w, false, all) }, func(o output) error {
		if write := writers[o.kind]; write != nil {
			return a.writeTo(o, func(w io.Writer) error { return write(w, r) })
		}
		return a.export(newRuns(g), o)
	})
}

// newRuns are what exporters of figures need.
func newRuns(g *campaign.Gate) (all []*campaign.Analysis) {
	for _, s := range g.Scenarios {
		for _, run := range s.Played[campaign.NewBuild] {
			all = append(all, &campaign.Analysis{Summary: &summary.Measured{Summary: run}})
		}
	}
	return all
}

// write writes the verdict, what failed, and how much was judged: as text, or as
// Markdown.
func (r *gateReport) write(w io.Writer, markdown, all bool) error {
	var b strings.Builder
	line, head := "%s\n", "%s: %s\n"
	if markdown {
		line, head = "- %s\n", "## %s: %s\n"
	}
	shown := metric.Printable
	if markdown {
		shown = present.Literal
	}
	fmt.Fprintf(&b, head, r.Verdict.Verdict, shown(r.Why))
	for _, list := range [][]string{r.Invalid, r.Asserts} {
		for i, text := range list {
			if i == 0 {
				b.WriteByte('\n')
			}
			fmt.Fprintf(&b, line, shown(text))
		}
	}
	table, more := r.table(all)
	show := func(w io.Writer) error { return table.Write(w, present.Look{}) }
	if markdown {
		show = table.Markdown
	}
	if len(table.Rows) > 0 {
		b.WriteByte('\n')
	}
	if err := show(&b); err != nil {
		return err
	}
	if more > 0 {
		fmt.Fprintf(&b, "\nListed is the worst figure of each metric: --all lists %s more.\n", unit.Thousands(int64(more)))
	}
	fmt.Fprintf(&b, "\n%s\n", r.counts())
	_, err := io.WriteString(w, b.String())
	return err
}

// table returns the worst figure of each metric that failed, cannot be judged, or is
// information that changed, or all figures; and how many more there are, of those metrics.
func (r *gateReport) table(all bool) (table *present.Table, more int) {
	table = present.NewTable("", "", "scenario", "figure", ">base", ">new", "change", "rule", "outcome")
	outcomes := []compare.Outcome{compare.Failed, compare.Untold, compare.Informed}
	if all {
		outcomes = append(outcomes, compare.Unjudged, compare.Ignored, compare.Passed)
	}
	for _, s := range r.Scenarios {
		for _, o := range outcomes {
			listed := map[string]bool{} // metrics
			for i := range r.Rows {
				row := &r.Rows[i]
				switch {
				case row.Group != s.Name || row.Outcome != o || o == compare.Informed && row.Verdict == compare.Same && !all:
				case !all && listed[row.Metric]:
					more++
				default:
					listed[row.Metric] = true
					table.AddWords(row.Cells()...)
				}
			}
		}
	}
	return table, more
}

// counts says what was judged, and how.
func (r *gateReport) counts() string {
	var parts []string
	for _, o := range []compare.Outcome{compare.Failed, compare.Untold, compare.Passed, compare.Unjudged, compare.Informed, compare.Ignored} {
		if n := r.Count(o); n > 0 {
			parts = append(parts, unit.Thousands(int64(n))+" "+string(o))
		}
	}
	text := fmt.Sprintf("%s of %s: %s", unit.Counted(int64(len(r.Rows)), "figure"), unit.Counted(int64(len(r.Scenarios)), "scenario"), strings.Join(parts, ", "))
	if r.Family > 0 {
		text += fmt.Sprintf("; if nothing got worse, one of the %s that vary fails with a probability of at most %s", unit.Counted(int64(r.Family), "figure"), unit.Percent(r.Alpha))
	}
	return text
}

// writeJUnit writes a suite for each scenario: whether its runs are valid, its
// assertions, and every figure that was judged. An assertion holds if it does in
// all runs.
func writeJUnit(w io.Writer, g *campaign.Gate, r *gateReport) error {
	suites := make([]present.Suite, len(g.Scenarios))
	for i, s := range g.Scenarios {
		suites[i] = r.suite(s)
	}
	return present.JUnitSuites(w, suites)
}

func (r *gateReport) suite(s *campaign.Gated) present.Suite {
	runs := s.Played[campaign.NewBuild]
	suite := present.Suite{Name: s.Name, Started: runs[0].Started, Cases: []present.Case{{Name: "every run is valid"}}}
	for _, run := range runs {
		suite.Seconds += run.WallSeconds
	}
	if text := s.Undecided(); text != "" {
		suite.Cases = append(suite.Cases, present.UndecidedCase(text, nil))
	}
	for i, a := range runs[0].Assertions {
		c := present.Case{Name: a.Name()}
		if text := s.FailedAssertion(i); text != "" {
			c.Problem = &present.Problem{Kind: "assertion", Message: text}
		}
		suite.Cases = append(suite.Cases, c)
	}
	for i := range r.Rows {
		if row := &r.Rows[i]; row.Group == s.Name && (row.Outcome == compare.Passed || row.Outcome == compare.Failed || row.Outcome == compare.Untold) {
			suite.Cases = append(suite.Cases, figureCase(row))
		}
	}
	if invalid := s.Invalid(); len(invalid) > 0 {
		for i := range suite.Cases {
			suite.Cases[i].Problem = &present.Problem{Kind: present.Invalid, Message: "not every run is valid, so nothing of them means anything", Details: invalid}
		}
	}
	return suite
}

// figureCase is what became of a figure.
func figureCase(row *compare.Judged) present.Case {
	c := present.Case{Name: row.Figure}
	if row.Outcome == compare.Passed {
		return c
	}
	cells := row.Cells()
	c.Problem = &present.Problem{Kind: "regression", Message: fmt.Sprintf("expected %s, found %s where the baseline has %s (%s)", row.Rule, cells[3], cells[2], cells[4]), Details: []string{row.Reason}}
	if row.Outcome == compare.Untold {
		c.Kind = "unknown"
	}
	return c
}
