package plan_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/plan"
)

// estimated compiles a scenario whose traffic draws from a population.
func estimated(t *testing.T, keys, rate, horizon string) *plan.Plan {
	t.Helper()
	return compile(t, fmt.Sprintf(`name: e
horizon: %s
keys: {k: {%s}}
traffic: {s: {rate: %s, keys: k}}
limiters: {l: {kind: tat, limit: {count: 1, period: 1s}}}
`, horizon, keys, rate))
}

// TestEstimateOfKeys compares the keys that are expected with those that are
// drawn, for every kind of population.
func TestEstimateOfKeys(t *testing.T) {
	for keys, within := range map[string]float64{
		"uniform: {n: 3000}": 0.05, "uniform: {n: 100000}": 0.05, "zipf: {n: 20000, s: 1.1}": 0.1, "zipf: {n: 500, s: 0}": 0.05,
		"hot_set: {n: 4000, hot: 10, share: 50%}": 0.05, "fresh: {}": 0.05, "sequence: {n: 700}": 0.001, "growing: {k: 5, b: 0.6}": 0.1,
		"churn: {arrivals: 5/s, lifetime: 20s}": 0.25,
	} {
		p := estimated(t, keys, "50/s", "100s")
		drawn := map[string]bool{}
		all := events(p, "s")
		for _, e := range all {
			drawn[strings.Fields(e)[2]] = true
		}
		e := p.Estimate()
		if off := math.Abs(e.Keys/float64(len(drawn)) - 1); off > within {
			t.Errorf("%s: %.0f keys expected, %d drawn: off by %.3f, want at most %g", keys, e.Keys, len(drawn), off, within)
		}
		if off := math.Abs(e.Decisions - float64(len(all))); off > 5*math.Sqrt(e.Decisions) {
			t.Errorf("%s: %.0f decisions expected, %d arrivals", keys, e.Decisions, len(all))
		}
	}
}

// TestEstimateWarns above ten minutes, and above half of the machine's memory.
func TestEstimateWarns(t *testing.T) {
	const machine = 8e9
	for _, c := range []struct {
		keys, rate, horizon string
		want                []string
	}{
		{"uniform: {n: 1000}", "1000/s", "1m", nil},
		{"uniform: {n: 1000}", "1000/s", "30d", []string{"is expected to take"}},
		{"fresh: {}", "89000/s", "2m", []string{"GB of memory for 10,680,000 keys, and the machine has 8.0 GB"}},
	} {
		e := estimated(t, c.keys, c.rate, c.horizon).Estimate()
		got := e.Warnings(machine)
		if len(got) != len(c.want) {
			t.Errorf("%s at %s for %s: warnings %q, want %q", c.keys, c.rate, c.horizon, got, c.want)
			continue
		}
		for i := range got {
			if !strings.Contains(got[i], c.want[i]) {
				t.Errorf("warning %q, want %q", got[i], c.want[i])
			}
		}
		if unknown := e.Warnings(0); len(unknown) > 1 || e.Time <= 10*time.Minute && len(unknown) > 0 {
			t.Errorf("warnings %q of a machine whose memory is not known", unknown)
		}
	}
}

// TestEstimateOfShipped compares the decisions and keys that are expected of the shipped
// scenarios with those that their plans play: within three standard deviations,
// of Poisson counts.
func TestEstimateOfShipped(t *testing.T) {
	type key struct {
		limiter int
		name    string
	}
	for _, name := range []string{"boulder-not-found", "boulder-new-account", "race-lua", "shard-lost", "sweep-limiters", "usage-and-limiter", "live-quickstart"} {
		s, problems, err := scenarios.Load(name)
		if err != nil || len(problems) > 0 {
			t.Fatal(err, problems)
		}
		p, problems := plan.Compile(s, limiter.Builtin())
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		decisions, keys := 0, map[key]bool{}
		arrivals := p.Arrivals()
		for e, ok := arrivals.Next(); ok; e, ok = arrivals.Next() {
			of := &p.Sources[e.Source]
			decisions += len(of.Limiters) * len(of.Via)
			for _, l := range of.Limiters {
				for take := range of.Takes {
					keys[key{l, p.Key(e, take)}] = true
				}
			}
		}
		arrivals.Close()
		e := p.Estimate()
		t.Logf("%s: %.0f decisions expected, %d played; %.0f keys expected, %d drawn", name, e.Decisions, decisions, e.Keys, len(keys))
		if off := math.Abs(e.Decisions - float64(decisions)); off > 1+3*math.Sqrt(e.Decisions) || decisions == 0 {
			t.Errorf("%s: %.0f decisions expected, %d played", name, e.Decisions, decisions)
		}
		if off := math.Abs(e.Keys - float64(len(keys))); off > 1+3*math.Sqrt(e.Keys) {
			t.Errorf("%s: %.0f keys expected, %d drawn", name, e.Keys, len(keys))
		}
	}
}

// TestTooMuch refuses what needs more memory than the machine has.
func TestTooMuch(t *testing.T) {
	e := plan.Estimate{Memory: 8e9, Keys: 6e6}
	if got, want := e.TooMuch(7.9e9), "8.0 GB of memory for 6,000,000 keys, and the machine has 7.9 GB"; !strings.Contains(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	if got := e.TooMuch(8e9) + e.TooMuch(0); got != "" {
		t.Errorf("refused with %q a machine with just as much memory, or with an unknown one", got)
	}
}

// TestEstimateOfAccounts: every engine counts each account's batches of usage, or
// units where there are fewer.
func TestEstimateOfAccounts(t *testing.T) {
	for usage, want := range map[string]float64{"10_000": 2 * 30 * 24, "100": 2 * 100} {
		e := compile(t, fmt.Sprintf(`name: e
horizon: 30d
accounts: {customers: {count: 3, limit: %s, usage: {of_limit: 100%%}}}
usage_batch: 1h
engines: {one: {kind: catch_up, every: 12h}, two: {kind: inline}}
`, usage)).Estimate()
		if math.Abs(e.Batches/(3*want)-1) > 0.1 || e.Accounts != 3 || e.Time <= 0 || !strings.Contains(e.Text(), "counts of usage of 3 accounts: ") || strings.Contains(e.Text(), "decision") {
			t.Errorf("limit %s: %s, %.0f batches, expected about %.0f", usage, e.Text(), e.Batches, 3*want)
		}
	}
}
