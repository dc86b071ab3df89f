package metric

import (
	"strings"

	"github.com/quotalab/quotalab/models/metric/unit"
)

// Column names one number of a run: "latency{decision=denied} p(99)",
// "over_admission count". It is a column of a table of runs.
type Column struct {
	Selector Selector
	Agg      string  // count, rate, min, max, avg, med, p or value
	P        float64 // percentile in [0, 100] when Agg is p
}

// String writes the column as ScanColumn reads it.
func (c Column) String() string { return c.Selector.String() + " " + c.Aggregation() }

// Aggregation returns the aggregation in the spelling of an assertion: p(99), count.
func (c Column) Aggregation() string {
	if c.Agg == "p" {
		return "p(" + unit.FormatNumber(c.P) + ")"
	}
	return c.Agg
}

// Unit is the base unit of the column's numbers: "s", "/s", "count",
// "tokens", "ratio" or "" (a plain number).
func (c Column) Unit() string {
	m, _ := Find(c.Selector.Metric)
	return boundUnit(m, c.Agg)
}

// Better is the direction that is better for the column's numbers: "lower",
// "higher" or "" (neither). How many samples a trend has is neither.
func (c Column) Better() string {
	m, _ := Find(c.Selector.Metric)
	if m.Kind == Trend && c.Agg == "count" {
		return ""
	}
	return m.Better
}

// ScanColumn reads a selector and an aggregation with a space between them,
// and returns every mistake, and the place of every tag.
func ScanColumn(s string) (c Column, places []Place, errs []*SyntaxError) {
	at := len(s)
	if i := strings.IndexByte(s, '}'); i >= 0 {
		at = i + 1
	} else if i := strings.IndexByte(s[indent(s):], ' '); i >= 0 && !strings.Contains(s, "{") {
		at = indent(s) + i
	}
	selector, rest := s[:at], s[at:]
	c.Selector, places, errs = ScanSelector(selector)
	m, known := Find(c.Selector.Metric)
	if !known {
		return c, places, errs
	}
	var err error
	if c.Agg, c.P, err = aggregation(m, strings.TrimSpace(rest)); err != nil {
		errs = append(errs, &SyntaxError{at + indent(rest), err.Error()})
	}
	return c, places, errs
}

// ColumnOf is the column that a condition on a selector looks at.
func ColumnOf(s Selector, c Condition) Column { return Column{s, c.Agg, c.P} }
