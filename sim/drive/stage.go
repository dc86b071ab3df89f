package drive

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/fault"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/shards"
	"github.com/quotalab/quotalab/sim/vtime"
)

// stage is what a run plays on: its clock, and the shards that go with it.
// The two are made together, so that nobody pairs virtual time with live
// Redis.
type stage interface {
	// fleet makes the shards of one limiter or engine, whose random streams
	// are of that scope.
	fleet(scope string, stream func(name string) *rand.Rand) (fleet, error)
	// clientClock is the clock of a client that is off by an offset that may
	// change.
	clientClock(offset func() time.Duration) limiter.Clock
	// ready is called when all clients are made, before the clock runs.
	ready(ctx context.Context) error
	// targets are what faults of shards happen to.
	targets() []fault.Target
	// close ends the shards and tells what they have to say of themselves.
	close(ctx context.Context) ([]record.Server, error)
}

// fleet is the shards of one limiter or engine.
type fleet interface {
	Client(c shards.ClientSpec) (redis.UniversalClient, error)
	// settle completes an observation of a decision with what is known of
	// when it took effect.
	settle(l *plan.Limiter, o *record.Observation)
}

// embedded is a stage in virtual time.
type embedded struct {
	plan   *plan.Plan
	sched  *vtime.Scheduler
	fleets []*shards.Fleet
}

func newEmbedded(p *plan.Plan) *embedded {
	return &embedded{plan: p, sched: vtime.New(p.Epoch)}
}

func (s *embedded) fleet(_ string, stream func(string) *rand.Rand) (fleet, error) {
	f, err := shards.NewFleet(s.sched, shards.Spec{
		Names: s.plan.Shards, Service: s.plan.Service, Scripts: s.plan.Scripts, Stream: stream, Faults: len(s.plan.Faults) > 0,
	})
	if err != nil {
		return nil, err
	}
	s.fleets = append(s.fleets, f)
	return embeddedFleet{f}, nil
}

type embeddedFleet struct{ *shards.Fleet }

func (f embeddedFleet) Client(c shards.ClientSpec) (redis.UniversalClient, error) {
	ring, err := f.Ring(c)
	if err != nil {
		return nil, err // not a nil *redis.Ring in an interface that is not nil
	}
	return ring, nil
}

func (s *embedded) clientClock(offset func() time.Duration) limiter.Clock {
	return virtualClock{s.sched, offset}
}

// virtualClock is a client's clock in virtual time. Reading it is noted in
// the request's trace.
type virtualClock struct {
	sched  *vtime.Scheduler
	offset func() time.Duration
}

func (c virtualClock) Now() time.Time {
	if p := c.sched.Current(); p != nil {
		if trace, ok := p.Local.(*shards.Trace); ok {
			trace.ReadClock(c.sched.Now())
		}
	}
	return c.sched.Time().Add(c.offset())
}

func (s *embedded) ready(context.Context) error { return nil }

// settle says by what instant the decision was judged: Redis' own clock,
// where that is what the limiter reads.
func (f embeddedFleet) settle(l *plan.Limiter, o *record.Observation) {
	if o.Effect < 0 && o.Error == "" {
		o.Effect, o.Order = o.Done, f.NextOrder() // it touched no key
	}
	switch {
	case o.Effect >= 0 && l.Kind.ServerTime:
		o.Judged = o.Effect
	case o.Judged < 0:
		o.Judged = o.Effect
	}
}

func (s *embedded) close(context.Context) ([]record.Server, error) {
	var errs []error
	for _, f := range s.fleets {
		errs = append(errs, f.Close())
	}
	return nil, errors.Join(errs...)
}
