package campaign

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/compare"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
	"github.com/quotalab/quotalab/scenarios"
)

// Gate plays scenarios and judges whether they are worse than their baseline.
// Set its exported fields, Add the scenarios, Play them, and Judge or Update.
type Gate struct {
	*Loader
	Overrides
	Monitor
	Baseline   string // directory; "": the base binary plays all
	BaseBinary string // another build of quotalab; "": none
	Updates    bool   // the baseline is not read
	Runs       int    // of each side, in real time
	Rules      *scenarios.Gate
	Args       []string // of the processes that play the runs
	Scenarios  []*Gated

	programs [2]string // this build and the base binary
	procs    int       // processors for a run in virtual time
}

// Gated is one scenario of a gate.
type Gated struct {
	Name     string
	Baseline string                // its file; "" for one that the base binary plays
	Played   [2][]*summary.Summary // by this build and by the base binary; of an invalid run, last, too

	given string // on the command line
	real  bool
	base  compare.Side
}

// Add adds a scenario with its baseline.
func (g *Gate) Add(given string) error {
	if given == Stdio {
		return Invalidf("a gate plays a scenario more than once: expected a file or the name of a shipped one, found %s", given)
	}
	p, err := g.Load(given, g.Overrides)
	if err != nil {
		return err
	}
	s := &Gated{given: given, Name: p.Scenario.Name, real: p.Scenario.Clock == "real"}
	if slices.ContainsFunc(g.Scenarios, func(o *Gated) bool { return o.Name == s.Name }) {
		return Invalidf("two of the scenarios have the name %s, and so the same baseline", s.Name)
	}
	g.Scenarios = append(g.Scenarios, s)
	if g.Baseline != "" && (!s.real || g.BaseBinary == "") {
		s.Baseline = filepath.Join(g.Baseline, s.Name, "bench.txt")
	}
	if s.Baseline == "" || g.Updates {
		return nil
	}
	return s.readBaseline()
}

func (s *Gated) readBaseline() error {
	text, err := record.ReadFile(s.Baseline, compare.MostText)
	if err != nil {
		return Invalidf("the baseline of %s (--update writes it): %w", s.Name, err)
	}
	if err := s.base.AddBench(text, s.Baseline); err != nil {
		return Invalidf("the baseline of %s: %w", s.Name, err)
	}
	if groups := s.base.Groups(); !slices.Equal(groups, []string{s.Name}) {
		return Invalidf("%s: expected the figures of scenario %s, found those of %s", s.Baseline, s.Name, strings.Join(groups, ", "))
	}
	if n := s.base.Runs(s.Name); s.real && n < compare.MinRuns {
		return Invalidf("%s: expected %d runs or more, found %d: --update writes it anew", s.Baseline, compare.MinRuns, n)
	}
	return nil
}

// Update writes the baseline anew, if all runs are valid. Assertions that
// fail are returned.
func (g *Gate) Update() (failed []string, err error) {
	if invalid := g.invalid(); len(invalid) > 0 {
		return nil, With(OffSchedule, fmt.Errorf("nothing was written: %s", invalid[0]))
	}
	for _, s := range g.Scenarios {
		var b bytes.Buffer
		err := present.Bench(&b, s.Played[NewBuild]...)
		if err == nil {
			err = record.ReplaceFile(s.Baseline, b.Bytes())
		}
		if err != nil {
			return nil, Invalidf("the baseline: %w", err)
		}
	}
	return g.failedAssertions(), nil
}

// Verdict is what a gate came to: the JSON of -o json.
type Verdict struct {
	Verdict   string     `json:"verdict"` // PASSED, FAILED, INVALID or UNKNOWN
	Why       string     `json:"why"`
	Status    Status     `json:"exitCode"`
	Scenarios []Compared `json:"scenarios"`
	compare.Judgement
	Invalid []string `json:"invalid"`          // runs that are not valid, and why
	Asserts []string `json:"failedAssertions"` // and what was observed
}

// Compared says how many runs of a scenario were compared.
type Compared struct {
	Name     string `json:"scenario"`
	Clock    string `json:"clock"`
	BaseRuns int    `json:"baseRuns"`
	NewRuns  int    `json:"newRuns"`
}

// Judge compares what was played with the baseline.
func (g *Gate) Judge() (*Verdict, error) {
	var rows []compare.Row
	v := &Verdict{Invalid: g.invalid(), Asserts: g.failedAssertions()}
	for _, s := range g.Scenarios {
		found, err := g.compareSides(s)
		if err != nil && len(s.Invalid()) == 0 { // else the runs are not valid, and may have measured nothing
			return nil, Invalidf("%s: %w", s.Name, err)
		}
		rows = append(rows, found...)
		v.Scenarios = append(v.Scenarios, Compared{s.Name, s.Played[NewBuild][0].Clock, s.base.Runs(s.Name), len(s.Played[NewBuild])})
	}
	compare.Sort(rows)
	judgement, err := compare.Judge(rows, compareRules(g.Rules.Rules), float64(g.Rules.Alpha))
	if err != nil {
		return nil, Invalidf("--rules: %w", err)
	}
	v.Judgement = *judgement
	v.decide()
	return v, nil
}

// compareSides completes the base side and compares it with the new one.
func (g *Gate) compareSides(s *Gated) ([]compare.Row, error) {
	var next compare.Side
	for build, side := range []*compare.Side{NewBuild: &next, BaseBuild: &s.base} {
		for _, played := range s.Played[build] {
			if err := side.AddSummary(played, BuildName(build)); err != nil {
				return nil, err
			}
		}
	}
	NotePlans(g.Monitor, &s.base, &next)
	return compare.Compare(&s.base, &next)
}

// NotePlans notes which scenarios are not the same on both sides.
func NotePlans(m Monitor, base, next *compare.Side) {
	for _, name := range base.Groups() {
		b, n := base.Plans(name), next.Plans(name)
		if len(b) > 0 && len(n) > 0 && !slices.Equal(b, n) {
			m.Note("note: %s is not the same scenario on both sides: its plan is %s in base and %s in new", name, strings.Join(b, " and "), strings.Join(n, " and "))
		}
	}
}

// decide sets the verdict: the first of 113, 112 and 99 that applies, and 104
// when the figures cannot be judged.
func (v *Verdict) decide() {
	figures := func(n int) string { return unit.Counted(int64(n), "figure") }
	all, failed, untold := len(v.Rows), v.Count(compare.Failed), v.Count(compare.Untold)
	var faults []string
	if failed > 0 {
		faults = append(faults, fmt.Sprintf("%s of %s got worse, or differ where they must not", unit.Thousands(int64(failed)), figures(all)))
	}
	if n := len(v.Asserts); n > 0 {
		faults = append(faults, unit.Counted(int64(n), "assertion")+" of the scenarios failed")
	}
	switch {
	case len(v.Invalid) > 0:
		v.Verdict, v.Status, v.Why = "INVALID", OffSchedule, "not every run is valid, so the figures mean nothing"
	case failed > 0:
		v.Verdict, v.Status, v.Why = "FAILED", Regressed, strings.Join(faults, "; ")
	case len(faults) > 0:
		v.Verdict, v.Status, v.Why = "FAILED", AssertionFailed, strings.Join(faults, "; ")
	case v.Outcome() == compare.Untold && untold == 0:
		v.Verdict, v.Status, v.Why = "UNKNOWN", Invalid, fmt.Sprintf("none of %s was judged", figures(all))
	case v.Outcome() == compare.Untold:
		v.Verdict, v.Status, v.Why = "UNKNOWN", Invalid, fmt.Sprintf("%s of %s cannot be judged", unit.Thousands(int64(untold)), figures(all))
	default:
		v.Verdict, v.Status, v.Why = "PASSED", Passed, fmt.Sprintf("none of %s got worse", figures(v.Count(compare.Passed)))
	}
}

func (g *Gate) invalid() (found []string) {
	for _, s := range g.Scenarios {
		found = append(found, s.Invalid()...)
	}
	return found
}

// Invalid returns the runs of the scenario that are not valid, and why.
func (s *Gated) Invalid() (found []string) {
	for build, runs := range s.Played {
		for i, run := range runs {
			if !run.Valid {
				found = append(found, fmt.Sprintf("%s, run %d of %s: %s", s.Name, i+1, BuildName(build), strings.Join(run.Invalid, "; ")))
			}
		}
	}
	return found
}

// Undecided returns why a run of this build decided nothing; "" all did.
func (s *Gated) Undecided() string {
	for _, run := range s.Played[NewBuild] {
		if run.Undecided != "" {
			return run.Undecided
		}
	}
	return ""
}

// failedAssertions returns the assertions that failed in this build's runs, each
// once, and of each scenario that nothing was decided.
func (g *Gate) failedAssertions() (failed []string) {
	for _, s := range g.Scenarios {
		if text := s.Undecided(); text != "" {
			failed = append(failed, s.Name+": "+text)
		}
		for i := range s.Played[NewBuild][0].Assertions {
			if text := s.FailedAssertion(i); text != "" {
				failed = append(failed, s.Name+": "+text)
			}
		}
	}
	return failed
}

// FailedAssertion returns how the assertion at i failed in this build's runs, of
// which it may be only some; "" if it holds in all.
func (s *Gated) FailedAssertion(i int) string {
	runs := s.Played[NewBuild]
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
