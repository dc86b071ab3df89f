package measure

import (
	"fmt"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/record"
)

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
