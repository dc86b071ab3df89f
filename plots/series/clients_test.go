package series_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/record"
)

func sentBy(client string) func(*record.Observation) {
	return func(o *record.Observation) { o.Client = client }
}

// asked is a record in which each of some clients makes n requests that take so
// many ms, of which so many do not find their key.
func asked(t *testing.T, n int64, clients []string, latency func(client int) int64, lost func(client int) int64) *series.Set {
	t.Helper()
	m := manifest()
	m.Clients = nil
	var list []record.Observation
	for c, name := range clients {
		group := m.ClientOf(name)
		if !slices.ContainsFunc(m.Clients, func(c record.Client) bool { return c.Name == group }) {
			m.Clients = append(m.Clients, record.Client{Name: group})
		}
		for i := range n {
			key := record.Found
			if i < lost(c) {
				key = record.NotFound
			}
			list = append(list, took(2000+i*8000/n, latency(c), sentBy(name), of("m"), came(record.Allowed, key)))
		}
	}
	slices.SortStableFunc(list, func(a, b record.Observation) int { return int(a.Done - b.Done) })
	return collect(t, testkit.WriteRecord(t, m, list))
}

func same(v int64) func(int) int64 { return func(int) int64 { return v } }

func only(at int, v, others int64) func(int) int64 {
	return func(c int) int64 {
		if c == at {
			return v
		}
		return others
	}
}

// Clients that fare otherwise are told apart, if they are few; instances of one are
// one. What is not told apart is said.
func TestClientsAreToldApart(t *testing.T) {
	names := func(n int) (list []string) {
		for i := range n {
			list = append(list, fmt.Sprint("c", i))
		}
		return list
	}
	for _, tt := range []struct {
		why           string
		n             int64
		clients       []string
		latency, lost func(int) int64
		told          []string // clients of outcomes
		together      []series.Together
	}{
		{"latency differs", 200, []string{"wfe", "ra"}, only(0, 1, 2), same(0), []string{"wfe", "ra"}, nil},
		{"key states differ", 200, []string{"wfe", "ra"}, same(1), only(0, 100, 0), []string{"wfe", "ra"}, nil},
		{"in the order of the manifest", 200, []string{"z", "a"}, only(0, 1, 2), same(0), []string{"z", "a"}, nil},
		{"hardly", 200, []string{"wfe", "ra"}, same(5), only(0, 10, 0), []string{""}, []series.Together{{Limiter: "m", Clients: []string{"wfe", "ra"}, Why: "hardly differ"}}},
		{"few decisions", 50, []string{"wfe", "ra"}, only(0, 1, 2), same(0), []string{""}, []series.Together{{Limiter: "m", Clients: []string{"wfe", "ra"}, Why: "have few decisions"}}},
		{"instances of one", 200, []string{"web/1", "web/2", "web/10"}, only(0, 1, 9), same(0), []string{""}, nil},
		{"instances of two", 200, []string{"web/1", "web/2", "ra"}, only(2, 9, 1), same(0), []string{"web", "ra"}, nil},
		{"as many as can be read", 200, names(4), only(3, 9, 1), same(0), names(4), nil},
		{"more", 200, names(5), only(3, 9, 1), same(0), []string{""}, []series.Together{{Limiter: "m", Clients: names(5), Why: "are more than 4"}}},
	} {
		set := asked(t, tt.n, tt.clients, tt.latency, tt.lost)
		var told, timed []string
		decisions := int64(0)
		for _, o := range set.Timeline.Outcomes {
			if !slices.Contains(told, o.Client) {
				told = append(told, o.Client)
			}
			for _, n := range o.Count {
				decisions += n
			}
		}
		for _, o := range set.Latency {
			if !slices.Contains(timed, o.Client) {
				timed = append(timed, o.Client)
			}
		}
		if !slices.Equal(told, tt.told) || !slices.Equal(timed, tt.told) {
			t.Errorf("%s: told apart over time are %q, in latency %q, expected %q", tt.why, told, timed, tt.told)
		}
		if d := cmp.Diff(tt.together, set.Together); d != "" {
			t.Errorf("%s: not told apart (-want +got):\n%s", tt.why, d)
		}
		if want := tt.n * int64(len(tt.clients)); decisions != want {
			t.Errorf("%s: %d decisions, expected %d", tt.why, decisions, want)
		}
	}
}

// Each client has its own latencies.
func TestLatencyByClient(t *testing.T) {
	set := asked(t, 200, []string{"wfe", "ra"}, only(0, 1, 2), same(0))
	for i, want := range []float64{0.001, 0.002} {
		d, over := set.Latency[i].Service, set.Timeline.Outcomes[i].P50[3]
		if d.Min != want || d.Max != want || d.N != 200 || over != want {
			t.Errorf("client %s: %d latencies from %g to %g s, the median over time is %g s, expected %g s", set.Latency[i].Client, d.N, d.Min, d.Max, over, want)
		}
	}
}

// What is offered to a client is what comes to it first, of both the drops.
func TestOfferedToClients(t *testing.T) {
	m := manifest()
	var list []record.Observation
	for i := range int64(200) {
		due := 2000 + 40*i
		list = append(list, took(due, 1, sentBy("wfe/1")), took(due+1, 2, sentBy("ra"), func(o *record.Observation) { o.Step = 1 }))
	}
	list = append(list, took(9999, 1, dropped, sentBy("")))
	set := collect(t, testkit.WriteRecord(t, m, list))
	if got := set.Timeline.OfferedTo; len(got) != 1 || got[0].Client != "wfe" || !slices.Equal(got[0].Rate, set.Timeline.Offered) {
		t.Errorf("offered to clients: %v, expected to wfe %v", got, set.Timeline.Offered)
	}
	drops := 0
	for _, o := range set.Timeline.Outcomes {
		if o.Decision == "dropped" && o.Client == "" {
			drops++
		}
	}
	if drops != 1 {
		t.Errorf("%d outcomes are drops of no client, expected one", drops)
	}
}

// Offered is what all traffic came to: an arrival that several limiters get is
// one, and so is one that takes several steps and tries; other traffic adds up.
func TestOffered(t *testing.T) {
	source := func(name string) func(*record.Observation) {
		return func(o *record.Observation) { o.Traffic = name }
	}
	retry := func(o *record.Observation) { o.Attempt = 1 }
	step := func(o *record.Observation) { o.Step = 1 }
	for _, tt := range []struct {
		why  string
		list []record.Observation
		want [2]float64 // arrivals due within 2 to 3 and within 3 to 4 s
		l, m float64    // of these at each limiter, in all
	}{
		{"side by side", []record.Observation{took(2000, 1), took(2000, 1, of("m")), took(3000, 1), took(3000, 1, of("m"))}, [2]float64{1, 1}, 2, 2},
		{"one stops early", []record.Observation{took(2000, 1), took(2000, 1, of("m")), took(3000, 1)}, [2]float64{1, 1}, 2, 2},
		{"one drops", []record.Observation{took(2000, 1), took(2000, 0, of("m"), dropped), took(3000, 0, of("m"), dropped)}, [2]float64{1, 1}, 2, 2},
		{"each its own", []record.Observation{took(2000, 1), took(2000, 1, of("m"), source("other")), took(2500, 1, of("m"), source("other")), took(3000, 1)}, [2]float64{3, 1}, 2, 2},
		{"one of two sees both", []record.Observation{took(2000, 1), took(2000, 1, of("m")), took(2000, 1, of("m"), source("other")), took(3000, 1)}, [2]float64{2, 1}, 2, 3},
		{"steps and tries", []record.Observation{took(2000, 1), took(2001, 1, step), took(2100, 1, retry), took(3000, 1, retry)}, [2]float64{1, 0}, 1, 0},
	} {
		m := manifest()
		m.Traffic = append(m.Traffic, record.Traffic{Name: "other"})
		slices.SortStableFunc(tt.list, func(a, b record.Observation) int { return int(a.Done - b.Done) })
		set := collect(t, testkit.WriteRecord(t, m, tt.list))
		l := set.Timeline
		to := map[string]float64{}
		for _, o := range l.OfferedTo {
			for _, v := range o.Rate {
				to[o.Limiter] += v * l.Step
			}
		}
		if to["l"] != tt.l || to["m"] != tt.m {
			t.Errorf("%s: offered to the limiters are %v, expected %g to l and %g to m", tt.why, to, tt.l, tt.m)
		}
		got := [2]float64{}
		for i, v := range l.Offered {
			second := int(l.From+l.Step*(float64(i)+0.5)) - 2
			if second < 2 {
				got[second] += v * l.Step
			}
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s (-want +got, %v a step):\n%s", tt.why, time.Duration(l.Step*1e9), d)
		}
	}
}
