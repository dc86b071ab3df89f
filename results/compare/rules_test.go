package compare_test

import (
	"strings"
	"testing"

	"github.com/quotalab/quotalab/results/compare"
	"github.com/quotalab/quotalab/results/summary"
)

func judged(t *testing.T, base, next *compare.Side, rules ...compare.Rule) *compare.Judgement {
	t.Helper()
	j, err := compare.Judge(rowsOf(t, base, next), rules, 0.05)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestFirstRuleThatMatches(t *testing.T) {
	base := side(t, summaryOf("virtual", trend("latency", 100, "limiter=lua", "decision=denied")))
	next := side(t, summaryOf("virtual", trend("latency", 104, "limiter=lua", "decision=denied")))
	loose := compare.Rule{Worse: 0.05}
	tests := []struct {
		why   string
		rules []compare.Rule
		want  compare.Outcome // of p99
	}{
		{"no rule: exact", nil, compare.Failed},
		{"4 % are less than 5 %", []compare.Rule{loose}, compare.Passed},
		{"and more than 3 %", []compare.Rule{{Worse: 0.03}}, compare.Failed},
		{"the first counts", []compare.Rule{{Exact: true}, loose}, compare.Failed},
		{"of another metric", []compare.Rule{{Metric: "lag", Worse: 0.05}}, compare.Failed},
		{"a tag of it", []compare.Rule{{Metric: "latency{decision=denied}", Worse: 0.05}}, compare.Passed},
		{"all its tags, in any order", []compare.Rule{{Metric: "latency{decision=denied,limiter=lua}", Worse: 0.05}}, compare.Passed},
		{"another value of the tag", []compare.Rule{{Metric: "latency{limiter=set}", Worse: 0.05}}, compare.Failed},
		{"its aggregation", []compare.Rule{{Metric: "latency", Aggregation: "p99", Worse: 0.05}}, compare.Passed},
		{"another", []compare.Rule{{Aggregation: "p50", Worse: 0.05}}, compare.Failed},
		{"its scenario", []compare.Rule{{Scenario: "[rs]*", Worse: 0.05}}, compare.Passed},
		{"another", []compare.Rule{{Scenario: "race-*", Worse: 0.05}}, compare.Failed},
		{"its clock", []compare.Rule{{Clock: "virtual", Worse: 0.05}}, compare.Passed},
		{"the other", []compare.Rule{{Clock: "real", Worse: 0.05}}, compare.Failed},
		{"ignored", []compare.Rule{{Metric: "latency", Ignore: true}}, compare.Ignored},
	}
	for _, tt := range tests {
		j := judged(t, base, next, tt.rules...)
		for _, r := range j.Rows {
			if r.Figure == "latency{limiter=lua,decision=denied} p99" && r.Outcome != tt.want {
				t.Errorf("%s: got %s (%s), expected %s", tt.why, r.Outcome, r.Rule, tt.want)
			}
		}
	}
	if j := judged(t, base, next, compare.Rule{Ignore: true}); j.Outcome() != compare.Untold {
		t.Errorf("a gate that judges nothing is %s, expected unknown", j.Outcome())
	}
	for _, r := range []compare.Rule{{Metric: "latenzy"}, {Metric: "latency{"}, {Scenario: "["}} {
		if _, err := compare.Judge(nil, []compare.Rule{r}, 0.05); err == nil || !strings.HasPrefix(err.Error(), "rule 1: ") {
			t.Errorf("%+v: got %v, expected an error about rule 1", r, err)
		}
	}
}

// A p-value or χ² that changed is information in a comparison and in a gate, in both
// clocks and by whatever rule; other statistics of balance are judged.
func TestInformationIsNoRegression(t *testing.T) {
	balance := func(stat string, v float64) summary.Metric {
		return value("shard_balance", v, "limiter=l", "of=keys", "stat="+stat)
	}
	runs := func(clock string, with bool, by float64) *compare.Side {
		var s compare.Side
		for i := range 10 {
			noise := 0.0
			if clock == "real" {
				noise = float64(i) / 1000
			}
			rows := []summary.Metric{counter("dropped", 0), balance("cv", by*2+noise)}
			if with {
				rows = append(rows, balance("chi2", by*10+noise), balance("p_value", by/100+noise/1000))
			}
			if err := s.AddSummary(summaryOf(clock, rows...), ""); err != nil {
				t.Fatal(err)
			}
		}
		return &s
	}
	for _, clock := range []string{"virtual", "real"} {
		for _, rules := range [][]compare.Rule{nil, {{Exact: true}}, {{Worse: 0.05}}, {{Metric: "shard_balance{of=keys,stat=p_value}", Exact: true}}} {
			for why, sides := range map[string][2]*compare.Side{
				"changed": {runs(clock, true, 1), runs(clock, true, 5)}, "gone": {runs(clock, true, 1), runs(clock, false, 5)}, "new": {runs(clock, false, 1), runs(clock, true, 5)},
			} {
				j, seen := judged(t, sides[0], sides[1], rules...), 0
				for _, r := range j.Rows {
					switch {
					case strings.Contains(r.Name, "chi2"), strings.Contains(r.Name, "p_value"):
						if seen++; r.Outcome != compare.Informed || r.Verdict != compare.Inform {
							t.Errorf("%s time, %s, %v: %s is %s, %s", clock, why, rules, r.Figure, r.Verdict, r.Outcome)
						}
						if cells := r.Cells(); cells[6] != "information" {
							t.Errorf("%s: the table says %q", why, cells)
						}
					case strings.Contains(r.Name, "cv") && r.Outcome != compare.Failed:
						t.Errorf("%s time, %s: %s is %s, expected failed", clock, why, r.Figure, r.Outcome)
					}
				}
				if seen != 2 {
					t.Errorf("%s time, %s: %d of 2 figures are listed", clock, why, seen)
				}
			}
		}
	}
}

func TestJudgeExact(t *testing.T) {
	run := func(rows ...summary.Metric) *compare.Side {
		return side(t, summaryOf("virtual", append(rows, counter("dropped", 0))...))
	}
	exact, loose := compare.Rule{Exact: true}, compare.Rule{Worse: 0.05}
	over := counter("over_admission", 10)
	tests := []struct {
		why       string
		base, new *compare.Side
		rule      compare.Rule
		want      compare.Outcome
	}{
		{"equal", run(over), run(over), exact, compare.Passed},
		{"better is a difference to explain", run(over), run(counter("over_admission", 9)), exact, compare.Failed},
		{"but no worse", run(over), run(counter("over_admission", 9)), loose, compare.Passed},
		{"from 0 is more than any share", run(counter("over_admission", 0)), run(counter("over_admission", 1)), loose, compare.Failed},
		{"either way, where no direction is better", run(counter("decisions", 10)), run(counter("decisions", 9)), loose, compare.Failed},
		{"gone", run(over), run(), exact, compare.Failed},
		{"gone, by share", run(over), run(), loose, compare.Failed},
		{"new", run(), run(over), exact, compare.Failed},
		{"a side contradicts itself", side(t, summaryOf("virtual", over), summaryOf("virtual", counter("over_admission", 11))), side(t, summaryOf("virtual", over)), exact, compare.Untold},
	}
	for _, tt := range tests {
		if j := judged(t, tt.base, tt.new, tt.rule); j.Outcome() != tt.want {
			t.Errorf("%s: got %s, expected %s: %+v", tt.why, j.Outcome(), tt.want, j.Rows)
		}
	}
}

func TestJudgeRealTime(t *testing.T) {
	latency := func(v float64) summary.Metric { return value("worst_excess", v) }
	base := []float64{100, 101, 102, 103, 104, 105, 106, 107, 108, 109}
	plus := func(by float64) (v []float64) {
		for _, b := range base {
			v = append(v, b+by)
		}
		return v
	}
	rule := compare.Rule{Worse: 0.05}
	tests := []struct {
		why  string
		new  []float64
		rule compare.Rule
		want compare.Outcome
	}{
		{"equal", base, rule, compare.Passed},
		{"12 % worse", plus(12), rule, compare.Failed},
		{"surely worse, but by less than the tolerance", plus(5), compare.Rule{Worse: 0.1}, compare.Passed},
		{"better", plus(-20), rule, compare.Passed},
		{"too few runs never pass", plus(0)[:5], rule, compare.Untold},
		{"nor do they fail", plus(50)[:5], rule, compare.Untold},
		{"exactly the same is judged by any number", []float64{100}, compare.Rule{Exact: true}, compare.Failed},
	}
	for _, tt := range tests {
		j := judged(t, realRuns(t, latency, base...), realRuns(t, latency, tt.new...), tt.rule)
		if j.Outcome() != tt.want {
			t.Errorf("%s: got %s, expected %s: %+v", tt.why, j.Outcome(), tt.want, j.Rows)
		}
	}
}

// Among many figures six runs cannot tell anything: that is unknown, not
// passed. Figures that are the same in all runs are none of them.
func TestTooManyFiguresForTheRuns(t *testing.T) {
	runs := func(figures, runs int, noise int64) *compare.Side {
		var s compare.Side
		for r := range runs {
			var rows []summary.Metric
			for f := range figures {
				rows = append(rows, counter("over_admission", 100+noise*int64((r*7+f)%runs), "limiter="+strings.Repeat("x", f+1)))
			}
			if err := s.AddSummary(summaryOf("real", rows...), ""); err != nil {
				t.Fatal(err)
			}
		}
		return &s
	}
	for _, tt := range []struct {
		why           string
		figures, runs int
		noise         int64
		want          compare.Outcome
	}{
		{"1/924 times 46 is below 5 %", 46, 6, 1, compare.Passed},
		{"times 47 is not", 47, 6, 1, compare.Untold},
		{"seven runs are enough", 47, 7, 1, compare.Passed},
		{"nothing varies", 47, 6, 0, compare.Passed},
	} {
		if j := judged(t, runs(tt.figures, tt.runs, tt.noise), runs(tt.figures, tt.runs, tt.noise), compare.Rule{Worse: 0.05}); j.Outcome() != tt.want {
			t.Errorf("%s: got %s, expected %s: %s", tt.why, j.Outcome(), tt.want, j.Rows[0].Reason)
		}
	}
}

// A figure that is in no run of one side fails if it is in all of the other's;
// one that comes and goes is not judged.
func TestJudgeFiguresThatComeAndGo(t *testing.T) {
	runs := func(n, having int) *compare.Side {
		var s compare.Side
		for i := range n {
			rows := []summary.Metric{counter("dropped", 0)}
			if i < having {
				rows = append(rows, value("worst_excess", float64(i)))
			}
			if err := s.AddSummary(summaryOf("real", rows...), ""); err != nil {
				t.Fatal(err)
			}
		}
		return &s
	}
	for _, tt := range []struct {
		why       string
		base, new *compare.Side
		want      compare.Outcome
	}{
		{"gone", runs(10, 10), runs(10, 0), compare.Failed},
		{"new", runs(10, 0), runs(10, 10), compare.Failed},
		{"seldom, and not at all", runs(10, 3), runs(10, 0), compare.Unjudged},
		{"seldom on both sides", runs(10, 3), runs(10, 2), compare.Unjudged},
	} {
		for _, r := range judged(t, tt.base, tt.new, compare.Rule{Worse: 0.05}).Rows {
			if r.Metric == "worst_excess" && r.Outcome != tt.want {
				t.Errorf("%s: got %s (%s), expected %s", tt.why, r.Outcome, r.Reason, tt.want)
			}
		}
	}
}
