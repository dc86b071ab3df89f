package run_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/run"
)

// recorded runs a plan into a record.
func recorded(t *testing.T, p *plan.Plan) (m memory, dir string) {
	t.Helper()
	dir = t.TempDir()
	w, err := record.Create(dir, run.Manifest(p))
	if err != nil {
		t.Fatal(err)
	}
	result, err := run.Run(context.Background(), p, both{w, &m}, run.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(result.Apply); err != nil {
		t.Fatal(err)
	}
	return m, dir
}

// audited runs a plan into a record and replays it against the oracle.
func audited(t *testing.T, p *plan.Plan) (memory, *audit.Result) {
	t.Helper()
	m, dir := recorded(t, p)
	r, err := record.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	a, err := audit.Replay(r)
	if err != nil {
		t.Fatal(err)
	}
	return m, a
}

type both struct{ a, b run.Sink }

func (s both) Write(o *record.Observation) error {
	if err := s.a.Write(o); err != nil {
		return err
	}
	return s.b.Write(o)
}

// The race: 64 callers × 8 on one key, burst 100, no refill,
// 5 ms round trip.
func TestRace(t *testing.T) {
	for name, want := range map[string]struct {
		least, most int
		why         string
	}{
		"race-set":        {512, 512, "every round reads before any of it writes, and the last write wins"},
		"race-incr":       {192, 192, "the first round sets to 1, the next two see room and add 64 each"},
		"race-setnx":      {128, 129, "the first round ends at 64, the second is let in and ends at 128"},
		"race-boulder":    {128, 129, "as setnx"},
		"race-lua":        {100, 100, "atomic"},
		"race-redis-rate": {100, 100, "atomic"},
	} {
		t.Run(name, func(t *testing.T) {
			m, a := audited(t, shipped(t, name))
			allowed := m.count(decided(record.Allowed))
			l := a.Limiters[0]
			t.Logf("%d of %d admitted, over-admission %d, under-admission %d, worst excess %.0f (%s)", allowed, len(m), l.Over, l.Under, l.Worst.Excess, want.why)
			if first := m.count(state(record.NotFound)); strings.Contains(name, "lua") && first != 1 {
				t.Errorf("%d requests found no key, want only the one whose script ran first", first)
			}
			if len(m) != 512 || allowed < want.least || allowed > want.most {
				t.Errorf("%d of %d admitted, want %d to %d of 512", allowed, len(m), want.least, want.most)
			}
			if l.Over != int64(allowed-100) || l.Under != 0 || math.Abs(l.Worst.Excess-float64(allowed-100)) > 1e-6 {
				t.Errorf("over-admission %d, under %d, worst excess %v; want %d, 0 and the same", l.Over, l.Under, l.Worst.Excess, allowed-100)
			}
		})
	}
}

const load = `
name: load
horizon: 60s
shards: {count: 4, service: {exponential: {mean: 200us}}}
network: {rtt: {lognormal: {median: 2ms, p99: 20ms}}}
clients: {caller: {instances: 8}}
keys: {k: {zipf: {n: 300, s: 1.1}}}
traffic: {main: {rate: 400/s, keys: k}}
limiters: {l: {kind: %s, limit: {count: 1, period: %s, burst: 7}}}`

// Under concurrent load with random delays an atomic limiter agrees with
// the oracle on every decision, and one that is off by one does not.
func TestOracleUnderLoad(t *testing.T) {
	for _, c := range []struct {
		kind, period string
		wrong        bool
	}{
		{"tat, options: {write: lua}", "1s", false},
		{"redis_rate", "1s", false},
		{"tat, options: {write: lua}", "333333333ns", false},
		{"redis_rate", "333333333ns", false},
		{"tat, options: {write: set}", "1s", true},
		{"broken", "1s", true},
		{"always", "1s", true},
		{"never", "1s", true},
	} {
		if c.period != "1s" && !testkit.IsLive() {
			continue
		}
		_, a := audited(t, compile(t, sprintf(load, c.kind, c.period)))
		l := a.Limiters[0]
		t.Logf("%s per %s: %d compared, over %d, under %d, ambiguous %d, wrong retry-after %d of %d, worst excess %.2f",
			c.kind, c.period, l.Compared, l.Over, l.Under, l.Ambiguous, l.Retry.Early.Count+l.Retry.Late.Count, l.Retry.Compared, l.Worst.Excess)
		if wrong := l.Over+l.Under+l.Retry.Early.Count+l.Retry.Late.Count > 0; wrong != c.wrong || l.Compared < 20_000 || l.Ambiguous > l.Compared/1000 {
			t.Errorf("%s: wrong: %v, want %v", c.kind, wrong, c.wrong)
		}
	}
}

// A restart is the cause although the clients' clocks are apart, because the
// limiter asks Redis for the time. One that reads its client's clock says so.
func TestCauseOfARestart(t *testing.T) {
	for _, kind := range []string{"redis_rate", "boulder", "tat, options: {write: lua}"} {
		m, a := audited(t, compile(t, sprintf(`
name: m2-clock-cause
horizon: 3m
shards: {count: 2}
keys: {tenants: {uniform: {n: 20}}}
clients: {a: {}, b: {clock_offset: 1ms}}
traffic:
  a: {rate: 20/s, keys: tenants, via: [a]}
  b: {rate: 20/s, keys: tenants, via: [b]}
limiters: {rr: {kind: %s, limit: {count: 20, period: 1h}}}
faults: [{at: 1m, restart: {shard: shard-1}}]`, kind)))
		l := a.Limiters[0]
		if len(l.Explained) != 1 || l.Explained[0].Kind != audit.Moved || l.Explained[0].Explains != l.Explained[0].Of || l.Over == 0 {
			t.Errorf("%s: over-admission %d, causes %+v; want the restart for all of it", kind, l.Over, l.Explained)
		}
		t.Logf("%s: %d decisions, over-admission %d", kind, len(m), l.Over)
	}
}

func TestReadsClock(t *testing.T) {
	for kind, want := range map[string]bool{"redis_rate": false, "boulder": true, "tat, options: {write: lua}": false, "tat, options: {write: setnx}": true} {
		p := compile(t, sprintf(tiny, "", kind, ""))
		_, r := play(t, p)
		m := run.Manifest(p)
		if r.Apply(&m); m.Limiters[0].ReadsClock != want {
			t.Errorf("%s: reads its client's clock: %v, want %v", kind, m.Limiters[0].ReadsClock, want)
		}
	}
}
