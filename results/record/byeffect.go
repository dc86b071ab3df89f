package record

import (
	"fmt"
	"iter"
)

// ByEffect yields all observations in the order in which they took effect:
// by (Effect, Order), and by Done where no command reached a key. Memory is
// that of the observations within Manifest.MaxSettle of one another. The
// pointer is valid until the next step. Errors are those of Observations.
func (r *Reader) ByEffect() iter.Seq2[*Observation, error] {
	return r.sorted((*Observation).instant, "took effect")
}

// BySent yields all observations in the order in which they were sent, and
// dropped ones where they were due. It is for records of real time, as
// ByEffect is for those of virtual time.
func (r *Reader) BySent() iter.Seq2[*Observation, error] {
	return r.sorted((*Observation).begun, "was sent")
}

// sorted yields all observations by (at, Order, Seq).
func (r *Reader) sorted(at func(*Observation) int64, what string) iter.Seq2[*Observation, error] {
	return func(yield func(*Observation, error) bool) {
		q := &queue{}
		latest := int64(0)
		for o, err := range r.Observations() {
			if err != nil {
				yield(nil, err)
				return
			}
			if behind := latest - at(o); r.manifest.MaxSettle < behind {
				yield(nil, fmt.Errorf("%s: %w: observation %d %s %d ns before an earlier one was done, maxSettleNanoseconds is %d",
					r.dir, ErrDamaged, o.Seq, what, behind, r.manifest.MaxSettle))
				return
			}
			latest = max(latest, o.Done)
			q.push(o, at(o))
			for q.len() > 0 && q.heap[0].at < latest-r.manifest.MaxSettle {
				if !yield(q.pop(), nil) {
					return
				}
			}
		}
		for q.len() > 0 {
			if !yield(q.pop(), nil) {
				return
			}
		}
	}
}

// queue is a binary heap of copied observations. The entries hold the keys
// themselves: sifting then reads one cache line a level, and needs neither
// container/heap's interface calls nor the observations.
type queue struct {
	heap []entry
	free []*Observation
}

type entry struct {
	at, order, seq int64
	o              *Observation
}

func (e *entry) before(f *entry) bool {
	if e.at != f.at {
		return e.at < f.at
	}
	if e.order != f.order {
		return e.order < f.order
	}
	return e.seq < f.seq
}

func (q *queue) len() int { return len(q.heap) }

func (q *queue) push(o *Observation, at int64) {
	q.heap = append(q.heap, entry{at, o.Order, o.Seq, q.copy(o)})
	h := q.heap
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h[i].before(&h[parent]) {
			break
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
}

// pop returns the first; it is valid until the next push.
func (q *queue) pop() *Observation {
	h := q.heap
	o := h[0].o
	last := len(h) - 1
	h[0], h[last] = h[last], entry{}
	h = h[:last]
	q.heap = h
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			break
		}
		if child+1 < last && h[child+1].before(&h[child]) {
			child++
		}
		if !h[child].before(&h[i]) {
			break
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
	q.free = append(q.free, o)
	return o
}

func (q *queue) copy(o *Observation) *Observation {
	c := &Observation{}
	if n := len(q.free); n > 0 {
		c, q.free = q.free[n-1], q.free[:n-1]
	}
	takes, touched := c.Takes[:0], c.Touched[:0]
	*c = *o
	c.Takes, c.Touched = append(takes, o.Takes...), append(touched, o.Touched...)
	return c
}
