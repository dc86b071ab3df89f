package limits

import (
	"errors"
	"time"
)

// gcra is GCRA, the generic cell rate algorithm (ITU-T I.371 and ATM Forum TM 4.0,
// virtual scheduling), in whole nanoseconds with the semantics of Boulder's
// ratelimits/gcra.go.
//
// The state is one instant, TAT, the theoretical arrival time: when the
// bucket will be full if nothing else comes. With emission interval
// T = ⌊Period/Count⌋ the tokens missing at now are max(0, TAT − now)/T, so
// taking cost tokens moves it to
//
//	TAT' = max(now, TAT) + cost·T
//
// (max, because a bucket that has been full for long gains nothing more), and
// there was room if no more than Burst tokens are missing afterwards:
//
//	TAT' − now ≤ Burst·T,  that is  now ≥ TAT' − Burst·T.
//
// The boundary: if now ≥ TAT the condition reads cost ≤ Burst; if now < TAT it
// reads now ≥ TAT + cost·T − Burst·T. For cost ≤ Burst both hold exactly when
//
//	now ≥ b = TAT − (Burst − cost)·T.
//
// A refund of cost tokens moves TAT back by cost·T, but not before now, where
// the bucket is full. Remaining is ⌊(Burst·T − (TAT − now))/T⌋, and in debt
// rounded towards 0, as Go's division in Boulder does.
type gcra struct {
	*gcraLimit
	tat int64 // always: never spent
}

type gcraLimit struct{ interval, burst int64 }

func newGCRA(l Limit) (func() Bucket, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	interval := int64(l.EmissionInterval())
	if interval == 0 {
		return nil, errors.New("count exceeds the period's nanoseconds, so the emission interval rounds to 0: lower count, or use gcra_float")
	}
	shared := &gcraLimit{interval: interval, burst: l.Burst}
	return func() Bucket { return &gcra{shared, always} }, nil
}

func (g *gcra) boundary(cost int64) int64 {
	switch {
	case cost < 0 || cost > g.burst:
		return never
	case g.tat == always:
		return always
	}
	return satSub(g.tat, (g.burst-cost)*g.interval)
}

func (g *gcra) Peek(now, cost int64) Decision {
	d := at(now, g.boundary(cost))
	tat := max(now, g.tat)
	if d.Allowed {
		tat = satAdd(tat, cost*g.interval)
	}
	reset := satSub(tat, now)
	d.ResetAfter = time.Duration(reset)
	d.Remaining = (g.burst*g.interval - reset) / g.interval
	return d
}

func (g *gcra) Spend(now, cost int64) {
	if cost < 0 {
		return
	}
	g.tat = satAdd(max(now, g.tat), satMul(cost, g.interval))
}

func (g *gcra) Refund(now, cost int64) {
	if cost < 0 || g.tat <= now {
		return
	}
	g.tat = max(now, satSub(g.tat, satMul(cost, g.interval)))
}

func (g *gcra) Reset() { g.tat = always }

// exactGCRA is GCRA with the emission interval not rounded: T = Period/Count exactly. It
// is the reference for limiters that compute T in floating point, such as
// redis_rate's Lua script; the derivation is in gcra.go.
//
// No float is needed: cost·T = cost·Period/Count is a rational number with
// denominator Count, and so is every TAT. With now a whole number of
// nanoseconds, now ≥ b for a rational b is the same as now ≥ ⌈b⌉.
//
// The tokens missing at now are (TAT − now)·Count/Period; Remaining is Burst
// less these, rounded down.
type exactGCRA struct {
	*Limit
	tat exact // whole = always: never spent
}

func newExactGCRA(l Limit) (func() Bucket, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	return func() Bucket { return &exactGCRA{&l, exact{whole: always}} }, nil
}

// refill is the time in which n ≥ 0 tokens come back, n·Period/Count
// nanoseconds with denominator Count.
func (l *Limit) refill(n int64) exact {
	q, r := mulDiv(uint64(n), uint64(l.Period), 0, uint64(l.Count))
	return exact{q, r}
}

// missing is the tokens that come back in the time x ≥ 0 (denominator
// Count), x·Count/Period, rounded up.
func (l *Limit) missing(x exact) int64 {
	return up(mulDiv(uint64(x.whole), uint64(l.Count), uint64(x.part), uint64(l.Period)))
}

func (g *exactGCRA) boundary(cost int64) int64 {
	switch {
	case cost < 0 || cost > g.Burst:
		return never
	case g.tat.whole == always:
		return always
	}
	return g.tat.minus(g.refill(g.Burst-cost), g.Count).ceil()
}

func (g *exactGCRA) Peek(now, cost int64) Decision {
	d := at(now, g.boundary(cost))
	tat := g.base(now)
	if d.Allowed {
		tat = tat.plus(g.refill(cost), g.Count)
	}
	wait := tat.minus(exact{whole: now}, g.Count)
	d.ResetAfter = time.Duration(wait.ceil())
	d.Remaining = g.Burst - g.missing(wait)
	return d
}

// base is max(now, TAT).
func (g *exactGCRA) base(now int64) exact {
	if n := (exact{whole: now}); g.tat.less(n) {
		return n
	}
	return g.tat
}

func (g *exactGCRA) Spend(now, cost int64) {
	if cost < 0 {
		return
	}
	g.tat = g.base(now).plus(g.refill(cost), g.Count)
}

func (g *exactGCRA) Refund(now, cost int64) {
	if cost < 0 || g.tat.whole == always {
		return
	}
	full := exact{whole: now}
	if !full.less(g.tat) {
		return
	}
	if g.tat = g.tat.minus(g.refill(cost), g.Count); g.tat.less(full) {
		g.tat = full
	}
}

func (g *exactGCRA) Reset() { g.tat = exact{whole: always} }
