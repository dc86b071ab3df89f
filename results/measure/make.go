package measure

import "github.com/quotalab/quotalab/models/metric"

// tags makes a map of the pairs that have a value.
func tags(pairs ...string) map[string]string {
	m := make(map[string]string, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			m[pairs[i]] = pairs[i+1]
		}
	}
	return m
}

// unitOf a metric in the catalogue.
func unitOf(name string) string {
	m, _ := metric.Find(name)
	return m.Unit
}

func counter(name string, tags map[string]string, n int64) Metric {
	return Metric{Name: name, Tags: tags, Unit: unitOf(name), Count: n}
}

func value(name string, tags map[string]string, n int64, v float64) Metric {
	return Metric{Name: name, Tags: tags, Unit: unitOf(name), Count: n, Value: &v}
}

// distribution makes a trend. Samples of a metric in seconds are kept in
// nanoseconds, others in their unit.
func distribution(name string, tags map[string]string, t *trend) Metric {
	m := Metric{Name: name, Tags: tags, Unit: unitOf(name), Count: t.n, trend: t}
	if t.n == 0 {
		return m
	}
	at := func(v float64) *float64 { v /= m.scale(); return &v }
	m.Min, m.Max, m.Avg = at(float64(t.min)), at(float64(t.max)), at(t.mean())
	m.Med, m.P90, m.P95, m.P99, m.P999 = at(t.percentile(50)), at(t.percentile(90)), at(t.percentile(95)), at(t.percentile(99)), at(t.percentile(99.9))
	return m
}

// scale is how many of its samples' units make one of the metric's.
func (m Metric) scale() float64 {
	if m.Unit == "s" {
		return 1e9
	}
	return 1
}
