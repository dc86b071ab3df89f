package plan

import (
	"iter"
	"math"
	"math/rand/v2"
	"time"

	"github.com/quotalab/quotalab/models/keys"
	"github.com/quotalab/quotalab/models/traffic"
	"github.com/quotalab/quotalab/scenarios"
)

// Event is one arrival. Its Keys and Costs belong to the Arrivals and hold until
// the next call.
type Event struct {
	At     int64 // nanoseconds after the epoch
	Source int
	N      int64 // number of the arrival within its source
	Keys   []uint64
	Costs  []int64 // by take of the source
	hosts  []uint64
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
	a.event.Keys, a.event.hosts = a.event.Keys[:0], a.event.hosts[:0]
	if source.trace != nil {
		a.event.Keys = append(a.event.Keys, uint64(source.trace.key[first.n]))
	}
	for _, root := range source.roots {
		a.event.Keys = append(a.event.Keys, a.samplers[root].Pick(time.Duration(first.at), first.rng))
		host := uint64(0)
		if a.plan.populations[root].hosts {
			host = first.hosts.Uint64()
		}
		a.event.hosts = append(a.event.hosts, host)
	}
	a.event.Costs = a.event.Costs[:0]
	for i := range source.Takes {
		a.event.Costs = append(a.event.Costs, source.Takes[i].Cost.Draw(first.costs))
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
	return p.populations[t.population].key(ids[t.root], e.hosts[t.root])
}

// UserBits is the length of the range of addresses that stands for a user in the
// source's keys; 0: each key is a user.
func (p *Plan) UserBits(s *Source) int {
	for _, t := range s.Takes {
		if t.population >= 0 && p.populations[t.population].keys != nil && p.populations[t.population].hosts {
			return userBits
		}
	}
	return 0
}

// cursor stands at a source's next arrival.
type cursor struct {
	source int
	at     int64
	n      int64
	ok     bool
	rng    *rand.Rand // for keys
	costs  *rand.Rand
	hosts  *rand.Rand

	trace []int64
	chunk []time.Duration
	more  func() ([]time.Duration, bool)
	stop  func()
	next  int
}

func newCursor(p *Plan, i int) *cursor {
	s := &p.Sources[i]
	c := &cursor{source: i, n: -1, rng: p.Stream("traffic/" + s.Name + "/keys"), costs: p.Stream("traffic/" + s.Name + "/costs"), hosts: p.Stream("traffic/" + s.Name + "/hosts"), stop: func() {}}
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

// curve compiles a growth pattern that begins at the epoch.
func curve(r scenarios.RatePattern, epoch time.Time) (traffic.Curve, error) {
	switch {
	case r.Constant != nil:
		return traffic.Constant(float64(*r.Constant))
	case r.Ramp != nil:
		return traffic.Ramp(float64(r.Ramp.From), float64(r.Ramp.To), time.Duration(r.Ramp.Over))
	case r.Exponential != nil:
		return exponential(*r.Exponential)
	case r.Logistic != nil:
		return traffic.Logistic(float64(r.Logistic.From), float64(r.Logistic.To), time.Duration(r.Logistic.Midpoint))
	case r.Steps != nil:
		return steps(r.Steps)
	case r.Diurnal != nil:
		d := r.Diurnal
		return traffic.Diurnal(float64(d.Mean), float64(d.Amplitude), float64(d.PeakHour), float64(d.Weekend), epoch)
	case r.Spike != nil:
		p := r.Spike
		return traffic.Spike(float64(p.Base), float64(p.Peak), time.Duration(p.At), time.Duration(p.Rise), time.Duration(p.Hold), time.Duration(p.Decay))
	case r.OnOff != nil:
		o := r.OnOff
		return traffic.OnOff(float64(o.On), float64(o.Off), time.Duration(o.OnFor), time.Duration(o.OffFor))
	case r.Herd != nil:
		return traffic.Herd(int(r.Herd.Size), time.Duration(r.Herd.Every), time.Duration(r.Herd.Jitter))
	case r.Then != nil:
		return then(r.Then, epoch)
	default:
		return compound(r, epoch)
	}
}

func exponential(e scenarios.ExpGrowth) (traffic.Curve, error) {
	var growth float64
	if e.Doubling != nil {
		growth = math.Ln2 / time.Duration(*e.Doubling).Seconds()
	} else if e.Growth != nil {
		growth = float64(*e.Growth)
	}
	return traffic.Exponential(float64(e.From), growth, time.Duration(e.Over))
}

func steps(list []scenarios.Step) (traffic.Curve, error) {
	out := make([]traffic.Step, len(list))
	for i, s := range list {
		out[i] = traffic.Step{Rate: float64(s.Rate), For: time.Duration(s.For)}
	}
	return traffic.Steps(out)
}

func then(list []scenarios.ThenPattern, epoch time.Time) (traffic.Curve, error) {
	parts := make([]traffic.Part, len(list))
	start := time.Duration(0)
	for i, t := range list {
		c, err := curve(t.Rate, epoch.Add(start))
		if err != nil {
			return nil, err
		}
		parts[i] = traffic.Part{Curve: c, For: time.Duration(t.For)}
		start += time.Duration(t.For)
	}
	return traffic.Then(parts)
}

// compound compiles sum and product.
func compound(r scenarios.RatePattern, epoch time.Time) (traffic.Curve, error) {
	var curves []traffic.Curve
	for _, part := range append(append([]scenarios.RatePattern{}, r.Sum...), r.Product...) {
		c, err := curve(part, epoch)
		if err != nil {
			return nil, err
		}
		curves = append(curves, c)
	}
	if r.Product != nil {
		return traffic.Product(curves...)
	}
	return traffic.Sum(curves...)
}

func gaps(g scenarios.Gaps) (traffic.Gaps, error) {
	switch {
	case g.Even:
		return traffic.Even(), nil
	case g.Gamma != nil:
		return traffic.Gamma(float64(g.Gamma.CV))
	case g.Pareto != nil:
		return traffic.Pareto(float64(g.Pareto.Alpha))
	default:
		return traffic.Poisson(), nil
	}
}

// retry compiles a client's reaction to a denial.
func retry(r scenarios.Reaction) *Retry {
	if r.Retry == nil {
		return nil
	}
	out := &Retry{MaxAttempts: int(r.Retry.MaxAttempts)}
	switch {
	case r.Retry.Fixed != nil:
		wait := time.Duration(*r.Retry.Fixed)
		out.Wait = func(int, time.Duration, *rand.Rand) (time.Duration, bool) { return wait, true }
	case r.Retry.Exponential != nil:
		out.Wait = backoff(*r.Retry.Exponential)
	default:
		out.Wait = func(_ int, retryAfter time.Duration, _ *rand.Rand) (time.Duration, bool) {
			return retryAfter, retryAfter >= 0 // a limiter that does not say when leaves nothing to wait for
		}
	}
	return out
}

// backoff waits base·2ⁿ before retry n (from 0), at most longest; the share
// jitter of the wait is random.
func backoff(b scenarios.RetryBackoff) func(int, time.Duration, *rand.Rand) (time.Duration, bool) {
	base, longest, jitter := float64(b.Base), float64(b.Max), float64(b.Jitter)
	return func(attempt int, _ time.Duration, rng *rand.Rand) (time.Duration, bool) {
		wait := math.Min(math.Ldexp(base, attempt), longest)
		return time.Duration(wait * (1 - float64(jitter*rng.Float64()))), true
	}
}
