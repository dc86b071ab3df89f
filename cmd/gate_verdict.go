package cmd

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/quotalab/quotalab/results/compare"
	"github.com/quotalab/quotalab/results/measure"
	"github.com/quotalab/quotalab/results/wording"
	"github.com/quotalab/quotalab/scenarios"
)

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
	figures := func(n int) string { return wording.Counted(int64(n), "figure") }
	all, failed, untold := len(r.Rows), r.Count(compare.Failed), r.Count(compare.Untold)
	var faults []string
	if failed > 0 {
		faults = append(faults, fmt.Sprintf("%s of %s got worse, or differ where they must not", wording.Thousands(int64(failed)), figures(all)))
	}
	if n := len(r.Asserts); n > 0 {
		faults = append(faults, wording.Counted(int64(n), "assertion")+" of the scenarios failed")
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
		r.Verdict, r.ExitCode, r.Why = "UNKNOWN", exitInvalid, fmt.Sprintf("%s of %s cannot be judged", wording.Thousands(int64(untold)), figures(all))
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
	var failed []measure.Assertion
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

func (r *gateReport) writeJSON(w io.Writer) error { return wording.JSON(w, r) }

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
