package run_test

import (
	"context"
	"runtime"
	"strings"
	"testing"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/run"
)

// everything has most of the language in it: random delays, several clients,
// batches, retries, two limiters side by side.
const everything = `
name: everything
seed: 3
horizon: 20s
shards: {count: 3, service: {exponential: {mean: 300us}}}
network: {rtt: {lognormal: {median: 2ms, p99: 20ms}}}
clients: {front: {does: check, instances: 3}, back: {does: take, clock_offset: -5ms}}
keys:
  accounts: {zipf: {n: 500, s: 1.2}}
  orgs: {derive: {from: accounts, groups: 20}}
  moving: {churn: {arrivals: 5/s, lifetime: {gamma: {mean: 10s, cv: 2}}}}
traffic:
  single: {rate: {spike: {base: 20/s, peak: 200/s, at: 5s, rise: 1s, hold: 2s, decay: 3s}}, keys: moving, limit: a, via: [back], on_denial: {retry: {exponential: {base: 50ms, max: 1s}, max_attempts: 4}}}
  batch: {rate: 80/s, gaps: {gamma: {cv: 3}}, batch: [{limit: a, keys: accounts}, {limit: b, keys: orgs, cost: 2}], via: [front, back]}
limiters:
  setnx: {kind: tat, options: {write: setnx}, limits: {a: {count: 60, period: 1m, burst: 5}, b: {count: 1, period: 1s, burst: 9}}}
  broken: {kind: broken, limits: {a: {count: 60, period: 1m, burst: 5}, b: {count: 1, period: 1s, burst: 9}}}
`

// Hashes of the records of everything and of boulder-new-account's first
// minute. They change when, and only when, what a run does changes: then say
// so in the commit, and take the new ones from the test's output.
const (
	everythingHash = "3525aae8014814e4245744626a1431d8049a8184a3965361cdaeed293f85d7e2"
	newAccountHash = "3f214238ae44f040d506078a32f543b436ef10b2e4bc813f0092ca1461f73210"
)

func recordHash(t *testing.T, source string, seed string) string {
	t.Helper()
	if seed != "" {
		source = strings.Replace(source, "seed: 3", "seed: "+seed, 1)
	}
	return hashOf(t, compile(t, source), run.Options{})
}

// hashOf plays a plan and returns the hash of its record.
func hashOf(t *testing.T, p *plan.Plan, o run.Options) string {
	t.Helper()
	w, err := record.Create(t.TempDir(), run.Manifest(p))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := run.Run(context.Background(), p, w, o); err != nil {
		t.Fatal(err)
	}
	m, err := w.Close(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d observations, %s", m.Count, m.Hash)
	return m.Hash
}

// Commands to embedded shards that go all the way through go-redis give the same
// record as those that take the short way.
func TestDeterminismOfTheLongWay(t *testing.T) {
	if got := hashOf(t, compile(t, everything), run.Options{Wire: true}); got != everythingHash {
		t.Errorf("record hash %s, want %s", got, everythingHash)
	}
	for _, name := range testkit.Full(scenarios.Shipped(), nil) {
		if p := shipped(t, name); p.Scenario.Clock != "real" && p.Scenario.Sweep == nil {
			if short, long := testkit.ReferenceHash(t, name), hashOf(t, p, run.Options{Wire: true}); short != long {
				t.Errorf("%s: record hash %s, the long way %s", name, short, long)
			}
		}
	}
}

// TestDeterminism compares with constants, so that running it under -race
// and on one processor compares those with this machine's plain run too.
func TestDeterminism(t *testing.T) {
	for run := range 3 {
		if got := recordHash(t, everything, ""); got != everythingHash {
			t.Fatalf("run %d: record hash %s, want %s", run, got, everythingHash)
		}
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if got := recordHash(t, everything, ""); got != everythingHash {
		t.Errorf("one processor: record hash %s, want %s", got, everythingHash)
	}
	if got := recordHash(t, everything, "4"); got == everythingHash {
		t.Error("another seed gave the same record")
	}
}

// Boulder walks over maps whose order is random; the record must not show
// it.
func TestDeterminismOfBoulder(t *testing.T) {
	data, _ := scenarios.Source("boulder-new-account")
	source := strings.Replace(string(data), "horizon: 10m", "horizon: 1m", 1)
	for range 2 {
		if got := recordHash(t, source, ""); got != newAccountHash {
			t.Errorf("record hash %s, want %s", got, newAccountHash)
		}
	}
}
