package measure

import (
	"cmp"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/record"
)

// order is how series are sorted: names as the manifest lists them, outcomes
// as the catalogue does.
type order struct {
	traffic, limiter, client, decision, key, phase, errors, shard rank
	manifest                                                      *record.Manifest
	groups                                                        map[string]string // clients by instance
}

func newOrder(m *record.Manifest) *order {
	decisions, _ := metric.Find("decisions")
	errors, _ := metric.Find("errors")
	o := &order{
		traffic: rank{}, limiter: rank{}, client: rank{}, shard: rank{}, manifest: m, groups: map[string]string{},
		decision: ranked(decisions.Values["decision"]), key: ranked(decisions.Values["key"]), phase: ranked(metric.Phases()), errors: ranked(errors.Values["error"]),
	}
	for i, t := range m.Traffic {
		o.traffic[t.Name] = i
	}
	for i, l := range m.Limiters {
		o.limiter[l.Name] = i
	}
	for i, c := range m.Clients {
		o.client[c.Name] = i
	}
	for i, s := range m.Shards {
		o.shard[s] = i
	}
	return o
}

// group is the client that an instance such as caller/17 is one of.
func (o *order) group(instance string) string {
	if g, ok := o.groups[instance]; ok {
		return g
	}
	g := o.manifest.ClientOf(instance)
	o.groups[instance] = g
	return g
}

// rank of a name; names that are not listed come last, by alphabet.
type rank map[string]int

func ranked(names []string) rank {
	r := rank{}
	for i, n := range names {
		r[n] = i
	}
	return r
}

func (r rank) compare(a, b string) int {
	return cmp.Or(cmp.Compare(r.of(a), r.of(b)), cmp.Compare(a, b))
}

func (r rank) of(name string) int {
	if i, ok := r[name]; ok {
		return i
	}
	return len(r)
}
