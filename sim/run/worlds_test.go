package run_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/run"
)

// rows keeps all that a run writes.
type rows struct {
	memory
	accounts    []record.Account
	evaluations []record.Evaluation
}

func (r *rows) WriteAccount(a *record.Account) error {
	c := *a
	c.Contract, c.At, c.Units = slices.Clone(a.Contract), slices.Clone(a.At), slices.Clone(a.Units)
	r.accounts = append(r.accounts, c)
	return nil
}

func (r *rows) WriteEvaluation(e *record.Evaluation) error {
	r.evaluations = append(r.evaluations, *e)
	return nil
}

func playAll(tb testing.TB, p *plan.Plan, o run.Options) (rows, run.Result) {
	tb.Helper()
	var all rows
	r, err := run.Run(context.Background(), p, &all, o)
	if err != nil {
		tb.Fatal(err)
	}
	return all, r
}

// sideBySide is all that may meet at one instant: constant delays, retries
// with jitter, clients of several instances, two sources for one limiter, a
// client whose clock is off, and a fault that moves no keys.
const sideBySide = `
name: side-by-side
horizon: 1500ms
shards: {count: 3, service: 50us, scripts: 200us}
network: {rtt: 1ms}
clients: {front: {does: check, instances: 3}, back: {does: take, instances: 2, clock_offset: -5ms, connection: {read_timeout: 40ms}}}
keys: {k: {zipf: {n: 60, s: 1}}, herd: {uniform: {n: 9}}}
traffic:
  main: {rate: 200/s, gaps: even, keys: k, limit: a, via: [front, back], limiters: [lua, set, rate, incr], on_denial: {retry: {exponential: {base: 20ms, max: 500ms, jitter: 50%}, max_attempts: 3}}}
  herd: {rate: {herd: {size: 20, every: 250ms}}, gaps: even, keys: herd, limit: b, via: [back], limiters: [lua, incr]}
limiters:
  lua: {kind: tat, limits: {a: {count: 5, period: 1s, burst: 5}, b: {count: 1, period: 1s, burst: 9}}}
  set: {kind: tat, options: {write: set}, limits: {a: {count: 5, period: 1s, burst: 5}, b: {count: 1, period: 1s, burst: 9}}, cluster: true}
  rate: {kind: redis_rate, limits: {a: {count: 5, period: 1s, burst: 5}, b: {count: 1, period: 1s, burst: 9}}}
  incr: {kind: tat, options: {write: incr}, limits: {a: {count: 5, period: 1s, burst: 5}, b: {count: 1, period: 1s, burst: 9}}}
faults:
  - {at: 500ms, for: 200ms, out_of_memory: {shard: shard-2}}
  - {at: 800ms, flush_scripts: {shard: shard-3}}
  - {at: 1s, for: 200ms, clock: {client: back, offset: 700ms}}`

// playApart plays each world of a plan for itself, and joins them.
func playApart(tb testing.TB, p *plan.Plan) (rows, run.Result) {
	tb.Helper()
	var o run.Options
	for i := range p.Worlds {
		var once, again bytes.Buffer
		for _, to := range []*bytes.Buffer{&once, &again}[:testkit.Full(1, 2)] { // twice are the few plans that every run of the tests plays
			if err := run.PlayWorld(context.Background(), p, i, to, run.Options{}); err != nil {
				tb.Fatal(err)
			}
		}
		if again.Len() > 0 && !bytes.Equal(once.Bytes(), again.Bytes()) {
			tb.Errorf("world %d came out differently when it was played again", i)
		}
		o.Worlds = append(o.Worlds, &once)
	}
	return playAll(tb, p, o)
}

// TestWorldsAreOne: playing worlds side by side, or each for itself, gives the rows, and all else,
// that playing them as one gives.
func TestWorldsAreOne(t *testing.T) {
	plans := map[string]*plan.Plan{
		"side by side":  compile(t, sideBySide),
		"random delays": compile(t, strings.Replace(sideBySide, "rtt: 1ms", "rtt: {lognormal: {median: 2ms, p99: 60ms}}", 1)),
	}
	split := 0
	for _, name := range testkit.Full(scenarios.Shipped(), []string{"flagsmith-two-organisations"}) {
		p := shipped(t, name)
		if p.Scenario.Clock != "real" && len(p.Worlds) > 1 {
			plans[name] = p
			split++
		}
	}
	if split == 0 {
		t.Fatal("no shipped scenario has several worlds")
	}
	for name, p := range plans {
		t.Run(name, func(t *testing.T) {
			apart, r := playAll(t, p, run.Options{})
			one, s := playAll(t, p, run.Options{}.AsOne())
			if len(apart.memory)+len(apart.evaluations) < 50 {
				t.Errorf("only %d observations and %d evaluations", len(apart.memory), len(apart.evaluations))
			}
			t.Logf("%d worlds, %d observations, %d evaluations", len(p.Worlds), len(apart.memory), len(apart.evaluations))
			if d := firstOther(one.memory, apart.memory) + firstOther(one.evaluations, apart.evaluations) + firstOther(one.accounts, apart.accounts) + cmp.Diff(s, r); d != "" {
				t.Errorf("%d worlds (−as one +apart): %s", len(p.Worlds), d)
			}
			joined, s := playApart(t, p)
			if d := firstOther(apart.memory, joined.memory) + firstOther(apart.evaluations, joined.evaluations) + firstOther(apart.accounts, joined.accounts) + cmp.Diff(r, s, cmpopts.EquateEmpty()); d != "" {
				t.Errorf("%d worlds (−side by side +each for itself): %s", len(p.Worlds), d)
			}
		})
	}
}

// TestWorldsOnAnyCores: the record does not depend on the number of
// processors, nor on the cores that other runs leave.
func TestWorldsOnAnyCores(t *testing.T) {
	p := compile(t, sideBySide)
	want, _ := playAll(t, p, run.Options{})
	one := make(chan struct{}, 1)
	for _, procs := range []int{1, 2, 8} {
		func() {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			got, _ := playAll(t, p, run.Options{})
			if d := firstOther(want.memory, got.memory); d != "" {
				t.Errorf("%d processors: %s", procs, d)
			}
		}()
	}
	got, _ := playAll(t, p, run.Options{Cores: one})
	if d := firstOther(want.memory, got.memory); d != "" || len(one) > 0 {
		t.Errorf("on one core, %d not given back: %s", len(one), d)
	}
}

// firstOther returns where two lists differ first.
func firstOther[T any](a, b []T) string {
	for i := range min(len(a), len(b)) {
		if reflect.DeepEqual(a[i], b[i]) {
			continue
		}
		if d := cmp.Diff(a[i], b[i], cmpopts.EquateEmpty()); d != "" { // a record holds no empty list apart from none
			return fmt.Sprintf("row %d of %d and %d: %s", i, len(a), len(b), d)
		}
	}
	return cmp.Diff(len(a), len(b))
}

// twoWorlds are two limiters of a kind of one's own.
const twoWorlds = `
name: two
horizon: 20s
shards: {count: 2}
network: {rtt: 2ms}
keys: {k: {uniform: {n: 30}}}
traffic: {main: {rate: 3000/s, keys: k, on_denial: {retry: {fixed: 50ms, max_attempts: 3}}}}
limiters: {a: {kind: A, limit: {count: 5, period: 1s}}, b: {kind: tat, limit: {count: 5, period: 1s}}}`

// TestWorldsEndTogether: whatever ends a run before its horizon ends all worlds
// at one instant, and every arrival that counts is recorded by every limiter.
func TestWorldsEndTogether(t *testing.T) {
	p := compile(t, strings.Replace(twoWorlds, "kind: A", "kind: never", 1))
	for _, c := range []struct {
		why  string
		play func(m *memory) (run.Result, error)
	}{
		{"enough", func(m *memory) (run.Result, error) {
			s := &stopping{at: int64(500 * time.Millisecond)}
			r, err := run.Run(context.Background(), p, s, run.Options{})
			*m = s.memory
			return r, err
		}},
		{"interrupt", func(m *memory) (run.Result, error) {
			ctx, cancel := context.WithCancelCause(context.Background())
			return run.Run(ctx, p, m, run.Options{Progress: func(_, arrivals int64) {
				if arrivals > 2000 {
					cancel(errors.New("interrupt"))
				}
			}})
		}},
	} {
		var m memory
		r, err := c.play(&m)
		if err != nil || r.Aborted != c.why || r.Stopped != (c.why == "enough") {
			t.Fatalf("%s: aborted %q, stopped %v, error %v", c.why, r.Aborted, r.Stopped, err)
		}
		n := r.Traffic[0].Arrivals
		first := func(o record.Observation) bool { return o.Attempt == 0 }
		for _, name := range []string{"a", "b"} {
			of := func(o record.Observation) bool { return o.Limiter == name }
			if got := m.count(of, first); int64(got) != n || n < 1000 || n > 20_000 {
				t.Errorf("%s: limiter %s has %d of %d arrivals", c.why, name, got, n)
			}
		}
		for i, o := range m {
			if o.Seq != int64(i) || i > 0 && o.Done < m[i-1].Done {
				t.Fatalf("%s: observation %d is out of order", c.why, i)
			}
		}
	}
}

// TestWorldsFailTogether: what ends a run as a failure in one world ends it
// everywhere, and is told.
func TestWorldsFailTogether(t *testing.T) {
	tat := limiter.Builtin()["tat"]
	otherKey, panics := tat, tat
	otherKey.OneKey = func(record.Limiter, limiter.Take) string { return "elsewhere" }
	calls := 0
	panics.OneKey = func(spec record.Limiter, take limiter.Take) string {
		if calls++; calls > 500 {
			panic("oh no")
		}
		return tat.OneKey(spec, take)
	}
	stuck := ownKind(func(l *own, ctx context.Context, key string) (bool, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.counted(ctx, key)
	})["own"]
	for _, c := range []struct {
		why  string
		kind limiter.Kind
		sink run.Sink
		want error
	}{
		{"a kind that does not keep to its key", otherKey, new(memory), run.ErrOneKey},
		{"a lock around Redis", stuck, new(memory), clock.ErrStuck},
		{"a full disk", tat, fullDisk{}, errDisk},
	} {
		p := compile(t, strings.Replace(twoWorlds, "kind: A", "kind: mine", 1), limiter.Kinds{"mine": c.kind})
		cores := make(chan struct{}, 1)
		begun := time.Now()
		r, err := run.Run(context.Background(), p, c.sink, run.Options{Patience: 50 * time.Millisecond, Cores: cores})
		if !errors.Is(err, c.want) || r.Traffic != nil && r.Traffic[0].Arrivals > 30_000 || time.Since(begun) > 20*time.Second || len(cores) > 0 {
			t.Errorf("%s: error %v after %v, %d cores not given back, %+v", c.why, err, time.Since(begun), len(cores), r.Traffic)
		}
	}
	defer func() {
		if r := recover(); !strings.Contains(fmt.Sprint(r), "oh no") {
			t.Errorf("a panic of the harness: %v", r)
		}
	}()
	play(t, compile(t, strings.Replace(twoWorlds, "kind: A", "kind: mine", 1), limiter.Kinds{"mine": panics}))
	t.Error("a panic of the harness was lost")
}

// TestWorldsPlayedApartFail: what is not all of every world is told.
func TestWorldsPlayedApartFail(t *testing.T) {
	p := compile(t, sideBySide)
	var worlds [][]byte
	for i := range p.Worlds {
		var b bytes.Buffer
		if err := run.PlayWorld(context.Background(), p, i, &b, run.Options{}); err != nil {
			t.Fatal(err)
		}
		worlds = append(worlds, b.Bytes())
	}
	for _, tt := range []struct {
		why    string
		change func(worlds [][]byte) [][]byte
		want   string
	}{
		{"one is cut off", func(w [][]byte) [][]byte { w[1] = w[1][:len(w[1])/2]; return w }, "world 1: unexpected EOF"},
		{"one lacks its end", func(w [][]byte) [][]byte { w[2] = w[2][:len(w[2])-1]; return w }, "world 2: unexpected EOF"},
		{"one is missing", func(w [][]byte) [][]byte { return w[1:] }, fmt.Sprintf("expected %d worlds, found %d", len(p.Worlds), len(p.Worlds)-1)},
		{"one is something else", func(w [][]byte) [][]byte { w[0] = []byte("a world"); return w }, "world 0: "},
	} {
		var o run.Options
		for _, w := range tt.change(slices.Clone(worlds)) {
			o.Worlds = append(o.Worlds, bytes.NewReader(w))
		}
		if _, err := run.Run(context.Background(), p, new(rows), o); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: expected %q, found %v", tt.why, tt.want, err)
		}
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("interrupt"))
	if err := run.PlayWorld(ctx, p, 0, io.Discard, run.Options{}); err == nil || err.Error() != "interrupt" {
		t.Errorf("a world that was interrupted: %v", err)
	}
}
