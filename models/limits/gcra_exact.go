package limits

import "time"

// GCRA with the emission interval not rounded: T = Period/Count exactly. It
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
