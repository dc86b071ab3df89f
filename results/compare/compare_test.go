package compare_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/results/compare"
	"github.com/quotalab/quotalab/results/summary"
)

func TestExactFigures(t *testing.T) {
	over := func(n int64) *summary.Summary {
		return summaryOf("virtual", counter("over_admission", n, "limiter=lua"))
	}
	decisions := func(n int64) *summary.Summary { return summaryOf("virtual", counter("decisions", n, "limiter=lua")) }
	latency := func(v float64) *summary.Summary { return summaryOf("virtual", trend("latency", v, "limiter=lua")) }
	tests := []struct {
		why       string
		base, new *summary.Summary
		verdict   compare.Verdict
		change    string
	}{
		{"equal", over(4), over(4), compare.Same, ""},
		{"more of what is better lower", over(4), over(5), compare.Worse, "+25.0 %"},
		{"less of it", over(4), over(3), compare.Better, "−25.0 %"},
		{"from 0 is a difference too, where benchstat prints ?", over(0), over(1), compare.Worse, "from 0"},
		{"many times as much", over(1), over(64), compare.Worse, "×64"},
		{"to 0", over(7), over(0), compare.Better, "−100.0 %"},
		{"0 and 0", over(0), over(0), compare.Same, ""},
		{"no direction is better", decisions(100), decisions(101), compare.Changed, "+1.0 %"},
		{"the last bit counts", latency(0.001), latency(math.Nextafter(0.001, 1)), compare.Worse, "+<0.1 %"},
	}
	for _, tt := range tests {
		row := rowsOf(t, side(t, tt.base), side(t, tt.new))[0]
		if row.Verdict != tt.verdict || row.ChangeText() != tt.change {
			t.Errorf("%s: got %s %q, expected %s %q", tt.why, row.Verdict, row.ChangeText(), tt.verdict, tt.change)
		}
	}
}

func TestExactRunsMustAgree(t *testing.T) {
	one, two := summaryOf("virtual", counter("over_admission", 3)), summaryOf("virtual", counter("over_admission", 4))
	for why, rows := range map[string][]compare.Row{
		"base": rowsOf(t, side(t, one, two), side(t, one)),
		"new":  rowsOf(t, side(t, one), side(t, one, two)),
	} {
		r := rows[0]
		if r.Verdict != compare.Unknown || !strings.Contains(r.Why, why+" contradict one another, between 3 and 4") {
			t.Errorf("%s: %s: %s", why, r.Verdict, r.Why)
		}
	}
	some := rowsOf(t, side(t, summaryOf("virtual", counter("over_admission", 3), counter("dropped", 0)), summaryOf("virtual", counter("dropped", 0))), side(t, one))
	if r := only(t, some, "over_admission"); r.Verdict != compare.Unknown || !strings.Contains(r.Why, "only 1 of 2 have it") {
		t.Errorf("%s: %s", r.Verdict, r.Why)
	}
	if r := rowsOf(t, side(t, one, one), side(t, one))[0]; r.Verdict != compare.Same {
		t.Errorf("runs that agree are %s, expected same", r.Verdict)
	}
}

// The worst comes first; what nobody can tell comes before what is better.
func TestOrder(t *testing.T) {
	base := side(t, summaryOf("virtual", counter("over_admission", 100, "limiter=a"), counter("over_admission", 100, "limiter=b"), counter("over_admission", 0, "limiter=c"),
		counter("under_admission", 9), counter("decisions", 5), counter("dropped", 1), counter("censored", 2)))
	next := side(t, summaryOf("virtual", counter("over_admission", 110, "limiter=a"), counter("over_admission", 150, "limiter=b"), counter("over_admission", 1, "limiter=c"),
		counter("under_admission", 8), counter("decisions", 6), counter("censored", 2), counter("crossings", 3)))
	var got []string
	for _, r := range rowsOf(t, base, next) {
		got = append(got, string(r.Verdict)+" "+r.Figure)
	}
	want := []string{
		"worse over_admission{limiter=c}", "worse over_admission{limiter=b}", "worse over_admission{limiter=a}",
		"changed decisions", "missing dropped", "added crossings", "better under_admission", "same censored",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (−want +got):\n%s", diff)
	}
}

// A benchmark file and the summary that it was written from are one and the
// same: also of a unit that other programs' files say more of.
func TestBenchFiles(t *testing.T) {
	const ours = `scenario: s
clock: virtual
plan: p2
BenchmarkScenario/limiter=lua 1 4 over_admission 0.5 latency-p99-sec
end: 1
`
	s := side(t, summaryOf("virtual", counter("over_admission", 5, "limiter=lua"), trend("latency", 0.5, "limiter=lua")))
	rows := rowsOf(t, bench(t, ours), s)
	if r := only(t, rows, "over_admission{limiter=lua}"); r.Verdict != compare.Worse || r.Better != "lower" || !r.Exact {
		t.Errorf("%+v", r)
	}
	if r := only(t, rows, "latency{limiter=lua} p99"); r.Verdict != compare.Same || r.Metric != "latency" || r.Aggregation != "p99" {
		t.Errorf("%+v", r)
	}

	const base = `pkg: example.org/x
Unit cats/op better=higher assume=exact
BenchmarkEncode-8 10 100 ns/op 3 cats/op
`
	next := strings.Replace(base, "3 cats", "2 cats", 1)
	rows = rowsOf(t, bench(t, base), bench(t, next))
	if r := only(t, rows, "Encode-8 cats/op"); r.Verdict != compare.Worse || r.Group != "example.org/x" {
		t.Errorf("%+v", r)
	}
	if r := only(t, rows, "Encode-8 sec/op"); r.Verdict != compare.Unknown || !strings.Contains(r.Why, "expected 6 runs of each side, found 1 of base") {
		t.Errorf("%+v", r)
	}
}

func TestPlans(t *testing.T) {
	s := side(t, summaryOf("virtual", counter("dropped", 1)), summaryOf("virtual", counter("dropped", 1)))
	if diff := cmp.Diff([]string{"p1"}, s.Plans("s")); diff != "" {
		t.Error(diff)
	}
}

func TestWhatCannotBeCompared(t *testing.T) {
	virtual := summaryOf("virtual", counter("over_admission", 1))
	_, none := compare.Compare(side(t, virtual), side(t, summaryOf("virtual", counter("dropped", 1))))
	_, empty := compare.Compare(&compare.Side{}, side(t, virtual))
	_, clocks := compare.Compare(side(t, virtual), side(t, summaryOf("real", counter("over_admission", 1))))
	var mixed, bare, nan compare.Side
	_ = mixed.AddSummary(virtual, "a")
	cut := "scenario: s\nclock: virtual\nBenchmarkScenario 1 4 dropped\n"
	tests := []struct {
		why  string
		err  error
		want string
	}{
		{"no figure in common", none, "found none: base is of s, new of s"},
		{"an empty side", empty, "base is of nothing, new of s"},
		{"two clocks", clocks, "over_admission of s: some runs are exact (of virtual time), others are not (of real time)"},
		{"two clocks on one side", mixed.AddSummary(summaryOf("real", counter("over_admission", 1)), "b.json"), "b.json: over_admission: some runs are exact"},
		{"nothing measured", bare.AddSummary(summaryOf("virtual"), "c.json"), "c.json: expected a summary with metrics, found none"},
		{"a metric of another version", bare.AddSummary(summaryOf("virtual", counter("latenzy", 1)), "g.json"), `g.json: this version of quotalab has no metric "latenzy"`},
		{"a distribution without its end", bare.AddSummary(summaryOf("virtual", summary.Metric{Name: "latency", Avg: new(float64)}), "h.json"), "h.json: metric latency: expected avg, med, p90, p99 and max"},
		{"no number", nan.AddBench([]byte("BenchmarkX 1 NaN ns/op\n"), "d.txt"), "d.txt:1: X sec/op: expected a number, found NaN"},
		{"an empty file", nan.AddBench([]byte(""), "e.txt"), "e.txt: expected results in the Go benchmark format"},
		{"a file cut short", nan.AddBench([]byte(cut), "f.txt"), "f.txt:3: the file was cut short"},
	}
	for _, tt := range tests {
		if tt.err == nil || !strings.Contains(tt.err.Error(), tt.want) {
			t.Errorf("%s: got %v, expected %q", tt.why, tt.err, tt.want)
		}
	}
}

func TestRealTime(t *testing.T) {
	latency := func(v float64) summary.Metric { return trend("latency", v) }
	decisions := func(v float64) summary.Metric { return counter("decisions", int64(v)) }
	tests := []struct {
		why       string
		make      func(float64) summary.Metric
		base, new []float64
		verdict   compare.Verdict
		text      string
	}{
		{"clearly slower", latency, []float64{.0010, .0011, .0012, .0013, .0014, .0015}, []float64{.0020, .0021, .0022, .0023, .0024, .0025}, compare.Worse, "+80.0 % (+56.0 % to +104.0 %), p=0.0022, n=6+6"},
		{"clearly faster", latency, []float64{.0020, .0021, .0022, .0023, .0024, .0025}, []float64{.0010, .0011, .0012, .0013, .0014, .0015}, compare.Better, "−44.4 % (−57.8 % to −31.1 %), p=0.0022, n=6+6"},
		{"within the noise", latency, []float64{.0010, .0011, .0012, .0013, .0014, .0015}, []float64{.0011, .0012, .0013, .0014, .0015, .0010}, compare.Same, "~, p=1, n=6+6"},
		{"no direction is better", decisions, []float64{1, 2, 3, 4, 5, 6}, []float64{11, 12, 13, 14, 15, 16}, compare.Changed, "+285.7 % (+200.0 % to +371.4 %), p=0.0022, n=6+6"},
		{"all alike", latency, []float64{1, 1, 1, 1, 1, 1}, []float64{1, 1, 1, 1, 1, 1}, compare.Same, "~, p=1, n=6+6"},
		{"five runs are too few, however clear it is", latency, []float64{1, 2, 3, 4, 5, 6}, []float64{11, 12, 13, 14, 15}, compare.Unknown, "expected 6 runs of each side, found 5 of new"},
	}
	for _, tt := range tests {
		row := rowsOf(t, realRuns(t, tt.make, tt.base...), realRuns(t, tt.make, tt.new...))[0]
		if row.Verdict != tt.verdict || row.ChangeText() != tt.text {
			t.Errorf("%s: got %s %q, expected %s %q", tt.why, row.Verdict, row.ChangeText(), tt.verdict, tt.text)
		}
	}
}

// In real time a run without errors of a kind has counted none of them; one
// without a latency has none.
func TestRunsWithoutAFigure(t *testing.T) {
	run := func(more ...summary.Metric) *summary.Summary {
		return summaryOf("real", append(more, counter("dropped", 0))...)
	}
	without := []*summary.Summary{run(), run(), run(), run(), run(), run()}
	var failing, some []*summary.Summary
	for i := range 6 {
		failing = append(failing, run(counter("errors", int64(5+i), "error=timeout"), trend("latency", 1, "decision=error")))
	}
	some = append(some, failing[:2]...)
	some = append(some, without[:4]...)
	rows := rowsOf(t, side(t, without...), side(t, failing...))
	if r := only(t, rows, "errors{error=timeout}"); r.Verdict != compare.Worse || *r.Base.Center != 0 || *r.New.Center != 7.5 {
		t.Errorf("errors from none: %+v", r)
	}
	if r := only(t, rows, "latency{decision=error} p99"); r.Verdict != compare.Added {
		t.Errorf("latency of errors, from none: %+v", r)
	}
	rows = rowsOf(t, side(t, failing...), side(t, some...))
	if r := only(t, rows, "latency{decision=error} p99"); r.Verdict != compare.Unknown || !strings.Contains(r.Why, "only 2 runs of new have it") {
		t.Errorf("latency of errors, in some runs: %+v", r)
	}
}
