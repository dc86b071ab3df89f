package audit

import (
	"fmt"
	"iter"

	"github.com/quotalab/quotalab/results/record"
)

// replayReal audits a record of real time. It is one pass over the instants
// at which requests were sent and at which they were done, in their order; at
// the same instant they are sent first, since of those it is not known which
// was before the other.
func replayReal(m record.Manifest, bySent iter.Seq2[*record.Observation, error]) (*Result, error) {
	run := newRealRun(&m)
	witnesses := make([]*witness, len(m.Limiters))
	byName := make(map[string]*witness, len(m.Limiters))
	for i, l := range m.Limiters {
		w, err := newWitness(l, run)
		if err != nil {
			return nil, fmt.Errorf("auditing %s: %w", l.Name, err)
		}
		witnesses[i], byName[l.Name] = w, w
	}
	for o, err := range bySent {
		if err != nil {
			return nil, fmt.Errorf("auditing: %w", err)
		}
		w, ok := byName[o.Limiter]
		switch {
		case o.Decision == record.Dropped:
			continue // and belongs to no limiter
		case !ok:
			return nil, fmt.Errorf("auditing: observation %d is of limiter %q, which the manifest does not list", o.Seq, o.Limiter)
		case o.Sent < 0 || o.Done < o.Sent:
			return nil, fmt.Errorf("auditing: %w: observation %d was sent at %d and done at %d", record.ErrDamaged, o.Seq, o.Sent, o.Done)
		}
		run.land(float64(o.Sent))
		f, err := w.send(o)
		if err != nil {
			return nil, fmt.Errorf("auditing %s, observation %d: %w", o.Limiter, o.Seq, err)
		}
		if f != nil {
			run.push(f)
		}
	}
	run.landAll()
	result := &Result{}
	for _, w := range witnesses {
		result.Limiters = append(result.Limiters, w.finish())
	}
	return result, nil
}

// realRun is what the limiters of a run share.
type realRun struct {
	warmup  int64
	longest float64 // no request was under way for longer, ns
	sampled bool    // the record holds requests by their first key
	faults  []record.Fault

	flying []*flight // a heap: the next to end first
	landed []*flight // to be used again
}

func newRealRun(m *record.Manifest) *realRun {
	return &realRun{warmup: m.Warmup.Nanoseconds(), longest: float64(m.MaxSettle), sampled: !m.Whole(), faults: m.Faults}
}

// flight is a request that is under way.
type flight struct {
	witness         *witness
	decision        record.Decision
	sent, done, end float64 // end: when it can take tokens no more
	retry           float64
	seq             int64
	measured        bool
	holds           []hold
}

func (r *realRun) newFlight(o *record.Observation) *flight {
	var f *flight
	if n := len(r.landed); n > 0 {
		f, r.landed = r.landed[n-1], r.landed[:n-1]
	} else {
		f = new(flight)
	}
	*f = flight{decision: o.Decision, sent: float64(o.Sent), done: float64(o.Done), retry: float64(o.RetryAfter), seq: o.Seq, holds: f.holds[:0]}
	f.end = f.done
	if !f.decided() {
		f.end = r.lastEffect(o)
	}
	return f
}

func (f *flight) allowed() bool { return f.decision == record.Allowed }
func (f *flight) denied() bool  { return f.decision == record.Denied }
func (f *flight) decided() bool { return f.allowed() || f.denied() }

// one is 1 if it counts: not in the warm-up.
func (f *flight) one() int64 {
	if f.measured {
		return 1
	}
	return 0
}

// takesTokens tells whether it does more than check.
func (f *flight) takesTokens() bool {
	for i := range f.holds {
		if !f.holds[i].checks {
			return true
		}
	}
	return false
}

// land ends the flights that end before now.
func (r *realRun) land(now float64) {
	for len(r.flying) > 0 && r.flying[0].end < now {
		r.landNext()
	}
}

func (r *realRun) landAll() {
	for len(r.flying) > 0 {
		r.landNext()
	}
}

func (r *realRun) landNext() {
	f := r.pop()
	f.witness.end(f, f.end)
	r.landed = append(r.landed, f)
}

func (f *flight) before(g *flight) bool { return f.end < g.end || f.end == g.end && f.seq < g.seq }

func (r *realRun) push(f *flight) {
	r.flying = append(r.flying, f)
	h := r.flying
	for i := len(h) - 1; i > 0 && h[i].before(h[(i-1)/2]); i = (i - 1) / 2 {
		h[i], h[(i-1)/2] = h[(i-1)/2], h[i]
	}
}

func (r *realRun) pop() *flight {
	h := r.flying
	first, last := h[0], len(h)-1
	h[0], h[last] = h[last], nil
	h = h[:last]
	r.flying = h
	for i := 0; ; {
		child := 2*i + 1
		if child+1 < last && h[child+1].before(h[child]) {
			child++
		}
		if child >= last || !h[child].before(h[i]) {
			return first
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}
