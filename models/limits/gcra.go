package limits

import (
	"errors"
	"time"
)

// GCRA, the generic cell rate algorithm (ITU-T I.371 and ATM Forum TM 4.0,
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
