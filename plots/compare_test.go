package plots

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// raced is a record of some limiters; over is the over-admission of each.
func raced(scenario, clock string, over map[string]int64, latency float64) *series.Set {
	s := aSet(scenario)
	s.Manifest.Clock = clock
	s.Summary = &summary.Measured{Summary: &summary.Summary{Valid: true}}
	names := make([]string, 0, len(over))
	for name := range over {
		names = append(names, name)
	}
	slices.Sort(names)
	for i, name := range names {
		v := latency * float64(i+1)
		s.Latency = append(s.Latency, latencyOf(name, "allowed", "found", distribution(uint64(i+1), 900, v, v/4)),
			latencyOf(name, "allowed", "not_found", distribution(uint64(i+5), 500, v, v/3)), latencyOf(name, "denied", "found", distribution(uint64(i+9), 700, v/2, v/8)))
		tags := map[string]string{"limiter": name}
		excess := float64(over[name]) / 2
		s.Summary.Metrics = append(s.Summary.Metrics, summary.Metric{Name: "over_admission", Tags: tags, Count: over[name]}, summary.Metric{Name: "worst_excess", Tags: tags, Count: 10, Value: &excess})
		s.Manifest.Limiters = append(s.Manifest.Limiters, record.Limiter{Name: name, Algorithm: "gcra"})
		l := loaded(evenly(4, 100), []int64{100, 100, int64(100 * (i + 1)), 100}, 5).Shards[0]
		l.Limiter = name
		s.Shards = append(s.Shards, l)
	}
	return intervals(s, 10, 1, func(o, _ int) float64 { return []float64{90, 50, 70}[o%3] })
}

// blind is a record whose limiter lua does not tell what keys it found.
func blind(s *series.Set) *series.Set {
	for i := range s.Latency {
		if l := &s.Latency[i]; l.Limiter == "lua" {
			l.Key = "unread"
			s.Timeline.Outcomes[i].Key = "unread"
		}
	}
	return s
}

// seeded record of engines alone.
func seeded(t *series.Thresholds, seed uint64) *series.Set {
	s := quotaSet(t)
	s.Manifest.Seed = seed
	return s
}

// missing a number of 800 notices.
func missing(n int64) *series.Thresholds {
	return thresholdsOf([]string{"latest", "inline"}, []string{"linear"}, []int64{75, 100}, fewCauses,
		func(_, _ int) int64 { return 400 }, func(e, _, _ int) int64 { return []int64{n / 2, 0}[e] })
}

func withEngines(s *series.Set, t *series.Thresholds) *series.Set {
	s.Thresholds = t
	return s
}

var compareFixtures = sync.OnceValue(func() map[string][]*series.Set {
	two := map[string]int64{"boulder": 58, "lua": 0}
	six := []*series.Set{}
	for i := range 6 {
		six = append(six, raced(fmt.Sprintf("race-%d", i), "virtual", map[string]int64{"boulder": int64(i * 100), "lua": 0}, 0.001*float64(i+1)))
	}
	many := map[string]int64{}
	for i := range 30 {
		many[fmt.Sprintf("limiter-%02d", i)] = int64(i)
	}
	long := raced(strings.Repeat("a-long-scenario-", 9), "real", map[string]int64{"generic-cell-rate-algorithm-with-a-second-limiter-behind": 3}, 1)
	oneShard := raced("race-one", "virtual", map[string]int64{"set": 412}, 0.01)
	oneShard.Shards[0] = loaded([]int64{1}, []int64{9}, 1).Shards[0]
	oneShard.Shards[0].Limiter = "set"
	return map[string][]*series.Set{
		"clocks":      {raced("live", "virtual", two, 0.001), blind(raced("live", "real", two, 0.0007))},
		"six":         six,
		"equal":       {raced("race", "virtual", two, 1), raced("race", "virtual", two, 1)},
		"many":        {raced("race", "virtual", many, 0.001), raced("race", "real", many, 0.002)},
		"long names":  {long, raced("short", "virtual", two, 1e-6)},
		"engines":     {seeded(usualThresholds(), 1), seeded(nothingMissed(), 2), seeded(eightEngines(), 3)},
		"engine":      {seeded(missing(20), 1), seeded(missing(320), 2)},
		"good":        {seeded(nothingMissed(), 1), seeded(nothingMissed(), 2)},
		"one engine":  {seeded(oneAccount(), 1), seeded(allMissed(), 2)},
		"not audited": {thresholdFixtures()["not-audited"], thresholdFixtures()["no-crossing"]},
		"both":        {withEngines(raced("race", "virtual", two, 1), usualThresholds()), withEngines(raced("race", "real", two, 1), usualThresholds())},
		"no data":     {aSet("one"), aSet("two")},
		"some data":   {aSet("one"), usual(), oneShard, dropsOnly()},
		"no latency":  {dropsOnly(), gaps()},
		"empty clock": {{Manifest: record.Manifest{Scenario: "a", Clock: "virtual"}}, {Manifest: record.Manifest{Scenario: "a", Clock: "real"}}, usual()},
	}
})

func TestOneRecordIsNotCompared(t *testing.T) {
	if figures := ofKinds(drawn([]*series.Set{usual()}, Options{}), "compare"); len(figures) > 0 {
		t.Errorf("%d figures, expected none", len(figures))
	}
}

func TestCompareTitles(t *testing.T) {
	tests := map[string]map[string]string{
		"clocks": {
			"compare-latency":   "Allowed decisions take 1.6 ms at the 99th percentile with boulder (real), 4.9 ms with lua (virtual)",
			"compare-admission": "Over-admission is 58 with boulder (virtual), none with lua (virtual)",
			"compare-balance":   "The fullest shard has up to 1.60 times the mean of commands, with lua (virtual); chance explains how keys lie",
			"virtual-real-live": "Virtual and real time have the same outcomes; the median latency is 1.3 ms and 907 µs",
		},
		"six":         {"compare-admission": "Over-admission is 500 with boulder (race-5), none with boulder (race-0)"},
		"no data":     {"compare": "There is nothing to compare"},
		"engines":     {"compare-missed": "g13 (seed=1) misses 98.3 % of its notices, catch-up (seed=1) none"},
		"one engine":  {"compare-missed": "Every engine misses 100 % of its notices, in every record"},
		"engine":      {"compare-missed": "latest misses 40 % of its notices in seed=2, 2.5 % in seed=1"},
		"good":        {"compare-missed": "No engine misses a notice, of 320 in all records together"},
		"not audited": {"compare-missed": "Whether notices were missed is not known"},
		"both":        {"compare-missed": "g13 (virtual) misses 98.3 % of its notices, catch-up (virtual) none"},
		"some data": {
			"compare-admission": "Over-admission: set (race-one) 412",
			"compare-balance":   "There is no balance of shards to compare",
		},
	}
	for name, want := range tests {
		got := map[string]string{}
		for _, f := range ofKinds(drawn(compareFixtures()[name], Options{}), "compare") {
			if want[f.Name] != "" {
				got[f.Name] = f.Title
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: titles (- expected):\n%s", name, diff)
		}
	}
}

// Names say what differs in the words of scenarios, never by a hash.
func TestRecordNames(t *testing.T) {
	const text = "plan              %s\nclock             virtual, from 2026-01-01 00:00:00 for 10s (warm-up 0s), seed 1\nclient default    1 × take, clock 0s, round trip %s mean, shards as a\n  limit default   1 per 1s, burst 1\n"
	of := func(change func(s *series.Set)) *series.Set {
		s := &series.Set{Manifest: record.Manifest{Scenario: "race", Clock: "virtual", Seed: 1, Horizon: 10 * time.Second, Shards: []string{"a"}, PlanHash: "0123456789", Hash: "abcdefghij",
			Traffic:  []record.Traffic{{Name: "calls", Arrivals: 1000}},
			Limiters: []record.Limiter{{Name: "l", Kind: "lua", Limits: []record.Limit{{Name: "default", Count: 10, Period: time.Minute, Burst: 10}}}}},
			Plan: fmt.Sprintf(text, "0123456789", "1ms")}
		change(s)
		return s
	}
	plain := of(func(*series.Set) {})
	tests := []struct {
		why   string
		other *series.Set
		want  []string
	}{
		{"scenarios say it all", of(func(s *series.Set) { s.Manifest.Scenario, s.Manifest.Clock = "hot-key", "real" }), []string{"race", "hot-key"}},
		{"the clock", of(func(s *series.Set) { s.Manifest.Clock = "real" }), []string{"virtual", "real"}},
		{"how many shards", of(func(s *series.Set) { s.Manifest.Shards = []string{"a", "b"} }), []string{"shards=1", "shards=2"}},
		{"tags, in order", of(func(s *series.Set) { s.Manifest.Tags = map[string]string{"z": "1", "a": "2"} }), []string{"", "a=2 z=1"}},
		{"the limiter's kind", of(func(s *series.Set) { s.Manifest.Limiters = []record.Limiter{{Name: "l", Kind: "boulder"}} }), []string{"kind=lua", "kind=boulder"}},
		{"its limit", of(func(s *series.Set) {
			s.Manifest.Limiters = []record.Limiter{{Name: "l", Kind: "lua", Limits: []record.Limit{{Name: "default", Count: 10, Period: time.Hour, Burst: 20}}}}
		}), []string{"limit=10 per 1m", "limit=10 per 1h burst 20"}},
		{"the seed", of(func(s *series.Set) { s.Manifest.Seed = 2 }), []string{"seed=1", "seed=2"}},
		{"the rate", of(func(s *series.Set) { s.Manifest.Traffic[0].Arrivals = 2000 }), []string{"rate=100/s", "rate=200/s"}},
		{"the length", of(func(s *series.Set) { s.Manifest.Horizon, s.Manifest.Traffic[0].Arrivals = 70*time.Minute, 420_000 }), []string{"horizon=10s", "horizon=1h10m"}},
		{"what the plan says", of(func(s *series.Set) {
			s.Manifest.PlanHash, s.Plan = "9876543210", fmt.Sprintf(text, "9876543210", "5ms")
		}),
			[]string{"client default: round trip 1ms mean", "client default: round trip 5ms mean"}},
		{"a plan without text", of(func(s *series.Set) { s.Manifest.PlanHash, s.Plan = "9876543210", plain.Plan }), []string{"run 1", "run 2"}},
		{"the content", of(func(s *series.Set) { s.Manifest.Hash = "x" }), []string{"run 1", "run 2"}},
		{"nothing", plain, []string{"run 1", "run 2"}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, RecordNames([]*series.Set{plain, tt.other})); diff != "" {
			t.Errorf("%s (- expected):\n%s", tt.why, diff)
		}
	}
}

func TestSubjectName(t *testing.T) {
	tests := []struct {
		record, limiter string
		only            bool
		want            string
	}{
		{"race-lua", "lua", true, "race-lua"},
		{"race-lua", "lua", false, "lua (race-lua)"},
		{"hot-key", "lua", true, "lua (hot-key)"},
		{"", "lua", true, "lua"},
	}
	for _, tt := range tests {
		if got := subjectName(tt.record, tt.limiter, tt.only); got != tt.want {
			t.Errorf("%q of %q: %q, expected %q", tt.limiter, tt.record, got, tt.want)
		}
	}
}

// Real servers do not tell what a script found: decisions are compared then.
func TestClocksCompareWhatBothKnow(t *testing.T) {
	sets := compareFixtures()["clocks"]
	var names []string
	for _, r := range clockRows([2]*series.Set{sets[0], sets[1]}) {
		names = append(names, r.name)
		if r.share[0] != r.share[1] {
			t.Errorf("%s: shares %g and %g, expected the same", r.name, r.share[0], r.share[1])
		}
	}
	want := []string{"boulder: allowed, found", "boulder: allowed, not found", "boulder: denied, found", "lua: allowed", "lua: denied"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("rows (- expected):\n%s", diff)
	}
}

// More than a figure holds are named.
func TestCompareSaysWhatIsLeftOut(t *testing.T) {
	f := ofKinds(drawn(compareFixtures()["many"], Options{}), "compare")[0]
	if !slices.Contains(f.Notes, "Not drawn: 36 more, from limiter-24 (virtual) on.") {
		t.Errorf("notes are %q", f.Notes)
	}
}

// A run that is not valid, and one whose latency hides queueing, are named.
func TestCompareNamesDoubtfulRecords(t *testing.T) {
	sets := []*series.Set{raced("quick", "real", map[string]int64{"lua": 0}, 1), raced("slow", "real", map[string]int64{"lua": 0}, 2), raced("cut", "real", map[string]int64{"lua": 0}, 2)}
	sets[0].Summary.AutoPipelined = []string{"wfe"}
	sets[1].Summary.Valid = false
	sets[2].Manifest.Complete = false
	f := ofKinds(drawn(sets, Options{}), "compare")[0]
	if want := "not valid: slow and cut · auto-pipelined: quick"; !strings.HasSuffix(f.Subtitle, want) {
		t.Errorf("subtitle %q, expected it to end with %q", f.Subtitle, want)
	}
	if note := f.Notes[len(f.Notes)-1]; !strings.Contains(note, "in quick (auto-pipelining)") {
		t.Errorf("last note is %q", note)
	}
}

func TestGoldenCompare(t *testing.T) {
	goldenOf(t, "compare-clocks", ofKinds(drawn(compareFixtures()["clocks"], Options{}), "compare"))
	goldenOf(t, "compare-engines", ofKinds(drawn(compareFixtures()["engine"], Options{}), "compare"))
	goldenOf(t, "compare-some-data", ofKinds(drawn(compareFixtures()["some data"], Options{}), "compare"))
}

func TestGoldenCompareImages(t *testing.T) {
	for _, o := range []Options{{Theme: draw.Light}, {Theme: draw.Dark, Width: 8}} {
		for _, f := range append(ofKinds(drawn(compareFixtures()["clocks"], o), "compare"), ofKinds(drawn(compareFixtures()["engine"], o), "compare")...) {
			golden(t, f.Name+"-"+string(o.Theme)+".png", smallPNG(t, &f), sameImage)
		}
	}
}
