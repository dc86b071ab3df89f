package run_test

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/plan"
)

// notFound returns the share of a client's look-ups after warm-up that found
// no key, and the share of first-time keys among them.
func notFound(p *plan.Plan, m memory, client string) (notFound, firstTime float64) {
	seen := map[string]bool{}
	var n, missing, first float64
	for _, o := range m {
		if o.Client != client {
			continue
		}
		key := o.Takes[0].Key
		fresh := !seen[key]
		seen[key] = true
		if o.Intended < int64(p.Warmup) {
			continue
		}
		n++
		if fresh {
			first++
		}
		if o.Key == record.NotFound {
			missing++
		}
	}
	return missing / n, first / n
}

// Two clients that name the same two shards differently agree on half of the
// keys, so half of what one looks up the other has written elsewhere.
func TestShardNamesThatDisagree(t *testing.T) {
	p := shipped(t, "boulder-not-found")
	m, _ := play(t, p)
	missing, first := notFound(p, m, "wfe")
	t.Logf("names differ: %.1f %% of the look-ups not found, %.1f %% for keys seen for the first time", 100*missing, 100*first)
	if want := 0.5 + first/2; math.Abs(missing-want) > 0.03 {
		t.Errorf("%.3f of the look-ups not found, want about %.3f", missing, want)
	}
	shards := map[string]map[string]string{}
	for _, o := range m {
		take := o.Takes[0]
		if shards[take.Key] == nil {
			shards[take.Key] = map[string]string{}
		}
		shards[take.Key][o.Client] = take.Shard
	}
	var both, differ float64
	for _, by := range shards {
		if by["wfe"] != "" && by["ra"] != "" {
			both++
			if by["wfe"] != by["ra"] {
				differ++
			}
		}
	}
	if z := (differ/both - 0.5) / math.Sqrt(0.25/both); math.Abs(z) > 4 {
		t.Errorf("clients disagree on %.3f of %.0f keys, want 0.5 within chance (z = %.1f)", differ/both, both, z)
	}
}

func TestShardNamesThatAgree(t *testing.T) {
	testkit.Live(t, "plays a shipped scenario")
	data, _ := scenarios.Source("boulder-not-found")
	text := strings.Replace(string(data), "shard_names: [c, d]", "shard_names: [a, b]", 1)
	p := compile(t, text)
	m, _ := play(t, p)
	missing, first := notFound(p, m, "wfe")
	t.Logf("names equal: %.2f %% of the look-ups not found, %.2f %% for keys seen for the first time", 100*missing, 100*first)
	// A second look-up may overtake the first one's write: 2 ms in minutes.
	if math.Abs(missing-first) > 0.002 {
		t.Errorf("%.4f of the look-ups not found, want the share of first-time keys, %.4f", missing, first)
	}
}

func TestOnlyWhatIsAllowedGoesOn(t *testing.T) {
	m, _ := play(t, compile(t, `
name: chain
horizon: 10s
network: {rtt: 1ms}
clients: {front: {does: check}, back: {does: take, clock_offset: 3s}}
keys: {k: {uniform: {n: 1}}}
traffic: {main: {rate: 10/s, gaps: even, keys: k, via: [front, back], pause: 20ms}}
limiters: {l: {kind: tat, options: {write: setnx}, limit: {count: 1, period: 1h, burst: 5}}}`))
	front, back := m.count(by("front")), m.count(by("back"))
	if front != 99 || m.count(by("front"), decided(record.Allowed)) != back || back != 5 {
		t.Errorf("front decided %d, back %d; want 99 and 5", front, back)
	}
	for i, o := range m {
		if o.Client == "back" && o.Sent-m[i-1].Done != int64(20*time.Millisecond) {
			t.Errorf("back was asked %v after front had answered, want 20ms", time.Duration(o.Sent-m[i-1].Done))
		}
	}
}

func TestInstancesHaveRingsOfTheirOwnAndShareTheLoad(t *testing.T) {
	m, _ := play(t, compile(t, `
name: instances
horizon: 100s
clients: {caller: {instances: 4}}
keys: {k: {uniform: {n: 10}}}
traffic: {main: {rate: 100/s, keys: k}}
limiters: {l: {kind: tat, options: {write: setnx}, limit: {count: 1, period: 1h, burst: 5}}}`))
	for _, name := range []string{"caller/0", "caller/1", "caller/2", "caller/3"} {
		if share := float64(m.count(by(name))) / float64(len(m)); math.Abs(share-0.25) > 0.02 {
			t.Errorf("%s made %.3f of the requests, want a quarter", name, share)
		}
	}
}

// A key is stale by the clock that its limiter judges by: here a client's,
// that is an hour behind, and in real time one that stands in the last century.
func TestStaleByTheLimitersClock(t *testing.T) {
	const scenario = `
name: stale
clock: %s
epoch: 1999-01-01T00:00:00Z
horizon: %s
keys: {k: {uniform: {n: 1}}}
clients: {c: {clock_offset: -1h}}
traffic: {main: {rate: 20/s, gaps: even, keys: k}}
limiters:
  client: {kind: tat, options: {write: setnx}, limit: {count: 1, period: 10s, burst: 50}}
  idle: {kind: tat, options: {write: setnx}, limit: {count: 1, period: 10ms, burst: 50}}`
	check := func(clock string, m memory) {
		of := func(limiter string) func(record.Observation) bool {
			return func(o record.Observation) bool { return o.Limiter == limiter }
		}
		if n, stale := m.count(of("client")), m.count(of("client"), state(record.Stale)); n < 10 || stale > 0 {
			t.Errorf("%s: %d of %d found a TAT in the past although their buckets were never full again", clock, stale, n)
		}
		if n, found := m.count(of("idle")), m.count(of("idle"), state(record.Found)); found > n/5 {
			t.Errorf("%s: %d of %d found a TAT to come although their buckets were full again", clock, found, n)
		}
	}
	m, _ := play(t, compile(t, sprintf(scenario, "virtual", "20s")))
	check("virtual", m)
	var live memory
	runLive(t, compile(t, sprintf(scenario, "real", "2s")), nil, &live)
	check("real", live)
}

// ownCounter is a limiter of one's own that does not say how it calls its keys.
type ownCounter struct{ env limiter.Env }

func (c ownCounter) Take(ctx context.Context, req limiter.Request) (limiter.Decision, error) {
	n, err := c.env.Redis.Incr(ctx, "own:"+req.Takes[0].Key).Result()
	return limiter.Decision{Allowed: n <= 5, Remaining: -1, RetryAfter: -1}, err
}

// Keys are counted on the shards where the wire saw them, also those of a
// limiter that does not name them.
func TestKeysOfALimiterOfOnesOwn(t *testing.T) {
	own := limiter.Kinds{"own": {New: func(e limiter.Env) (limiter.Limiter, error) { return ownCounter{e}, nil }}}
	m, _ := play(t, compile(t, `
name: own
horizon: 20s
shards: {count: 4}
keys: {k: {uniform: {n: 100}}}
traffic: {main: {rate: 100/s, keys: k}}
limiters: {own: {kind: own, limit: {count: 5, period: 1h}}}`, own))
	keys := map[string]map[string]bool{}
	for _, o := range m {
		take := o.Takes[0]
		if take.Shard == "" || take.Shard != o.Touched[0].Shard || take.State == record.Unread {
			t.Fatalf("key %s is on shard %q and %s, its command went to %v", take.Key, take.Shard, take.State, o.Touched)
		}
		if keys[take.Shard] == nil {
			keys[take.Shard] = map[string]bool{}
		}
		keys[take.Shard][take.Key] = true
	}
	if len(keys) != 4 {
		t.Errorf("keys on %d shards, want 4", len(keys))
	}
}

// A key that a fault moves is moved for both clients: they agree.
func TestMovedKeysAreNoDisagreement(t *testing.T) {
	for _, tt := range []struct {
		fault, names string
		least, most  float64
	}{
		{"at: 90s, for: 1m, down: {shard: shard-2}", "", 0, 0},
		{"at: 90s, rename: {shard: shard-2, to: other}", "", 0, 0},
		{"at: 90s, add: {shard: shard-5}", "", 0, 0},
		{"at: 90s, for: 1m, down: {shard: shard-2}", "shard_names: [e, f, g, h]", 0.6, 0.9},
	} {
		_, dir := recorded(t, compile(t, sprintf(`
name: m3-disagree
horizon: 4m
shards: {count: 4}
keys: {tenants: {zipf: {n: 500, s: 1}}}
clients: {a: {}, b: {%s}}
traffic:
  a: {rate: 50/s, keys: tenants, via: [a]}
  b: {rate: 50/s, keys: tenants, via: [b]}
limiters: {rr: {kind: redis_rate, limit: {count: 30, period: 1h, burst: 20}}}
faults: [{%s}]`, tt.names, tt.fault)))
		r, err := record.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		s, err := summary.Measure(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, x := range s.Metrics {
			if x.Name != "shard_disagreement" {
				continue
			}
			found = true
			if x.Value == nil || *x.Value < tt.least || *x.Value > tt.most {
				t.Errorf("%s %s: disagreement %+v, want %v to %v", tt.fault, tt.names, x, tt.least, tt.most)
			}
		}
		if !found {
			t.Errorf("%s: no disagreement measured", tt.fault)
		}
	}
}
