package export

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/measure"
)

// Bench writes a summary in the Go benchmark format
// (golang.org/x/perf/benchfmt, version 2), for benchstat: one line for each
// combination of tags, with all that was measured of it. Times are in
// seconds. In virtual time every figure is exact (assume=exact): any change is
// a difference.
func Bench(w io.Writer, s *measure.Summary) error {
	var b strings.Builder
	for _, line := range [][2]string{
		{"scenario", s.Scenario}, {"clock", s.Clock}, {"seed", strconv.FormatUint(s.Seed, 10)}, {"plan", s.PlanHash},
	} {
		fmt.Fprintf(&b, "%s: %s\n", line[0], line[1])
	}
	for _, k := range slices.Sorted(maps.Keys(s.Tags)) {
		if isBenchKey(k) {
			fmt.Fprintf(&b, "%s: %s\n", k, strings.ReplaceAll(s.Tags[k], "\n", " "))
		}
	}
	rows := benchRows(s)
	writeUnits(&b, rows, s.Clock)
	for _, r := range rows {
		fmt.Fprintf(&b, "BenchmarkScenario%s 1", r.name)
		for _, v := range r.values {
			fmt.Fprintf(&b, " %s %s", strconv.FormatFloat(v.value, 'g', -1, 64), v.unit)
		}
		b.WriteByte('\n')
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("writing benchmarks: %w", err)
	}
	return nil
}

// isBenchKey tells whether a tag can be a configuration key of the format: it
// begins with a lower-case letter and has neither capitals nor spaces.
func isBenchKey(k string) bool {
	return k != "" && 'a' <= k[0] && k[0] <= 'z' && !strings.ContainsAny(k, " \t:") && strings.ToLower(k) == k
}

type benchRow struct {
	name   string
	values []benchValue
}

type benchValue struct {
	unit, better string
	value        float64
}

// benchRows joins the metrics of the same tags, in the order of the metrics.
func benchRows(s *measure.Summary) []*benchRow {
	var rows []*benchRow
	byName := map[string]*benchRow{}
	for _, m := range s.Metrics {
		name := benchName(m)
		r := byName[name]
		if r == nil {
			r = &benchRow{name: name}
			rows, byName[name] = append(rows, r), r
		}
		r.values = append(r.values, benchValues(m)...)
	}
	return rows
}

// benchName writes tags as /key=value in the order of the catalogue.
func benchName(m measure.Metric) string {
	var b strings.Builder
	about, _ := metric.Find(m.Name)
	for _, tag := range about.Tags {
		if v := m.Tags[tag]; v != "" {
			fmt.Fprintf(&b, "/%s=%s", tag, strings.Map(benchRune, v))
		}
	}
	return b.String()
}

// benchRune keeps a tag's value in one part of the name.
func benchRune(r rune) rune {
	if r <= ' ' || r == '/' || r == 0x7f {
		return '_'
	}
	return r
}

func benchValues(m measure.Metric) []benchValue {
	about, _ := metric.Find(m.Name)
	one := func(unit string, v float64) benchValue { return benchValue{unit, about.Better, v} }
	switch {
	case m.Value != nil:
		return []benchValue{one(m.Name, *m.Value)}
	case m.Avg == nil:
		return []benchValue{one(m.Name, float64(m.Count))}
	}
	suffix := ""
	if m.Unit == "s" {
		suffix = "-sec"
	}
	var values []benchValue
	for _, a := range []struct {
		name string
		v    *float64
	}{{"avg", m.Avg}, {"p50", m.Med}, {"p90", m.P90}, {"p99", m.P99}, {"max", m.Max}} {
		values = append(values, one(m.Name+"-"+a.name+suffix, *a.v))
	}
	return values
}

// writeUnits says of every unit which direction is better, and whether its
// figures are exact.
func writeUnits(b *strings.Builder, rows []*benchRow, clock string) {
	var units []benchValue
	for _, r := range rows {
		units = append(units, r.values...)
	}
	slices.SortFunc(units, func(a, b benchValue) int { return cmp.Compare(a.unit, b.unit) })
	units = slices.CompactFunc(units, func(a, b benchValue) bool { return a.unit == b.unit })
	for _, u := range units {
		var about []string
		if u.better != "" {
			about = append(about, "better="+u.better)
		}
		if clock == "virtual" {
			about = append(about, "assume=exact")
		}
		if len(about) > 0 {
			fmt.Fprintf(b, "Unit %s %s\n", u.unit, strings.Join(about, " "))
		}
	}
}
