// Package assert judges: does a run do what its scenario asserts?
//
// In flow a summary with its metrics and the assertions of the record, out
// flows one Verdict for each. A verdict is ok only if something was observed
// and the condition holds on it: unknown is never ok. While a run goes on, a
// Watch judges those with abortOnFail by its observations; the one that ended a
// run has failed, whatever came back after it.
//
// cmd imports it.
package assert

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// Verdict is what became of one assertion.
type Verdict = summary.Assertion

// Judge evaluates the assertions and enters the verdicts in the summary,
// whose OK then says that it is valid and that all of them hold.
func Judge(s *summary.Measured, asserts []record.Assertion) {
	s.Assertions = Evaluate(s, asserts)
	why := swayed(s, asserts)
	s.Invalid, s.Valid = append(s.Invalid, why...), s.Valid && len(why) == 0
	s.Undecided = undecided(s, asserts)
	s.OK = s.Valid && s.Undecided == ""
	for _, v := range s.Assertions {
		s.OK = s.OK && v.OK
	}
}

// swayed says which verdicts on latency in real time would be others on sojourn:
// they depend on lag, so the run stands for neither. A scenario with max_lag says
// itself which lag changes nothing.
func swayed(s *summary.Measured, asserts []record.Assertion) (why []string) {
	if s.Schedule == nil || s.Schedule.LagBound > 0 {
		return nil
	}
	for i, a := range asserts {
		b, ok := summary.BySojourn(a)
		if !ok {
			continue
		}
		if v := evaluate(s, b); v.OK != s.Assertions[i].OK && !v.Unknown && !s.Assertions[i].Unknown {
			why = append(why, fmt.Sprintf("lag decides an assertion: %s %s is %s, but %s by sojourn (done − intended, observed %s). %s",
				a.Selector, a.Check, held[s.Assertions[i].OK], held[v.OK], unit.Quantity(*v.Observed, "s"), s.Schedule.Blame()))
		}
	}
	return why
}

var held = map[bool]string{true: "met", false: "not met"}

// undecided says of each limiter whose requests all ended in errors that it
// decided nothing, unless an assertion is about errors; "" there is none.
func undecided(s *summary.Measured, asserts []record.Assertion) string {
	if slices.ContainsFunc(asserts, aboutErrors) {
		return ""
	}
	var limiters []string
	decided, errors := map[string]int64{}, map[string]int64{}
	for _, m := range s.Select(metric.Selector{Metric: "decisions"}) {
		l := m.Tags["limiter"]
		if !slices.Contains(limiters, l) {
			limiters = append(limiters, l)
		}
		switch m.Tags["decision"] {
		case string(record.Allowed), string(record.Denied):
			decided[l] += m.Count
		case string(record.Errored), string(record.FailOpen):
			errors[l] += m.Count
		}
	}
	var why []string
	for _, l := range limiters {
		if decided[l] == 0 && errors[l] > 0 {
			why = append(why, fmt.Sprintf("%s decided nothing: all of %s ended in an error", l, unit.Counted(errors[l], "request")))
		}
	}
	return strings.Join(why, "; ")
}

// aboutErrors reports whether an assertion is about requests that end in errors.
func aboutErrors(a record.Assertion) bool {
	sel, err := metric.ParseSelector(a.Selector)
	if err != nil {
		return false
	}
	return sel.Metric == "errors" || slices.ContainsFunc(sel.Tags, func(t metric.Tag) bool {
		return t.Name == "decision" && (t.Value == string(record.Errored) || t.Value == string(record.FailOpen))
	})
}

// Evaluate returns a verdict for each assertion, in their order.
func Evaluate(s *summary.Measured, asserts []record.Assertion) []Verdict {
	out := make([]Verdict, 0, len(asserts))
	for _, a := range asserts {
		out = append(out, evaluate(s, a))
	}
	return out
}

func evaluate(s *summary.Measured, a record.Assertion) Verdict {
	v := Verdict{Metric: a.Selector, Check: a.Check, OverSeconds: a.Over.Seconds()}
	sel, err := metric.ParseSelector(a.Selector)
	if err != nil {
		return unknown(v, err.Error())
	}
	m, _ := metric.Find(sel.Metric)
	cond, err := metric.ParseCondition(m, a.Check)
	if err != nil {
		return unknown(v, err.Error())
	}
	if e := s.EndedBy; e != nil && e.Metric == a.Selector && e.Check == a.Check && e.OverSeconds == a.Over.Seconds() {
		v.Observed, v.Why = &e.Observed, "it ended the run at "+unit.Quantity(e.AtSeconds, "s")
		return v
	}
	v = whole(s, v, m, sel, cond)
	if !v.OK || a.Over <= 0 {
		return v
	}
	return windows(s, v, a)
}

func unknown(v Verdict, why string) Verdict {
	v.OK, v.Unknown, v.Observed, v.Why = false, true, nil, why
	return v
}

// whole judges the condition on the whole run. A value cannot be summed, so
// the condition must hold on each series; the first on which it does not is
// the one observed.
func whole(s *summary.Measured, v Verdict, m metric.Metric, sel metric.Selector, cond metric.Condition) Verdict {
	series := s.Series(sel)
	if m.Kind != metric.Value {
		total, ok := sum(s, m, sel, series)
		if !ok {
			return unknown(v, "nothing was observed that this selects")
		}
		series = []summary.Series{total}
	}
	if len(series) == 0 {
		return unknown(v, "nothing was observed that this selects")
	}
	for _, one := range series {
		observed, ok := one.Aggregate(cond, s.SecondsOf(sel))
		if !ok {
			return unknown(v, "nothing was observed that this selects")
		}
		v.Observed, v.OK = &observed, cond.Holds(observed)
		if !v.OK {
			return v
		}
	}
	return v
}

// sum joins the series. A counter that no series matches is 0, and known to
// be, if there are series of the same sources, limiters, clients or engines and
// only the kind of outcome is missing: no denial among many decisions. A phase
// in which nothing was decided is unknown.
func sum(s *summary.Measured, m metric.Metric, sel metric.Selector, series []summary.Series) (summary.Series, bool) {
	if len(series) > 0 || m.Kind != metric.Counter {
		return summary.Sum(series)
	}
	others := metric.Selector{Metric: sel.Metric}
	for _, t := range sel.Tags {
		if _, closed := m.Values[t.Name]; !closed && !slices.Contains(m.Open, t.Name) || slices.Contains(m.Cuts, t.Name) {
			others.Tags = append(others.Tags, t)
		}
	}
	found := s.Select(others)
	return summary.Series{Metric: summary.Metric{Name: m.Name, Unit: m.Unit}}, len(found) > 0
}

// windows judges the condition on every window too.
func windows(s *summary.Measured, v Verdict, a record.Assertion) Verdict {
	w, err := s.Window(a)
	switch {
	case err != nil:
		return unknown(v, err.Error())
	case w.Evaluated == 0:
		return unknown(v, fmt.Sprintf("no window of %s was over before the run was and had anything to judge", unit.Time(a.Over)))
	case w.Failed > 0:
		v.OK, v.Observed = false, &w.Observed
		v.Why = fmt.Sprintf("it fails in %d of %d windows of %s; observed in the first, which begins at %s", w.Failed, w.Evaluated, unit.Time(a.Over), unit.Time(w.From.Round(time.Millisecond)))
	}
	return v
}

// Column is what a column of a table shows of a run, as an assertion would see
// it: of a value that several series have, which cannot be summed, the worst.
// False: unknown, also where no direction is worse.
func Column(s *summary.Measured, c metric.Column) (float64, bool) {
	m, _ := metric.Find(c.Selector.Metric)
	cond := metric.Condition{Agg: c.Agg, P: c.P}
	series := s.Series(c.Selector)
	if m.Kind != metric.Value {
		total, ok := sum(s, m, c.Selector, series)
		if !ok {
			return 0, false
		}
		return total.Aggregate(cond, s.SecondsOf(c.Selector))
	}
	if len(series) == 0 || len(series) > 1 && c.Better() == "" {
		return 0, false
	}
	worst, known := 0.0, true
	for i, one := range series {
		v, ok := one.Aggregate(cond, 0)
		known = known && ok
		if i == 0 || (v > worst) == (c.Better() == "lower") && v != worst {
			worst = v
		}
	}
	return worst, known
}

// Watch judges the assertions with abortOnFail while a run goes on, by what
// was done so far, and with `over` by the last window that is complete. When
// one fails the run should end. What nothing was observed of is not known yet,
// and ends no run.
//
// It looks at fixed instants of the run's time, every second (but at least ten
// times and at most a thousand times in a run), or with `over` at the end of
// each window, when the first observation comes that was done at that instant
// or later. So in virtual time it ends a run at the same observation each time.
type Watch struct {
	asserts []record.Assertion
	monitor *summary.Monitor
	failure *record.Failure
	why     string
}

// NewWatch makes the Watch of a run with that manifest; nil if no assertion has abortOnFail.
func NewWatch(m record.Manifest) (*Watch, error) {
	w := &Watch{asserts: m.Asserts}
	var err error
	if w.monitor, err = summary.NewMonitor(m, w.looked); err != nil || w.monitor == nil {
		return nil, err
	}
	return w, nil
}

// Observe takes an observation and returns the failure of the first assertion that failed, or
// nil. It keeps nothing of o. From the first failure on it says the same.
func (w *Watch) Observe(o *record.Observation) *record.Failure {
	if w.failure == nil {
		w.monitor.Observe(o)
	}
	return w.failure
}

func (w *Watch) looked(assertion int, l summary.Look) {
	if l.Holds || l.Selected == 0 || w.failure != nil && w.failure.At <= l.Until {
		return
	}
	a, observed := w.asserts[assertion], l.Observed()
	w.failure = &record.Failure{Assertion: a, Observed: observed, At: l.Until, From: l.From}
	over := ""
	if a.Over > 0 {
		over = " over " + unit.Time(a.Over)
	}
	w.why = fmt.Sprintf("assertion %s: %s%s failed at %s, observed %s", a.Selector, a.Check, over, unit.Time(l.Until), unit.Quantity(observed, l.Unit))
}

// Why says why the run should end, for its record: which assertion failed, when, and
// what was observed; "" as long as none did.
func (w *Watch) Why() string { return w.why }
