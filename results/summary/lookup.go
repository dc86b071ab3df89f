package summary

import (
	"fmt"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/record"
)

// Select returns the series that a selector matches, in the summary's order.
func (s *Summary) Select(sel metric.Selector) []Metric {
	var out []Metric
	for _, m := range s.Metrics {
		if m.matches(sel) {
			out = append(out, m)
		}
	}
	return out
}

func (m *Metric) matches(sel metric.Selector) bool {
	if m.Name != sel.Metric {
		return false
	}
	for _, t := range sel.Tags {
		if m.Tags[t.Name] != t.Value {
			return false
		}
	}
	return true
}

// Sum joins series of one counter or trend into one, as tags left out of a
// selector are summed over. False: there is nothing to join, or (of a
// summary that was read from JSON) no distribution to join.
func Sum(series []Metric) (Metric, bool) {
	if len(series) == 0 {
		return Metric{}, false
	}
	if len(series) == 1 {
		return series[0], true
	}
	first := series[0]
	if first.Value != nil {
		return Metric{}, false // values do not add up
	}
	if first.Avg == nil {
		total := Metric{Name: first.Name, Tags: map[string]string{}, Unit: first.Unit}
		for _, m := range series {
			total.Count += m.Count
		}
		return total, true
	}
	all := &trend{}
	for _, m := range series {
		if m.trend == nil {
			return Metric{}, false
		}
		all.merge(m.trend)
	}
	return distribution(first.Name, map[string]string{}, all), true
}

// Percentile of a trend, in the metric's unit; p in [0, 100]. False: the
// metric is no trend or has no samples.
func (m Metric) Percentile(p float64) (float64, bool) {
	if m.trend == nil || m.trend.n == 0 {
		return 0, false
	}
	return m.trend.percentile(p) / m.scale(), true
}

// Percentiles is Percentile of each of ps, which are in rising order, in one
// pass.
func (m Metric) Percentiles(ps []float64) ([]float64, bool) {
	if m.trend == nil || m.trend.n == 0 {
		return nil, false
	}
	values := m.trend.percentiles(ps)
	for i := range values {
		values[i] /= m.scale()
	}
	return values, true
}

// Aggregate is what a condition looks at; seconds is the measured time,
// which rates are over. False: unknown.
func (m Metric) Aggregate(c metric.Condition, seconds float64) (float64, bool) {
	deref := func(v *float64) (float64, bool) {
		if v == nil {
			return 0, false
		}
		return *v, true
	}
	switch c.Agg {
	case "count":
		return float64(m.Count), true
	case "rate":
		return float64(m.Count) / seconds, seconds > 0
	case "value":
		return deref(m.Value)
	case "min":
		return deref(m.Min)
	case "max":
		return deref(m.Max)
	case "avg":
		return deref(m.Avg)
	case "med":
		return deref(m.Med)
	case "p":
		return m.Percentile(c.P)
	}
	return 0, false
}

// selection is what one assertion looks at and how.
type selection struct {
	sel    metric.Selector
	metric metric.Metric
	cond   metric.Condition
	unit   string // base unit of the aggregation
	phase  string // that the selector names
}

func newSelection(a record.Assertion) (s selection, err error) {
	if s.sel, err = metric.ParseSelector(a.Selector); err != nil {
		return s, fmt.Errorf("assertion %s: %w", a.Selector, err)
	}
	s.metric, _ = metric.Find(s.sel.Metric)
	if s.cond, err = metric.ParseCondition(s.metric, a.Check); err != nil {
		return s, fmt.Errorf("assertion %s: %s: %w", a.Selector, a.Check, err)
	}
	s.unit = metric.ColumnOf(s.sel, s.cond).Unit()
	for _, t := range s.sel.Tags {
		if t.Name == "phase" {
			s.phase = t.Value
		}
	}
	return s, nil
}

// sample is what the observation adds to the metric, if anything.
func (s *selection) sample(o *record.Observation, at outcome) (int64, bool) {
	for _, t := range s.sel.Tags {
		if at.tag(t.Name, o) != t.Value {
			return 0, false
		}
	}
	sent := o.Decision != record.Dropped && o.Sent >= 0 && o.Done >= 0
	switch s.sel.Metric {
	case "decisions":
		return 1, true
	case "errors":
		return 1, o.Error != ""
	case "dropped":
		return 1, o.Decision == record.Dropped
	case "latency":
		return o.Done - o.Sent, sent
	case "lag":
		return o.Sent - o.Intended, sent
	case "sojourn":
		return o.Done - o.Intended, sent
	case "round_trips":
		return int64(o.RoundTrips), sent
	}
	return 0, false
}

func (at outcome) tag(name string, o *record.Observation) string {
	switch name {
	case "traffic":
		return at.traffic
	case "limiter":
		return at.limiter
	case "client":
		return at.client
	case "decision":
		return string(at.decision)
	case "key":
		return string(at.key)
	case "phase":
		return at.phase
	case "error":
		return o.Error
	}
	return ""
}
