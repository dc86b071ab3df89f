package limits

import "time"

// Token bucket: a bucket of Burst tokens that is refilled continuously at the
// rate Count/Period; a request takes cost tokens, or is denied if there are
// fewer.
//
// The state is the tokens at the instant of the last change. With
// tokens = whole + part/Period, dt nanoseconds bring dt·Count/Period tokens,
// a rational number with the same denominator, so nothing is rounded:
//
//	tokens(now) = min(Burst, tokens + max(0, now − last)·Count/Period).
//
// An instant before the last change brings nothing and takes nothing back.
//
// The boundary: for cost ≤ Burst the cap does not matter, and tokens(now) ≥ cost
// if tokens ≥ cost at once, else when now − last ≥ (cost − tokens)·Period/Count:
//
//	b = last + ⌈(cost − tokens)·Period/Count⌉.
//
// As long as time does not go back it decides as the GCRA of the same exact
// rate, with tokens = Burst − max(0, TAT − now)·Count/Period; a test asserts it.
type tokenBucket struct {
	*Limit
	tokens exact // denominator Period
	last   int64
}

func newTokenBucket(l Limit) (func() Bucket, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	return func() Bucket { return &tokenBucket{&l, exact{whole: l.Burst}, always} }, nil
}

// level is tokens(now).
func (t *tokenBucket) level(now int64) exact {
	if now <= t.last {
		return t.tokens
	}
	q, r := mulDiv(uint64(now)-uint64(t.last), uint64(t.Count), 0, uint64(t.Period))
	level := t.tokens.plus(exact{q, r}, int64(t.Period))
	if full := (exact{whole: t.Burst}); full.less(level) {
		return full
	}
	return level
}

// wait is the time until the tokens grow from level to n, rounded up to a
// whole nanosecond; 0 if there are as many.
func (t *tokenBucket) wait(level exact, n int64) int64 {
	lack := exact{whole: n}.minus(level, int64(t.Period))
	if lack.whole < 0 {
		return 0
	}
	return up(mulDiv(uint64(lack.whole), uint64(t.Period), uint64(lack.part), uint64(t.Count)))
}

func (t *tokenBucket) boundary(cost int64) int64 {
	if cost < 0 || cost > t.Burst {
		return never
	}
	wait := t.wait(t.tokens, cost)
	if wait == 0 {
		return always
	}
	return satAdd(t.last, wait)
}

func (t *tokenBucket) Peek(now, cost int64) Decision {
	d := at(now, t.boundary(cost))
	level := t.level(now)
	if d.Allowed {
		level.whole -= cost
	}
	d.Remaining = level.whole
	if wait := t.wait(level, t.Burst); wait > 0 {
		d.ResetAfter = time.Duration(satSub(satAdd(max(now, t.last), wait), now))
	}
	return d
}

func (t *tokenBucket) Spend(now, cost int64) {
	if cost < 0 {
		return
	}
	t.tokens = t.level(now)
	t.tokens.whole = satSub(t.tokens.whole, cost)
	t.last = max(t.last, now)
}

func (t *tokenBucket) Refund(now, cost int64) {
	if cost < 0 {
		return
	}
	t.tokens = t.level(now)
	t.last = max(t.last, now)
	t.tokens.whole = satAdd(t.tokens.whole, cost)
	if t.tokens.whole >= t.Burst {
		t.tokens = exact{whole: t.Burst}
	}
}

func (t *tokenBucket) Reset() { t.tokens, t.last = exact{whole: t.Burst}, always }
