package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

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
not suffice to judge. --update writes the baseline anew and judges nothing but assertions.`

// gateOrder tells which code a gate with several findings gives. Where a run
// has no result, there is nothing to judge: those come first.
const gateOrder = `The first of 109, 104, 114, 107, 105 that happens ends it; then the first of 113, 112, 99 is given, and 104 when
the figures cannot be judged.`

// gateFlags are the flags of gate.
type gateFlags struct {
	baseline, rules, baseBinary string
	runs                        int
	update, all                 bool
	outs                        []string
	live                        liveFlags
	liveSet                     *pflag.FlagSet // those of live, to pass on
}

func (a *app) gateCommand() *cobra.Command {
	f := gateFlags{liveSet: pflag.NewFlagSet("", pflag.ContinueOnError)}
	cmd := &cobra.Command{
		Use:   "gate --baseline DIR SCENARIO…",
		Short: "Judge whether scenarios got worse than their baseline",
		Long: gateLong + "\n\n" + exitHelp(exitPassed, exitAssertion, exitInvalid, exitAborted, exitUnexpected, exitInternal,
			exitRegression, exitSchedule, exitDependency) + "\n" + gateOrder,
		Example: `  quotalab gate --baseline results/reference race-lua race-set
  quotalab gate --baseline my-baseline my.yaml --update
  quotalab gate --base-binary ../main/quotalab live-quickstart -o junit=gate.xml -o markdown=gate.md`,
		Args:              args("SCENARIO…"),
		ValidArgsFunction: completeScenario,
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.gate(cmd.Context(), given, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.baseline, "baseline", "", "`directory` of the baseline")
	flags.StringVar(&f.baseBinary, "base-binary", "", "another build of quotalab, to compare with: the `path` of its executable")
	flags.StringVar(&f.rules, "rules", "", "`file` of rules, gate.yaml")
	flags.IntVar(&f.runs, "runs", 0, "runs of each side in real time, 6 or more (default: the rules', 10)")
	flags.BoolVar(&f.update, "update", false, "write the baseline anew")
	flags.BoolVar(&f.all, "all", false, "list all that fails, and figures that pass too (so does --verbose)")
	flags.StringArrayVarP(&f.outs, "out", "o", nil, "write `kind=path`, - for standard output; can be repeated. Kinds: "+strings.Join(gateKinds(), ", "))
	f.live.add(f.liveSet)
	flags.AddFlagSet(f.liveSet)
	return cmd
}

// gated is one scenario of a gate.
type gated struct {
	given    string // on the command line
	name     string
	real     bool
	baseline string // its file; "" for one that the base binary plays
	base     compare.Side
	played   [2][]*summary.Summary // by this build and by the base binary; of an invalid run, last, too
}

// gating is a gate that is under way.
type gating struct {
	*app
	flags     gateFlags
	rules     *scenarios.Gate
	outs      []output
	programs  [2]string // this build and the base binary
	scenarios []*gated
	temp      string
}

// gate is the verb. All that can be wrong is told before anything is played.
func (a *app) gate(ctx context.Context, given []string, f gateFlags) (err error) {
	g := &gating{app: a, flags: f}
	if err := g.check(); err != nil {
		return err
	}
	for _, name := range given {
		if err := g.add(name); err != nil {
			return err
		}
	}
	if g.temp, err = os.MkdirTemp("", "quotalab-gate-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(g.temp)) }()
	ctx, done := a.signals.graceful(ctx)
	defer done()
	if err := g.play(ctx); err != nil {
		return err
	}
	if f.update {
		return g.update()
	}
	return g.judge()
}

// check the flags and read the rules.
func (g *gating) check() (err error) {
	f := &g.flags
	switch {
	case f.baseline == "" && f.baseBinary == "":
		return usagef("expected --baseline DIR, or --base-binary: there is nothing to compare with")
	case f.update && (f.baseline == "" || f.baseBinary != ""):
		return usagef("--update writes the directory of --baseline, with what this build plays: expected --baseline and no --base-binary")
	case f.runs != 0 && f.runs < compare.MinRuns:
		return usagef("--runs: expected %d or more, found %d", compare.MinRuns, f.runs)
	}
	if g.outs, err = parseOutputsOf(f.outs, gateKinds()); err != nil {
		return err
	}
	if g.rules, err = loadRules(f.rules); err != nil {
		return err
	}
	if f.runs == 0 {
		f.runs = int(g.rules.Runs)
	}
	if g.programs[0], err = os.Executable(); err != nil {
		return fmt.Errorf("looking for this program: %w", err)
	}
	if f.baseBinary != "" {
		if g.programs[1], err = exec.LookPath(f.baseBinary); err != nil {
			return usagef("--base-binary: %w", err)
		}
	}
	return nil
}

func loadRules(file string) (*scenarios.Gate, error) {
	if file == "" {
		return scenarios.DefaultGate(), nil
	}
	rules, problems, err := scenarios.LoadGate(file)
	if err := firstOf(err, problems.Err()); err != nil {
		return nil, invalidf("--rules: %w", err)
	}
	return rules, nil
}

// add a scenario with its baseline.
func (g *gating) add(given string) error {
	if given == stdio {
		return usagef("a gate plays a scenario more than once: expected a file or the name of a shipped one, found %s", given)
	}
	named, err := g.flags.live.servers(g.lookupEnv)
	if err != nil {
		return err
	}
	p, err := g.load(given, named.override(overrides{now: clock.Now().UTC()}, g.flags.live.clock))
	if err != nil {
		return err
	}
	s := &gated{given: given, name: p.Scenario.Name, real: p.Scenario.Clock == "real"}
	if slices.ContainsFunc(g.scenarios, func(o *gated) bool { return o.name == s.name }) {
		return usagef("two of the scenarios have the name %s, and so the same baseline", s.name)
	}
	g.scenarios = append(g.scenarios, s)
	if g.flags.baseline != "" && (!s.real || g.programs[1] == "") {
		s.baseline = filepath.Join(g.flags.baseline, s.name, "bench.txt")
	}
	if s.baseline == "" || g.flags.update {
		return nil
	}
	return s.readBaseline()
}

func (s *gated) readBaseline() error {
	f, err := os.Open(s.baseline)
	if err != nil {
		return invalidf("the baseline of %s (--update writes it): %w", s.name, err)
	}
	defer f.Close()
	if err := s.base.AddBench(f, s.baseline); err != nil {
		return invalidf("the baseline of %s: %w", s.name, err)
	}
	if groups := s.base.Groups(); !slices.Equal(groups, []string{s.name}) {
		return invalidf("%s: expected the figures of scenario %s, found those of %s", s.baseline, s.name, strings.Join(groups, ", "))
	}
	if n := s.base.Runs(s.name); s.real && n < compare.MinRuns {
		return invalidf("%s: expected %d runs or more, found %d: --update writes it anew", s.baseline, compare.MinRuns, n)
	}
	return nil
}

// update writes the baseline anew, if all runs are valid.
func (g *gating) update() error {
	if invalid := g.invalid(); len(invalid) > 0 {
		return &exitError{exitSchedule, fmt.Errorf("nothing was written: %s", invalid[0])}
	}
	for _, s := range g.scenarios {
		if err := s.write(); err != nil {
			return invalidf("writing the baseline: %w", err)
		}
		fmt.Fprintf(g.stdout, "%s: %s\n", s.name, s.baseline)
	}
	failed := g.failedAssertions()
	if len(failed) == 0 {
		return nil
	}
	for _, f := range failed {
		fmt.Fprintf(g.stdout, "  %s\n", f)
	}
	return &exitError{code: exitAssertion}
}

// write the baseline of a scenario at once: a file of its name is a whole one.
func (s *gated) write() (err error) {
	dir := filepath.Dir(s.baseline)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".bench-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err := errors.Join(present.Bench(f, s.played[newBuild]...), f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), s.baseline)
}

// gateReport is what a gate came to: the JSON of -o json.
type gateReport struct {
	Verdict   string          `json:"verdict"` // PASSED, FAILED, INVALID or UNKNOWN
	Why       string          `json:"why"`
	ExitCode  int             `json:"exitCode"`
	Scenarios []gatedScenario `json:"scenarios"`
	compare.Judgement
	Invalid []string `json:"invalid"`          // runs that are not valid, and why
	Asserts []string `json:"failedAssertions"` // and what was observed
}

type gatedScenario struct {
	Name     string `json:"scenario"`
	Clock    string `json:"clock"`
	BaseRuns int    `json:"baseRuns"`
	NewRuns  int    `json:"newRuns"`
}

// judge compares what was played with the baseline, says so, and returns the
// exit code.
func (g *gating) judge() error {
	r, err := g.report()
	if err != nil {
		return err
	}
	if err := g.presentGate(r); err != nil {
		return err
	}
	if r.ExitCode == exitPassed {
		return nil
	}
	return &exitError{code: r.ExitCode}
}

func (g *gating) report() (*gateReport, error) {
	var rows []compare.Row
	r := &gateReport{Invalid: g.invalid(), Asserts: g.failedAssertions()}
	for _, s := range g.scenarios {
		found, err := g.compareSides(s)
		if err != nil && len(g.invalidOf(s)) == 0 { // else the runs are not valid, and may have measured nothing
			return nil, invalidf("%s: %w", s.name, err)
		}
		rows = append(rows, found...)
		first := s.played[newBuild][0]
		r.Scenarios = append(r.Scenarios, gatedScenario{s.name, first.Clock, s.base.Runs(s.name), len(s.played[newBuild])})
	}
	compare.Sort(rows)
	judgement, err := compare.Judge(rows, compareRules(g.rules.Rules), float64(g.rules.Alpha))
	if err != nil {
		return nil, invalidf("--rules: %w", err)
	}
	r.Judgement = *judgement
	r.decide()
	return r, nil
}

// compareSides completes the base side and compares it with the new one.
func (g *gating) compareSides(s *gated) ([]compare.Row, error) {
	var next compare.Side
	for _, to := range []struct {
		side  *compare.Side
		build int
	}{{&s.base, baseBuild}, {&next, newBuild}} {
		for _, played := range s.played[to.build] {
			if err := to.side.AddSummary(played, buildName(to.build)); err != nil {
				return nil, err
			}
		}
	}
	g.notePlans(&s.base, &next)
	return compare.Compare(&s.base, &next)
}

// decide on the verdict, in the order of gateOrder.
func (r *gateReport) decide() {
	figures := func(n int) string { return unit.Counted(int64(n), "figure") }
	all, failed, untold := len(r.Rows), r.Count(compare.Failed), r.Count(compare.Untold)
	var faults []string
	if failed > 0 {
		faults = append(faults, fmt.Sprintf("%s of %s got worse, or differ where they must not", unit.Thousands(int64(failed)), figures(all)))
	}
	if n := len(r.Asserts); n > 0 {
		faults = append(faults, unit.Counted(int64(n), "assertion")+" of the scenarios failed")
	}
	switch {
	case len(r.Invalid) > 0:
		r.Verdict, r.ExitCode, r.Why = "INVALID", exitSchedule, "not every run is valid, so the figures mean nothing"
	case failed > 0:
		r.Verdict, r.ExitCode, r.Why = "FAILED", exitRegression, strings.Join(faults, "; ")
	case len(faults) > 0:
		r.Verdict, r.ExitCode, r.Why = "FAILED", exitAssertion, strings.Join(faults, "; ")
	case r.Outcome() == compare.Untold && untold == 0:
		r.Verdict, r.ExitCode, r.Why = "UNKNOWN", exitInvalid, fmt.Sprintf("none of %s was judged", figures(all))
	case r.Outcome() == compare.Untold:
		r.Verdict, r.ExitCode, r.Why = "UNKNOWN", exitInvalid, fmt.Sprintf("%s of %s cannot be judged", unit.Thousands(int64(untold)), figures(all))
	default:
		r.Verdict, r.ExitCode, r.Why = "PASSED", exitPassed, fmt.Sprintf("none of %s got worse", figures(r.Count(compare.Passed)))
	}
}

// invalid runs of all scenarios.
func (g *gating) invalid() (found []string) {
	for _, s := range g.scenarios {
		found = append(found, g.invalidOf(s)...)
	}
	return found
}

// invalidOf a scenario: runs of this build and of the base binary.
func (*gating) invalidOf(s *gated) (found []string) {
	for build, runs := range s.played {
		for i, run := range runs {
			if !run.Valid {
				found = append(found, fmt.Sprintf("%s, run %d of %s: %s", s.name, i+1, buildName(build), strings.Join(run.Invalid, "; ")))
			}
		}
	}
	return found
}

// failedAssertions of this build's runs, each once.
func (g *gating) failedAssertions() (failed []string) {
	for _, s := range g.scenarios {
		for i := range s.played[newBuild][0].Assertions {
			if text := s.failedAssertion(i); text != "" {
				failed = append(failed, s.name+": "+text)
			}
		}
	}
	return failed
}

// failedAssertion tells how the assertion at i failed in this build's runs, of
// which it may be only some; "" if it holds in all.
func (s *gated) failedAssertion(i int) string {
	runs := s.played[newBuild]
	var failed []summary.Assertion
	for _, run := range runs {
		if i < len(run.Assertions) && !run.Assertions[i].OK {
			failed = append(failed, run.Assertions[i])
		}
	}
	if len(failed) == 0 {
		return ""
	}
	a, observed := failed[0], "nothing"
	if a.Observed != nil {
		observed = strconv.FormatFloat(*a.Observed, 'g', -1, 64)
	}
	text := fmt.Sprintf("expected %s, observed %s", a.Name(), observed)
	if a.Why != "" {
		text += " (" + a.Why + ")"
	}
	if len(runs) > 1 {
		text += fmt.Sprintf(", in %d of %d runs", len(failed), len(runs))
	}
	return text
}

func (r *gateReport) writeJSON(w io.Writer) error { return record.WriteJSON(w, r) }

// compareRules are those of gate.yaml.
func compareRules(rules []scenarios.GateRule) []compare.Rule {
	out := make([]compare.Rule, len(rules))
	for i, r := range rules {
		out[i] = compare.Rule{
			Metric: r.Metric, Aggregation: r.Aggregation, Scenario: r.Scenario, Clock: r.Clock,
			Exact: r.Exact, Ignore: r.Ignore, Worse: float64(r.Worse),
		}
	}
	return out
}
