package gate

import (
	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/measure"
)

// Column is what a column of a table shows of a run, as an assertion would see
// it: of a value that several series have, which cannot be summed, the worst.
// False: unknown, also where no direction is worse.
func Column(s *measure.Summary, c metric.Column) (float64, bool) {
	m, _ := metric.Find(c.Selector.Metric)
	cond := metric.Condition{Agg: c.Agg, P: c.P}
	series := s.Select(c.Selector)
	if m.Kind != metric.Value {
		total, ok := sum(s, m, c.Selector, series)
		if !ok {
			return 0, false
		}
		return total.Aggregate(cond, s.SecondsOf(c.Selector))
	}
	if len(series) == 0 || len(series) > 1 && c.Better() == "" {
		return 0, false
	}
	worst, known := 0.0, true
	for i, one := range series {
		v, ok := one.Aggregate(cond, 0)
		known = known && ok
		if i == 0 || (v > worst) == (c.Better() == "lower") && v != worst {
			worst = v
		}
	}
	return worst, known
}
