package export

import (
	"maps"
	"slices"
	"strconv"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/measure"
	"github.com/quotalab/quotalab/results/wording"
)

// timeUnit of the text summary.
type timeUnit struct {
	name   string
	per    float64 // in a second
	digits int     // after the point: down to a nanosecond or near it
}

var timeUnits = map[string]timeUnit{
	"s":  {"s", 1, 6},
	"ms": {"ms", 1e3, 3},
	"us": {"µs", 1e6, 1},
}

// time writes seconds in the chosen unit, without its name.
func (t *text) time(seconds float64) string {
	u := timeUnits[t.o.Unit]
	return strconv.FormatFloat(seconds*u.per, 'f', u.digits, 64)
}

// observed writes what an assertion saw, in the metric's unit.
func (t *text) observed(a measure.Assertion) string {
	v := *a.Observed
	sel, err := metric.ParseSelector(a.Metric)
	if err != nil {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	m, _ := metric.Find(sel.Metric)
	c, err := metric.ParseCondition(m, a.Check)
	switch {
	case err != nil:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case c.Agg == "rate":
		return strconv.FormatFloat(v, 'g', 6, 64) + "/s"
	case c.Agg == "count":
		return wording.Thousands(int64(v))
	case m.Unit == "s":
		return t.time(v) + " " + timeUnits[t.o.Unit].name
	case m.Unit == "ratio":
		return wording.Percent(v)
	}
	return strconv.FormatFloat(v, 'g', 6, 64)
}

func sorted(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
