package run_test

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/scenarios"
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

// TestWorldsAreOne: playing worlds side by side gives the rows, and all else,
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
			if len(apart.memory)+len(apart.evaluations) < 200 {
				t.Errorf("only %d observations and %d evaluations", len(apart.memory), len(apart.evaluations))
			}
			t.Logf("%d worlds, %d observations, %d evaluations", len(p.Worlds), len(apart.memory), len(apart.evaluations))
			if d := firstOther(one.memory, apart.memory) + firstOther(one.evaluations, apart.evaluations) + firstOther(one.accounts, apart.accounts) + cmp.Diff(s, r); d != "" {
				t.Errorf("%d worlds (−as one +apart): %s", len(p.Worlds), d)
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
		if !reflect.DeepEqual(a[i], b[i]) {
			return fmt.Sprintf("row %d of %d and %d: %s", i, len(a), len(b), cmp.Diff(a[i], b[i]))
		}
	}
	return cmp.Diff(len(a), len(b))
}
