package summary

import (
	"fmt"
	"slices"
	"strings"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/quotaaudit"
	"github.com/quotalab/quotalab/results/record"
)

// Measured is what Measure makes of a record: the Summary, which is data alone,
// and what only the samples can tell, which JSON does not hold.
type Measured struct {
	*Summary
	samples []*trend // by the place in Metrics; nil, or missing, of what is no trend
	windows []*window
	busiest map[string]busy // by limiter
}

// Series is a Metric with its samples.
type Series struct {
	Metric
	trend *trend // nil: it is no trend, or its samples are not there
}

func (m *Measured) add(list []Series) {
	for _, s := range list {
		m.Metrics, m.samples = append(m.Metrics, s.Metric), append(m.samples, s.trend)
	}
}

// Select returns the metrics that a selector matches, in the summary's order.
func (s *Summary) Select(sel metric.Selector) (out []Metric) {
	for _, m := range s.Metrics {
		if m.matches(sel) {
			out = append(out, m)
		}
	}
	return out
}

// Series returns the metrics that a selector matches with their samples, in the
// summary's order.
func (m *Measured) Series(sel metric.Selector) (out []Series) {
	for i := range m.Metrics {
		if !m.Metrics[i].matches(sel) {
			continue
		}
		one := Series{Metric: m.Metrics[i]}
		if i < len(m.samples) {
			one.trend = m.samples[i]
		}
		out = append(out, one)
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
// selector are summed over. Of worst_excess it is the worst. False: there is
// nothing to join.
func Sum(list []Series) (Series, bool) {
	switch {
	case len(list) == 0:
		return Series{}, false
	case len(list) == 1:
		return list[0], true
	case list[0].Name == "worst_excess":
		worst, n := 0.0, int64(0)
		for _, m := range list {
			worst, n = max(worst, *m.Value), n+m.Count
		}
		return value(list[0].Name, map[string]string{}, n, worst), true
	case list[0].Value != nil:
		return Series{}, false // values do not add up
	case list[0].Avg == nil:
		total := counter(list[0].Name, map[string]string{}, 0)
		for _, m := range list {
			total.Count += m.Count
		}
		return total, true
	}
	all := &trend{}
	for _, m := range list {
		if m.trend == nil {
			return Series{}, false
		}
		all.merge(m.trend)
	}
	return distribution(list[0].Name, map[string]string{}, all), true
}

// Percentiles returns those of a trend, in the metric's unit; ps are in [0, 100],
// in rising order. False: it is no trend or has no samples.
func (s Series) Percentiles(ps ...float64) ([]float64, bool) {
	if s.trend == nil || s.trend.N == 0 {
		return nil, false
	}
	values := s.trend.percentiles(ps)
	for i := range values {
		values[i] /= s.scale()
	}
	return values, true
}

// Histogram returns the samples of a trend, in nanoseconds or the metric's unit, as
// an HDR histogram with three digits; longer ones count as longest.
func (s Series) Histogram(longest int64) *hdrhistogram.Histogram {
	h := hdrhistogram.New(1, longest, digits)
	switch {
	case s.trend == nil:
	case s.trend.Hist != nil:
		h.Merge(s.trend.Hist.Histogram)
	default:
		for _, one := range s.trend.Few {
			_ = h.RecordValues(min(one[0], longest), one[1]) // fails above the longest only
		}
	}
	return h
}

// Aggregate returns what a condition looks at; seconds is the measured time,
// which rates are over. False: unknown.
func (s Series) Aggregate(c metric.Condition, seconds float64) (float64, bool) {
	known := map[string]*float64{"value": s.Value, "min": s.Min, "max": s.Max, "avg": s.Avg, "med": s.Med}[c.Agg]
	switch {
	case known != nil:
		return *known, true
	case c.Agg == "count":
		return float64(s.Count), true
	case c.Agg == "rate":
		return float64(s.Count) / seconds, seconds > 0
	case c.Agg == "p":
		if v, ok := s.Percentiles(c.P); ok {
			return v[0], true
		}
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
	sent := sent(o)
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
		return int64(o.RoundTrips), sent && o.RoundTrips >= 0
	}
	return 0, false
}

func (o outcome) tag(name string, of *record.Observation) string {
	switch name {
	case "traffic":
		return o.Traffic
	case "limiter":
		return o.Limiter
	case "client":
		return o.Client
	case "decision":
		return string(o.Decision)
	case "key":
		return string(o.Key)
	case "phase":
		return o.Phase
	case "error":
		return of.Error
	}
	return ""
}

// Glossary returns what the causes of notices that a summary has mean, by name.
func (s *Summary) Glossary() (terms []quotaaudit.Term) {
	for _, term := range quotaaudit.Causes() {
		if slices.ContainsFunc(s.Causes, func(c ThresholdCause) bool {
			return slices.Contains(strings.Split(c.Cause, ">"), string(term.Cause))
		}) {
			terms = append(terms, term)
		}
	}
	slices.SortFunc(terms, func(a, b quotaaudit.Term) int { return strings.Compare(string(a.Cause), string(b.Cause)) })
	return terms
}
