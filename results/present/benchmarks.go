package present

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// Figure is one number of a summary, as other tools keep it over time: what
// was measured (Unit) of which part of the run (Name).
type Figure struct {
	Name        string            // the tags as parts of a benchmark's name, in the catalogue's order: "/limiter=boulder/decision=denied", or ""
	Metric      string            // of the catalogue
	Aggregation string            // count, value, avg, p50, p90, p99 or max
	Tags        map[string]string // as the summary has them
	Unit        string            // metric and aggregation: "latency-p99-sec", "decisions"
	Better      string            // lower, higher, or "": neither
	Exact       bool              // of virtual time: any change is a difference
	Value       float64           // in base units
}

// Figures returns those of a summary: those of the same name follow one another, in the
// order of the metrics.
func Figures(s *summary.Summary) []Figure {
	var names []string
	byName := map[string][]Figure{}
	total := 0
	metrics := perLimiter(s.Metrics)
	for i := range metrics {
		figures := figuresOf(&metrics[i], s.Clock == "virtual")
		name := figures[0].Name
		if byName[name] == nil {
			names = append(names, name)
		}
		byName[name] = append(byName[name], figures...)
		total += len(figures)
	}
	all := make([]Figure, 0, total)
	for _, name := range names {
		all = append(all, byName[name]...)
	}
	return all
}

// perLimiter joins what the audit found by traffic, client, limit and phase:
// other tools keep one number for each limiter over time.
func perLimiter(list []summary.Metric) (out []summary.Metric) {
	at := map[[2]string]int{}
	for _, m := range list {
		if m.Name != "over_admission" && m.Name != "under_admission" && m.Name != "worst_excess" {
			out = append(out, m)
			continue
		}
		id := [2]string{m.Name, m.Tags["limiter"]}
		i, known := at[id]
		if !known {
			m.Tags = map[string]string{"limiter": id[1]}
			at[id], out = len(out), append(out, m)
			continue
		}
		out[i].Count += m.Count
		if m.Value != nil && *m.Value > *out[i].Value {
			out[i].Value = m.Value
		}
	}
	return out
}

// figuresOf returns a metric's figures: at least one.
func figuresOf(m *summary.Metric, exact bool) []Figure {
	about, _ := metric.Find(m.Name)
	of := Figure{Name: figureName(about.Tags, m.Tags), Metric: m.Name, Tags: m.Tags, Better: about.Better, Exact: exact}
	one := func(aggregation, unit string, v float64) Figure {
		f := of
		f.Aggregation, f.Unit, f.Value = aggregation, unit, v
		return f
	}
	switch {
	case m.Value != nil:
		return []Figure{one("value", m.Name, *m.Value)}
	case m.Avg == nil:
		return []Figure{one("count", m.Name, float64(m.Count))}
	}
	suffix := ""
	if m.Unit == "s" {
		suffix = "-sec"
	}
	var figures []Figure
	for _, a := range []struct {
		name string
		v    *float64
	}{{"avg", m.Avg}, {"p50", m.Med}, {"p90", m.P90}, {"p99", m.P99}, {"max", m.Max}} {
		figures = append(figures, one(a.name, m.Name+"-"+a.name+suffix, *a.v))
	}
	return figures
}

// figureName writes tags as /key=value in their order.
func figureName(order []string, tags map[string]string) string {
	var b strings.Builder
	for _, tag := range order {
		if v := tags[tag]; v != "" {
			b.WriteString(NamePart(tag, v))
		}
	}
	return b.String()
}

// NamePart returns what a tag or an axis adds to a benchmark's name.
func NamePart(tag, value string) string {
	return "/" + strings.Map(nameRune, tag) + "=" + strings.Map(nameRune, value)
}

// nameRune keeps a tag's value in one part of the name.
func nameRune(r rune) rune {
	if r == '/' || unicode.IsSpace(r) || !unicode.IsPrint(r) {
		return '_'
	}
	return r
}

// bencherMetric is a value of Bencher Metric Format, with the least and the
// greatest of several runs.
type bencherMetric struct {
	Value float64  `json:"value"`
	Lower *float64 `json:"lower_value,omitempty"`
	Upper *float64 `json:"upper_value,omitempty"`
}

// Bencher writes figures in Bencher Metric Format (bencher.dev): by the
// benchmark's name, which begins with the scenario's, and then by measure, which
// is the figure's unit. Bencher's thresholds say which direction is worse. Of
// several runs of a scenario it is the median, with the range.
func Bencher(w io.Writer, runs ...*summary.Summary) error {
	all := map[string]map[string]bencherMetric{}
	for _, r := range repeats(runs) {
		name := r.scenario + r.Name
		if all[name] == nil {
			all[name] = map[string]bencherMetric{}
		}
		m := bencherMetric{Value: r.middle()}
		if r.runs > 1 {
			low, high := r.low(), r.high()
			m.Lower, m.Upper = &low, &high
		}
		all[name][r.Unit] = m
	}
	return writeJSON(w, all)
}

// githubBenchmark is an entry of github.com/benchmark-action/github-action-benchmark.
type githubBenchmark struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit"`
	Value float64 `json:"value"`
	Range string  `json:"range,omitempty"`
	Extra string  `json:"extra,omitempty"`
}

// GitHubBenchmark writes figures for the GitHub action github-action-benchmark,
// whose `tool` is customSmallerIsBetter: those of which less is better, as the
// action raises alarms at what grows. Of several runs of a scenario it is the
// median, with the range.
func GitHubBenchmark(w io.Writer, runs ...*summary.Summary) error {
	entries := []githubBenchmark{} // never null
	for _, r := range repeats(runs) {
		if r.Better != "lower" {
			continue
		}
		about, _ := metric.Find(r.Metric)
		e := githubBenchmark{Name: r.scenario + r.Name + " " + r.Unit, Unit: about.Unit, Value: r.middle()}
		if r.runs > 1 {
			e.Range = number(r.low()) + "…" + number(r.high())
			e.Extra = fmt.Sprintf("median of %d of %d runs", len(r.values), r.runs)
		}
		entries = append(entries, e)
	}
	return writeJSON(w, entries)
}

func writeJSON(w io.Writer, v any) error {
	if err := record.WriteJSON(w, v); err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	return nil
}

// number writes all digits of a number.
func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
