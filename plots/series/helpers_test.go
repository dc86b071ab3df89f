package series_test

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/record"
)

var update = flag.Bool("update", false, "rewrite the golden series")

const ms = int64(time.Millisecond)

// manifest of a run of ten seconds, of which two are warm-up, against a
// limiter with an oracle and one without.
func manifest() record.Manifest {
	return record.Manifest{
		Scenario: "s", Clock: "virtual", Horizon: 10 * time.Second, Warmup: 2 * time.Second,
		Shards:  []string{"a", "b"},
		Clients: []record.Client{{Name: "wfe", Instances: 2}, {Name: "ra"}},
		Limiters: []record.Limiter{{Name: "l", Algorithm: "gcra", Limits: []record.Limit{{Name: "x", Count: 1, Period: time.Second, Burst: 2}}},
			{Name: "m", Limits: []record.Limit{{Name: "x", Count: 1, Period: time.Second, Burst: 2}}}},
		Traffic: []record.Traffic{{Name: "main"}},
	}
}

// took is an observation of key k that was due and sent at an instant and took
// so long, both ms.
func took(due, latency int64, change ...func(*record.Observation)) record.Observation {
	due *= ms
	done := due + latency*ms
	o := record.Observation{
		Traffic: "main", Client: "wfe/1", Limiter: "l", Intended: due, Sent: due, Done: done, Judged: due, Effect: done, Order: done,
		Decision: record.Allowed, Key: record.Found, RoundTrips: 1, RetryAfter: -1, Remaining: -1,
		Takes:   []record.Take{{Limit: "x", Key: "k", Cost: 1, Mode: record.TakeMode, Shard: "a"}},
		Touched: []record.Touch{{Shard: "a", Commands: 2}},
	}
	for _, c := range change {
		c(&o)
	}
	return o
}

func on(key, shard string) func(*record.Observation) {
	return func(o *record.Observation) {
		o.Takes = []record.Take{{Limit: "x", Key: key, Cost: 1, Mode: record.TakeMode, Shard: shard}}
		o.Touched = []record.Touch{{Shard: shard, Commands: 1}}
	}
}

func came(d record.Decision, k record.KeyState) func(*record.Observation) {
	return func(o *record.Observation) { o.Decision, o.Key = d, k }
}

func of(limiter string) func(*record.Observation) {
	return func(o *record.Observation) { o.Limiter = limiter }
}

func dropped(o *record.Observation) {
	o.Decision, o.Key, o.Sent, o.Effect, o.Order, o.Judged, o.Touched = record.Dropped, record.Unread, -1, -1, -1, -1, nil
}

// real takes away what is not known in real time.
func real(o *record.Observation) { o.Effect, o.Order = -1, -1 }

func collect(t testing.TB, r *record.Reader) *series.Set {
	t.Helper()
	a, s := testkit.Analyse(t, r)
	set, err := series.Collect(r, a, s, series.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func goldenSet(t *testing.T, name string, set *series.Set) {
	t.Helper()
	golden(t, name, dump(set))
}

// golden compares a text with testdata/NAME.golden.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (go test -update rewrites it): %s", path, d)
	}
}

// dump of a set as text: intervals in which nothing was are left out.
func dump(set *series.Set) string {
	var b strings.Builder
	for _, l := range set.Latency {
		fmt.Fprintf(&b, "latency %v\n  service %s\n  sojourn %s\n", l.Outcome, distribution(l.Service), distribution(l.Sojourn))
	}
	for _, one := range set.Together {
		fmt.Fprintf(&b, "together: %+v\n", one)
	}
	dumpTimeline(&b, &set.Timeline)
	for _, l := range set.Shards {
		fmt.Fprintf(&b, "shards %s: %v keys %v commands %v band %v to %v p %v, intervals of %v from %v\n", l.Limiter, l.Names, l.Keys, l.Commands, l.KeysLow, l.KeysHigh, l.KeysP, l.Step, l.From)
		for i, heat := range l.Heat {
			fmt.Fprintf(&b, "  heat %s:%s\n", l.Names[i], sparse(heat, 0))
		}
		fmt.Fprintf(&b, "  hottest %+v, others %v\n", l.Hottest, l.HotRest)
	}
	for _, a := range set.Admission {
		var excess []float64
		for _, p := range a.ExcessOverTime {
			excess = append(excess, p.Y)
		}
		fmt.Fprintf(&b, "admission %s: excess%s\n", a.Limiter, sparse(excess, 0))
		for _, k := range a.Keys {
			fmt.Fprintf(&b, "  %s %s: %d a %v s, burst %d; over %d, excess %v from %v s\n    admitted %v\n    envelope %v\n", k.Limit, k.Key, k.Count, k.Period, k.Burst, k.Over, k.Excess, k.From, k.Admitted, k.Envelope)
		}
	}
	if set.Thresholds != nil {
		fmt.Fprintf(&b, "thresholds of %v\n", set.Thresholds.Engines)
	}
	return b.String()
}

func distribution(d series.Distribution) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d from %v to %v:", d.N, d.Min, d.Max)
	for _, q := range d.Grid {
		fmt.Fprintf(&b, " p%.4g=%v", q.P, q.V)
	}
	return b.String()
}

func dumpTimeline(b *strings.Builder, l *series.Timeline) {
	fmt.Fprintf(b, "timeline: %d of %v s from %v s, warm-up %v s, faults %v\n", l.N, l.Step, l.From, l.Warmup, l.Faults)
	fmt.Fprintf(b, "  offered%s\n", sparse(l.Offered, 0))
	for _, o := range l.OfferedTo {
		fmt.Fprintf(b, "    to %s %s%s\n", o.Limiter, o.Client, sparse(o.Rate, 0))
	}
	for _, o := range l.Outcomes {
		var counts []float64
		for _, n := range o.Count {
			counts = append(counts, float64(n))
		}
		fmt.Fprintf(b, "  %v\n    count%s\n    rate%s\n    p50%s\n    p99%s\n", o.Outcome, sparse(counts, 0), sparse(o.Rate, 0), sparse(o.P50, math.NaN()), sparse(o.P99, math.NaN()))
	}
}

// sparse lists the numbers that are not the usual one, by their places.
func sparse(list []float64, usual float64) string {
	if list == nil {
		return " unknown"
	}
	var b strings.Builder
	fmt.Fprintf(&b, " (%d)", len(list))
	for i, v := range list {
		if v != usual && !(math.IsNaN(v) && math.IsNaN(usual)) {
			fmt.Fprintf(&b, " %d:%v", i, v)
		}
	}
	return b.String()
}
