package series

import (
	"cmp"
	"slices"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/record"
)

// order of outcomes: limiters as the manifest lists them, the rest as the
// catalogue of metrics does.
type order struct{ limiters, decisions, keys []string }

func newOrder(m *record.Manifest) order {
	decisions, _ := metric.Find("decisions")
	o := order{decisions: decisions.Values["decision"], keys: decisions.Values["key"]}
	for _, l := range m.Limiters {
		o.limiters = append(o.limiters, l.Name)
	}
	return o
}

func (o order) compare(a, b Outcome) int {
	return cmp.Or(compareIn(o.limiters, a.Limiter, b.Limiter), compareIn(o.decisions, a.Decision, b.Decision), compareIn(o.keys, a.Key, b.Key))
}

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
