package plan

import (
	"iter"
	"math/rand/v2"
	"time"

	"github.com/quotalab/quotalab/models/keys"
	"github.com/quotalab/quotalab/models/traffic"
)

// Event is one arrival. Its Keys belong to the Arrivals and hold until the
// next call.
type Event struct {
	At     int64 // nanoseconds after the epoch
	Source int
	N      int64 // number of the arrival within its source
	Keys   []uint64
}

// Arrivals is the sequence of all arrivals of a Plan, in the order of their
// instants; at one instant, in the order of the sources. It depends on the
// plan alone.
type Arrivals struct {
	plan     *Plan
	cursors  []*cursor
	samplers []keys.Sampler // by population; sources share what a population remembers
	event    Event
}

// Arrivals begins the sequence. Close it.
func (p *Plan) Arrivals() *Arrivals {
	a := &Arrivals{plan: p, samplers: make([]keys.Sampler, len(p.populations))}
	for i, s := range p.Sources {
		c := newCursor(p, i)
		a.cursors = append(a.cursors, c)
		for _, root := range s.roots {
			if a.samplers[root] == nil {
				a.samplers[root] = p.populations[root].keys.Sampler()
			}
		}
	}
	return a
}

// Close frees the sequence's coroutines.
func (a *Arrivals) Close() {
	for _, c := range a.cursors {
		c.stop()
	}
}

// Next returns the next arrival, or false at the end.
func (a *Arrivals) Next() (*Event, bool) {
	var first *cursor
	for _, c := range a.cursors {
		if c.ok && (first == nil || c.at < first.at) {
			first = c
		}
	}
	if first == nil {
		return nil, false
	}
	source := &a.plan.Sources[first.source]
	a.event.At, a.event.Source, a.event.N = first.at, first.source, first.n
	a.event.Keys = a.event.Keys[:0]
	if source.trace != nil {
		a.event.Keys = append(a.event.Keys, uint64(source.trace.key[first.n]))
	}
	for _, root := range source.roots {
		a.event.Keys = append(a.event.Keys, a.samplers[root].Pick(time.Duration(first.at), first.rng))
	}
	first.advance()
	return &a.event, true
}

// Key writes out the key of one take of an arrival.
func (p *Plan) Key(e *Event, take int) string {
	source := &p.Sources[e.Source]
	t := source.Takes[take]
	ids := e.Keys
	if source.trace != nil {
		if t.population < 0 {
			return source.trace.names[ids[0]]
		}
		ids = ids[1:]
	}
	return p.populations[t.population].key(ids[t.root])
}

// cursor stands at a source's next arrival.
type cursor struct {
	source int
	at     int64
	n      int64
	ok     bool
	rng    *rand.Rand // for keys

	trace []int64
	chunk []time.Duration
	more  func() ([]time.Duration, bool)
	stop  func()
	next  int
}

func newCursor(p *Plan, i int) *cursor {
	s := &p.Sources[i]
	c := &cursor{source: i, n: -1, rng: p.Stream("traffic/" + s.Name + "/keys"), stop: func() {}}
	if s.trace != nil {
		c.trace = s.trace.at
	} else {
		c.more, c.stop = iter.Pull(chunks(traffic.Times(s.curve, s.gaps, p.Stream("traffic/"+s.Name+"/gaps"), p.Horizon)))
	}
	c.advance()
	return c
}

func (c *cursor) advance() {
	c.n++
	if c.more == nil {
		if c.ok = c.n < int64(len(c.trace)); c.ok {
			c.at = c.trace[c.n]
		}
		return
	}
	if c.next == len(c.chunk) {
		if c.chunk, c.ok = c.more(); !c.ok {
			return
		}
		c.next = 0
	}
	c.at, c.ok = int64(c.chunk[c.next]), true
	c.next++
}

// chunks hands a sequence on in pieces: switching coroutines once an arrival
// would cost more than making the arrival.
func chunks(seq iter.Seq[time.Duration]) iter.Seq[[]time.Duration] {
	return func(yield func([]time.Duration) bool) {
		buf := make([]time.Duration, 0, 512)
		for t := range seq {
			if buf = append(buf, t); len(buf) == cap(buf) {
				if !yield(buf) {
					return
				}
				buf = buf[:0]
			}
		}
		if len(buf) > 0 {
			yield(buf)
		}
	}
}
