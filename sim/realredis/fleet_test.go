package realredis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/fakeredis"
	"github.com/quotalab/quotalab/sim/limiter"
)

const runPrefix = "quotalab:test:"

// spawned starts servers of those names.
func spawned(t testing.TB, names ...string) *Servers {
	t.Helper()
	needRedis(t)
	s, err := Spawn(t.Context(), names)
	return open(t, s, err)
}

// connection is that of a client that a scenario does not name.
func connection() scenarios.Connection {
	return scenarios.Connection{DialTimeout: 5e9, ReadTimeout: 3e9, WriteTimeout: 3e9, MaxRetries: 3, DialerRetries: 5, Heartbeat: 5e8, Pipelining: "none"}
}

// made is a client of the fleet that knows the shards by the servers' names.
func made(t testing.TB, f *Fleet, conn scenarios.Connection, tat func(string) (time.Time, bool)) redis.UniversalClient {
	t.Helper()
	c, err := f.Client(fakeredis.ClientSpec{ShardNames: f.servers.Names(), Connection: conn, TAT: tat})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// fleetOn closes the fleet at the end of the test.
func fleetOn(t testing.TB, s *Servers, scope string) *Fleet {
	t.Helper()
	f := s.Fleet(runPrefix, scope)
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func surveyed(t testing.TB, s *Servers) Snapshot {
	t.Helper()
	snapshot, err := s.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

// agreed checks that the servers counted what the fleets sent, to the
// command, and returns what was sent in all.
func agreed(t testing.TB, s *Servers, before Snapshot, fleets ...*Fleet) (total int64) {
	t.Helper()
	for _, fact := range s.Facts(before, surveyed(t, s), s.Work(fleets)) {
		for _, d := range fact.Disagreements() {
			t.Error(d)
		}
		for _, c := range fact.Commands {
			total += c.Sent
			if c.Script < 0 {
				t.Errorf("shard %s: %s: it is not known what scripts called", fact.Shard, c.Name)
			}
		}
	}
	return total
}

type wall struct{}

func (wall) Now() time.Time { return time.Now() }

// subject is a limiter that is played.
type subject struct {
	kind    string
	options map[string]string
	mode    record.Mode
	cluster bool
}

var subjects = []subject{
	{"tat", map[string]string{"write": "set"}, record.TakeMode, true},
	{"tat", map[string]string{"write": "incr"}, record.TakeMode, true},
	{"tat", map[string]string{"write": "setnx"}, record.TakeMode, true},
	{"tat", map[string]string{"write": "lua"}, record.TakeMode, true},
	{"tat", map[string]string{"write": "lua"}, record.CheckMode, true},
	{"redis_rate", nil, record.TakeMode, true},
	{"boulder", map[string]string{"transactions": "override_request"}, record.TakeMode, false},
	{"boulder", map[string]string{"transactions": "override_request"}, record.CheckMode, false},
}

func (s subject) String() string { return fmt.Sprint(s.kind, s.options, s.mode) }

// limiterOn makes the subject a limiter of 3 an hour with a burst of 5.
func (s subject) limiterOn(t testing.TB, c redis.UniversalClient) limiter.Limiter {
	t.Helper()
	l, err := limiter.Builtin()[s.kind].New(limiter.Env{
		Redis: c, Clock: wall{}, Registerer: prometheus.NewRegistry(), Rand: rand.New(rand.NewPCG(1, 2)), Does: s.mode, Options: s.options,
		Spec: record.Limiter{Name: "a", Kind: s.kind, Limits: []record.Limit{{Name: "l", Count: 3, Period: time.Hour, Burst: 5}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// take makes one request for a key, and tells the fleet what a script called.
// It returns the number of commands that the request's trace holds.
func (s subject) take(t testing.TB, f *Fleet, l limiter.Limiter, key string) (d limiter.Decision, commands int64) {
	t.Helper()
	trace := fakeredis.NewTrace(context.Background())
	take := limiter.Take{Limit: "l", Key: key, Cost: 1, Mode: s.mode}
	d, err := l.Take(trace, limiter.Request{Takes: []limiter.Take{take}})
	if err != nil {
		t.Errorf("%s: %v", s, err)
		return d, 0
	}
	for _, touched := range trace.Touched {
		commands += int64(touched.Commands)
		if calls := limiter.Builtin()[s.kind].ScriptCalls; calls != nil {
			f.ScriptRan(touched.Shard, calls(s.options, record.Take{Mode: s.mode, Cost: 1}, d.Allowed))
		}
	}
	if key, ok := trace.Key(d.Takes[0].Wire); !ok || key.Shard == "" || trace.RoundTrips == 0 {
		t.Errorf("%s: the trace knows no shard of %q: %+v, %d round trips", s, d.Takes[0].Wire, trace.Keys, trace.RoundTrips)
	}
	return d, commands
}

// burst asks for one key until the burst is over, one request after another.
func (s subject) burst(t testing.TB, f *Fleet, c redis.UniversalClient) (commands int64) {
	t.Helper()
	l := s.limiterOn(t, c)
	for i := range 8 {
		d, n := s.take(t, f, l, "198.51.100.1")
		commands += n
		if want := i < 5 || s.mode == record.CheckMode; d.Allowed != want || (d.RetryAfter > 0) == want {
			t.Errorf("%s: request %d of a burst of 5: %+v", s, i+1, d)
		}
	}
	return commands
}

// play makes 20 requests for each of 40 keys, of which 8 are under way at a
// time.
func (s subject) play(t testing.TB, f *Fleet, c redis.UniversalClient) int64 {
	t.Helper()
	l := s.limiterOn(t, c)
	var commands, allowed atomic.Int64
	var callers sync.WaitGroup
	for caller := range 8 {
		callers.Go(func() {
			for i := caller; i < 800; i += 8 {
				d, n := s.take(t, f, l, fmt.Sprintf("192.0.2.%d", i%40))
				commands.Add(n)
				if d.Allowed {
					allowed.Add(1)
				}
			}
		})
	}
	callers.Wait()
	if got, least := allowed.Load(), int64(40*5); got < least || (s.mode == record.TakeMode && got > 2*least) {
		t.Errorf("%s: %d allowed of 800, expected about %d", s, got, least)
	}
	return commands.Load()
}

// Every limiter runs on live shards, and the servers count what it sent to
// the command, those of its scripts included.
func TestLimitersAreCounted(t *testing.T) {
	s := spawned(t, "east", "west")
	for _, pipelining := range []string{"none", "auto"} {
		for _, on := range subjects {
			t.Run(pipelining+"/"+on.String(), func(t *testing.T) { playCounted(t, s, on, pipelining) })
		}
	}
}

func TestLimitersAreCountedOnACluster(t *testing.T) {
	needRedis(t)
	s, err := SpawnCluster(t.Context(), []string{"a", "b", "c"})
	open(t, s, err)
	for _, pipelining := range []string{"none", "auto"} {
		for _, on := range subjects {
			if on.cluster {
				t.Run(pipelining+"/"+on.String(), func(t *testing.T) { playCounted(t, s, on, pipelining) })
			}
		}
	}
}

func playCounted(t *testing.T, s *Servers, on subject, pipelining string) {
	noLeaks(t)
	if err := s.Guard(t.Context(), runPrefix, false); err != nil {
		t.Fatal(err)
	}
	f := fleetOn(t, s, "limiter")
	conn := connection()
	conn.Pipelining = pipelining
	client := made(t, f, conn, limiter.Builtin()[on.kind].TAT)
	if err := f.WarmUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := surveyed(t, s)
	traced := on.burst(t, f, client) + on.play(t, f, client)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if sent := agreed(t, s, before, f); sent != traced || sent < 800 {
		t.Errorf("%d commands sent, %d in the traces", sent, traced)
	}
	holdOnly(t, s, func(key string) bool { return key[:len(runPrefix)] == runPrefix })
	if err := errors.Join(s.CleanUp(t.Context(), runPrefix)...); err != nil {
		t.Fatal(err)
	}
	holdOnly(t, s, func(string) bool { return false })
}

// holdOnly checks all keys of all shards.
func holdOnly(t testing.TB, s *Servers, ok func(key string) bool) {
	t.Helper()
	for i, name := range s.Names() {
		keys, err := s.Admin(i).Keys(t.Context(), "*").Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			if !ok(key) {
				t.Errorf("shard %s holds %q", name, key)
			}
		}
	}
}

// The trace of each path says what happened, with keys as the limiter calls
// them, and the shard is where the key is.
func TestTraces(t *testing.T) {
	s := spawned(t, "east", "west")
	f := fleetOn(t, s, "l")
	past := func(value string) (time.Time, bool) { return time.Unix(0, 0), value == "past" }
	c := made(t, f, connection(), past)
	ctx := t.Context()
	if err := errors2(c.Set(ctx, "found", "soon", 0), c.Set(ctx, "stale", "past", 0)); err != nil {
		t.Fatal(err)
	}
	at := func(key string) string {
		for i, name := range s.Names() {
			if s.Admin(i).Exists(ctx, runPrefix+"l:{"+key+"}").Val() == 1 {
				return name
			}
		}
		return ""
	}
	tests := []struct {
		why   string
		do    func(ctx context.Context) error
		trips int32
		keys  map[string]record.KeyState
		state record.KeyState
		count int32
	}{
		{"a key that is there", func(ctx context.Context) error { return c.Get(ctx, "found").Err() }, 1,
			map[string]record.KeyState{"found": record.Found}, record.Found, 1},
		{"a TAT in the past", func(ctx context.Context) error { return c.Get(ctx, "stale").Err() }, 1,
			map[string]record.KeyState{"stale": record.Stale}, record.Stale, 1},
		{"none", func(ctx context.Context) error { return ignoreNil(c.Get(ctx, "none").Err()) }, 1,
			map[string]record.KeyState{"none": record.NotFound}, record.NotFound, 1},
		{"a key that was read keeps its state", func(ctx context.Context) error {
			_ = c.Get(ctx, "fresh").Err()
			return errors2(c.Set(ctx, "fresh", 1, 0), c.Get(ctx, "fresh"))
		}, 3, map[string]record.KeyState{"fresh": record.NotFound}, record.NotFound, 3},
		{"a write tells nothing", func(ctx context.Context) error { return c.Incr(ctx, "counter").Err() }, 1,
			map[string]record.KeyState{"counter": record.Unread}, record.Unread, 1},
		{"nor does a script", func(ctx context.Context) error {
			return c.Eval(ctx, "return redis.call('GET', KEYS[1])", []string{"found"}).Err()
		}, 1,
			map[string]record.KeyState{"found": record.Unread}, record.Unread, 1},
		{"a pipeline is one round trip", func(ctx context.Context) error {
			_, err := c.Pipelined(ctx, func(p redis.Pipeliner) error { p.Get(ctx, "found"); p.Get(ctx, "none"); return nil })
			return ignoreNil(err)
		}, 1, map[string]record.KeyState{"found": record.Found, "none": record.NotFound}, record.Mixed, 2},
		{"so is a transaction, whose frame is none of its commands", func(ctx context.Context) error {
			_, err := c.TxPipelined(ctx, func(p redis.Pipeliner) error { p.Set(ctx, "found", 1, 0); p.Get(ctx, "found"); return nil })
			return err
		}, 1, map[string]record.KeyState{"found": record.Unread}, record.Unread, 2},
		{"a command without a key goes somewhere", func(ctx context.Context) error { return c.Time(ctx).Err() }, 1, nil, record.Unread, 1},
		{"so it does in a pipeline", func(ctx context.Context) error {
			_, err := c.Pipelined(ctx, func(p redis.Pipeliner) error { p.Time(ctx); p.Get(ctx, "found"); return nil })
			return err
		}, 1, map[string]record.KeyState{"found": record.Found}, record.Found, 2},
		{"what is refused was no round trip", func(ctx context.Context) error {
			if err := c.FlushAll(ctx).Err(); err == nil {
				return fmt.Errorf("not refused")
			}
			return nil
		}, 0, nil, record.Unread, 0},
	}
	for _, tt := range tests {
		trace := fakeredis.NewTrace(ctx)
		if err := tt.do(trace); err != nil {
			t.Errorf("%s: %v", tt.why, err)
			continue
		}
		var count int32
		for _, touched := range trace.Touched {
			if !slices.Contains(s.Names(), touched.Shard) {
				t.Errorf("%s: touched %q", tt.why, touched.Shard)
			}
			count += touched.Commands
		}
		states := map[string]record.KeyState{}
		for _, k := range trace.Keys {
			states[k.Key] = k.State
			if where := at(k.Key); where != "" && where != k.Shard {
				t.Errorf("%s: key %q is on %s, the trace says %s", tt.why, k.Key, where, k.Shard)
			}
		}
		if d := cmp.Diff(tt.keys, states); d != "" && len(tt.keys)+len(states) > 0 {
			t.Errorf("%s: keys: − expected + found:\n%s", tt.why, d)
		}
		if trace.RoundTrips != tt.trips || count != tt.count || trace.State() != tt.state || trace.Effect != -1 || trace.Order != -1 || trace.Judged != -1 {
			t.Errorf("%s: %d round trips, %d commands, %s, effect %d, order %d, judged %d", tt.why, trace.RoundTrips, count, trace.State(), trace.Effect, trace.Order, trace.Judged)
		}
	}
}

func ignoreNil(err error) error {
	if err == redis.Nil {
		return nil
	}
	return err
}

// errors2 returns the first error of two commands.
func errors2(a, b redis.Cmder) error {
	if a.Err() != nil {
		return a.Err()
	}
	return b.Err()
}
