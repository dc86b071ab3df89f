package summary_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/jsonschema-go/jsonschema"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

const ms = int64(time.Millisecond)

func manifest() record.Manifest {
	return record.Manifest{
		Scenario: "s", Clock: "virtual", Horizon: 10 * time.Second,
		Shards:   []string{"a", "b"},
		Clients:  []record.Client{{Name: "wfe", ShardNames: []string{"a", "b"}, Instances: 2}, {Name: "ra", ShardNames: []string{"c", "d"}}},
		Limiters: []record.Limiter{{Name: "l", Algorithm: "gcra", Limits: []record.Limit{{Name: "x", Count: 1, Period: time.Second, Burst: 2}}}, {Name: "m"}},
		Traffic:  []record.Traffic{{Name: "main"}, {Name: "other"}},
		Versions: map[string]string{"go": "1"},
	}
}

// make1 makes an observation that was due, sent and done at these instants.
func make1(due, sent, done int64, change ...func(o *record.Observation)) record.Observation {
	o := record.Observation{
		Traffic: "main", Client: "wfe/1", Limiter: "l", Intended: due, Sent: sent, Done: done, Judged: sent, Effect: done, Order: done,
		Decision: record.Allowed, Key: record.Found, RoundTrips: 2, RetryAfter: -1, Remaining: -1,
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

func by(client string) func(*record.Observation) {
	return func(o *record.Observation) { o.Client = client }
}

func came(d record.Decision, k record.KeyState) func(*record.Observation) {
	return func(o *record.Observation) { o.Decision, o.Key = d, k }
}

// gone says that the shard did not have the key.
func gone(o *record.Observation) { o.Takes[0].State = record.NotFound }

func dropped(o *record.Observation) {
	o.Decision, o.Key, o.Sent, o.Effect, o.Order, o.Judged, o.Touched = record.Dropped, record.Unread, -1, -1, -1, -1, nil
}

func failed(kind string) func(*record.Observation) {
	return func(o *record.Observation) { o.Decision, o.Error, o.Effect, o.Order = record.Errored, kind, -1, -1 }
}

func summaryOf(t testing.TB, m record.Manifest, list ...record.Observation) *summary.Measured {
	t.Helper()
	r := testkit.WriteRecord(t, m, list)
	_, s := testkit.Analyse(t, r)
	return s
}

// lines renders metrics as name{tags} count value min avg med max.
func lines(s *summary.Measured, names ...string) []string {
	out := []string{}
	for _, name := range names {
		m, _ := metric.Find(name)
		for _, one := range s.Select(metric.Selector{Metric: name}) {
			var tags []string
			for _, tag := range m.Tags {
				if v := one.Tags[tag]; v != "" {
					tags = append(tags, tag+"="+v)
				}
			}
			line := fmt.Sprintf("%s{%s} %d", name, strings.Join(tags, ","), one.Count)
			for _, v := range []*float64{one.Value, one.Min, one.Avg, one.Med, one.Max} {
				if v != nil {
					line += fmt.Sprintf(" %.4g", *v)
				}
			}
			out = append(out, line)
		}
	}
	return out
}

func TestMetrics(t *testing.T) {
	for _, c := range []struct {
		why   string
		list  []record.Observation
		names []string
		want  []string
	}{
		{"outcomes are never mixed, instances of a client are", []record.Observation{
			make1(0, 0, 10*ms, came(record.Allowed, record.NotFound)), make1(0, 0, 20*ms, came(record.Allowed, record.NotFound), by("wfe/0")),
			make1(0, 0, 5*ms, came(record.Denied, record.Found)), make1(0, 0, 5*ms, came(record.Denied, record.Found), by("ra"))},
			[]string{"decisions", "latency"}, []string{
				"decisions{traffic=main,limiter=l,client=wfe,decision=allowed,key=not_found} 2",
				"decisions{traffic=main,limiter=l,client=wfe,decision=denied,key=found} 1",
				"decisions{traffic=main,limiter=l,client=ra,decision=denied,key=found} 1",
				"latency{traffic=main,limiter=l,client=wfe,decision=allowed,key=not_found} 2 0.01 0.015 0.01 0.02",
				"latency{traffic=main,limiter=l,client=wfe,decision=denied,key=found} 1 0.005 0.005 0.005 0.005",
				"latency{traffic=main,limiter=l,client=ra,decision=denied,key=found} 1 0.005 0.005 0.005 0.005"}},
		{"lag, latency and sojourn are three things", []record.Observation{make1(0, 3*ms, 10*ms)},
			[]string{"latency", "lag", "sojourn"}, []string{
				"latency{traffic=main,limiter=l,client=wfe,decision=allowed,key=found} 1 0.007 0.007 0.007 0.007",
				"lag{traffic=main,limiter=l,client=wfe,decision=allowed,key=found} 1 0.003 0.003 0.003 0.003",
				"sojourn{traffic=main,limiter=l,client=wfe,decision=allowed,key=found} 1 0.01 0.01 0.01 0.01"}},
		{"a drop is a decision without a latency", []record.Observation{make1(0, 0, ms, dropped), make1(0, 0, ms)},
			[]string{"decisions", "latency", "dropped", "round_trips"}, []string{
				"decisions{traffic=main,limiter=l,client=wfe,decision=allowed,key=found} 1",
				"decisions{traffic=main,limiter=l,client=wfe,decision=dropped,key=unread} 1",
				"latency{traffic=main,limiter=l,client=wfe,decision=allowed,key=found} 1 0.001 0.001 0.001 0.001",
				"dropped{traffic=main} 1",
				"round_trips{limiter=l,client=wfe,decision=allowed,key=found} 1 2 2 2 2"}},
		{"round trips are summed over sources", []record.Observation{make1(0, 0, ms), make1(0, 0, ms, func(o *record.Observation) { o.Traffic, o.RoundTrips = "other", 4 })},
			[]string{"round_trips"}, []string{"round_trips{limiter=l,client=wfe,decision=allowed,key=found} 2 2 3 2 4"}},
		{"errors by kind in the catalogue's order; none is a known 0", []record.Observation{
			make1(0, 0, ms, failed("refused")), make1(0, 0, ms, failed("timeout")), make1(0, 0, ms, failed("timeout")), make1(0, 0, ms, func(o *record.Observation) { o.Limiter = "m" })},
			[]string{"errors"}, []string{"errors{limiter=l,error=timeout} 2", "errors{limiter=l,error=refused} 1", "errors{limiter=m} 0"}},
		{"commands of every shard, the empty ones too", []record.Observation{make1(0, 0, ms), make1(0, 0, ms)},
			[]string{"shard_commands", "shard_keys"}, []string{
				"shard_commands{limiter=l,shard=a} 4", "shard_commands{limiter=l,shard=b} 0", "shard_keys{limiter=l,shard=a} 1", "shard_keys{limiter=l,shard=b} 0"}},
		{"a key that two clients look for on different shards lives on both", []record.Observation{
			make1(0, 0, ms, on("k", "a")), make1(0, 0, ms, on("k", "b"), by("ra")), make1(0, 0, ms, on("j", "a")), make1(0, 0, ms, on("j", "a"), by("ra")), make1(0, 0, ms, on("only", "a"))},
			[]string{"shard_keys", "shard_disagreement"}, []string{"shard_keys{limiter=l,shard=a} 3", "shard_keys{limiter=l,shard=b} 1", "shard_disagreement{limiter=l,client=ra} 2 0.5"}},
		{"no shared key: the disagreement is unknown, not 0", []record.Observation{make1(0, 0, ms, on("k", "a")), make1(0, 0, ms, on("j", "b"), by("ra"))},
			[]string{"shard_disagreement"}, []string{}},
		{"a limiter without a reference or a limit has no admission metrics; one with has zeros", []record.Observation{make1(0, 0, ms), make1(0, 0, ms, func(o *record.Observation) { o.Limiter = "m" })},
			[]string{"over_admission", "under_admission", "ambiguous", "worst_excess"}, []string{"over_admission{traffic=main,limiter=l,client=wfe,limit=x} 0", "under_admission{traffic=main,limiter=l,client=wfe,limit=x} 0", "ambiguous{limiter=l} 0", "worst_excess{traffic=main,limiter=l,client=wfe,limit=x} 1 0"}},
		{"over-admission comes from the audit", []record.Observation{make1(0, 0, 0), make1(0, 0, 0), make1(0, 0, 0)},
			[]string{"over_admission", "worst_excess"}, []string{"over_admission{traffic=main,limiter=l,client=wfe,limit=x} 1", "worst_excess{traffic=main,limiter=l,client=wfe,limit=x} 3 1"}},
		{"balance of two keys to one", []record.Observation{make1(0, 0, ms, on("k", "a")), make1(0, 0, ms, on("j", "a")), make1(0, 0, ms, on("i", "b"))},
			[]string{"shard_balance"}, []string{
				"shard_balance{limiter=l,of=keys,stat=chi2} 3 0.3333", "shard_balance{limiter=l,of=keys,stat=p_value} 3 0.5637", "shard_balance{limiter=l,of=keys,stat=peak_to_mean} 3 1.333",
				"shard_balance{limiter=l,of=keys,stat=cv} 3 0.3333", "shard_balance{limiter=l,of=keys,stat=gini} 3 0.1667",
				"shard_balance{limiter=l,of=commands,stat=chi2} 3 0.3333", "shard_balance{limiter=l,of=commands,stat=p_value} 3 0.5637", "shard_balance{limiter=l,of=commands,stat=peak_to_mean} 3 1.333",
				"shard_balance{limiter=l,of=commands,stat=cv} 3 0.3333", "shard_balance{limiter=l,of=commands,stat=gini} 3 0.1667"}},
		{"an empty record has no metric at all", nil, []string{"decisions", "latency", "errors", "dropped", "over_admission", "shard_commands", "shard_balance"}, []string{}},
	} {
		t.Run(c.why, func(t *testing.T) {
			if diff := cmp.Diff(c.want, lines(summaryOf(t, manifest(), c.list...), c.names...)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestWarmupIsLeftOut(t *testing.T) {
	m := manifest()
	m.Warmup = time.Second
	s := summaryOf(t, m, make1(0, 0, 2*int64(time.Second)), make1(int64(time.Second), int64(time.Second), 2*int64(time.Second)))
	want := []string{"decisions{traffic=main,limiter=l,client=wfe,decision=allowed,key=found} 1", "shard_commands{limiter=l,shard=a} 2", "shard_commands{limiter=l,shard=b} 0"}
	if diff := cmp.Diff(want, lines(s, "decisions", "shard_commands")); diff != "" {
		t.Errorf("what is due in the warm-up does not count, even if done later (-want +got):\n%s", diff)
	}
	if s.MeasuredSeconds != 9 {
		t.Errorf("measured %v s, want 9: the horizon without the warm-up", s.MeasuredSeconds)
	}
}

func TestPercentiles(t *testing.T) {
	var list []record.Observation
	for i := int64(1); i <= 10_000; i++ {
		list = append(list, make1(0, 0, i*ms/10))
	}
	s := summaryOf(t, manifest(), list...)
	got := s.Series(metric.Selector{Metric: "latency"})[0]
	want := map[*float64]float64{got.Min: 0.0001, got.Avg: 0.50005, got.Med: 0.5, got.P90: 0.9, got.P95: 0.95, got.P99: 0.99, got.P999: 0.999, got.Max: 1}
	for v, w := range want {
		if math.Abs(*v-w)/w > 0.001 {
			t.Errorf("got %v, want %v within 0.1 %%", *v, w)
		}
	}
	if *got.Min != 0.0001 || *got.Max != 1 || *got.Avg != 0.50005 {
		t.Errorf("min %v, max %v and avg %v must be exact", *got.Min, *got.Max, *got.Avg)
	}
	if v, ok := got.Percentiles(25); !ok || math.Abs(v[0]-0.25)/0.25 > 0.001 {
		t.Errorf("p(25) is %v, %v", v, ok)
	}
}

func TestSum(t *testing.T) {
	list := []record.Observation{
		make1(0, 0, 5*ms, came(record.Denied, record.Found)), make1(0, 0, 5*ms, came(record.Denied, record.Found)), // constant: no histogram
		make1(0, 0, 10*ms), make1(0, 0, 20*ms), // two values: a histogram
		make1(0, 0, int64(2*time.Hour), came(record.Allowed, record.Stale)), make1(0, 0, ms, came(record.Allowed, record.Stale)), // a wide one
	}
	s := summaryOf(t, manifest(), list...)
	series := s.Series(metric.Selector{Metric: "latency"})
	sum, ok := summary.Sum(series)
	if !ok || sum.Count != 6 || *sum.Min != 0.001 || *sum.Max != 7200 || *sum.Med != 0.005 {
		t.Errorf("sum of %d series is %+v", len(series), sum)
	}
	if got, want := *sum.Avg, (0.005*2+0.01+0.02+7200+0.001)/6; math.Abs(got-want) > 1e-9 {
		t.Errorf("avg %v, want %v", got, want)
	}
	for n := range 100 {
		list = append(list, make1(0, 0, int64(n)*ms)) // more values than are kept exactly
	}
	all, ok := summary.Sum(summaryOf(t, manifest(), list...).Series(metric.Selector{Metric: "latency"}))
	if med := *all.Med; !ok || all.Count != 106 || math.Abs(med-0.047)/0.047 > 0.001 || *all.Max != 7200 {
		t.Errorf("sum of an exact, a constant and an estimated distribution: count %d, median %v", all.Count, med)
	}
	if _, ok := summary.Sum(s.Series(metric.Selector{Metric: "worst_excess"})); !ok {
		t.Error("a single value is its own sum")
	}
	if _, ok := summary.Sum(s.Series(metric.Selector{Metric: "shard_balance"})); ok {
		t.Error("values do not add up")
	}
	if _, ok := summary.Sum(nil); ok {
		t.Error("nothing adds up to nothing known")
	}
}

func TestValidity(t *testing.T) {
	late := func(n int, by int64) (list []record.Observation) {
		for range n {
			list = append(list, make1(0, by, by+ms))
		}
		return list
	}
	inRealTime := func(m *record.Manifest) { m.Clock = "real" }
	for _, c := range []struct {
		why    string
		change func(m *record.Manifest)
		list   []record.Observation
		says   string // "" valid
	}{
		{"a run as it should be", func(*record.Manifest) {}, late(100, 0), ""},
		{"lag that changes no headline", inRealTime, late(100, ms), ""},
		{"lag that does", inRealTime, late(100, 2*ms), "lag decides what the run says"},
		{"of too few requests", inRealTime, late(19, 2*ms), ""},
		{"one straggler in a thousand is not p99", inRealTime, append(late(999, 0), late(1, 50*ms)...), ""},
		{"a dropped arrival", func(*record.Manifest) {}, []record.Observation{make1(0, 0, 0), make1(0, 0, 0, dropped)}, "1 arrival was not sent"},
		{"a drop in the warm-up is a drop", func(m *record.Manifest) { m.Warmup = time.Second },
			[]record.Observation{make1(0, 0, 0, dropped), make1(2e9, 2e9, 2e9)}, "1 arrival was not sent"},
		{"an interrupt", func(m *record.Manifest) { m.Aborted = "interrupt" }, late(3, 0), "aborted (interrupt)"},
		{"nothing after the warm-up", func(m *record.Manifest) { m.Warmup = time.Second }, late(3, 0), "nothing was measured"},
	} {
		m := manifest()
		c.change(&m)
		s := summaryOf(t, m, c.list...)
		if s.Valid != (c.says == "") || s.OK != s.Valid || !strings.Contains(strings.Join(s.Invalid, "\n"), c.says) {
			t.Errorf("%s: valid %v, ok %v, because %q; want %q", c.why, s.Valid, s.OK, s.Invalid, c.says)
		}
	}
}

func TestWarnings(t *testing.T) {
	apart := []record.Observation{make1(0, 0, 0, on("k", "a")), make1(1, 1, 1, on("k", "b"), by("ra"))}
	for _, c := range []struct {
		why    string
		change func(m *record.Manifest)
		list   []record.Observation
		says   []string // each in one warning; none: no warning at all
	}{
		{"nothing odd", nil, []record.Observation{make1(0, 0, 0)}, nil},
		{"shards named differently: chance", nil, apart,
			[]string{"client ra looks for 100.0 % of 1 key on another shard than client wfe", "(wfe: a, b; ra: c, d)", "only by chance (a disagreement of 50.0 % is expected)"}},
		{"shard names swapped", func(m *record.Manifest) { m.Clients[1].ShardNames = []string{"b", "a"} }, apart, []string{"the same names to different shards (wfe: a, b; ra: b, a)"}},
		{"shards named alike", func(m *record.Manifest) { m.Clients[1].ShardNames = []string{"a", "b"} }, apart, []string{"they name the shards alike"}},
		{"one shard named differently", func(m *record.Manifest) { m.Clients[1].ShardNames = []string{"a", "c"} }, apart, []string{"name some of the shards differently"}},
		{"denied and not found", nil, []record.Observation{make1(0, 0, 0, came(record.Denied, record.NotFound))}, []string{"1 request was denied though the key was not found", "1 request was denied that would have fitted, given what was admitted (100.0 % of 1 decision)"}},
		{"denied and not found at a cost above the burst is right", nil, []record.Observation{make1(0, 0, 0, came(record.Denied, record.NotFound), func(o *record.Observation) { o.Takes[0].Cost = 3 })}, nil},
		{"over-admission with its worst key, and no cause without a proof", nil, []record.Observation{make1(0, 0, 0), make1(0, 0, 0), make1(0, 0, 0)},
			[]string{"over-admission: 1 admission has to be taken away so that the limit holds (3 requests were decided)", "The worst key, k, was given 1 tokens more than the limit promises from 0s to 0s", "Cause unknown", "quotalab run s --seed"}},
		{"over-admission where clients disagree names that cause", nil, append(apart[:2:2], apart[0], apart[1]), []string{"Cause: shard lost or moved: clients look for key k on a and on b, and do not see what the other wrote there. That explains all 2."}},
		{"over-admission after a shard was lost names that cause", func(m *record.Manifest) {
			m.Faults = []record.Fault{{At: 1500 * ms, Until: 2 * s, Kind: "clock", What: "a clock is off", Client: "wfe"}, {At: 1500 * ms, Until: 2 * s, Kind: "down", What: "a is down", Shard: "a", MovesKeys: true}}
		}, []record.Observation{make1(1, 1, 1, on("k", "a")), make1(1, 1, 1, on("k", "a")), make1(1600*ms, 1600*ms, 1600*ms, on("k", "a"), gone), make1(1600*ms, 1600*ms, 1600*ms, on("k", "a"))},
			[]string{"Cause: shard lost or moved: a is down, and key k had a new full burst at 1.6s."}},
		{"errors by kind", nil, []record.Observation{make1(0, 0, 0), make1(0, 0, 0, failed("timeout"))}, []string{"l: 1 error in 2 requests (50.0 %): timeout 1."}},
		{"fail open", nil, []record.Observation{make1(0, 0, 0, failed("timeout"), came(record.FailOpen, record.Unread))}, []string{"1 request was let through because of it (fail open)"}},
		{"no reference", nil, []record.Observation{make1(0, 0, 0, func(o *record.Observation) { o.Limiter = "m" })}, []string{"m: it declares no reference algorithm"}},
		{"telemetry that times half of it", telemetry(2, 0.004, record.Allowed), []record.Observation{make1(0, 0, 10*ms), make1(0, 0, 10*ms)},
			[]string{"its own metric t is wrong about the allowed decisions of client wfe. It says that they take 2ms on average, where a caller waits 10ms: what it times"}},
		{"telemetry that counts too many", telemetry(4, 0.04, ""), []record.Observation{make1(0, 0, 10*ms), make1(0, 0, 10*ms)}, []string{"counts 4, where there were 2"}},
		{"telemetry of batches", telemetry(2, 0.01, ""), []record.Observation{make1(0, 0, 10*ms, func(o *record.Observation) { o.Takes = append(o.Takes, o.Takes[0]) })}, []string{"takes from 2.0 limits on average"}},
		{"telemetry within 5 %", telemetry(2, 0.0195, ""), []record.Observation{make1(0, 0, 10*ms), make1(0, 0, 10*ms)}, nil},
		{"telemetry of real time, off by no more than waiting for a processor takes", realTime(telemetry(2, 0.00195, "")), []record.Observation{make1(0, 0, ms+60_000), make1(0, 0, ms+60_000)}, nil},
		{"telemetry of real time, off by more", realTime(telemetry(2, 0.00195, "")), []record.Observation{make1(0, 0, ms+160_000), make1(0, 0, ms+160_000)}, []string{"its own metric t is wrong"}},
		{"under-admission: a fault that put a clock off explains nothing where nobody read it", func(m *record.Manifest) {
			m.Faults = []record.Fault{{At: 0, Until: 2 * s, Kind: "clock", What: "the clock of wfe is 5s behind", Client: "wfe"}}
		}, []record.Observation{make1(0, 0, 0, came(record.Denied, record.Found))}, []string{"1 request was denied that would have fitted", "Cause unknown"}},
		{"the manifest's own", func(m *record.Manifest) { m.Warnings = []string{"hm"} }, []record.Observation{make1(0, 0, 0)}, []string{"hm"}},
	} {
		m := manifest()
		m.Limiters = m.Limiters[:1]
		if strings.HasPrefix(c.why, "no reference") {
			m = manifest()
		}
		if c.change != nil {
			c.change(&m)
		}
		got := summaryOf(t, m, c.list...).Warnings
		if len(c.says) == 0 && len(got) > 0 {
			t.Errorf("%s: unexpected warnings %q", c.why, got)
		}
		for _, want := range c.says {
			if !strings.Contains(strings.Join(got, "\n"), want) {
				t.Errorf("%s: warnings %q do not say %q", c.why, got, want)
			}
		}
	}
}

func realTime(change func(m *record.Manifest)) func(m *record.Manifest) {
	return func(m *record.Manifest) {
		change(m)
		m.Clock = "real"
	}
}

func telemetry(n uint64, seconds float64, d record.Decision) func(m *record.Manifest) {
	return func(m *record.Manifest) {
		m.Telemetry = []record.Telemetry{{Limiter: "l", Client: "wfe", Series: "t", Decision: d, Count: n, Seconds: seconds}}
	}
}

func TestUnevenKeysWarn(t *testing.T) {
	var list []record.Observation
	for i := range 100 {
		list = append(list, make1(0, 0, 0, on(fmt.Sprint(i), "a")))
	}
	got := strings.Join(summaryOf(t, manifest(), list...).Warnings, "\n")
	if !strings.Contains(got, "keys fall on the shards unevenly (χ² 100.0, p < 0.0001; the fullest shard has 2.00 times the mean)") {
		t.Errorf("warnings: %s", got)
	}
}

// A shard that joins during the run holds less without being unbalanced.
func TestShardThatJoinsIsNoImbalance(t *testing.T) {
	m := manifest()
	m.Shards = append(m.Shards, "late")
	var list []record.Observation
	for i := range 400 {
		list = append(list, make1(int64(i), int64(i), int64(i), on(fmt.Sprint("key", i), m.Shards[i%(len(m.Shards)-1)])))
	}
	balance := func(m record.Manifest) []string { return lines(summaryOf(t, m, list...), "shard_balance") }
	without := balance(m)
	m.Faults = []record.Fault{{At: 1, Until: 1, Kind: "add", Shard: "late"}}
	if with := balance(m); strings.Join(with, " ") == strings.Join(without, " ") || !strings.Contains(strings.Join(with, " "), "peak_to_mean") {
		t.Errorf("with a shard that joins the balance is %q, as if it had been there from the start", with)
	}
	for _, w := range summaryOf(t, m, list...).Warnings {
		if strings.Contains(w, "unevenly") {
			t.Errorf("warns: %s", w)
		}
	}
}

func TestMostDenied(t *testing.T) {
	var list []record.Observation
	for i := range 15 {
		for j := range i + 1 {
			d := record.Denied
			if j == 0 {
				d = record.Allowed
			}
			list = append(list, make1(0, 0, 0, on(fmt.Sprintf("k%02d", i), "a"), came(d, record.Found)))
		}
	}
	spend := make1(0, 0, 0, on("spent", "a"), came(record.Denied, record.Found))
	spend.Takes[0].Mode = record.SpendMode
	got := summaryOf(t, manifest(), append(list, spend)...).Keys.MostDenied
	if len(got) != 10 || got[0] != (summary.DeniedKey{Limiter: "l", Limit: "x", Key: "k14", Denied: 14, Decisions: 15}) || got[9].Key != "k05" {
		t.Errorf("most denied: %+v; want k14 with 14 of 15 down to k05", got)
	}
}

func TestBalance(t *testing.T) {
	for _, c := range []struct {
		why    string
		counts []int64
		want   summary.Balance
		even   bool
	}{
		{"Boulder's own test: 525 and 475 of 1,000 keys", []int64{525, 475}, summary.Balance{Total: 1000, Chi2: 2.5, P: 0.113846, PeakToMean: 1.05, CV: 0.05, Gini: 0.025}, true},
		{"all on one of four", []int64{0, 8, 0, 0}, summary.Balance{Total: 8, Chi2: 24, P: 2.49800e-05, PeakToMean: 4, CV: math.Sqrt(3), Gini: 0.75}, false},
		{"equal", []int64{5, 5, 5}, summary.Balance{Total: 15, P: 1, PeakToMean: 1}, true},
	} {
		got, ok := summary.BalanceOf(c.counts)
		if diff := cmp.Diff(c.want, got, cmpopts.EquateApprox(1e-4, 1e-12)); !ok || diff != "" || got.Even() != c.even {
			t.Errorf("%s: even %v, -want +got:\n%s", c.why, got.Even(), diff)
		}
	}
	for _, counts := range [][]int64{nil, {7}, {0, 0}} {
		if _, ok := summary.BalanceOf(counts); ok {
			t.Errorf("balance of %v is known", counts)
		}
	}
}

func TestRepeatedMeasureIsIdentical(t *testing.T) {
	var list []record.Observation
	for i := range 2000 {
		list = append(list, make1(int64(i), int64(i), int64(i)+int64(i*7919%1000), on(fmt.Sprint(i%97), string("ab"[i%2])), by([]string{"wfe/0", "ra"}[i/2%2]),
			came([]record.Decision{record.Allowed, record.Denied}[i%3/2], record.Found)))
	}
	m := manifest()
	m.Limiters = m.Limiters[:1]
	r := testkit.WriteRecord(t, m, list)
	var first []byte
	for range 5 {
		_, s := testkit.Analyse(t, r)
		var b bytes.Buffer
		if err := s.WriteJSON(&b); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = b.Bytes()
		} else if diff := cmp.Diff(string(first), b.String()); diff != "" {
			t.Fatalf("measured again, the JSON differs:\n%s", diff)
		}
	}
}

func TestSchemaDescribesTheSummary(t *testing.T) {
	data, err := summary.Schema()
	if err != nil {
		t.Fatal(err)
	}
	var schema jsonschema.Schema
	if err := json.Unmarshal(data, &schema); err != nil {
		t.Fatal(err)
	}
	resolved, err := schema.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	for why, s := range map[string]*summary.Measured{
		"a full one":   summaryOf(t, manifest(), make1(0, 0, ms), make1(0, 0, 2*ms, came(record.Denied, record.NotFound)), make1(0, 0, 0, dropped)),
		"an empty one": summaryOf(t, record.Manifest{}),
		"a live one":   summaryOf(t, liveManifest(), make1(0, 0, ms)),
	} {
		var b bytes.Buffer
		if err := s.WriteJSON(&b); err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(b.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		if err := resolved.Validate(v); err != nil {
			t.Errorf("%s is not what the schema says: %v", why, err)
		}
	}
	if err := resolved.Validate(map[string]any{"ok": "yes"}); err == nil {
		t.Error("the schema accepts anything")
	}
}

func TestForeignNamesAreErrors(t *testing.T) {
	for why, change := range map[string]func(*record.Observation){
		"shard touched":  func(o *record.Observation) { o.Touched[0].Shard = "z" },
		"shard of a key": func(o *record.Observation) { o.Takes[0].Shard = "z" },
		"client":         func(o *record.Observation) { o.Client = "z" },
		"limiter":        func(o *record.Observation) { o.Limiter = "z" },
	} {
		_, err := summary.Measure(testkit.WriteRecord(t, manifest(), []record.Observation{make1(0, 0, 0, change)}), nil)
		if err == nil || !strings.Contains(err.Error(), `"z", which the manifest does not list`) {
			t.Errorf("%s: error %v", why, err)
		}
	}
}

func BenchmarkMeasure(b *testing.B) {
	var list []record.Observation
	for i := range 200_000 {
		list = append(list, make1(int64(i)*1000, int64(i)*1000, int64(i)*1000+5*ms+int64(i*7919%1_000_003), on(fmt.Sprintf("10.0.%d.%d", i*7919%50_000/256, i*7919%50_000%256), "a")))
	}
	r := testkit.WriteRecord(b, manifest(), list)
	for b.Loop() {
		if _, err := summary.Measure(r, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(list))*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
