package limits

import "time"

// Leaky bucket as a meter (ITU-T I.371, the continuous-state form of GCRA): a
// bucket that leaks all the time, into which each request pours its cost and
// is denied if that would overflow. (Leaky buckets that queue requests delay
// them instead of deciding; they are no limiters.)
//
// The state is the content X at the instant of the last change, measured as
// the time it takes to leak, so that it shrinks by one nanosecond a
// nanosecond, and a token is Period/Count of it (denominator Count):
//
//	X(now) = max(0, X − max(0, now − last)),
//
// and a request is allowed if X(now) + cost·Period/Count ≤ Burst·Period/Count.
// An instant before the last change counts as that one.
//
// The boundary: allowed at once if X ≤ (Burst − cost)·Period/Count, else from
//
//	b = last + ⌈X − (Burst − cost)·Period/Count⌉.
//
// As long as time does not go back, X = max(0, TAT − now) of the exact GCRA.
type leakyBucket struct {
	*Limit
	content exact // nanoseconds, denominator Count
	last    int64
}

func newLeakyBucket(l Limit) (func() Bucket, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	return func() Bucket { return &leakyBucket{&l, exact{}, always} }, nil
}

// level is X(now).
func (b *leakyBucket) level(now int64) exact {
	if now <= b.last {
		return b.content
	}
	leak := uint64(now) - uint64(b.last)
	if leak > uint64(b.content.whole) {
		return exact{}
	}
	return exact{b.content.whole - int64(leak), b.content.part}
}

func (b *leakyBucket) boundary(cost int64) int64 {
	if cost < 0 || cost > b.Burst {
		return never
	}
	wait := b.content.minus(b.refill(b.Burst-cost), b.Count).ceil()
	if wait <= 0 {
		return always
	}
	return satAdd(b.last, wait)
}

func (b *leakyBucket) Peek(now, cost int64) Decision {
	d := at(now, b.boundary(cost))
	level := b.level(now)
	if d.Allowed {
		level = level.plus(b.refill(cost), b.Count)
	}
	d.Remaining = b.Burst - b.missing(level)
	if wait := level.ceil(); wait > 0 {
		d.ResetAfter = time.Duration(satSub(satAdd(max(now, b.last), wait), now))
	}
	return d
}

func (b *leakyBucket) Spend(now, cost int64) {
	if cost < 0 {
		return
	}
	b.content = b.level(now).plus(b.refill(cost), b.Count)
	b.last = max(b.last, now)
}

func (b *leakyBucket) Refund(now, cost int64) {
	if cost < 0 {
		return
	}
	b.content = b.level(now).minus(b.refill(cost), b.Count)
	b.last = max(b.last, now)
	if b.content.whole < 0 {
		b.content = exact{}
	}
}

func (b *leakyBucket) Reset() { b.content, b.last = exact{}, always }
