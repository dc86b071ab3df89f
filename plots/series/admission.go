package series

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/quotalab/quotalab/models/limits"
	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// How many keys are shown of a limiter: of those that it gave too much, or
// else of the busiest.
const (
	mostOver = 4
	mostBusy = 2
)

// windowsAtOnce are allocated together: one is needed for each key.
const windowsAtOnce = 256

type limitKey struct{ limit, key string }

// allowance follows what one limiter admitted.
type allowance struct {
	spec    record.Limiter
	table   *record.LimitTable
	real    bool
	end     float64                        // of the measured time, ns
	slopes  map[record.Limit]*limits.Slope // by the numbers of a limit
	windows map[string][]*window           // by limit, then the key's number − 1; nil: it was given nothing
	room    []window                       // for further ones
	watched []audit.Offender
	curves  map[limitKey]*curve
	excess  *excess
}

// newAllowance is nil if it cannot be known what the limiter should have
// admitted.
func newAllowance(m *record.Manifest, l record.Limiter, a *audit.Result, s *summary.Measured, at intervals) *allowance {
	judged, ok := a.Find(l.Name)
	sampled := slices.ContainsFunc(s.SampledAudit, func(one summary.SampledAudit) bool { return one.Limiter == l.Name })
	if !ok || !judged.Audited() || len(l.Changes) > 0 || judged.Compared == 0 || !m.Whole() && !sampled {
		return nil
	}
	w := &allowance{spec: l, table: l.Table(), real: m.Clock == "real", end: float64(at.end), slopes: map[record.Limit]*limits.Slope{}, windows: map[string][]*window{},
		watched: worth(&judged, s), curves: map[limitKey]*curve{}, excess: newExcess(at, float64(l.Resolution))}
	for _, o := range w.watched {
		w.curves[limitKey{o.Limit, o.Key}] = newCurve()
	}
	return w
}

// worth lists the keys that are worth looking at: those that were given most above burst + t/T, or else
// the busiest.
func worth(l *audit.Limiter, s *summary.Measured) (keys []audit.Offender) {
	for _, o := range l.Offenders {
		if o.Over > 0 || o.Excess > 0 {
			keys = append(keys, o)
		}
	}
	listed := func(o audit.Offender) bool { return o.Limit == l.Worst.Limit && o.Key == l.Worst.Key }
	if l.Worst.Excess > 0 && !slices.ContainsFunc(keys, listed) {
		keys = append(keys, audit.Offender{Limit: l.Worst.Limit, Key: l.Worst.Key, Excess: l.Worst.Excess})
	}
	slices.SortStableFunc(keys, func(a, b audit.Offender) int {
		return cmp.Or(cmp.Compare(b.Excess, a.Excess), cmp.Compare(b.Over, a.Over))
	})
	if len(keys) > 0 {
		return keys[:min(len(keys), mostOver)]
	}
	busiest, _ := s.Busiest(l.Name)
	for _, k := range busiest[:min(len(busiest), mostBusy)] {
		keys = append(keys, audit.Offender{Limit: k.Limit, Key: k.Key})
	}
	return keys
}

// observe passes on what the observation gave, if it gave any.
func (w *allowance) observe(o *record.Observation, measured bool, to *effects) error {
	if o.Decision != record.Allowed && o.Decision != record.FailOpen {
		return nil
	}
	one := effect{at: o.Effect, order: o.Order, seq: o.Seq, sent: o.Sent, now: o.Judged, measured: measured, of: w}
	if one.at < 0 { // it reached no key, or time is real
		one.at = o.Done
	}
	if one.now < 0 || w.real {
		one.now = one.at
	}
	for i := range o.Takes {
		t := &o.Takes[i]
		if t.Mode == record.CheckMode || w.real && t.Mode == record.SpendMode {
			continue // takes nothing, or perhaps nothing
		}
		var err error
		if one.window, err = w.of(t); err != nil {
			return fmt.Errorf("observation %d: %w", o.Seq, err)
		}
		one.cost, one.ifRoom = t.Cost, t.Mode == record.SpendMode
		to.add(one, o.Done)
	}
	return nil
}

// of returns the window of a take's key.
func (w *allowance) of(t *record.Take) (*window, error) {
	list, n := w.windows[t.Limit], int(t.Number)-1
	if n < len(list) && list[n] != nil {
		return list[n], nil
	}
	l, ok := w.table.For(t.Limit, t.Key)
	if !ok {
		return nil, fmt.Errorf("limit %q of %s is not in the manifest", t.Limit, w.spec.Name)
	}
	for len(list) <= n {
		list = append(list, nil)
	}
	if len(w.room) == 0 {
		w.room = make([]window, windowsAtOnce)
	}
	list[n], w.room = &w.room[0], w.room[1:]
	*list[n] = newWindow(w.slopeOf(l))
	list[n].curve = w.curves[limitKey{t.Limit, t.Key}]
	w.windows[t.Limit] = list
	return list[n], nil
}

func (w *allowance) slopeOf(l record.Limit) *limits.Slope {
	numbers := record.Limit{Count: l.Count, Period: l.Period, Burst: l.Burst}
	if w.slopes[numbers] == nil {
		w.slopes[numbers] = newSlope(l)
	}
	return w.slopes[numbers]
}

// admit counts what took effect.
func (e *effect) admit() {
	var ns float64
	if e.ifRoom && !e.window.Fits(e.now, e.cost) {
		return // what only spends does so where there is room
	}
	if e.of.real {
		ns = e.window.admitBetween(e.sent, e.now, e.cost, e.measured)
	} else {
		ns = e.window.admit(e.now, e.cost, e.measured)
	}
	if e.measured {
		e.of.excess.add(e.window, e.now, ns)
	}
}

// series returns what was admitted, when all effects are in.
func (w *allowance) series() Admission {
	out := Admission{Limiter: w.spec.Name, ExcessOverTime: w.excess.series()}
	for _, o := range w.watched {
		if k, ok := w.key(o); ok {
			out.Keys = append(out.Keys, k)
		}
	}
	return out
}

// key is false if nothing was given to it.
func (w *allowance) key(o audit.Offender) (KeyAdmission, bool) {
	l, _ := w.table.For(o.Limit, o.Key)
	worst, s := w.curves[limitKey{o.Limit, o.Key}].worstWindow(), w.slopeOf(l)
	k := KeyAdmission{Limit: o.Limit, Key: o.Key, Count: l.Count, Burst: l.Burst, Period: l.Period.Seconds(), Over: o.Over, Excess: o.Excess,
		From: worst.start / 1e9, Admitted: worst.steps(w.end)}
	if len(k.Admitted) == 0 {
		return k, false
	}
	until := math.Max(k.Admitted[len(k.Admitted)-1].X, s.Interval/1e9)
	k.Envelope = []Point{{0, s.Burst}, {until, s.Burst + until*1e9/s.Interval}}
	return k, true
}

// excess finds the most that any key of a limiter was given above its envelope
// in windows that end in an interval. Admissions come in order.
type excess struct {
	at       intervals
	least    float64                   // ns: the limiter's clock may give away as much
	most     []float64                 // tokens, by interval
	interval int                       // the last that something is known of
	ahead    map[*limits.Slope]float64 // where the worst window of the keys of a limit has its end
}

func newExcess(at intervals, resolution float64) *excess {
	return &excess{at: at, least: resolution, most: make([]float64, at.n), ahead: map[*limits.Slope]float64{}}
}

// add counts an admission at t after which the key's window is w and exceeds the
// envelope by that many ns.
func (e *excess) add(w *window, t int64, ns float64) {
	e.pass(e.at.of(t))
	e.note(e.interval, w.Slope, ns)
	if a, ok := e.ahead[w.Slope]; !ok || w.Ahead > a {
		e.ahead[w.Slope] = w.Ahead
	}
}

// pass goes by the beginnings of intervals up to i: there windows end that hold as
// much as before.
func (e *excess) pass(i int) {
	for e.interval < i {
		e.interval++
		for s, ahead := range e.ahead {
			e.note(e.interval, s, ahead-float64(e.at.start(e.interval))-s.Burst*s.Interval)
		}
	}
}

func (e *excess) note(i int, s *limits.Slope, ns float64) {
	if ns > e.least {
		e.most[i] = max(e.most[i], ns/s.Interval)
	}
}

// series returns the excess up to the end.
func (e *excess) series() []Point {
	e.pass(e.at.n - 1)
	out := make([]Point, len(e.most))
	for i, tokens := range e.most {
		out[i] = Point{float64(e.at.start(i)) / 1e9, tokens}
	}
	return out
}
