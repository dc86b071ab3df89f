package series_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

var shards = []string{"a", "b", "c"}

// anyRecord is of a run of ten seconds in which anything may have happened.
func anyRecord(t *rapid.T) (record.Manifest, []record.Observation) {
	m := manifest()
	m.Shards, m.Warmup = shards, time.Duration(rapid.SampledFrom([]int64{0, 1, 3000}).Draw(t, "warm-up"))*time.Millisecond
	m.Clock = rapid.SampledFrom([]string{"virtual", "real"}).Draw(t, "clock")
	m.Traffic = append(m.Traffic, record.Traffic{Name: "other"})
	m.Limiters[0].Resolution = time.Duration(rapid.SampledFrom([]int64{0, ms, int64(time.Second)}).Draw(t, "resolution"))
	m.Limiters[0].Limits = append(m.Limiters[0].Limits, record.Limit{Name: "y", Count: 5, Period: 3 * time.Second, Burst: 1})
	m.Limiters[0].Overrides = []record.Limit{{Name: "x", Key: "k1", Count: 7, Period: time.Second, Burst: 4}}
	m.Limiters = append(m.Limiters, record.Limiter{Name: "n", Algorithm: "token_bucket", Limits: m.Limiters[0].Limits})
	if rapid.Bool().Draw(t, "aborted") {
		m.Aborted = "interrupt"
	}
	if rapid.Bool().Draw(t, "faults") {
		m.Faults = []record.Fault{{At: 4e9, Until: 6e9, Kind: "down", What: "a is down", Shard: "a"}}
	}
	list := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) record.Observation { return anyObservation(t, m.Clock == "real") }), 0, 60).Draw(t, "observations")
	slices.SortStableFunc(list, func(a, b record.Observation) int { return int(a.Done - b.Done) })
	return m, list
}

func anyObservation(t *rapid.T, inRealTime bool) record.Observation {
	upTo := func(name string, most int64) int64 { return rapid.Int64Range(0, most).Draw(t, name) }
	one := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(t, name) }
	o := took(upTo("due", 9999), 0)
	o.Sent += upTo("lag", 3) * ms
	o.Effect = o.Sent + upTo("out", 50)*ms
	o.Done = o.Effect + upTo("back", 50)*ms
	o.Judged = o.Sent + upTo("judged", (o.Effect-o.Sent)/ms)*ms
	o.Order, o.Arrival = upTo("order", 1e6), upTo("arrival", 1e6)
	o.Traffic, o.Client, o.Limiter = one("traffic", "main", "other"), one("client", "wfe/1", "wfe/2", "ra"), one("limiter", "l", "m", "n")
	o.Decision = record.Decision(one("decision", "allowed", "allowed", "allowed", "denied", "error", "fail_open", "dropped"))
	o.Key = record.KeyState(one("state", "found", "not_found", "stale", "mixed", "unread"))
	o.Attempt, o.Step = int32(upTo("attempt", 1)), int32(upTo("step", 1))
	limits := []string{"x", "y"}
	if o.Limiter == "m" {
		limits = limits[:1]
	}
	o.Takes, o.Touched = nil, nil
	for range upTo("takes", 2) {
		take := record.Take{Limit: one("limit", limits...), Key: fmt.Sprint("k", upTo("key", 2)), Cost: upTo("cost", 2),
			Mode: record.Mode(one("mode", "take", "take", "check", "spend")), Shard: one("shard", append(shards, "")...)}
		if !slices.ContainsFunc(o.Takes, func(t record.Take) bool { return t.Limit == take.Limit && t.Key == take.Key }) {
			o.Takes = append(o.Takes, take) // no request takes from one bucket in two ways
		}
	}
	for range upTo("touched", 2) {
		o.Touched = append(o.Touched, record.Touch{Shard: one("at", shards...), Commands: int32(upTo("commands", 3))})
	}
	if o.Decision == record.Dropped {
		dropped(&o)
		o.Done = o.Intended
	}
	if inRealTime {
		real(&o)
	}
	return o
}

// What is counted in the series is what the summary counts, and no line is
// longer than it may be.
func TestAgreesWithSummary(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m, list := anyRecord(rt)
		r := testkit.WriteRecord(t, m, list)
		a, s := testkit.Analyse(t, r)
		set, err := series.Collect(r, a, s, series.Options{})
		if err != nil {
			rt.Fatal(err)
		}
		checkOutcomes(rt, set)
		checkShards(rt, set)
		for _, one := range set.Admission {
			checkAdmission(rt, set, a, one)
		}
		again, err := series.Collect(r, a, s, series.Options{})
		if d := cmp.Diff(set, again, cmpopts.EquateNaNs(), cmpopts.IgnoreFields(series.Set{}, "Summary")); d != "" || err != nil {
			rt.Errorf("collected again: %v %s", err, d)
		}
	})
}

// counts of a metric by outcome.
func counts(s *summary.Measured, metric string) map[series.Outcome]int64 {
	of := map[series.Outcome]int64{}
	for _, m := range s.Metrics {
		if m.Name == metric {
			of[series.Outcome{Limiter: m.Tags["limiter"], Decision: m.Tags["decision"], Key: m.Tags["key"]}] += m.Count // few: clients are not told apart
		}
	}
	return of
}

func checkOutcomes(t *rapid.T, set *series.Set) {
	l := set.Timeline
	decisions, inAll := map[series.Outcome]int64{}, 0.0
	for _, o := range l.Outcomes {
		for i, n := range o.Count {
			decisions[o.Outcome] += n
			inAll += o.Rate[i] * seconds(set, i)
			if n == 0 != (o.Rate[i] == 0) || n == 0 && !math.IsNaN(o.P50[i]) || o.P50[i] > o.P99[i] {
				t.Errorf("%v, interval %d: %d decisions, %v a second, p50 %v, p99 %v", o.Outcome, i, n, o.Rate[i], o.P50[i], o.P99[i])
			}
		}
		if len(o.Count) != l.N || len(o.Rate) != l.N || len(o.P50) != l.N || len(o.P99) != l.N || l.N > series.MaxIntervals {
			t.Errorf("%v has %d, %d, %d, %d intervals, want %d", o.Outcome, len(o.Count), len(o.Rate), len(o.P50), len(o.P99), l.N)
		}
	}
	if d := cmp.Diff(counts(set.Summary, "decisions"), decisions); d != "" {
		t.Errorf("decisions: %s", d)
	}
	total := int64(0)
	for _, n := range decisions {
		total += n
	}
	if math.Abs(inAll-float64(total)) > 1e-6 {
		t.Errorf("the rates come to %v decisions, want %d", inAll, total)
	}
	service, sojourn := map[series.Outcome]int64{}, map[series.Outcome]int64{}
	for _, o := range set.Latency {
		service[o.Outcome], sojourn[o.Outcome] = o.Service.N, o.Sojourn.N
		for _, d := range []series.Distribution{o.Service, o.Sojourn} {
			rising := slices.IsSortedFunc(d.Grid, func(a, b series.Quantile) int {
				if a.P >= b.P || a.V > b.V {
					return 1
				}
				return -1
			})
			if n := len(d.Grid); n > series.MaxPoints || d.Grid[0].V != d.Min || d.Grid[n-1] != (series.Quantile{P: 100, V: d.Max}) || !rising {
				t.Errorf("%v: %v", o.Outcome, d)
			}
		}
	}
	if d := cmp.Diff(counts(set.Summary, "latency"), service) + cmp.Diff(counts(set.Summary, "sojourn"), sojourn); d != "" {
		t.Errorf("latencies: %s", d)
	}
}

// seconds that interval i covers.
func seconds(set *series.Set, i int) float64 {
	l := set.Timeline
	from, until := l.From+float64(i)*l.Step, l.From+float64(i+1)*l.Step
	if i == 0 {
		from = l.Warmup
	}
	if i == l.N-1 {
		until = l.Warmup + set.Summary.MeasuredSeconds
	}
	if until <= from {
		return l.Step
	}
	return until - from
}

func checkShards(t *rapid.T, set *series.Set) {
	for _, l := range set.Shards {
		for i, name := range l.Names {
			commands, keys := int64(0), int64(0)
			for _, m := range set.Summary.Metrics {
				if m.Tags["limiter"] == l.Limiter && m.Tags["shard"] == name {
					switch m.Name {
					case "shard_commands":
						commands += m.Count
					case "shard_keys":
						keys += m.Count
					}
				}
			}
			heat := 0.0
			if l.Heat != nil {
				for j, rate := range l.Heat[i] {
					heat += rate * seconds(set, j)
				}
			}
			if math.Abs(heat-float64(commands)) > 1e-6 || l.Commands != nil && l.Commands[i] != commands || l.Keys != nil && l.Keys[i] != keys {
				t.Errorf("%s on %s: heat of %v commands, %v commands, %v keys, want %d and %d", l.Limiter, name, heat, l.Commands, l.Keys, commands, keys)
			}
		}
		share := l.HotRest
		for _, k := range l.Hottest {
			share += k.Share
		}
		if len(l.Hottest) > 0 && math.Abs(share-1) > 1e-9 {
			t.Errorf("%s: the keys' shares and the rest come to %v", l.Limiter, share)
		}
	}
}

// In virtual time the series has the audit's worst excess; in real time it
// never has more. Only a curve that begins in the warm-up may be higher: what
// it exceeds the envelope by there does not count.
func checkAdmission(t *rapid.T, set *series.Set, a *audit.Result, one series.Admission) {
	judged, _ := a.Find(one.Limiter)
	worst := 0.0
	for _, p := range one.ExcessOverTime {
		worst = max(worst, p.Y)
	}
	inRealTime, cold := set.Manifest.Clock == "real", set.Manifest.Warmup == 0
	if worst > judged.Worst.Excess+1e-6 || !inRealTime && worst < judged.Worst.Excess-1e-6 {
		t.Errorf("%s: at most %v above the envelope over time, the audit says %v", one.Limiter, worst, judged.Worst.Excess)
	}
	if len(one.ExcessOverTime) != set.Timeline.N || len(one.Keys) > 4 {
		t.Errorf("%s: %d points, %d keys", one.Limiter, len(one.ExcessOverTime), len(one.Keys))
	}
	for _, k := range one.Keys {
		above := math.Inf(-1)
		for i, p := range k.Admitted {
			above = max(above, p.Y-float64(k.Burst)-p.X*float64(k.Count)/k.Period)
			if i > 0 && (p.X < k.Admitted[i-1].X || p.Y < k.Admitted[i-1].Y) {
				t.Errorf("%s %s: %v after %v", one.Limiter, k.Key, p, k.Admitted[i-1])
			}
		}
		if k.Excess > 0 && (cold && above > k.Excess+1e-6 || !inRealTime && above < k.Excess-1e-6) {
			t.Errorf("%s %s: the curve is %v above the envelope, want %v: %v", one.Limiter, k.Key, above, k.Excess, k.Admitted)
		}
		if n := len(k.Admitted); n == 0 || n > series.MaxPoints || len(k.Envelope) != 2 || k.Envelope[1].X < k.Admitted[n-1].X {
			t.Errorf("%s %s: %v, %v", one.Limiter, k.Key, k.Admitted, k.Envelope)
		}
	}
}
