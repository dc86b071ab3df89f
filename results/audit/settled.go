package audit

import (
	"math"

	"github.com/quotalab/quotalab/models/heap"
	"github.com/quotalab/quotalab/models/limits"
	"github.com/quotalab/quotalab/results/record"
)

// concurrencyLimit is the algorithm whose takes are permits, which are held for a time.
const concurrencyLimit = "concurrency"

// reservations are the takes of one limiter that may still be settled. Those of a
// concurrency limit are permits, each held until it is returned or its lease ends.
type reservations struct {
	permits bool
	of      map[reserver]*reserved
	leases  heap.Heap[[2]int64, *reserved] // by when they end
	holds   map[*key]*limits.Holds
	events  int64 // so far; their order tells what was held at once, also at one instant
}

// reserver is who settles.
type reserver struct {
	traffic string
	arrival int64
	attempt int32
}

// reserved is what an admission took of a key.
type reserved struct {
	reserver
	key      *key
	permits  int64 // of the key
	spent    limits.Spent
	counts   *counts
	measured bool
	since    int64 // event
	returned bool
}

// reservationsOf returns those of a limiter, nil where nothing is settled.
func reservationsOf(spec record.Limiter, m *record.Manifest) *reservations {
	r := &reservations{permits: spec.Algorithm == concurrencyLimit, of: map[reserver]*reserved{}, holds: map[*key]*limits.Holds{}}
	for _, t := range m.Traffic {
		if t.Settles {
			return r
		}
	}
	if r.permits {
		return r
	}
	return nil
}

// reserve notes what an admission took.
func (a *auditor) reserve(o *record.Observation, t *record.Take, one reserved) {
	r := a.reservations
	one.reserver = reserver{o.Traffic, o.Arrival, o.Attempt}
	l, _ := a.keys.table.For(t.Limit, t.Key)
	one.permits, one.counts = l.Count, a.tally.cell(o, t.Limit)
	r.events++
	one.since = r.events
	kept := &one
	r.of[one.reserver] = kept
	if r.permits {
		r.leases.Push([2]int64{one.spent.At + int64(l.Period), r.events}, kept)
	}
}

// settle sets right what an admission took.
func (a *auditor) settle(o *record.Observation, now int64) {
	id := reserver{o.Traffic, o.Arrival, o.Attempt}
	one := a.reservations.of[id]
	if one == nil {
		return // its lease has ended
	}
	delete(a.reservations.of, id)
	if one.measured {
		a.tally.out.Settled++
	}
	one.key.promise.Correct(now, one.spent, o.Takes[0].Cost)
	if a.reservations.permits {
		a.end(one)
	}
}

// expire ends the permits whose lease ends by now.
func (a *auditor) expire(now int64) {
	r := a.reservations
	for len(r.leases) > 0 && r.leases[0].Key[0] <= now {
		one := r.leases.Pop().Value
		if one.returned {
			continue
		}
		delete(r.of, one.reserver)
		if one.measured {
			a.tally.out.Leaked++
		}
		a.end(one)
	}
}

// end ends the hold of a permit, and counts it if it is one too many.
func (a *auditor) end(one *reserved) {
	r := a.reservations
	one.returned = true
	h := r.holds[one.key]
	if h == nil {
		h = limits.NewHolds(one.permits)
		r.holds[one.key] = h
	}
	r.events++
	if !h.End(one.since, r.events) && one.measured {
		one.counts.over++
		one.key.note().over++
	}
}

// finishReservations ends what is held at the end of the run, and is no leak.
func (a *auditor) finishReservations() {
	if a.reservations == nil {
		return
	}
	a.expire(a.horizon)
	leaked := a.tally.out.Leaked
	a.expire(math.MaxInt64)
	a.tally.out.Leaked = leaked
}
