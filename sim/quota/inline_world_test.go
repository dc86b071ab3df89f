package quota

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/fakeredis"
)

// worldEpoch is the first instant of a world, a period's start.
var worldEpoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

var standard = []int64{75, 90, 100, 120}

// world is embedded shards in virtual time. It is also the Clock.
type world struct {
	t     rapid.TB
	sched *clock.Scheduler
	fleet *fakeredis.Fleet
	names []string
	rng   *rand.Rand
}

func (w *world) Now() int64 { return w.sched.Time().UnixNano() }

// atMost is any delay up to a bound.
type atMost time.Duration

func (d atMost) Sample(rng *rand.Rand) time.Duration { return time.Duration(rng.Int64N(int64(d) + 1)) }
func (d atMost) Mean() time.Duration                 { return time.Duration(d / 2) }
func (d atMost) Quantile(p float64) time.Duration    { return time.Duration(p * float64(d)) }

func newWorld(t rapid.TB, seed uint64) *world {
	t.Helper()
	w := &world{t: t, sched: clock.New(worldEpoch), names: []string{"a", "b", "c"}, rng: rand.New(rand.NewPCG(seed, 1))}
	var err error
	w.fleet, err = fakeredis.NewFleet(w.sched, fakeredis.Spec{Names: w.names, Service: network.Constant(0), Scripts: network.Constant(20 * time.Microsecond),
		Stream: func(string) *rand.Rand { return rand.New(rand.NewPCG(seed, 2)) }})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) close() {
	if err := w.fleet.Close(); err != nil {
		w.t.Error(err)
	}
}

// client returns one more client's Ring, whose round trips take up to rtt.
func (w *world) client(rtt time.Duration) *redis.Ring {
	w.t.Helper()
	c := fakeredis.ClientSpec{ShardNames: w.names, Stream: func(string) *rand.Rand { return rand.New(rand.NewPCG(w.rng.Uint64(), 3)) }}
	for range w.names {
		c.RTT = append(c.RTT, atMost(rtt))
	}
	ring, err := w.fleet.Ring(c)
	if err != nil {
		w.t.Fatal(err)
	}
	return ring
}

// at plays f as a Proc that starts at an instant.
func (w *world) at(at int64, f func(p *clock.Proc)) {
	w.sched.Call(at-worldEpoch.UnixNano(), func() { w.sched.Go(f) })
}

// now plays f as a Proc to its end.
func (w *world) now(f func()) {
	w.sched.Go(func(*clock.Proc) { f() })
	w.sched.Run()
}

// wipe empties the shard of a key, as a restart without persistence does.
func wipe(t rapid.TB, ring *redis.Ring, key string) {
	t.Helper()
	c, err := ring.GetShardClientForKey(key)
	if err == nil {
		err = errors.Join(c.FlushAll(context.Background()).Err(), c.ScriptFlush(context.Background()).Err())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// forgetScripts is what a restart with persistence does to a key's shard.
func forgetScripts(t rapid.TB, ring *redis.Ring, key string) {
	t.Helper()
	c, err := ring.GetShardClientForKey(key)
	if err == nil {
		err = c.ScriptFlush(context.Background()).Err()
	}
	if err != nil {
		t.Fatal(err)
	}
}

var errReset = errors.New("connection reset")

// flaky loses calls on the way there, and replies on the way back.
type flaky struct {
	redis.UniversalClient
	rng   *rand.Rand
	share float64
}

func (f *flaky) Pipelined(ctx context.Context, fn func(redis.Pipeliner) error) ([]redis.Cmder, error) {
	if f.rng.Float64() >= f.share {
		return f.UniversalClient.Pipelined(ctx, fn)
	}
	trace := fakeredis.TraceOf(ctx)
	p := f.UniversalClient.Pipeline()
	if err := fn(p); err != nil {
		return nil, err
	}
	cmds := p.Cmds()
	lost := f.rng.IntN(2) == 0
	if !lost {
		_, err := p.Exec(ctx)
		lost = redis.HasErrorPrefix(err, "NOSCRIPT")
	}
	if lost {
		trace.Order = -1 // nothing was executed
	}
	for _, c := range cmds {
		c.SetErr(errReset)
	}
	return cmds, errReset
}

// monthly is a contract of calendar months with a limit.
func monthly(limit int64) usage.Contract {
	return usage.Contract{{From: usage.Beginning, Kind: usage.Period, Anchor: worldEpoch.UnixNano(), Limit: limit}}
}

// delivered is what came out of the outboxes.
type delivered struct {
	t      rapid.TB
	ids    map[Claim]map[string]int // outbox entries of a claim, how often each came
	claims []Claim                  // in the order in which they first came
	due    []Due
}

func (d *delivered) notify(_ context.Context, due Due) error {
	if d.ids == nil {
		d.ids = map[Claim]map[string]int{}
	}
	if d.ids[due.Claim] == nil {
		d.ids[due.Claim] = map[string]int{}
		d.claims = append(d.claims, due.Claim)
		d.due = append(d.due, due)
	}
	d.ids[due.Claim][due.ID]++
	return nil
}

// ms after the epoch as an instant.
func msAfter(ms int64) int64 { return worldEpoch.UnixNano() + ms*milli }

func dayAt(days float64) int64 { return worldEpoch.UnixNano() + int64(days*float64(usage.Day)) }

func short(due []Due) []string {
	var out []string
	for _, d := range due {
		out = append(out, fmt.Sprintf("%d/%s/%d at %s %d of %d by %s", d.Account, time.Unix(0, d.Period).UTC().Format("01-02"), d.Threshold,
			time.Unix(0, d.At).UTC().Format("01-02T15:04"), d.Usage, d.Limit, d.By))
	}
	return out
}

// inline builds an engine with the world's clock and the usual thresholds.
func (w *world) inline(c InlineConfig) *Inline {
	w.t.Helper()
	c.Clock = w
	if c.Thresholds == nil {
		c.Thresholds = standard
	}
	in, err := NewInline(c)
	if err != nil {
		w.t.Fatal(err)
	}
	return in
}

func fixed(c usage.Contract) func(int64) (usage.Contract, error) {
	return func(int64) (usage.Contract, error) { return c, nil }
}

func add(t rapid.TB, e Engine, u Usage) {
	t.Helper()
	if err := e.Add(context.Background(), u); err != nil {
		t.Error(err)
	}
}

// drain empties all outboxes; inside of a Proc.
func (w *world) drain(to *delivered) { w.drainFrom(Outboxes{}, to) }

func (w *world) drainOf(in *Inline, to *delivered) { w.drainFrom(in.outboxes, to) }

func (w *world) drainFrom(o Outboxes, to *delivered) {
	w.t.Helper()
	d, err := NewDeliverer(w.client(0), o, 1, to.notify)
	if err == nil {
		err = d.Poll(context.Background())
	}
	if err != nil {
		w.t.Error(err)
	}
}

// keys of all shards.
func (w *world) keys() int {
	n := 0
	for _, s := range w.fleet.Shards {
		n += s.Keys()
	}
	return n
}
