// Package compare tells two sets of runs apart, figure by figure, and judges
// by rules whether the new ones are worse.
//
// In flow the summaries of runs (measure.Summary) and benchmark files (of
// export.Bench or any other program), each on one of two sides:
//
//  1. Side.AddSummary, Side.AddBench collect the values of each figure over the
//     runs of a side.
//  2. Compare puts the sides together: a Row for each figure, with its
//     Verdict, the worst first.
//  3. Judge gives each row the first Rule that matches it, and says what
//     passed, what failed and what cannot be told. A p-value or χ² is information:
//     it is listed, and no rule judges it.
//  4. Text, CSV, Markdown and JSON write the rows.
//
// # Exact figures
//
// In virtual time the same scenario always gives the same. Any difference is a
// difference, also from 0. Runs of one side that contradict one another are
// unknown.
//
// # Figures of real time
//
// They vary from run to run. Whether two sides differ is told by the
// Mann-Whitney U test (golang.org/x/perf/benchmath, two-sided, exact up to 50
// runs a side); by how much, by the Hodges-Lehmann estimate: the median of the
// differences between each new run and each base run, relative to the base's
// median, with the confidence interval that goes with the test (Hollander,
// Wolfe, Chicken: Nonparametric Statistical Methods, 3rd edition, 4.2 and 4.3). With
// fewer than MinRuns runs of a side the verdict is unknown: the test could
// hardly tell anything.
//
// A gate looks at many figures at once, so chance alone would make some look
// worse. Judge corrects for it over all figures of real time together (Holm: A
// simple sequentially rejective multiple test procedure, Scandinavian Journal of
// Statistics 6, 1979): the probability that any of them fails, where the
// sides do not differ, is at most alpha, whatever the dependence between them.
// Only getting worse fails, so the test is one-sided where a direction is
// better. Figures that are the same in all runs cannot fail and do not count
// (Tarone, Biometrics 46, 1990).
//
// # Power
//
// A gate of ten runs a side, with a tolerance of 5 % and alpha 5 % over 30
// figures, catches one that is 10 % slower with a probability of 99 % where the
// figure varies by 3 % from run to run (standard deviation of its logarithm),
// of 90 % at 4 % and of 70 % at 5 %. TestPower and TestFalseAlarms print the
// numbers.
//
// Both hold for runs that differ in nothing but the side: interleave them.
// A baseline of another day also tells the days apart.
//
// cmd imports it.
package compare

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/summary"
)

// Verdict is what is said of a number.
type Verdict string

// The verdicts, in the order of the table.
const (
	Worse   Verdict = "worse"
	Changed Verdict = "changed" // it differs, and no direction is better
	Missing Verdict = "missing" // only the base has it
	Added   Verdict = "added"   // only the new side has it
	Unknown Verdict = "unknown" // nothing can be told: Why says why
	Better  Verdict = "better"
	Inform  Verdict = "information" // it differs, and is information alone: a p-value or χ²
	Same    Verdict = "same"
)

// Verdicts lists them in the order of the table.
func Verdicts() []Verdict {
	return []Verdict{Worse, Changed, Missing, Added, Unknown, Better, Inform, Same}
}

// Row is what became of one figure. Times are in seconds.
type Row struct {
	Verdict     Verdict  `json:"verdict"`
	Group       string   `json:"scenario,omitempty"` // or the package of a Go benchmark
	Figure      string   `json:"figure"`             // for people: latency{limiter=lua} p99
	Name        string   `json:"name"`               // of the benchmark, without "Benchmark"
	Unit        string   `json:"unit"`
	Metric      string   `json:"metric,omitempty"`      // of the catalogue
	Aggregation string   `json:"aggregation,omitempty"` // count, value, avg, p50, p90, p99 or max
	Clock       string   `json:"clock,omitempty"`
	Better      string   `json:"better,omitempty"` // lower, higher or "": neither
	Exact       bool     `json:"exact"`
	Base        Values   `json:"base"`
	New         Values   `json:"new"`
	Shift       *float64 `json:"shift,omitempty"`      // new − base, in the unit
	ShiftLow    *float64 `json:"shiftLow,omitempty"`   // confidence interval of it, in real time
	ShiftHigh   *float64 `json:"shiftHigh,omitempty"`  // …
	Change      *float64 `json:"change,omitempty"`     // the shift as a share of the base; nil from 0
	ChangeLow   *float64 `json:"changeLow,omitempty"`  // its confidence interval
	ChangeHigh  *float64 `json:"changeHigh,omitempty"` // …
	P           *float64 `json:"p,omitempty"`          // of the test, two-sided, in real time
	Why         string   `json:"why,omitempty"`        // why it is unknown
}

// Values are those of a number on one side.
type Values struct {
	Runs   int       `json:"runs"` // of the scenario; not all need have the figure
	Center *float64  `json:"center,omitempty"`
	Values []float64 `json:"values,omitempty"`
}

// worsening is how much of a change is for the worse, relative to the base:
// positive is worse. Where no direction is better, any change is. From 0 it is
// infinite.
func (r *Row) worsening() float64 {
	if r.Shift == nil {
		return 0
	}
	by := math.Inf(1) * *r.Shift
	switch {
	case *r.Shift == 0:
		return 0
	case r.Change != nil:
		by = *r.Change
	}
	switch r.Better {
	case higher:
		return -by
	case lower:
		return by
	}
	return math.Abs(by)
}

// Compare puts two sides together. The rows are sorted by verdict, and each
// verdict's by how much it changed. Sides that have no figure in common are an
// error.
func Compare(base, next *Side) ([]Row, error) {
	c := comparison{base: base, next: next, ranks: ranks{}}
	common := false
	var rows []Row
	for _, k := range c.keys() {
		row, err := c.row(k)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
		common = common || row.Base.Center != nil && row.New.Center != nil
	}
	if !common {
		return nil, fmt.Errorf("expected figures that both sides have, found none: base is of %s, new of %s", groupsText(base), groupsText(next))
	}
	Sort(rows)
	return rows, nil
}

// Sort rows by verdict, and those of one by how much they changed.
func Sort(rows []Row) {
	order := Verdicts()
	slices.SortStableFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Verdict), slices.Index(order, b.Verdict)),
			cmp.Compare(math.Abs(b.worsening()), math.Abs(a.worsening())))
	})
}

func groupsText(s *Side) string {
	groups := s.Groups()
	if len(groups) == 0 {
		return "nothing"
	}
	for i, g := range groups {
		groups[i] = cmp.Or(g, "benchmarks without a scenario")
	}
	return strings.Join(groups, ", ")
}

type comparison struct {
	base, next *Side
	ranks      ranks
}

// keys lists those of both sides, those of one group together.
func (c *comparison) keys() []key {
	keys := slices.Clone(c.base.keys)
	for _, k := range c.next.keys {
		if c.base.figures[k] == nil {
			keys = append(keys, k)
		}
	}
	var groups []string
	for _, k := range keys {
		if !slices.Contains(groups, k.group) {
			groups = append(groups, k.group)
		}
	}
	slices.SortStableFunc(keys, func(a, b key) int {
		return cmp.Compare(slices.Index(groups, a.group), slices.Index(groups, b.group))
	})
	return keys
}

func (c *comparison) row(k key) (Row, error) {
	b, n := c.base.figures[k], c.next.figures[k]
	f := cmp.Or(n, b)
	if b != nil && n != nil && b.exact != n.exact {
		return Row{}, fmt.Errorf("%s of %s: %w: base and new must be of the same", f.title(), cmp.Or(k.group, "no scenario"), errClocks)
	}
	r := Row{
		Group: k.group, Figure: metric.Printable(f.title()), Name: k.name, Unit: k.unit, Metric: f.metric, Aggregation: f.aggregation,
		Clock: f.clock, Better: f.better, Exact: f.exact,
	}
	r.Base, r.New = c.base.values(b, f), c.next.values(n, f)
	switch {
	case r.Base.Center == nil:
		r.Verdict = Added
	case r.New.Center == nil:
		r.Verdict = Missing
	case r.Exact:
		r.compareExact()
	default:
		r.compareSamples(c.ranks)
	}
	if r.informative() && r.Verdict != Unknown && r.Verdict != Same {
		r.Verdict = Inform
	}
	return r, nil
}

// informative reports whether the figure is information alone, never a regression
// by itself.
func (r *Row) informative() bool {
	return slices.ContainsFunc(tagParts(r.Name), func(tag string) bool {
		stat, ok := strings.CutPrefix(tag, "stat=")
		return ok && r.Metric == "shard_balance" && metric.Informative(stat)
	})
}

// values returns those of a number, which may be nil: this side does not have it, like has.
func (s *Side) values(f, like *figure) Values {
	v := Values{Runs: s.Runs(like.group)}
	if f != nil {
		v.Values = slices.Clone(f.values)
	}
	if like.noneIsZero() {
		for len(v.Values) < v.Runs {
			v.Values = append(v.Values, 0)
		}
	}
	if len(v.Values) > 0 {
		center := summary.Median(v.Values)
		v.Center = &center
	}
	return v
}

// noneIsZero tells whether a run without the figure is known to have counted
// none: of events by what came of them, such as errors by their kind, in real
// time. In virtual time a run always has what it had.
func (f *figure) noneIsZero() bool {
	m, _ := metric.Find(f.metric)
	return f.clock == "real" && m.Kind == metric.Counter && len(m.Values)+len(m.Open) > 0
}

// compareExact compares where all runs of a side must agree.
func (r *Row) compareExact() {
	if r.Why = cmp.Or(r.contradicts("base", r.Base), r.contradicts("new", r.New)); r.Why != "" {
		r.Verdict = Unknown
		return
	}
	r.shift(*r.New.Center - *r.Base.Center)
	r.judge(*r.Shift != 0)
}

// contradicts tells how the runs of a side do not agree on an exact figure, or "".
func (r *Row) contradicts(side string, v Values) string {
	const why = "the runs of %s contradict one another, %s: are they of one build, scenario and seed?"
	least, most := slices.Min(v.Values), slices.Max(v.Values)
	switch {
	case least != most:
		return fmt.Sprintf(why, side, fmt.Sprintf("between %v and %v", least, most))
	case r.Metric != "" && len(v.Values) < v.Runs:
		return fmt.Sprintf(why, side, fmt.Sprintf("only %d of %d have it", len(v.Values), v.Runs))
	}
	return ""
}

// shift enters by how much the figure changed.
func (r *Row) shift(by float64) {
	r.Shift, r.Change = &by, r.relative(by)
}

// relative returns a change relative to the base's center; nil if that is 0.
func (r *Row) relative(by float64) *float64 {
	if *r.Base.Center == 0 {
		return nil
	}
	share := by / math.Abs(*r.Base.Center)
	return &share
}

// judge judges by the direction, if it differs.
func (r *Row) judge(differs bool) {
	switch {
	case !differs:
		r.Verdict = Same
	case r.Better == "":
		r.Verdict = Changed
	case r.worsening() > 0:
		r.Verdict = Worse
	default:
		r.Verdict = Better
	}
}

// compareSamples compares samples of real time.
func (r *Row) compareSamples(known ranks) {
	t := known.test(r.Base.Values, r.New.Values)
	r.shift(t.shift)
	if r.Why = r.tooFew(); r.Why != "" {
		r.Verdict = Unknown
		return
	}
	r.P = &t.p
	r.ShiftLow, r.ShiftHigh = &t.low, &t.high
	r.ChangeLow, r.ChangeHigh = r.relative(t.low), r.relative(t.high)
	r.judge(t.p < level && t.shift != 0)
}

// tooFew tells what is lacking for a test, or "".
func (r *Row) tooFew() string {
	for _, side := range []struct {
		name string
		v    Values
	}{{"base", r.Base}, {"new", r.New}} {
		switch n := len(side.v.Values); {
		case side.v.Runs < MinRuns:
			return fmt.Sprintf("expected %d runs of each side, found %d of %s", MinRuns, side.v.Runs, side.name)
		case n < MinRuns:
			return fmt.Sprintf("only %s of %s have it, fewer than %d", unit.Counted(int64(n), "run"), side.name, MinRuns)
		}
	}
	return ""
}
