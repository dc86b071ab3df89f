package compare_test

import (
	"strings"
	"testing"

	"github.com/quotalab/quotalab/results/compare"
	"github.com/quotalab/quotalab/results/summary"
)

// summary of a run of scenario "s". The values of trends are the average and
// all percentiles alike.
func summaryOf(clock string, rows ...summary.Metric) *summary.Summary {
	return &summary.Summary{Scenario: "s", Clock: clock, PlanHash: "p1", Metrics: rows}
}

func counter(name string, n int64, tags ...string) summary.Metric {
	return summary.Metric{Name: name, Unit: "count", Count: n, Tags: tagged(tags)}
}

func value(name string, v float64, tags ...string) summary.Metric {
	return summary.Metric{Name: name, Count: 1, Value: &v, Tags: tagged(tags)}
}

func trend(name string, v float64, tags ...string) summary.Metric {
	return summary.Metric{Name: name, Unit: "s", Count: 9, Avg: &v, Med: &v, P90: &v, P99: &v, Max: &v, Tags: tagged(tags)}
}

func tagged(tags []string) map[string]string {
	m := map[string]string{}
	for _, t := range tags {
		k, v, _ := strings.Cut(t, "=")
		m[k] = v
	}
	return m
}

func side(t *testing.T, runs ...*summary.Summary) *compare.Side {
	t.Helper()
	var s compare.Side
	for _, r := range runs {
		if err := s.AddSummary(r, "test"); err != nil {
			t.Fatal(err)
		}
	}
	return &s
}

func bench(t *testing.T, text string) *compare.Side {
	t.Helper()
	var s compare.Side
	if err := s.AddBench([]byte(text), "bench.txt"); err != nil {
		t.Fatal(err)
	}
	return &s
}

// real runs, each with one metric.
func realRuns(t *testing.T, make func(v float64) summary.Metric, values ...float64) *compare.Side {
	t.Helper()
	var runs []*summary.Summary
	for _, v := range values {
		runs = append(runs, summaryOf("real", make(v)))
	}
	return side(t, runs...)
}

func rowsOf(t *testing.T, base, next *compare.Side) []compare.Row {
	t.Helper()
	rows, err := compare.Compare(base, next)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// only the row of that figure.
func only(t *testing.T, rows []compare.Row, figure string) compare.Row {
	t.Helper()
	for _, r := range rows {
		if r.Figure == figure {
			return r
		}
	}
	t.Fatalf("no figure %s among %d", figure, len(rows))
	return compare.Row{}
}
