package limiter_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"go.uber.org/goleak"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/fakeredis"
	"github.com/quotalab/quotalab/sim/limiter"
)

func TestMain(m *testing.M) {
	redis.SetLogger(silent{}) // it complains of each EXPIRE below a second
	goleak.VerifyTestMain(m)
}

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// subject is a limiter under test.
type subject struct {
	name      string
	kind      string
	options   map[string]string
	limits    []record.Limit
	overrides []record.Limit
}

func (s subject) with(limits ...record.Limit) subject {
	s.limits = limits
	return s
}

// limit is a limit of that name.
func limit(name string, count int64, period time.Duration, burst int64) record.Limit {
	return record.Limit{Name: name, Count: count, Period: period, Burst: burst}
}

// hourly gives back one token an hour.
func hourly(name string, burst int64) record.Limit { return limit(name, 1, time.Hour, burst) }

// adapters are all that are meant to limit.
var adapters = []subject{
	{name: "boulder", kind: "boulder", options: map[string]string{"transactions": "override_request"}},
	{name: "redis_rate", kind: "redis_rate"},
	{name: "tat set", kind: "tat", options: map[string]string{"write": "set"}},
	{name: "tat incr", kind: "tat", options: map[string]string{"write": "incr"}},
	{name: "tat setnx", kind: "tat", options: map[string]string{"write": "setnx"}},
	{name: "tat lua", kind: "tat", options: map[string]string{"write": "lua"}},
}

func adapter(name string) subject {
	for _, s := range adapters {
		if s.name == name {
			return s
		}
	}
	panic("no adapter " + name)
}

// bench is where a subject is tried: shards and a clock that stands still
// until somebody waits.
type bench struct {
	testing.TB
	wait func(d time.Duration)
	env  func(s subject, does record.Mode) limiter.Env
}

// open makes a limiter for a client that does so.
func (b *bench) open(s subject, does record.Mode) limiter.Limiter {
	b.Helper()
	l, err := limiter.Builtin()[s.kind].New(b.env(s, does))
	if err != nil {
		b.Fatalf("%s: %v", s.name, err)
	}
	return l
}

func environment(ring *redis.Ring, c limiter.Clock, s subject, does record.Mode) limiter.Env {
	return limiter.Env{
		Redis: ring, Clock: c, Registerer: prometheus.NewRegistry(), Rand: rand.New(rand.NewPCG(1, 2)), Does: does,
		Options: s.options, Spec: record.Limiter{Name: s.name, Kind: s.kind, Limits: s.limits, Overrides: s.overrides},
	}
}

// embedded plays f in virtual time on four embedded shards without delays.
func embedded(t testing.TB, f func(b *bench)) {
	t.Helper()
	w := newWorld(t, 4, network.Constant(0))
	w.sched.Go(func(p *clock.Proc) {
		f(&bench{TB: t, wait: p.Sleep, env: func(s subject, does record.Mode) limiter.Env {
			return environment(w.ring(s), w.clock(0), s, does)
		}})
	})
	w.sched.Run()
}

// loopback plays f on four miniredis servers over TCP with a plain Ring.
func loopback(t testing.TB, f func(b *bench)) {
	t.Helper()
	now := epoch
	addrs := map[string]string{}
	var servers []*miniredis.Miniredis
	for i := range 4 {
		s := miniredis.RunT(t)
		s.SetTime(now)
		servers = append(servers, s)
		addrs[fmt.Sprintf("shard-%d", i+1)] = s.Addr()
	}
	ring := redis.NewRing(&redis.RingOptions{Addrs: addrs, Protocol: 2, DisableIdentity: true, NewClient: func(o *redis.Options) *redis.Client {
		o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
		return redis.NewClient(o)
	}})
	defer ring.Close()
	wait := func(d time.Duration) {
		now = now.Add(d)
		for _, s := range servers {
			s.FastForward(d)
			s.SetTime(now)
		}
	}
	f(&bench{TB: t, wait: wait, env: func(s subject, does record.Mode) limiter.Env {
		return environment(ring, clockFunc(func() time.Time { return now }), s, does)
	}})
}

type clockFunc func() time.Time

func (c clockFunc) Now() time.Time { return c() }

// world is embedded shards in virtual time.
type world struct {
	t     testing.TB
	sched *clock.Scheduler
	fleet *fakeredis.Fleet
	rtt   network.Distribution
	rings int
}

func newWorld(t testing.TB, count int, rtt network.Distribution) *world {
	t.Helper()
	sched := clock.New(epoch)
	var names []string
	for i := range count {
		names = append(names, fmt.Sprintf("shard-%d", i+1))
	}
	fleet, err := fakeredis.NewFleet(sched, fakeredis.Spec{
		Names: names, Service: network.Constant(0), Scripts: network.Constant(0),
		Stream: func(string) *rand.Rand { return rand.New(rand.NewPCG(5, 5)) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := fleet.Close(); err != nil {
			t.Error(err)
		}
	})
	return &world{t: t, sched: sched, fleet: fleet, rtt: rtt}
}

// ring returns one more client's Ring.
func (w *world) ring(s subject) *redis.Ring {
	w.t.Helper()
	w.rings++
	spec := fakeredis.ClientSpec{Stream: func(string) *rand.Rand { return rand.New(rand.NewPCG(uint64(w.rings), 9)) }, TAT: limiter.Builtin()[s.kind].TAT}
	for _, s := range w.fleet.Shards {
		spec.ShardNames, spec.RTT = append(spec.ShardNames, s.Name), append(spec.RTT, w.rtt)
	}
	ring, err := w.fleet.Ring(spec)
	if err != nil {
		w.t.Fatal(err)
	}
	return ring
}

// clock is a client's clock that is off by so much.
func (w *world) clock(offset time.Duration) limiter.Clock {
	return clockFunc(func() time.Time { return w.sched.Time().Add(offset) })
}

// take is a request for tokens of one limit.
func take(limit, key string, cost int64) limiter.Request {
	return limiter.Request{Takes: []limiter.Take{{Limit: limit, Key: key, Cost: cost, Mode: record.TakeMode}}}
}

// inMode is the request of a client that does so.
func inMode(r limiter.Request, does record.Mode) limiter.Request {
	takes := append([]limiter.Take(nil), r.Takes...)
	for i := range takes {
		takes[i].Mode = does
	}
	return limiter.Request{Takes: takes}
}

// ask is a request that must not fail.
func (b *bench) ask(l limiter.Limiter, r limiter.Request) limiter.Decision {
	b.Helper()
	d, err := l.Take(context.Background(), r)
	if err != nil {
		b.Fatalf("%+v: %v", r.Takes, err)
	}
	return d
}

// admitted is how many of n requests in a row are allowed.
func (b *bench) admitted(l limiter.Limiter, r limiter.Request, n int) (count int) {
	b.Helper()
	for range n {
		if b.ask(l, r).Allowed {
			count++
		}
	}
	return count
}
