package run

import (
	"context"
	"fmt"
	"time"

	"github.com/quotalab/quotalab/models/limits"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/fakeredis"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/plan"
)

// model is the reference of a limiter in its place: one for all clients, which
// decides at the instant it is asked and touches no Redis.
type model struct {
	clock  clock.Clock
	table  *record.LimitTable
	epoch  int64
	of     string // the algorithm
	makers map[record.Limit]func() limits.Bucket
	keys   map[string]map[string]limits.Bucket // by limit

	fitting []fit            // of a request, for reuse
	trace   *fakeredis.Trace // of all requests, which do nothing on the wire
}

// fit is tokens that there are.
type fit struct {
	bucket limits.Bucket
	cost   int64
}

func newModel(p *plan.Plan, l *plan.Limiter, c clock.Clock) *model {
	m := &model{trace: fakeredis.NewTrace(context.Background()), clock: c, table: l.Table(), epoch: p.Epoch.UnixNano(), of: l.Algorithm, makers: map[record.Limit]func() limits.Bucket{}, keys: map[string]map[string]limits.Bucket{}}
	for _, x := range l.Limits {
		m.keys[x.Name] = map[string]limits.Bucket{}
	}
	return m
}

// bucket returns that of a take, full if its key is new.
func (m *model) bucket(t limiter.Take) (limits.Bucket, error) {
	of := m.keys[t.Limit]
	if b := of[t.Key]; b != nil {
		return b, nil
	}
	l, ok := m.table.For(t.Limit, t.Key)
	if !ok {
		return nil, fmt.Errorf("no limit %q", t.Limit)
	}
	l.Key = ""
	if m.makers[l] == nil {
		maker, err := limits.Maker(m.of, limits.Limit{Count: l.Count, Period: l.Period, Burst: l.Burst}, m.epoch)
		if err != nil {
			return nil, err
		}
		m.makers[l] = maker
	}
	b := m.makers[l]()
	of[t.Key] = b
	return b, nil
}

// Take allows a request that all of its limits allow, and spends its tokens.
// What only spends does so where there is room.
func (m *model) Take(_ context.Context, req limiter.Request) (limiter.Decision, error) {
	now := m.clock.Now()
	d := limiter.Decision{Allowed: true, Remaining: -1}
	fitting := m.fitting[:0]
	for _, t := range req.Takes {
		b, err := m.bucket(t)
		if err != nil {
			return limiter.Decision{}, err
		}
		said := b.Peek(now, t.Cost)
		if t.Mode != record.CheckMode && said.Allowed {
			fitting = append(fitting, fit{b, t.Cost})
		}
		if t.Mode != record.SpendMode {
			join(&d, said)
		}
	}
	m.fitting = fitting
	for _, f := range fitting {
		if d.Allowed {
			f.bucket.Spend(now, f.cost)
		}
	}
	return d, nil
}

// join adds what one limit says to the decision on a request.
func join(d *limiter.Decision, said limits.Decision) {
	if d.Remaining < 0 || said.Remaining < d.Remaining {
		d.Remaining = max(said.Remaining, 0)
	}
	switch {
	case said.Allowed:
	case said.RetryAfter < 0, !d.Allowed && d.RetryAfter < 0:
		d.RetryAfter = -1
	default:
		d.RetryAfter = max(d.RetryAfter, said.RetryAfter)
	}
	d.Allowed = d.Allowed && said.Allowed
}

// modelText is the warning about a limiter that is a model.
const modelText = "model: true: its reference decided in its place, in no time and without Redis: there are no commands, round trips, races or latencies of it, and connections, deadlines and faults do nothing to it"

// atOnce is a Process of a request that never waits.
type atOnce struct{ clock.Clock }

func (atOnce) Sleep(time.Duration) {}
func (atOnce) SleepUntil(int64)    {}
func (atOnce) Outside(f func())    { f() }
func (atOnce) Carry(any)           {}

// waits reports whether a request to the limiter may wait: for Redis, for its next
// client, or before another attempt.
func (y *system) waits(s *plan.Source) bool {
	return y.model == nil || s.Retry != nil || len(s.Via) > 1
}
