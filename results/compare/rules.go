package compare

import (
	"fmt"
	"path"
	"slices"
	"strconv"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/summary"
)

// Rule says how figures are judged. Empty fields match every figure. Of Exact
// and Ignore at most one is set; with neither, a figure may get worse by Worse
// at most (0.05: 5 %). Where no direction is better, a change either way is
// for the worse.
type Rule struct {
	Metric      string // selector, as in assert: latency{limiter=lua}
	Aggregation string // count, value, avg, p50, p90, p99 or max
	Scenario    string // glob, as path.Match has it
	Clock       string // virtual or real
	Exact       bool   // all runs of both sides have one and the same value
	Ignore      bool
	Worse       float64
}

// String says what the rule asks for.
func (r Rule) String() string {
	switch {
	case r.Ignore:
		return "ignored"
	case r.Exact:
		return "exactly the same"
	}
	return "at most " + strconv.FormatFloat(r.Worse*100, 'g', 6, 64) + " % worse"
}

// matcher is a Rule with its selector taken apart.
type matcher struct {
	Rule
	metric string
	tags   []string // "tag=value", as a benchmark's name has them
}

func newMatcher(r Rule) (matcher, error) {
	if _, err := path.Match(r.Scenario, ""); err != nil {
		return matcher{}, fmt.Errorf("scenario %q: %w", r.Scenario, err)
	}
	if r.Metric == "" {
		return matcher{Rule: r}, nil
	}
	sel, err := metric.ParseSelector(r.Metric)
	if err != nil {
		return matcher{}, fmt.Errorf("metric %q: %w", r.Metric, err)
	}
	like := summary.Metric{Name: sel.Metric, Tags: map[string]string{}}
	for _, t := range sel.Tags {
		like.Tags[t.Name] = t.Value
	}
	name := present.Figures(&summary.Summary{Metrics: []summary.Metric{like}})[0].Name
	return matcher{r, sel.Metric, tagParts(name)}, nil
}

func (m *matcher) matches(r *Row) bool {
	if m.metric != "" && m.metric != r.Metric || m.Aggregation != "" && m.Aggregation != r.Aggregation ||
		m.Clock != "" && m.Clock != r.Clock {
		return false
	}
	if m.Scenario != "" {
		if ok, _ := path.Match(m.Scenario, r.Group); !ok { // newMatcher has seen that the pattern is good
			return false
		}
	}
	has := tagParts(r.Name)
	return !slices.ContainsFunc(m.tags, func(t string) bool { return !slices.Contains(has, t) })
}

// Outcome is what came of judging a number.
type Outcome string

// The outcomes.
const (
	Failed   Outcome = "failed"
	Untold   Outcome = "unknown" // it must be judged and cannot be
	Unjudged Outcome = "rare"    // only some runs have it, and it happens in too few to compare
	Passed   Outcome = "passed"
	Ignored  Outcome = "ignored"
	Informed Outcome = "information" // a p-value or χ², which no rule judges
)

// Judged is a row with what the rules make of it.
type Judged struct {
	Row
	Outcome  Outcome  `json:"outcome"`
	Rule     string   `json:"rule"`
	Adjusted *float64 `json:"adjustedP,omitempty"` // p-value after Holm's correction; one-sided where a direction is better
	Reason   string   `json:"reason,omitempty"`    // why it failed or is unknown, in words
}

// Judgement is that of all numbers of a gate.
type Judgement struct {
	Alpha  float64  `json:"alpha"`  // chance that a figure of real time fails although the sides do not differ
	Family int      `json:"family"` // figures of real time that could have failed
	Rows   []Judged `json:"figures"`
}

// Count returns the number of rows with an outcome.
func (j *Judgement) Count(o Outcome) (n int) {
	for i := range j.Rows {
		if j.Rows[i].Outcome == o {
			n++
		}
	}
	return n
}

// Outcome returns that of the whole: failed if any figure is; unknown if any is that must
// be judged, or if none was judged.
func (j *Judgement) Outcome() Outcome {
	switch {
	case j.Count(Failed) > 0:
		return Failed
	case j.Count(Untold) > 0 || j.Count(Passed) == 0:
		return Untold
	}
	return Passed
}

// Judge gives each row the first rule that matches. A figure that none matches
// must be exactly the same.
func Judge(rows []Row, rules []Rule, alpha float64) (*Judgement, error) {
	matchers := make([]matcher, 0, len(rules)+1)
	for i, r := range append(slices.Clone(rules), Rule{Exact: true}) {
		m, err := newMatcher(r)
		if err != nil {
			return nil, fmt.Errorf("rule %d: %w", i+1, err)
		}
		matchers = append(matchers, m)
	}
	j := &Judgement{Alpha: alpha, Rows: make([]Judged, len(rows))}
	var family []*Judged
	var worse []float64
	for i, row := range rows {
		m := &matchers[slices.IndexFunc(matchers, func(m matcher) bool { return m.matches(&row) })]
		j.Rows[i] = Judged{Row: row, Rule: m.String()}
		one := &j.Rows[i]
		switch {
		case m.Ignore:
			one.Outcome = Ignored
		case one.informative():
			one.Rule, one.Outcome = "none: information alone", Informed
		case m.Exact:
			one.judgeExact()
		case one.Exact:
			one.judgeTolerance(m.Worse)
		case one.testable(m.Worse):
			family, worse = append(family, one), append(worse, m.Worse)
		}
	}
	j.judgeFamily(family, worse)
	return j, nil
}

func (o *Judged) end(outcome Outcome, format string, args ...any) {
	o.Outcome, o.Reason = outcome, fmt.Sprintf(format, args...)
}

// alone reports a figure that only one side has.
func (o *Judged) alone() string {
	if o.Verdict == Missing {
		return "only the base has it"
	}
	return "only the new side has it"
}

// judgeExact judges one value, in all runs of both sides.
func (o *Judged) judgeExact() {
	all := slices.Concat(o.Base.Values, o.New.Values)
	switch {
	case o.Verdict == Missing || o.Verdict == Added:
		o.end(Failed, "%s", o.alone())
	case o.Exact && o.Verdict == Unknown:
		o.end(Untold, "%s", o.Why)
	case slices.Min(all) != slices.Max(all):
		o.end(Failed, "it differs")
	default:
		o.Outcome = Passed
	}
}

// judgeTolerance judges an exact number with a tolerance.
func (o *Judged) judgeTolerance(worse float64) {
	switch {
	case o.Verdict == Missing || o.Verdict == Added:
		o.end(Failed, "%s", o.alone())
	case o.Verdict == Unknown:
		o.end(Untold, "%s", o.Why)
	case o.worsening() > worse:
		o.end(Failed, "it is worse by more than that")
	default:
		o.Outcome = Passed
	}
}

// testable tells whether a figure of real time can fail at all; of others it
// says what they are.
func (o *Judged) testable(worse float64) bool {
	runs := min(o.Base.Runs, o.New.Runs)
	all := slices.Concat(o.Base.Values, o.New.Values)
	switch {
	case runs < MinRuns:
		o.end(Untold, "expected %d runs of each side, found %d of base and %d of new", MinRuns, o.Base.Runs, o.New.Runs)
	case o.Verdict == Missing || o.Verdict == Added:
		if len(all) == max(o.Base.Runs, o.New.Runs) {
			return true // every run of one side has it, and none of the other
		}
		o.end(Unjudged, "%s, in %s of %d", o.alone(), unit.Counted(int64(len(all)), "run"), max(o.Base.Runs, o.New.Runs))
	case o.Verdict == Unknown:
		o.end(Unjudged, "%s", o.Why)
	case slices.Min(all) == slices.Max(all):
		o.Outcome = Passed
	default:
		return true
	}
	return false
}

// oneSided is the p-value of the figure being worse.
func (o *Judged) oneSided() float64 {
	switch {
	case o.P == nil: // all runs of one side have it, none of the other
		return 2 * leastP(o.Base.Runs, o.New.Runs)
	case o.Better == "":
		return *o.P
	case o.worsening() > 0:
		return *o.P / 2
	}
	return 1
}

// leastP is the least that oneSided can come to with as many values.
func (o *Judged) leastP() float64 {
	if o.P == nil || o.Better == "" {
		return 2 * leastP(o.Base.Runs, o.New.Runs)
	}
	return leastP(len(o.Base.Values), len(o.New.Values))
}

// judgeFamily judges all numbers of real time that could fail: one is worse if the
// test says so after Holm's correction, and by more than its rule allows.
func (j *Judgement) judgeFamily(family []*Judged, worse []float64) {
	j.Family = len(family)
	ps := make([]float64, len(family))
	for i, o := range family {
		ps[i] = o.oneSided()
	}
	for i, p := range holm(ps) {
		o := family[i]
		o.Adjusted = &p
		switch {
		case p < j.Alpha && o.P == nil:
			o.end(Failed, "%s", o.alone())
		case p < j.Alpha && o.worsening() > worse[i]:
			o.end(Failed, "it is worse by more than that")
		case o.leastP()*float64(j.Family) >= j.Alpha:
			o.end(Untold, "%d and %d runs cannot tell anything about %s at once: play more, raise alpha, or ignore some",
				o.Base.Runs, o.New.Runs, unit.Counted(int64(j.Family), "figure"))
		default:
			o.Outcome = Passed
		}
	}
}

// Cells returns a table for people: scenario, figure, base, new, change, rule and
// outcome.
func (o *Judged) Cells() []string {
	base, next := o.numbers()
	change := o.ChangeText()
	switch {
	case o.Outcome == Untold || o.Verdict == Missing || o.Verdict == Added:
		change = o.Reason
	case o.Adjusted != nil:
		change += ", corrected p=" + strconv.FormatFloat(*o.Adjusted, 'g', 2, 64)
	}
	return []string{o.Group, o.Figure, base, next, change, o.Rule, string(o.Outcome)}
}
