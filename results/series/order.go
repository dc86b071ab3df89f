package series

import (
	"cmp"
	"slices"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/record"
)

// order of outcomes: limiters as the manifest lists them, the rest as the
// catalogue of metrics does.
type order struct{ limiters, clients, decisions, keys []string }

func newOrder(m *record.Manifest) order {
	decisions, _ := metric.Find("decisions")
	o := order{decisions: decisions.Values["decision"], keys: decisions.Values["key"]}
	for _, l := range m.Limiters {
		o.limiters = append(o.limiters, l.Name)
	}
	for _, c := range m.Clients {
		o.clients = append(o.clients, c.Name)
	}
	return o
}

func (o order) compare(a, b Outcome) int {
	return cmp.Or(o.compareLimiters(a.Limiter, b.Limiter), o.compareClients(a.Client, b.Client), compareIn(o.decisions, a.Decision, b.Decision), compareIn(o.keys, a.Key, b.Key))
}

func (o order) compareLimiters(a, b string) int { return compareIn(o.limiters, a, b) }

func (o order) compareClients(a, b string) int { return compareIn(o.clients, a, b) }

// compareIn a list; names that it lacks come last, by alphabet.
func compareIn(list []string, a, b string) int {
	place := func(name string) int {
		if i := slices.Index(list, name); i >= 0 {
			return i
		}
		return len(list)
	}
	return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a, b))
}
