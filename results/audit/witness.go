package audit

import (
	"math"
	"slices"
	"time"

	"github.com/quotalab/quotalab/models/limits"
	"github.com/quotalab/quotalab/results/record"
)

// witness audits one limiter in real time: it saw when requests were sent
// and when they were done, but nothing between.
type witness struct {
	spec   record.Limiter
	run    *realRun
	keys   *keys[*bounds]
	limits map[string]*limitTally
	out    Limiter
	unsure int64 // allowed requests that some order makes over
}

// certainIn are the algorithms whose admissions have the envelope burst + d/T
// in every window, and no other state.
var certainIn = []string{"gcra", "gcra_float", "token_bucket"}

func newWitness(spec record.Limiter, run *realRun) (*witness, error) {
	w := &witness{spec: spec, run: run, limits: map[string]*limitTally{}, out: Limiter{Name: spec.Name, Algorithm: spec.Algorithm}}
	if spec.Algorithm == "" {
		return w, nil
	}
	if !slices.Contains(certainIn, spec.Algorithm) && slices.Contains(limits.Algorithms(), spec.Algorithm) {
		w.out.Unknown = "nothing is certain in real time of " + spec.Algorithm + ", only of GCRA and token bucket: run it in virtual time"
		return w, nil
	}
	var err error
	w.keys, err = newKeys(spec, func(l limits.Limit) (func() *bounds, error) {
		r, err := newRate(spec.Algorithm, l, spec.Resolution)
		return func() *bounds { return newBounds(r) }, err
	})
	for _, l := range spec.Limits {
		t := &limitTally{}
		t.group = t
		w.limits[l.Name] = t
	}
	return w, err
}

// send makes a flight of an observation; nil if there is nothing to judge.
func (w *witness) send(o *record.Observation) (*flight, error) {
	if w.keys == nil {
		return nil, nil
	}
	f := w.run.newFlight(o)
	f.witness, f.measured = w, o.Intended >= w.run.warmup
	if !f.decided() {
		if !mayTake(o) {
			return nil, nil
		}
		if f.measured {
			w.out.Uncertain++
		}
	}
	for i := range o.Takes {
		if err := w.hold(f, o, i); err != nil {
			return nil, err
		}
	}
	for i := range f.holds {
		f.holds[i].send(f)
	}
	return f, nil
}

func (w *witness) hold(f *flight, o *record.Observation, i int) error {
	t := &o.Takes[i]
	b, err := w.keys.of(t.Limit, t.Key)
	if err != nil {
		return err
	}
	h := hold{bounds: b, limit: w.limits[t.Limit], tokens: float64(max(t.Cost, 0)), takes: t.Mode == record.TakeMode, checks: t.Mode == record.CheckMode}
	if t.Cost < 0 {
		h.tokens = math.Inf(1) // the oracle never allows it
	}
	h.again = !h.checks && h.tokens <= b.burst && w.run.again(o, t)
	h.spends = !h.checks && h.tokens <= b.burst && !f.denied()
	h.unlike = len(o.Takes) > 1 || t.Mode == record.SpendMode
	if i > 0 {
		h.limit.join(w.limits[o.Takes[0].Limit], slices.ContainsFunc(o.Takes[:i], func(u record.Take) bool { return u.Limit == t.Limit }))
		b.partial = b.partial || w.run.sampled
	}
	f.holds = append(f.holds, h)
	return nil
}

// end is when a flight can do no more; if that is a decision, it is judged.
func (w *witness) end(f *flight, now float64) {
	for i := range f.holds {
		f.holds[i].end(f, now)
	}
	switch {
	case f.allowed():
		w.judgeAllowed(f)
		w.give(f)
	case f.denied():
		w.judgeDenied(f)
	}
	if f.decided() {
		for i := range f.holds {
			f.holds[i].forget(now - w.run.longest)
		}
	}
}

// give notes tokens that were given.
func (w *witness) give(f *flight) {
	for i := range f.holds {
		if h := &f.holds[i]; !h.checks && !math.IsInf(h.tokens, 1) {
			h.given.add(h.envelope, f.sent, h.tokens)
			if f.measured {
				h.worst = max(h.worst, h.given.until(h.envelope)-f.done-h.envelope.full)
			}
		}
	}
}

// countRetry compares the wait that a denied client was told with those that
// the oracle tells in one order or another.
func (w *witness) countRetry(f *flight) {
	least, most := 0.0, 0.0
	for i := range f.holds {
		switch h := &f.holds[i]; {
		case h.over > 0 || h.under > 0:
			return
		case h.takes || h.checks:
			least, most = max(least, whole(h.excess)), max(most, whole(h.early))
		}
	}
	if f.retry < 0 || math.IsInf(most, 1) {
		return
	}
	w.out.RetryKnown++
	if slack := float64(w.spec.Resolution / time.Nanosecond); f.retry < least-slack || f.retry > most+slack {
		w.out.WrongRetry++
	}
}

func (w *witness) finish() Limiter {
	if w.keys == nil {
		return w.out
	}
	w.keys.summarise(&w.out, func(b *bounds) (Offender, bool) {
		return Offender{Over: b.over, Under: b.under, Excess: b.excess()}, b.seen
	})
	joint := w.joint()
	w.out.Over += joint
	w.out.Ambiguous += max(0, w.unsure-joint)
	return w.out
}
