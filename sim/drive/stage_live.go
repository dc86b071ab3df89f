package drive

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/fault"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/live"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/vtime"
)

// Live is what a run in real time needs beside its plan. The servers stay
// open: who made them closes them.
type Live struct {
	Servers     *live.Servers
	Prefix      string // of every key that the run writes
	ForeignKeys bool   // the servers may hold other keys
	// Pacer is what the schedule is kept by; nil: the most precise one.
	Pacer vtime.Pacer
}

// highRate is the arrivals a second from which on several are released at
// once, every quantum.
const (
	highRate = 10_000
	quantum  = 100 * time.Microsecond
)

// onServers is a stage in real time.
type onServers struct {
	Live
	real   *vtime.Real
	fleets []*live.Fleet
	before live.Snapshot
}

func newOnServers(ctx context.Context, p *plan.Plan, l Live) (*onServers, error) {
	if l.Pacer == nil {
		var err error
		if l.Pacer, err = vtime.NewPacer(); err != nil {
			return nil, err
		}
	}
	s := &onServers{Live: l}
	if err := s.prepare(ctx, p); err != nil {
		return nil, errors.Join(err, l.Pacer.Close())
	}
	rate := 0.0
	for i := range p.Sources {
		rate += p.Sources[i].Expected / p.Horizon.Seconds()
	}
	wait := time.Duration(0)
	if rate > highRate {
		wait = quantum
	}
	s.real = vtime.NewReal(p.Epoch, l.Pacer, wait)
	return s, nil
}

// ErrServers is wrapped by the error of a run whose servers cannot do what
// the plan asks, or must not be written to.
var ErrServers = errors.New("the servers cannot be used")

// Check makes sure that the servers can do what the plan asks, and may be
// written to. Run does so too; who asks before has begun nothing in vain.
func (l *Live) Check(ctx context.Context, p *plan.Plan) error {
	if names := l.Servers.Names(); !slices.Equal(names, p.Shards) {
		return fmt.Errorf("%w: the plan's shards are %q, the servers' names %q", ErrServers, p.Shards, names)
	}
	if err := l.Servers.Check(p.Faults); err != nil {
		return fmt.Errorf("%w: %w", ErrServers, err)
	}
	if err := l.Servers.Guard(ctx, l.Prefix, l.ForeignKeys); err != nil {
		return fmt.Errorf("%w: %w", ErrServers, err)
	}
	return nil
}

// prepare the servers for what the plan asks.
func (s *onServers) prepare(ctx context.Context, p *plan.Plan) error {
	if err := s.Check(ctx, p); err != nil {
		return err
	}
	return s.Servers.Through(ctx, p.Faults, p.Stream)
}

func (s *onServers) fleet(scope string, _ func(string) *rand.Rand) (fleet, error) {
	f := s.Servers.Fleet(s.Prefix, scope)
	s.fleets = append(s.fleets, f)
	return liveFleet{f}, nil
}

type liveFleet struct{ *live.Fleet }

func (s *onServers) clientClock(offset func() time.Duration) limiter.Clock {
	return realClock{s.real, offset}
}

// realClock is a client's clock in real time.
type realClock struct {
	real   *vtime.Real
	offset func() time.Duration
}

func (c realClock) Now() time.Time { return c.real.Time().Add(c.offset()) }

func (s *onServers) targets() []fault.Target { return []fault.Target{s.Servers} }

// ready asks the servers for what they have counted so far, and opens the
// pools, so that no request pays for it. They are closed when the servers are
// asked again, so the memory of their connections is in neither answer.
func (s *onServers) ready(ctx context.Context) error {
	var err error
	if s.before, err = s.Servers.Survey(ctx); err != nil {
		return err
	}
	var errs []error
	for _, f := range s.fleets {
		errs = append(errs, f.WarmUp(ctx))
	}
	return errors.Join(errs...)
}

// settle notes what a script is known to have called. When a decision took
// effect is not known in real time but for the bounds sent and done.
func (f liveFleet) settle(l *plan.Limiter, o *record.Observation) {
	if l.Kind.ScriptCalls == nil || o.Error != "" {
		return
	}
	for _, t := range o.Takes {
		f.ScriptRan(t.Shard, l.Kind.ScriptCalls(l.Options, t, o.Decision == record.Allowed))
	}
}

func (s *onServers) close(ctx context.Context) ([]record.Server, error) {
	var errs []error
	for _, f := range s.fleets {
		errs = append(errs, f.Close())
	}
	after, _ := s.Servers.Survey(ctx) // the facts say which server did not answer
	facts := s.Servers.Facts(s.before, after, s.fleets)
	if !s.Servers.Own() {
		errs = append(errs, s.Servers.CleanUp(ctx, s.Prefix))
	}
	errs = append(errs, s.Pacer.Close())
	return facts, errors.Join(errs...)
}
