package series

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// MostClients of a limiter are told apart: of more there are more lines than can be
// read.
const MostClients = 4

// Clients are told apart if for two of them that have enough decisions the share
// that came to something differs by so much, or the median of a decision's latency
// by such a factor.
const (
	enough     = 100 // decisions: their share is then known to some 10 % of all
	shareApart = 0.1
	timesApart = 1.2
)

// Together are clients of one limiter that are not told apart.
type Together struct {
	Limiter string
	Clients []string
	Why     string // in words: they …
}

// clients are those of limiters; some are shown apart.
type clients struct {
	manifest *record.Manifest
	apart    map[string]bool // by limiter
	groups   map[string]string
	together []Together
}

// fare is what came of one client's requests to a limiter.
type fare struct {
	client   string
	n        int64
	outcomes map[Outcome]int64
	latency  map[string][]summary.Series // by decision
}

func newClients(m *record.Manifest, s *summary.Measured) *clients {
	c := &clients{manifest: m, apart: map[string]bool{}, groups: map[string]string{}}
	of := fares(s)
	for _, limiter := range slices.SortedFunc(maps.Keys(of), newOrder(m).compareLimiters) {
		list := slices.SortedFunc(maps.Values(of[limiter]), func(a, b *fare) int { return newOrder(m).compareClients(a.client, b.client) })
		if len(list) < 2 {
			continue
		}
		why := folded(list)
		if why == "" {
			c.apart[limiter] = true
			continue
		}
		one := Together{Limiter: limiter, Why: why}
		for _, f := range list {
			one.Clients = append(one.Clients, f.client)
		}
		c.together = append(c.together, one)
	}
	return c
}

// fares returns what came of requests by limiter and client. A drop is of no client.
func fares(s *summary.Measured) map[string]map[string]*fare {
	of := map[string]map[string]*fare{}
	for _, m := range append(s.Series(metric.Selector{Metric: "decisions"}), s.Series(metric.Selector{Metric: "latency"})...) {
		limiter, client, decision := m.Tags["limiter"], m.Tags["client"], m.Tags["decision"]
		if client == "" {
			continue
		}
		if of[limiter] == nil {
			of[limiter] = map[string]*fare{}
		}
		f := of[limiter][client]
		if f == nil {
			f = &fare{client: client, outcomes: map[Outcome]int64{}, latency: map[string][]summary.Series{}}
			of[limiter][client] = f
		}
		if m.Name == "latency" {
			f.latency[decision] = append(f.latency[decision], m)
			continue
		}
		f.n += m.Count
		f.outcomes[Outcome{Decision: decision, Key: m.Tags["key"]}] += m.Count
	}
	return of
}

// folded says why clients are not told apart; "" if they are.
func folded(list []*fare) string {
	if len(list) > MostClients {
		return fmt.Sprintf("are more than %d", MostClients)
	}
	known := slices.DeleteFunc(slices.Clone(list), func(f *fare) bool { return f.n < enough })
	if len(known) < 2 {
		return "have few decisions"
	}
	if alike(known, (*fare).shares, func(least, most float64) bool { return most-least < shareApart }) &&
		alike(known, (*fare).medians, func(least, most float64) bool { return most < timesApart*least || most == 0 }) {
		return "hardly differ"
	}
	return ""
}

// alike tells whether of all numbers that clients are known by the least and the
// most are near each other.
func alike(list []*fare, numbers func(f *fare, of []*fare) map[Outcome]float64, near func(least, most float64) bool) bool {
	least, most := map[Outcome]float64{}, map[Outcome]float64{}
	for i, f := range list {
		for o, v := range numbers(f, list) {
			if _, seen := least[o]; i == 0 || !seen {
				least[o], most[o] = v, v
			}
			least[o], most[o] = min(least[o], v), max(most[o], v)
		}
	}
	for o := range least {
		if !near(least[o], most[o]) {
			return false
		}
	}
	return true
}

// shares returns those of the decisions, of all outcomes that any client has.
func (f *fare) shares(of []*fare) map[Outcome]float64 {
	shares := map[Outcome]float64{}
	for _, one := range of {
		for o := range one.outcomes {
			shares[o] = float64(f.outcomes[o]) / float64(f.n)
		}
	}
	return shares
}

// medians returns those of latency by decision, where there are with enough of them.
func (f *fare) medians([]*fare) map[Outcome]float64 {
	medians := map[Outcome]float64{}
	for decision, list := range f.latency {
		m, ok := summary.Sum(list)
		if !ok || m.Count < enough {
			continue
		}
		if v, ok := m.Percentiles(50); ok && !math.IsNaN(v[0]) {
			medians[Outcome{Decision: decision}] = v[0]
		}
	}
	return medians
}

// outcome returns that of an observation. Its client is named if it is told apart.
func (c *clients) outcome(o *record.Observation) Outcome {
	out := Outcome{Limiter: o.Limiter, Decision: string(o.Decision), Key: string(o.Key)}
	if len(c.apart) > 0 && c.apart[o.Limiter] {
		out.Client = c.of(o.Client)
	}
	return out
}

func (c *clients) of(instance string) string {
	client, known := c.groups[instance]
	if !known {
		client = c.manifest.ClientOf(instance)
		c.groups[instance] = client
	}
	return client
}

// tagged is the outcome that a metric of a summary is of.
func (c *clients) tagged(m summary.Metric) Outcome {
	out := Outcome{Limiter: m.Tags["limiter"], Decision: m.Tags["decision"], Key: m.Tags["key"]}
	if c.apart[out.Limiter] {
		out.Client = m.Tags["client"]
	}
	return out
}
