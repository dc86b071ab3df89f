package measure

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/record"
)

// slots is how many steps a sliding window is moved in before it has moved
// by its own length.
const slots = 10

// Window is what came of one condition that was also evaluated on every
// window of some length, so that a bad minute is not averaged away.
type Window struct {
	Selector, Check string
	Over            time.Duration
	Evaluated       int64   // windows that had something to judge
	Failed          int64   // windows in which the condition did not hold
	Observed        float64 // in the first failed window
	From            time.Duration
}

// Window returns the outcome of an assertion with Over > 0. The error says
// that the metric has no windows.
func (s *Summary) Window(a record.Assertion) (Window, error) {
	for _, w := range s.windows {
		if w.Selector == a.Selector && w.Check == a.Check && w.Over == a.Over {
			return w.Window, w.unsupported
		}
	}
	return Window{}, errors.New("it is not one of the record's assertions, and windows are of these only")
}

// window slides over the observations in the order of writing. An
// observation belongs to the instant at which it was done.
type window struct {
	Window
	unsupported error

	sel     metric.Selector
	trend   bool
	cond    metric.Condition
	phases  *phases
	phase   string // that the selector names
	start   int64  // ns, end of the warm-up
	step    int64  // ns
	slot    int64  // number of the current slot
	samples [slots][]int64
	buf     []int64
}

// newWindows makes a window for each assertion of the manifest that wants one.
func newWindows(m *record.Manifest, p *phases) ([]*window, error) {
	var out []*window
	for _, a := range m.Asserts {
		if a.Over <= 0 {
			continue
		}
		sel, err := metric.ParseSelector(a.Selector)
		if err != nil {
			return nil, fmt.Errorf("assertion %s: %w", a.Selector, err)
		}
		kind, _ := metric.Find(sel.Metric)
		cond, err := metric.ParseCondition(kind, a.Check)
		if err != nil {
			return nil, fmt.Errorf("assertion %s: %s: %w", a.Selector, a.Check, err)
		}
		w := &window{Window: Window{Selector: a.Selector, Check: a.Check, Over: a.Over}, sel: sel, cond: cond,
			trend: kind.Kind == metric.Trend, start: m.Warmup.Nanoseconds(), step: max(1, a.Over.Nanoseconds()/slots)}
		w.phases = p
		for _, t := range sel.Tags {
			if t.Name == "phase" {
				w.phase = t.Value
			}
		}
		if !kind.PerRequest {
			w.unsupported = fmt.Errorf("%s is known of the whole run only: leave out over", sel.Metric)
		}
		out = append(out, w)
	}
	return out, nil
}

func (w *window) observe(o *record.Observation, at outcome) {
	v, ok := w.sample(o, at)
	if !ok || w.unsupported != nil {
		return
	}
	w.advance((max(o.Done, w.start) - w.start) / w.step)
	s := &w.samples[w.slot%slots]
	*s = append(*s, v)
}

// sample is what the observation adds to the metric, if anything.
func (w *window) sample(o *record.Observation, at outcome) (int64, bool) {
	for _, t := range w.sel.Tags {
		if at.tag(t.Name, o) != t.Value {
			return 0, false
		}
	}
	sent := o.Decision != record.Dropped && o.Sent >= 0 && o.Done >= 0
	switch w.sel.Metric {
	case "decisions":
		return 1, true
	case "errors":
		return 1, o.Error != ""
	case "dropped":
		return 1, o.Decision == record.Dropped
	case "latency":
		return max(0, o.Done-o.Sent), sent
	case "lag":
		return max(0, o.Sent-o.Intended), sent
	case "sojourn":
		return max(0, o.Done-o.Intended), sent
	case "round_trips":
		return int64(o.RoundTrips), sent
	}
	return 0, false
}

func (at outcome) tag(name string, o *record.Observation) string {
	switch name {
	case "traffic":
		return at.traffic
	case "limiter":
		return at.limiter
	case "client":
		return at.client
	case "decision":
		return string(at.decision)
	case "key":
		return string(at.key)
	case "phase":
		return at.phase
	case "error":
		return o.Error
	}
	return ""
}

// advance closes slots up to that one, judging the window that ends with
// each. An observation done a little before the latest counts as now.
func (w *window) advance(to int64) {
	for w.slot < to {
		evaluated, failed := w.Evaluated, w.Failed
		w.judge()
		if skip := to - slots - w.slot - 1; skip > slots && w.slot >= slots && w.phase == "" && w.empty() {
			// Nothing but empty windows comes next, and each is as this one.
			w.Evaluated += skip * (w.Evaluated - evaluated)
			w.Failed += skip * (w.Failed - failed)
			w.slot += skip
		}
		w.slot++
		w.samples[w.slot%slots] = w.samples[w.slot%slots][:0]
	}
}

func (w *window) empty() bool {
	return !slices.ContainsFunc(w.samples[:], func(s []int64) bool { return len(s) > 0 })
}

// judge the window that ends with the current slot, if it is a full one. A
// trend without samples has nothing to judge; a counter counts 0, but not
// outside of its phase.
func (w *window) judge() {
	if w.slot < slots-1 || w.trend && w.empty() || !w.trend && !w.inPhase() {
		return
	}
	w.Evaluated++
	v := w.aggregate()
	if w.cond.Holds(v) {
		return
	}
	w.Failed++
	if w.Failed == 1 {
		w.Observed, w.From = v, time.Duration(w.start+(w.slot-slots+1)*w.step)
	}
}

// inPhase tells whether the window is within the selector's phase as a whole.
func (w *window) inPhase() bool {
	from := w.start + (w.slot-slots+1)*w.step
	all := span{from, from + slots*w.step}
	return w.phase == "" || w.phases.length(w.phase, all) == all.length()
}

// aggregate the window exactly, from its samples.
func (w *window) aggregate() float64 {
	w.buf = w.buf[:0]
	for _, s := range w.samples {
		w.buf = append(w.buf, s...)
	}
	n := len(w.buf)
	switch w.cond.Agg {
	case "count":
		return float64(n)
	case "rate":
		return float64(n) / w.Over.Seconds()
	}
	slices.Sort(w.buf)
	scale := Metric{Unit: unitOf(w.sel.Metric)}.scale()
	rank := func(p float64) float64 {
		return float64(w.buf[rankOf(p, int64(n))-1]) / scale
	}
	switch w.cond.Agg {
	case "min":
		return rank(0)
	case "max":
		return rank(100)
	case "med":
		return rank(50)
	case "p":
		return rank(w.cond.P)
	case "avg":
		sum := 0.0
		for _, v := range w.buf {
			sum += float64(v)
		}
		return sum / float64(n) / scale
	}
	return math.NaN()
}
