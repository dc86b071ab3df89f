package series

import (
	"fmt"
	"maps"
	"slices"

	"github.com/quotalab/quotalab/results/measure"
)

// tails are the shares of the values, in units of a power of ten, that a grid
// leaves above it: rising percentiles run through 90, 95, 97.5, 98, 99 of each.
var tails = [...]float64{10, 9, 8, 7, 6, 5, 4, 3, 2.5, 2, 1.5}

// percentiles of a grid over n values: each value's own if there are few;
// else a quarter percent apart, and from 90 on in steps that shrink by ten
// from each nine to the next, up to what n values can tell.
func percentiles(n int64) []float64 {
	ps := []float64{0}
	if n <= 400 {
		for i := range n {
			ps = append(ps, 100*float64(i+1)/float64(n))
		}
		return ps
	}
	for i := range 4*90 - 1 {
		ps = append(ps, float64(i+1)/4)
	}
	last := 100 * (1 - 1/float64(min(n, 1e12))) // float64 has no more nines
	for unit := 1.0; ; unit /= 10 {
		for _, t := range tails {
			p := 100 - t*unit
			if p > last {
				return append(ps, 100)
			}
			ps = append(ps, p)
		}
	}
}

// distributionOf a metric that has samples.
func distributionOf(m *measure.Metric) (Distribution, error) {
	ps := percentiles(m.Count)
	values, ok := m.Percentiles(ps)
	if !ok {
		return Distribution{}, fmt.Errorf("the summary has a metric %s of %d samples without their distribution: expected the result of measure.Measure, not what was read from a summary.json", m.Name, m.Count)
	}
	return grid(m.Count, ps, values), nil
}

func grid(n int64, ps, values []float64) Distribution {
	d := Distribution{N: n, Min: values[0], Max: values[len(values)-1], Grid: make([]Quantile, len(ps))}
	for i, p := range ps {
		d.Grid[i] = Quantile{p, values[i]}
	}
	return d
}

// latencies of each outcome that has any.
func latencies(c *clients, s *measure.Summary) ([]OutcomeLatency, error) {
	service, sojourn := byOutcome(c, s, "latency"), byOutcome(c, s, "sojourn")
	var out []OutcomeLatency
	for _, o := range slices.SortedFunc(maps.Keys(service), newOrder(c.manifest).compare) {
		one := OutcomeLatency{Outcome: o}
		var err error
		if one.Service, err = together(service[o]); err != nil {
			return nil, err
		}
		if one.Sojourn, err = together(sojourn[o]); err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

// byOutcome joins what the metrics tell apart by traffic and phase, and by clients
// that are not told apart.
func byOutcome(c *clients, s *measure.Summary, metric string) map[Outcome][]measure.Metric {
	of := map[Outcome][]measure.Metric{}
	for _, m := range s.Metrics {
		if m.Name == metric && m.Count > 0 {
			o := c.tagged(&m)
			of[o] = append(of[o], m)
		}
	}
	return of
}

func together(list []measure.Metric) (Distribution, error) {
	m, ok := measure.Sum(list)
	if !ok && len(list) > 0 {
		m = list[0] // says what it lacks
	}
	return distributionOf(&m)
}
