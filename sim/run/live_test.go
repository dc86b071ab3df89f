package run_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/realredis"
	"github.com/quotalab/quotalab/sim/run"
)

// spawn starts real shards for a plan, and stops them with the test.
func spawn(tb testing.TB, p *plan.Plan) *realredis.Servers {
	tb.Helper()
	testkit.Program(tb, "redis-server", "redis-server")
	s, err := realredis.Spawn(context.Background(), p.Shards)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// runs gives each run of a test its own keys.
var runs int

// runLive plays a plan in real time on shards of its own. A nil pacer is the
// usual one.
func runLive(tb testing.TB, p *plan.Plan, pacer clock.Pacer, sink run.Sink) run.Result {
	tb.Helper()
	runs++
	result, err := run.Run(context.Background(), p, sink, run.Options{
		Live: &run.Live{Servers: spawn(tb, p), Prefix: fmt.Sprintf("quotalab:test-%d:", runs), Pacer: pacer},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return result
}

// agreeing is a scenario without races worth mentioning: a key is rarely
// asked for again before the answer is there.
const agreeing = `
name: agreeing
clock: %s
horizon: 6s
shards: {count: 2}
network: {rtt: 300us}
keys: {users: {zipf: {n: 500, s: 0.8}}}
traffic: {main: {rate: 400/s, keys: users}}
limiters:
  rate: {kind: redis_rate, limit: {count: 1, period: 2s, burst: 4}}
  lua: {kind: tat, limit: {count: 1, period: 2s, burst: 4}, options: {write: lua}}
`

// The same arrivals, keys and limits come to the same counts of outcomes by
// either clock, but for what the network's jitter turns at a boundary: less
// than what a binomial share of them would scatter by.
func TestVirtualAndRealTimeAgree(t *testing.T) {
	virtual, _ := play(t, compile(t, fmt.Sprintf(agreeing, "virtual")))
	var real memory
	runLive(t, compile(t, fmt.Sprintf(agreeing, "real")), nil, &real)
	for _, limiter := range []string{"rate", "lua"} {
		of := func(o record.Observation) bool { return o.Limiter == limiter }
		n, allowed := virtual.count(of), virtual.count(of, decided(record.Allowed))
		if live := real.count(of); live != n {
			t.Errorf("%s: %d decisions in real time, %d in virtual", limiter, live, n)
		}
		share := float64(allowed) / float64(n)
		sigma := math.Sqrt(float64(n) * share * (1 - share))
		difference := math.Abs(float64(real.count(of, decided(record.Allowed)) - allowed))
		t.Logf("%s: %d decisions, allowed %d in virtual and %d in real time, σ %.1f", limiter, n, allowed, real.count(of, decided(record.Allowed)), sigma)
		if share < 0.2 || share > 0.9 {
			t.Errorf("%s: a share of %.2f allowed compares nothing", limiter, share)
		}
		if difference > 3*sigma {
			t.Errorf("%s: allowed differs by %.0f, more than three standard deviations of %.1f", limiter, difference, sigma)
		}
	}
}

// Servers and harness count alike, and every arrival is recorded once, in
// the order of being done.
func TestLiveRun(t *testing.T) {
	p := compile(t, `
name: live
clock: real
horizon: 2s
shards: {count: 3}
keys: {users: {uniform: {n: 50}, as: ipv4}}
clients: {wfe: {does: check}, ra: {does: take, instances: 2}}
traffic:
  main: {rate: 100/s, keys: users, via: [wfe, ra], on_denial: {retry: {fixed: 50ms}}}
limiters:
  boulder: {kind: boulder, limit: {count: 1, period: 1s, burst: 3}}
  set: {kind: tat, limit: {count: 1, period: 1s, burst: 3}, options: {write: set}}
  lua: {kind: tat, limit: {count: 1, period: 1s, burst: 3}, options: {write: lua}}
`)
	var m memory
	result := runLive(t, p, nil, &m)
	if want := []string{"boulder", "set"}; !slices.Equal(result.ReadClock, want) {
		t.Errorf("limiters that read a client's clock: %q, want %q", result.ReadClock, want)
	}
	if len(result.Servers) != 3 {
		t.Fatalf("%d servers said something, expected 3", len(result.Servers))
	}
	for _, s := range result.Servers {
		if s.MemoryBefore > s.MemoryAfter {
			t.Errorf("%s: %d keys more, but %d bytes before and %d after: that of connections is in one of the two", s.Shard, s.KeysAfter-s.KeysBefore, s.MemoryBefore, s.MemoryAfter)
		}
		if why := s.Disagreements(); len(why) > 0 || len(s.Commands) == 0 {
			t.Errorf("%s: %d commands compared, disagreements %q", s.Shard, len(s.Commands), why)
		}
		if s.KeysBefore != 0 || s.KeysAfter == 0 || s.SampledKeys == 0 || s.KeyBytes < 40 {
			t.Errorf("%s: keys %d before, %d after, %d sampled of %.0f bytes", s.Shard, s.KeysBefore, s.KeysAfter, s.SampledKeys, s.KeyBytes)
		}
	}
	for _, o := range m {
		if o.Error != "" || o.Sent < o.Intended || o.Done < o.Sent || o.Effect >= 0 || o.Order >= 0 || o.Judged >= 0 || o.RoundTrips == 0 {
			t.Fatalf("observation is not one of real time: %+v", o)
		}
	}
	if done := slices.IsSortedFunc(m, func(a, b record.Observation) int { return int(a.Arrival - b.Arrival) }); done {
		t.Error("with retries, the arrivals cannot be done in the order of their numbers")
	}
	if boulder := m.count(func(o record.Observation) bool { return o.Limiter == "boulder" && o.Key == record.NotFound }); boulder == 0 {
		t.Error("no first-time key was seen by boulder")
	}
	if n := m.count(func(o record.Observation) bool { return o.Attempt == 0 && o.Step == 0 }); int64(n) != 3*result.Traffic[0].Arrivals {
		t.Errorf("%d first tries of %d arrivals to 3 limiters", n, result.Traffic[0].Arrivals)
	}
}

// An interrupt ends a run in real time at once, also one that waits, and so
// does a sink that has seen enough.
func TestLiveInterrupt(t *testing.T) {
	p := compile(t, `
name: slow
clock: real
horizon: 1h
keys: {users: {uniform: {n: 1}}}
traffic: {main: {rate: 2/h, gaps: even, keys: users}, first: {rate: {steps: [{rate: 100/s, for: 100ms}, {rate: 0/s}]}, keys: users, on_denial: {retry: {fixed: 30m}}}}
limiters: {never: {kind: never, limit: {count: 1, period: 1s}}}
faults: [{at: 50m, for: 1s, down: {shard: shard-1}}]
`)
	for _, tt := range []struct {
		why     string
		timeout time.Duration
		sink    run.Sink
	}{
		{"an interrupt", 2 * time.Second, new(memory)},
		{"a sink that has seen enough", time.Hour, new(stopping)},
	} {
		servers := spawn(t, p) // takes its time on a busy machine
		ctx, cancel := context.WithTimeoutCause(context.Background(), tt.timeout, fmt.Errorf("enough"))
		defer cancel()
		begun := time.Now()
		result, err := run.Run(ctx, p, tt.sink, run.Options{Live: &run.Live{Servers: servers, Prefix: "quotalab:interrupt:"}})
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); result.Aborted != "enough" || took > 20*time.Second {
			t.Errorf("%s: aborted %q after %v", tt.why, result.Aborted, took)
		}
	}
}

// What is asked of a machine ten times over is sent late or not at all, and
// counted; the run ends near its horizon all the same.
func TestOverloadDrops(t *testing.T) {
	p := compile(t, `
name: overload
clock: real
horizon: 2s
shards: {count: 2}
keys: {users: {uniform: {n: 1000}}}
traffic: {main: {rate: 400_000/s, keys: users, max_in_flight: 2_000}}
limiters: {lua: {kind: tat, limit: {count: 1, period: 1s}, options: {write: lua}}}
`)
	var m memory
	begun := time.Now()
	result := runLive(t, p, nil, &m)
	took := time.Since(begun)
	dropped := m.count(decided(record.Dropped))
	if int64(dropped) != result.Traffic[0].Dropped || dropped < len(m)/2 {
		t.Errorf("%d of %d arrivals dropped, the result says %d", dropped, len(m), result.Traffic[0].Dropped)
	}
	t.Logf("%d arrivals, %d dropped, took %v", len(m), dropped, took)
}
