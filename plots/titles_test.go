package plots

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/summary"
)

// titleOf the first figure of a kind.
func titleOf(t *testing.T, set *series.Set, kind string) string {
	t.Helper()
	figures := ofKinds(drawn([]*series.Set{set}, Options{}), kind)
	if len(figures) == 0 {
		t.Fatalf("no figure of kind %s", kind)
	}
	return figures[0].Title
}

func TestTitles(t *testing.T) {
	const latency, overTime, outcomes = "latency", "latency-over-time", "outcomes-over-time"
	for _, tt := range []struct {
		why, kind string
		set       *series.Set
		want      string
	}{
		{"decisions differ", latency, usual(), "Denied decisions take 5.11 ms at the median, allowed 10.2 ms"},
		{"and their round trips are known", latency, withTrips(usual(), 1, 1), "Denied decisions take 1 round trip: 5.11 ms at the median, allowed 10.2 ms"},
		{"and they are not all as many", latency, withTrips(usual(), 1, 2), "Denied decisions take 5.11 ms at the median, allowed 10.2 ms"},
		{"a third decision is much slower", latency, faulty(1), "Denied decisions take 5.11 ms at the median, allowed 10.2 ms and errors 250 ms"},
		{"decisions do not differ", latency, equal(0.001), "Allowed and denied decisions both take 1 ms, at the median and at the 99th percentile"},
		{"only tails differ", latency, tailed(), "Allowed and denied decisions both take 1 ms at the median, 20 ms and 1 ms at the 99th percentile"},
		{"all are allowed", latency, one(), "Allowed decisions take 2 ms, at the median and at the 99th percentile"},
		{"nothing was sent", latency, dropsOnly(), "No latency was measured"},
		{"nothing happens", overTime, constant(), "Latency is steady: the 99th percentile never exceeds 1 ms"},
		{"one interval is worse", overTime, slowAt(5, 30, 0.05), "The 99th percentile of “denied, found” reaches 50 ms at 5 s, usually 1 ms"},
		{"in a fault", overTime, faultAt(slowAt(5, 30, 0.05), 4, 6), "The 99th percentile of “denied, found” reaches 50 ms at 5 s, usually 1 ms: shard-1 is down"},
		{"before a fault", overTime, faultAt(slowAt(5, 30, 0.05), 6, 8), "The 99th percentile of “denied, found” reaches 50 ms at 5 s, usually 1 ms"},
		{"of a few", overTime, slowAt(5, 3, 0.05), "Latency is steady but where decisions are few: the 99th percentile of “denied, found” is 50 ms at 5 s, usually 1 ms"},
		{"some are denied", outcomes, equal(0.001), "10 % of decisions are denied"},
		{"more outcomes", outcomes, faulty(1), "29.8 % of decisions are denied and 0.62 % end in an error"},
		{"nobody is denied", outcomes, one(), "Every request is allowed"},
		{"nobody is let in", outcomes, dropsOnly(), "No request was decided"},
		{"several limiters", outcomes, twoLimiters(), "Limiter lua denies 50 % of its decisions, boulder 25 %"},
	} {
		if got := titleOf(t, tt.set, tt.kind); got != tt.want {
			t.Errorf("%s: got title\n%s, expected\n%s", tt.why, got, tt.want)
		}
	}
}

// withTrips adds the metric round_trips to denied decisions.
func withTrips(s *series.Set, least, most float64) *series.Set {
	s.Summary = &summary.Measured{Summary: &summary.Summary{Metrics: []summary.Metric{{Name: "round_trips", Tags: map[string]string{"limiter": "boulder", "decision": "denied", "key": "found"},
		Count: 3000, Min: &least, Max: &most}}}}
	return s
}

// tailed: one in twenty of the allowed is slow.
func tailed() *series.Set {
	s := equal(0.001)
	d := &s.Latency[0].Service
	d.Max, d.Grid = 0.02, []series.Quantile{{P: 0, V: 0.001}, {P: 95, V: 0.001}, {P: 99, V: 0.02}, {P: 100, V: 0.02}}
	s.Latency[0].Sojourn = *d
	return s
}

// constant latency in every interval.
func constant() *series.Set {
	s := equal(0.001)
	for i := range s.Timeline.Outcomes {
		for j := range s.Timeline.Outcomes[i].P99 {
			s.Timeline.Outcomes[i].P50[j], s.Timeline.Outcomes[i].P99[j] = 0.001, 0.001
		}
	}
	return s
}

// slowAt an interval the denied decisions, so many, are slow.
func slowAt(i int, count int64, p99 float64) *series.Set {
	s := constant()
	s.Timeline.Outcomes[1].P99[i], s.Timeline.Outcomes[1].Count[i] = p99, count
	return s
}

func faultAt(s *series.Set, from, until float64) *series.Set {
	s.Timeline.Faults = []series.Span{{From: from, Until: until, Label: "shard-1 is down"}}
	return s
}

func twoLimiters() *series.Set {
	s := aSet("two")
	for _, name := range []string{"lua", "boulder"} {
		s.Latency = append(s.Latency, latencyOf(name, "allowed", "found", same(10, 0.001)), latencyOf(name, "denied", "found", same(10, 0.001)))
	}
	return intervals(s, 4, 1, func(o, _ int) float64 { return []float64{10, 10, 15, 5}[o] })
}

// A quantile of a mixture is that of all values together.
func TestMixtureQuantile(t *testing.T) {
	a, b := distribution(1, 5000, 0, 1), distribution(2, 20000, 2, 0.5)
	var all []float64
	for _, d := range []struct {
		seed        uint64
		n           int
		least, mean float64
	}{{1, 5000, 0, 1}, {2, 20000, 2, 0.5}} {
		one := distribution(d.seed, d.n, d.least, d.mean)
		for i := range d.n {
			all = append(all, quantileOf(one, 100*(float64(i)+0.5)/float64(d.n)))
		}
	}
	slices.Sort(all)
	for _, p := range []float64{1, 10, 25, 50, 75, 90, 99, 99.9} {
		want := all[int(math.Ceil(p/100*float64(len(all))))-1]
		if got := mixtureQuantile([]series.Distribution{a, b}, p); math.Abs(got-want) > 0.02*want {
			t.Errorf("percentile %g is %g, expected about %g", p, got, want)
		}
	}
	if got := mixtureQuantile(nil, 50); !math.IsNaN(got) {
		t.Errorf("the median of nothing is %g", got)
	}
}

// Merging intervals keeps counts, and rates on average.
func TestMerged(t *testing.T) {
	whole := &largest(1).Timeline
	for _, most := range []int{1000, 240, 239, 100, 7, 1, 0} {
		m := merged(whole, most)
		if m.N > max(most, 3) || len(m.Offered) != m.N || m.Step*float64(m.N) < whole.Step*float64(whole.N) {
			t.Errorf("at most %d: %d intervals of %g s, %d offered", most, m.N, m.Step, len(m.Offered))
		}
		for i, o := range m.Outcomes {
			if total(o.Count) != total(whole.Outcomes[i].Count) || len(o.Rate) != m.N {
				t.Errorf("at most %d: outcome %d has %d decisions in %d intervals, expected %d", most, i, total(o.Count), len(o.Rate), total(whole.Outcomes[i].Count))
			}
		}
	}
}

// What is offered to a limiter is drawn in its panel, whatever others get.
func TestOfferedToALimiter(t *testing.T) {
	s := twoLimiters()
	text := func() string { return textOf(&ofKinds(drawn([]*series.Set{s}, Options{}), "outcomes-over-time")[0]) }
	if got := text(); strings.Count(got, `line "offered"`) != 2 || strings.Contains(got, "each retry is one") {
		t.Errorf("both get every request and decide once, drawn is\n%s", got)
	}
	s.Timeline.OfferedTo[0].Rate = []float64{5, 5, 5, 5}
	if got := text(); !strings.Contains(got, ",5 4,5\n") || !strings.Contains(got, "each retry is one") {
		t.Errorf("lua gets 5 requests a second and decides 20 times, drawn is\n%s", got)
	}
	s = clientsApart(2)
	if got := text(); strings.Count(got, `line "offered"`) != 1 || !strings.Contains(got, "Offered is drawn for the client that requests come to first.") {
		t.Errorf("requests come to the first client first, drawn is\n%s", got)
	}
}

func TestSubtitle(t *testing.T) {
	s := usual()
	s.Summary = &summary.Measured{Summary: &summary.Summary{Valid: true}}
	for _, tt := range []struct {
		change func()
		want   string
	}{
		{func() {}, "boulder-not-found · virtual time · seed 1 · 16,363 decisions"},
		{func() { s.Summary.Valid = false }, "boulder-not-found · virtual time · seed 1 · 16,363 decisions · the run is not valid"},
		{func() { s.Manifest.Complete = false }, "boulder-not-found · virtual time · seed 1 · 16,363 decisions · the run did not reach its end"},
		{func() { s.Manifest.Recorded = "sampled" }, "boulder-not-found · virtual time · seed 1 · 16,363 decisions · of a sample of the keys · the run did not reach its end"},
		{func() { *s = series.Set{} }, "seed 0 · 0 decisions · the run did not reach its end"},
	} {
		tt.change()
		if got := subtitle(s); got != tt.want {
			t.Errorf("got %q, expected %q", got, tt.want)
		}
	}
}

// Outcomes that have no panel are named.
func TestRareOutcomesAreNamed(t *testing.T) {
	s := equal(0.001)
	for _, key := range []string{"not_found", "stale", "mixed", "unread"} {
		for _, decision := range []string{"allowed", "denied"} {
			s.Latency = append(s.Latency, latencyOf("lua", decision, key, same(5, 0.001)))
		}
	}
	s.Timeline = series.Timeline{}
	intervals(s, 10, 1, func(o, _ int) float64 { return float64(20 - 2*o) })
	f := ofKinds(drawn([]*series.Set{s}, Options{}), "latency-over-time")[0]
	if len(f.Panels) != mostPanels || !strings.Contains(strings.Join(f.Notes, " "), "Rare and not drawn: allowed, unread and denied, unread (60 decisions).") {
		t.Errorf("%d panels, notes %q", len(f.Panels), f.Notes)
	}
}

// Names are written as they are, also where a title begins.
func TestNamesAreAsTheyAre(t *testing.T) {
	check := func(sets []*series.Set) {
		var names []string
		for _, s := range sets {
			names = append(names, limiters(s)...)
			if s.Thresholds != nil {
				names = append(names, s.Thresholds.Engines...)
			}
			for _, l := range s.Shards {
				names = append(names, l.Names...)
			}
		}
		for _, f := range drawn(sets, Options{}) {
			text := textOf(&f)
			for _, name := range names {
				if changed := sentence(name); changed != name && len(name) > 1 && strings.Contains(text, changed) {
					t.Errorf("%s: %q is written %q: %s", f.Name, name, changed, f.Title)
				}
			}
		}
	}
	all := []map[string][]*series.Set{fixtures(), compareFixtures()}
	for _, of := range []map[string]*series.Set{shardFixtures(), admissionFixtures(), thresholdFixtures()} {
		each := map[string][]*series.Set{}
		for name, s := range of {
			each[name] = []*series.Set{s}
		}
		all = append(all, each)
	}
	for _, of := range all {
		for _, sets := range of {
			check(sets)
		}
	}
}
