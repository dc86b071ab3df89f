package metric

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/quotalab/quotalab/models/metric/unit"
)

// Condition compares one aggregation of a metric with a bound.
type Condition struct {
	Agg   string  // count, rate, min, max, avg, med, p or value
	P     float64 // percentile in [0, 100] when Agg is p
	Op    string  // <, <=, >, >=, == or !=
	Bound float64 // in base units: seconds, events per second, tokens, a ratio
	Text  string  // as written
}

// Holds reports whether an observed aggregation, in base units, satisfies the
// condition. It never holds on NaN: what was not observed is not known.
func (c Condition) Holds(v float64) bool {
	if math.IsNaN(v) {
		return false
	}
	switch c.Op {
	case "<":
		return v < c.Bound
	case "<=":
		return v <= c.Bound
	case ">":
		return v > c.Bound
	case ">=":
		return v >= c.Bound
	case "==":
		return v == c.Bound
	case "!=":
		return v != c.Bound
	}
	return false
}

// Percentile returns the percentile that the condition looks at, in [0, 100];
// false if it looks at
// something else.
func (c Condition) Percentile() (p float64, ok bool) {
	switch c.Agg {
	case "med":
		return 50, true
	case "p":
		return c.P, true
	}
	return 0, false
}

var (
	conditionForm  = regexp.MustCompile(`^\s*([^<>=!\s(]*(?:\s*\([^)<>=!]*\))?)\s*([<>=!]*)\s*(.*?)\s*$`)
	percentileForm = regexp.MustCompile(`^p\s*\(\s*([^)\s]*)\s*\)$`)
)

// ParseCondition reads "<aggregation> <op> <number with unit>" as a condition
// on m, e.g. "p(99.9) < 5ms", "count == 512", "rate > 100/s", "value <= 2%".
// Its error is a *SyntaxError.
func ParseCondition(m Metric, s string) (Condition, error) {
	at := conditionForm.FindStringSubmatchIndex(s)
	if at == nil {
		return Condition{}, &SyntaxError{0, fmt.Sprintf("expected <aggregation> <op> <number with unit>, found %q", s)}
	}
	agg, op, bound := s[at[2]:at[3]], s[at[4]:at[5]], s[at[6]:at[7]]
	c := Condition{Op: op, Text: strings.TrimSpace(s)}
	var err error
	if c.Agg, c.P, err = aggregation(m, agg); err != nil {
		return c, &SyntaxError{at[2], err.Error()}
	}
	if !slices.Contains([]string{"<", "<=", ">", ">=", "==", "!="}, op) {
		return c, &SyntaxError{at[4], fmt.Sprintf("expected <, <=, >, >=, == or !=, found %q", op)}
	}
	if c.Bound, err = parseBound(boundUnit(m, c.Agg), bound); err != nil {
		return c, &SyntaxError{at[6], err.Error()}
	}
	return c, nil
}

func aggregation(m Metric, s string) (agg string, p float64, err error) {
	allowed := m.Kind.Aggregations()
	isTrend := slices.Contains(allowed, "p(N)")
	if g := percentileForm.FindStringSubmatch(s); g != nil && isTrend {
		p, err := unit.Number(g[1])
		if err != nil || p < 0 || p > 100 {
			return "", 0, fmt.Errorf("expected a percentile from 0 to 100 in p(N), found %q", g[1])
		}
		return "p", p, nil
	}
	if !slices.Contains(allowed, s) || s == "p(N)" {
		return "", 0, fmt.Errorf("%s is a %s and has no aggregation %q%s: use %s", m.Name, m.Kind, s, meantAggregation(s, allowed), strings.Join(allowed, ", "))
	}
	return s, 0, nil
}

var (
	looseForm = regexp.MustCompile(`^(?i:p|pct|percentile)[\s_(]*(\d+(?:\.\d+)?)[\s)]*$`)
	otherWord = map[string]string{"median": "med", "mean": "avg", "average": "avg", "minimum": "min", "maximum": "max", "total": "count", "number": "count"}
)

// meantAggregation suggests in a clause what other tools' spelling of an
// aggregation means here; "" if nothing that is allowed is like it.
func meantAggregation(s string, allowed []string) string {
	word := strings.ToLower(s)
	if g := looseForm.FindStringSubmatch(word); g != nil && slices.Contains(allowed, "p(N)") {
		return fmt.Sprintf(" (did you mean %q?)", "p("+g[1]+")")
	}
	if w := otherWord[word]; slices.Contains(allowed, w) {
		return fmt.Sprintf(" (did you mean %q?)", w)
	}
	return DidYouMean(word, allowed)
}

// boundUnit is the base unit of an aggregation of a metric.
func boundUnit(m Metric, agg string) string {
	switch agg {
	case "count":
		return "count"
	case "rate":
		return "/s"
	}
	return m.Unit
}

// parseBound reads a number in an aggregation's unit; a bare 0 needs none.
func parseBound(base, s string) (float64, error) {
	if s == "" {
		return 0, fmt.Errorf("expected a number%s after the operator, found nothing", example(base))
	}
	if s == "0" {
		return 0, nil
	}
	switch base {
	case "s":
		d, err := unit.Duration(s)
		return float64(d) / float64(time.Second), err
	case "/s":
		return unit.Rate(s)
	case "ratio":
		return unit.Ratio(s)
	case "tokens":
		s = strings.TrimSpace(strings.TrimSuffix(s, "tokens"))
	}
	f, err := unit.Number(s)
	if err != nil {
		return 0, fmt.Errorf("expected a number%s, found %q", example(base), s)
	}
	return f, nil
}

func example(base string) string {
	switch base {
	case "s":
		return " with a unit of time, e.g. 5ms"
	case "/s":
		return " with a unit, e.g. 100/s"
	case "ratio":
		return ", e.g. 2% or 0.02"
	case "tokens":
		return " of tokens, e.g. 3 or 3 tokens"
	}
	return " without a unit"
}
