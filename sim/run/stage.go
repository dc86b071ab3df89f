package run

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/fakeredis"
	"github.com/quotalab/quotalab/sim/fault"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/realredis"
	"github.com/quotalab/quotalab/sim/rediscmd"
	"github.com/quotalab/quotalab/sim/virtualredis"
)

// stage is what a run plays on: its clock, and the shards that go with it.
// The two are made together, so that nobody pairs virtual time with live
// Redis.
type stage interface {
	// fleet makes the shards of one limiter, or of an engine (nil), whose random
	// streams are of that scope.
	fleet(scope string, l *plan.Limiter, stream func(name string) *rand.Rand) (fleet, error)
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
	Client(c fakeredis.ClientSpec) (redis.UniversalClient, error)
	// settle completes an observation of a decision with what is known of
	// when it took effect.
	settle(l *plan.Limiter, o *record.Observation)
	// Warnings returns what clients did that the stage cannot play.
	Warnings() []string
	// ServersTime reports whether the servers' time may have been in a decision.
	ServersTime() bool
}

// embedded is a stage in virtual time.
type embedded struct {
	plan   *plan.Plan
	world  plan.World
	sched  *clock.Scheduler
	fleets []*fakeredis.Fleet
	shared *fakeredis.Fleet      // of all limiters; nil: each has one of its own
	engine *virtualredis.Program // of servers that stand for the shards; nil: none
	broken func(error)           // is told of one that failed
	wire   bool                  // commands go all the way through go-redis

	executed func(words []string, byScript bool) // of Options
}

func newEmbedded(p *plan.Plan, w plan.World) *embedded {
	return &embedded{plan: p, world: w, sched: clock.New(p.Epoch)}
}

func (s *embedded) fleet(_ string, l *plan.Limiter, stream func(string) *rand.Rand) (fleet, error) {
	spec := fakeredis.Spec{
		Names: s.plan.Shards, Service: s.plan.Service, Scripts: s.plan.Scripts, Commands: s.plan.Commands, Stream: stream, Faults: len(s.plan.Faults) > 0, Guarded: true,
		Engine: s.engine, Broken: s.broken, Wire: s.wire, Executed: s.executed,
	}
	if l != nil {
		spec.Cluster, spec.Apart = l.Cluster, l.ByShard
	}
	share := l != nil && s.plan.Scenario.Shards.Shared
	if share && s.shared != nil {
		return embeddedFleet{s.shared.Share(prefixOf(l))}, nil
	}
	if share {
		spec.Stream = func(name string) *rand.Rand { return s.plan.Stream("shards/" + name) }
	}
	if i := s.world.Shard; i != plan.EveryShard {
		spec.Names = spec.Names[i : i+1]
	}
	f, err := fakeredis.NewFleet(s.sched, spec)
	if err != nil {
		return nil, err
	}
	s.fleets = append(s.fleets, f)
	if share {
		s.shared = f
		f = f.Share(prefixOf(l))
	}
	return embeddedFleet{f}, nil
}

// prefixOf is what a limiter's keys begin with on shards that it shares.
func prefixOf(l *plan.Limiter) rediscmd.Prefix { return rediscmd.Prefix(l.Name + ":") }

type embeddedFleet struct{ *fakeredis.Fleet }

func (f embeddedFleet) Client(c fakeredis.ClientSpec) (redis.UniversalClient, error) {
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
	sched  *clock.Scheduler
	offset func() time.Duration
}

func (c virtualClock) Now() time.Time {
	if p := c.sched.Caller(); p != nil {
		if trace, ok := p.Local.(*fakeredis.Trace); ok {
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
		o.Effect, o.Order = o.Done, 0 // it touched no key
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

// Live is what a run in real time needs beside its plan. The servers stay
// open: who made them closes them.
type Live struct {
	Servers     *realredis.Servers
	Prefix      string // of every key that the run writes
	ForeignKeys bool   // the servers may hold other keys
	// Pacer is what the schedule is kept by; nil: the most precise one.
	Pacer clock.Pacer
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
	real   *clock.Real
	rate   float64 // arrivals a second
	fleets []*realredis.Fleet
	before realredis.Snapshot
	canary *clock.Canary
	paced  record.Pacing
	procs  int // processors of Go before the pacing thread got one of its own
	// ballast keeps the collector from the run, as far as that goes.
	ballast []byte
	stripe  bool           // another process guards, surveys and cleans the servers
	work    realredis.Work // of the fleets, once it is closed
}

func newOnServers(ctx context.Context, p *plan.Plan, l Live, stripe bool) (*onServers, error) {
	if l.Pacer == nil {
		var err error
		if l.Pacer, err = clock.NewPacer(); err != nil {
			return nil, err
		}
	}
	s := &onServers{Live: l, stripe: stripe}
	if err := s.prepare(ctx, p); err != nil {
		return nil, errors.Join(err, l.Pacer.Close())
	}
	for i := range p.Sources {
		s.rate += p.Sources[i].Expected / p.Horizon.Seconds()
	}
	wait := time.Duration(0)
	if s.rate > highRate {
		wait = quantum
	}
	s.real = clock.NewReal(p.Epoch, l.Pacer, wait)
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

// prepare makes the servers ready for what the plan asks.
func (s *onServers) prepare(ctx context.Context, p *plan.Plan) error {
	if s.stripe {
		return nil
	}
	if err := s.Check(ctx, p); err != nil {
		return err
	}
	return s.Servers.Through(ctx, p.Faults, p.Stream)
}

func (s *onServers) fleet(scope string, _ *plan.Limiter, _ func(string) *rand.Rand) (fleet, error) {
	f := s.Servers.Fleet(s.Prefix, scope)
	s.fleets = append(s.fleets, f)
	return liveFleet{f}, nil
}

type liveFleet struct{ *realredis.Fleet }

func (liveFleet) Warnings() []string { return nil }

func (liveFleet) ServersTime() bool { return true }

func (s *onServers) clientClock(offset func() time.Duration) limiter.Clock {
	return realClock{s.real, offset}
}

// realClock is a client's clock in real time.
type realClock struct {
	real   *clock.Real
	offset func() time.Duration
}

func (c realClock) Now() time.Time { return c.real.Time().Add(c.offset()) }

func (s *onServers) targets() []fault.Target { return []fault.Target{s.Servers} }

// ready asks the servers for what they have counted so far, and opens the
// pools, so that no request pays for it. They are closed when the servers are
// asked again, so the memory of their connections is in neither answer.
func (s *onServers) ready(ctx context.Context) error {
	if !s.stripe {
		var err error
		if s.before, err = s.Servers.Survey(ctx); err != nil {
			return err
		}
	}
	var errs []error
	for _, f := range s.fleets {
		errs = append(errs, f.WarmUp(ctx))
	}
	errs = append(errs, s.listen(ctx))
	return errors.Join(errs...)
}

// What the machine is late with nothing to do is measured for idleTime before
// the run, and during it, at its rate but at most a thousand times a second.
const (
	idleTime     = 200 * time.Millisecond
	canarysFloor = time.Millisecond
)

// listen gives the pacing thread a processor, and measures how late an idle
// machine is.
func (s *onServers) listen(ctx context.Context) error {
	s.procs = runtime.GOMAXPROCS(runtime.NumCPU() + 1)
	pacer, err := clock.NewPacer()
	if err != nil {
		return err
	}
	s.paced.Urgent = s.Pacer.Urge()
	s.paced.Every = max(canarysFloor, time.Duration(float64(time.Second)/max(s.rate, 1)))
	s.canary = clock.NewCanary(pacer, s.paced.Every)
	s.ballast = make([]byte, liveBallastBytes)
	runtime.GC() // sets when the next is due
	err = clock.Sleep(ctx, idleTime)
	s.paced.Before = record.Lateness(s.canary.Take())
	return err
}

// played ends what listen began.
func (s *onServers) played() error {
	if s.procs > 0 {
		runtime.GOMAXPROCS(s.procs)
	}
	if s.canary == nil {
		return nil
	}
	runtime.KeepAlive(s.ballast)
	s.ballast = nil
	s.paced.During = record.Lateness(s.canary.Take())
	return s.canary.Close()
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
	errs := []error{s.played()}
	for _, f := range s.fleets {
		errs = append(errs, f.Close())
	}
	s.work = s.Servers.Work(s.fleets)
	if s.stripe {
		return nil, errors.Join(append(errs, s.Pacer.Close())...)
	}
	after, _ := s.Servers.Survey(ctx) // the facts say which server did not answer
	facts := s.Servers.Facts(s.before, after, s.work)
	if !s.Servers.Own() {
		left := s.Servers.CleanUp(ctx, s.Prefix)
		for i, err := range s.Servers.Strays(ctx, s.before, s.fleets) {
			if err = errors.Join(left[i], err); err != nil { // the run has been played all the same
				facts[i].Leftover = err.Error()
			}
		}
	}
	errs = append(errs, s.Pacer.Close())
	return facts, errors.Join(errs...)
}
