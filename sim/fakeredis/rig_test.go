package fakeredis

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/clock"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const (
	ms = time.Millisecond
	us = time.Microsecond
)

// layout of a rig: one shard for each round trip time.
type layout struct {
	rtt              []network.Distribution
	service, scripts network.Distribution
	tat              func(string) (time.Time, bool)
	connection       scenarios.Connection
	faults           bool
	cluster          bool
}

// even is shards that are all the same distance away and take no time.
func even(shards int, rtt time.Duration) layout {
	l := layout{service: network.Constant(0), scripts: network.Constant(0)}
	for range shards {
		l.rtt = append(l.rtt, network.Constant(rtt))
	}
	return l
}

// rig is a fleet and one client of it.
type rig struct {
	t     testing.TB
	l     layout
	sched *clock.Scheduler
	fleet *Fleet
	ring  *redis.Ring
}

func newRig(t testing.TB, l layout) *rig {
	t.Helper()
	sched := clock.New(epoch)
	names := make([]string, len(l.rtt))
	for i := range names {
		names[i] = fmt.Sprintf("shard-%d", i+1)
	}
	fleet, err := NewFleet(sched, Spec{Names: names, Service: l.service, Scripts: l.scripts, Stream: seeded, Faults: l.faults, Engine: engine, Broken: func(err error) { t.Error(err) }, Cluster: l.cluster})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := fleet.Close(); err != nil {
			t.Error(err)
		}
	})
	r := &rig{t: t, l: l, sched: sched, fleet: fleet}
	r.ring = r.client("client")
	return r
}

// client returns one more client's Ring.
func (r *rig) client(name string) *redis.Ring {
	r.t.Helper()
	names := make([]string, len(r.fleet.Shards))
	for i, s := range r.fleet.Shards {
		names[i] = s.Name
	}
	ring, err := r.fleet.Ring(ClientSpec{ShardNames: names, RTT: r.l.rtt, Stream: from(name), TAT: r.l.tat, Connection: r.l.connection})
	if err != nil {
		r.t.Fatal(err)
	}
	return ring
}

// seeded is a random stream of its own for each name.
// from returns the streams of a client.
func from(name string) func(string) *rand.Rand {
	return func(shard string) *rand.Rand { return seeded(name + shard) }
}

func seeded(name string) *rand.Rand {
	var seed uint64
	for _, c := range name {
		seed = seed*31 + uint64(c)
	}
	return rand.New(rand.NewPCG(seed, 7))
}

// run plays f as a Proc to its end, with all that it starts.
func (r *rig) run(f func(p *clock.Proc)) {
	r.sched.Go(f)
	r.sched.Run()
}

// at plays f as a Proc that starts at the instant at.
func (r *rig) at(at time.Duration, f func(p *clock.Proc)) {
	r.sched.Call(int64(at), func() { r.sched.Go(f) })
}

// do is one raw command, its reply as text.
func (r *rig) do(args ...any) string {
	v, err := r.ring.Do(context.Background(), args...).Result()
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return fmt.Sprint(v)
}

// keyOn returns a key that lives on the shard of that index.
func (r *rig) keyOn(shard int, hint string) string {
	r.t.Helper()
	for i := range 1000 {
		key := fmt.Sprintf("%s-%d", hint, i)
		c, err := r.ring.GetShardClientForKey(key)
		if err != nil {
			r.t.Fatal(err)
		}
		if c.Options().Addr == r.fleet.Shards[shard].addr {
			return key
		}
	}
	r.t.Fatalf("no key found for shard %d", shard)
	return ""
}

// jitter is any duration up to 10 ms.
type jitter struct{}

func (jitter) Sample(rng *rand.Rand) time.Duration { return time.Duration(rng.Int64N(int64(10 * ms))) }
func (jitter) Mean() time.Duration                 { return 5 * ms }
func (jitter) Quantile(p float64) time.Duration    { return time.Duration(p * float64(10*ms)) }
