package summary

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/record"
)

// slots is how many steps a sliding window is moved in before it has moved
// by its own length.
const slots = 10

// Look is one look at a condition while observations came in.
type Look struct {
	From, Until time.Duration // after the epoch: of what was done in From ≤ t < Until
	Holds       bool
	Observed    func() float64 // in Unit; to be asked at once or not at all
	Unit        string         // base unit of the aggregation: "s", "/s", "count", …
	Times       int64          // it is so at that many steps in a row, the first of which is here
	Selected    int64          // observations that the selector has matched since the warm-up
}

// sliding looks at a condition at the end of each step of the run's time. It
// takes observations in the order in which they were done; each belongs to
// the instant at which it was done, and what is done after the horizon to the
// last step before it.
//
// With a window, a step is a tenth of the window's length, and the last one
// ends at the horizon: so the end of the run is never left out, but less than
// a step after the warm-up may be. Without, everything since the warm-up is
// looked at.
//
// A look costs little, and memory is bounded by what ten trends take: whether a
// percentile is below its bound is a matter of counting the samples that are,
// and so exact; how much it is, within 0.1 %, is asked for only where it counts.
type sliding struct {
	selection
	phases    *record.Phases
	looked    func(l Look)
	notBefore int64 // ns: no look ends before it

	scale       float64 // samples in one of the metric's unit
	start, step int64   // ns, of the first step
	steps       int64   // that fit before the horizon
	at          int64   // the current one
	next        int64   // ns: when it ends
	ring        []step
	selected    int64
}

// step is what was done in one step, or in several.
type step struct {
	trend
	below, equal int64 // samples below the condition's bound, and at it
}

// newSliding returns one with a window, or without one and so often.
func newSliding(s selection, m *record.Manifest, p *record.Phases, window, every time.Duration) *sliding {
	start := m.Warmup.Nanoseconds()
	measured := max(0, m.Horizon.Nanoseconds()-start)
	w := &sliding{selection: s, phases: p, scale: Metric{Unit: s.metric.Unit}.scale(), start: start, step: max(1, every.Nanoseconds()), ring: make([]step, 1)}
	if window > 0 {
		w.step, w.ring = max(1, window.Nanoseconds()/slots), make([]step, slots)
		w.start += measured % w.step
	}
	w.steps, w.next = measured/w.step, w.start+w.step
	return w
}

func (w *sliding) slides() bool { return len(w.ring) > 1 }

func (w *sliding) observe(o *record.Observation, at outcome) {
	w.reach(o.Done)
	if v, ok := w.sample(o, at); ok && o.Done >= w.start {
		w.selected++
		w.ring[w.at%int64(len(w.ring))].count(v, float64(max(v, 0))/w.scale, w.cond.Bound)
	}
}

func (s *step) count(v int64, inUnit, bound float64) {
	s.add(v)
	switch {
	case inUnit < bound:
		s.below++
	case inUnit == bound:
		s.equal++
	}
}

// reach takes the looks that are due by an instant. An observation that
// was done a little before the latest counts as now.
func (w *sliding) reach(now int64) {
	if now >= w.next {
		w.advance(min((now-w.start)/w.step, w.steps-1))
	}
}

// finish takes the looks that are due by the end of the measured time.
func (w *sliding) finish(end int64) {
	if end >= w.start {
		w.advance(min((end-w.start)/w.step, w.steps))
	}
}

func (w *sliding) advance(to int64) {
	for w.at < to {
		l, ok := w.look()
		times := int64(1)
		if left := to - 1 - w.at; left > slots && w.repeats() {
			times += left // only empty steps come, and each is as this one
		}
		if ok {
			l.Times = times
			w.looked(l)
		}
		w.at += times
		w.next = w.start + (w.at+1)*w.step
		if w.slides() {
			w.ring[w.at%slots] = step{}
		}
	}
}

// repeats tells whether later looks are as the current one until something
// is done again.
func (w *sliding) repeats() bool {
	return w.slides() && w.at >= slots && w.phase == "" && w.next >= w.notBefore && w.total().N == 0
}

// look judges the steps up to the current one's end. False: there is nothing to
// look at. That is so of a window that has not its full length yet, of a
// trend without samples, and of a counter in a window that is not as a whole
// in the selector's phase; in others a counter that counted nothing is 0.
func (w *sliding) look() (Look, bool) {
	reached := record.Stretch{From: w.start, Until: w.next}
	if w.slides() {
		reached.From = w.next - slots*w.step
	}
	if reached.From < w.start || w.next < w.notBefore {
		return Look{}, false
	}
	counted := w.phases.Length(w.phase, reached)
	whole := !w.slides() || counted == reached.Length()
	total := w.total()
	if trends := w.metric.Kind == metric.Trend; trends && total.N == 0 || !trends && (!whole || counted == 0) {
		return Look{}, false
	}
	seconds := float64(counted) / 1e9
	v := total.aggregate(w.cond, w.metric.Unit, seconds)
	p, isPercentile := w.cond.Percentile()
	if isPercentile {
		v = total.against(w.cond.Bound, p)
	}
	return Look{From: time.Duration(reached.From), Until: time.Duration(reached.Until), Holds: w.cond.Holds(v), Selected: w.selected, Unit: w.unit, Observed: func() float64 {
		if !isPercentile {
			return v
		}
		return w.observed(v, p)
	}}, true
}

// total adds up the steps that are looked at, without their samples.
func (w *sliding) total() (t step) {
	for i := range w.ring {
		s := &w.ring[i]
		if s.N == 0 {
			continue
		}
		if t.N == 0 {
			t.Min = s.Min
		}
		t.Min, t.Max = min(t.Min, s.Min), max(t.Max, s.Max)
		t.N, t.Sum, t.below, t.equal = t.N+s.N, t.Sum+s.Sum, t.below+s.below, t.equal+s.equal
	}
	return t
}

// against tells where the p-th percentile is: the bound if it is there, else
// an infinity on its side of it.
func (s *step) against(bound, p float64) float64 {
	switch rank := rankOf(p, s.N); {
	case s.below >= rank:
		return math.Inf(-1)
	case s.below+s.equal >= rank:
		return bound
	}
	return math.Inf(1)
}

// observed returns the percentile, on that side of the bound on which it is known to be.
func (w *sliding) observed(side, p float64) float64 {
	var all trend
	for i := range w.ring {
		all.merge(&w.ring[i].trend)
	}
	v, bound := all.percentile(p)/w.scale, w.cond.Bound
	switch {
	case side < bound:
		return math.Min(v, math.Nextafter(bound, side))
	case side > bound:
		return math.Max(v, math.Nextafter(bound, side))
	}
	return bound
}

// Window is what came of one condition that was also evaluated on every
// window of some length, so that a bad minute is not averaged away. Windows
// lie between the end of the warm-up and the horizon, each a tenth of its
// length after the one before, and the last one ends at the horizon (see
// sliding). In a run that ended early those count that were over by then.
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
func (m *Measured) Window(a record.Assertion) (Window, error) {
	for _, w := range m.windows {
		if w.Selector == a.Selector && w.Check == a.Check && w.Over == a.Over {
			return w.Window, w.unsupported
		}
	}
	return Window{}, errors.New("it is not one of the record's assertions, and windows are of these only")
}

// window is a Window while observations come in.
type window struct {
	Window
	*sliding
	unsupported error
}

// BySojourn returns the same assertion about sojourn (done − intended) of one about
// latency (done − sent), false of any other.
func BySojourn(a record.Assertion) (record.Assertion, bool) {
	rest, ok := strings.CutPrefix(a.Selector, "latency")
	a.Selector, a.AbortOnFail = "sojourn"+rest, false
	return a, ok
}

// newWindows makes a window for each assertion of the manifest that wants one.
func newWindows(m *record.Manifest, p *record.Phases) ([]*window, error) {
	var out []*window
	asserts := slices.Clone(m.Asserts)
	for _, a := range m.Asserts {
		if b, ok := BySojourn(a); ok && m.Clock == "real" {
			asserts = append(asserts, b)
		}
	}
	for _, a := range asserts {
		if a.Over <= 0 {
			continue
		}
		s, err := newSelection(a)
		if err != nil {
			return nil, err
		}
		w := &window{Window: Window{Selector: a.Selector, Check: a.Check, Over: a.Over}, sliding: newSliding(s, m, p, a.Over, 0)}
		w.looked = w.judge
		if !s.metric.PerRequest {
			w.unsupported = fmt.Errorf("%s is known of the whole run only: leave out over", s.sel.Metric)
		}
		out = append(out, w)
	}
	return out, nil
}

func (w *window) judge(l Look) {
	if w.unsupported != nil {
		return
	}
	w.Evaluated += l.Times
	if l.Holds {
		return
	}
	if w.Failed == 0 {
		w.Observed, w.From = l.Observed(), l.From
	}
	w.Failed += l.Times
}

// Monitor looks at the assertions with AbortOnFail while a run goes on. Its
// memory does not grow with the run.
type Monitor struct {
	warmup  int64
	order   *order
	phases  *record.Phases
	watched []*sliding
}

// looksPerRun is how often a run is looked at, at most.
const looksPerRun = 1000

// lookEvery returns how much of a run's time lies between two looks: every second, but at
// least ten times and at most looksPerRun times.
func lookEvery(horizon time.Duration) time.Duration {
	return max(min(time.Second, horizon/10), horizon/looksPerRun)
}

// NewMonitor makes the Monitor of a run with that manifest. looked is told each look, with the
// number of the assertion: at those with Over the one at each window's end,
// at others those since the warm-up, up to fixed instants. None comes before
// DelayAbortEval. nil: there is nothing to watch.
func NewMonitor(m record.Manifest, looked func(assertion int, l Look)) (*Monitor, error) {
	w := &Monitor{warmup: m.Warmup.Nanoseconds(), order: newOrder(&m), phases: record.NewPhases(m.Faults)}
	for i, a := range m.Asserts {
		if !a.AbortOnFail {
			continue
		}
		s, err := newSelection(a)
		if err != nil {
			return nil, err
		}
		one := newSliding(s, &m, w.phases, a.Over, lookEvery(m.Horizon))
		one.notBefore = a.DelayAbortEval.Nanoseconds()
		one.looked = func(l Look) { looked(i, l) }
		w.watched = append(w.watched, one)
	}
	if len(w.watched) == 0 {
		return nil, nil
	}
	return w, nil
}

// Observe takes the observations of a run as they come. It keeps nothing of o.
func (w *Monitor) Observe(o *record.Observation) {
	if o.Intended < w.warmup {
		return
	}
	at := outcomeOf(o, w.order, w.phases)
	for _, one := range w.watched {
		one.observe(o, at)
	}
}
