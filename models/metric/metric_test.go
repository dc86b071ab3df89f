package metric

import (
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCatalogueIsWellFormed(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range Catalogue() {
		if seen[m.Name] {
			t.Errorf("%s is listed twice", m.Name)
		}
		seen[m.Name] = true
		if m.About == "" || len(m.Tags) == 0 || len(m.Kind.Aggregations()) == 0 {
			t.Errorf("%s lacks a description, tags or aggregations", m.Name)
		}
		tags := map[string]bool{}
		for _, tag := range m.Tags {
			if tags[tag] {
				t.Errorf("%s has tag %s twice", m.Name, tag)
			}
			tags[tag] = true
		}
		for tag := range m.Values {
			if !tags[tag] {
				t.Errorf("%s has values for %s, which is not one of its tags", m.Name, tag)
			}
		}
		for _, tag := range m.Cuts {
			if len(m.Values[tag]) == 0 {
				t.Errorf("%s is cut by %s, which has no closed set of values", m.Name, tag)
			}
		}
		for _, tag := range m.Needs {
			if len(m.Values[tag]) == 0 {
				t.Errorf("%s needs tag %s, which has no closed set of values", m.Name, tag)
			}
		}
	}
	// Scripts and assertions use these names.
	for _, name := range []string{"decisions", "latency", "lag", "sojourn", "round_trips", "errors", "dropped", "over_admission",
		"under_admission", "ambiguous", "worst_excess", "shard_commands", "shard_keys", "shard_balance", "shard_disagreement",
		"telemetry_error", "command_disagreement", "crossings", "censored", "notices", "missed", "notice_delay"} {
		if !seen[name] {
			t.Errorf("metric %s is missing", name)
		}
	}
}

func TestParseSelector(t *testing.T) {
	for _, c := range []struct {
		in, reason string
		want       Selector
	}{
		{"decisions", "no tags", Selector{Metric: "decisions"}},
		{"decisions{}", "empty tags", Selector{Metric: "decisions"}},
		{"latency{limiter=boulder,decision=denied}", "two tags in order", Selector{"latency", []Tag{{"limiter", "boulder"}, {"decision", "denied"}}}},
		{" latency { decision = denied } ", "spaces anywhere", Selector{"latency", []Tag{{"decision", "denied"}}}},
		{"shard_balance{of=keys,stat=p_value}", "needed tags", Selector{"shard_balance", []Tag{{"of", "keys"}, {"stat", "p_value"}}}},
	} {
		got, err := ParseSelector(c.in)
		if err != nil {
			t.Errorf("%s (%s): %v", c.in, c.reason, err)
			continue
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (%s): %s", c.in, c.reason, d)
		}
		if again, err := ParseSelector(got.String()); err != nil || again.String() != got.String() {
			t.Errorf("%s: String %q reads back as %q, %v", c.in, got, again, err)
		}
	}
}

func TestParseSelectorMistakes(t *testing.T) {
	for _, c := range []struct {
		in, reason string
		offsets    []int
		msg        string // of the first
	}{
		{"", "empty", []int{0}, "expected a metric's name"},
		{"latencies", "misspelt metric", []int{0}, `unknown metric "latencies" (did you mean "latency"?)`},
		{"notices{verdict=late}", "a verdict on crossings, not on notices", []int{16}, `tag verdict has no value "late"; it is one of first, out-of-order, duplicate, undelivered, spurious, warm-up`},
		{"latency{decison=denied}", "misspelt tag", []int{8}, `metric latency has no tag "decison" (did you mean "decision"?); it has traffic, limiter, client, decision, key, phase`},
		{"latency{decision=denid}", "misspelt value", []int{17}, `tag decision has no value "denid" (did you mean "denied"?); it is one of allowed, denied, error, fail_open, dropped, settled`},
		{"latency{decision:denied}", "k6's colon", []int{8}, `expected tag=value, found "decision:denied"`},
		{"latency{decision=denied", "not closed", []int{23}, "expected } at the end of the tags"},
		{"latency{decision=denied}x", "something after it", []int{24}, `expected nothing after }, found "x"`},
		{"decisions{key=found,key=stale}", "tag twice", []int{20}, "tag key is given twice"},
		{"shard_balance{of=keys}", "needed tag left out", []int{0}, "metric shard_balance needs the tag stat, one of chi2, p_value, peak_to_mean, cv, gini"},
		{"latency{a=b,key=c}", "two mistakes", []int{8, 16}, `metric latency has no tag "a"; it has traffic, limiter, client, decision, key, phase`},
	} {
		_, _, errs := ScanSelector(c.in)
		var offsets []int
		for _, e := range errs {
			offsets = append(offsets, e.Offset)
		}
		if d := cmp.Diff(c.offsets, offsets); d != "" {
			t.Errorf("%s (%s): offsets %s", c.in, c.reason, d)
			continue
		}
		_, err := ParseSelector(c.in)
		var se *SyntaxError
		if !errors.As(err, &se) || se.Msg != c.msg {
			t.Errorf("%s (%s):\n got %v\nwant %s", c.in, c.reason, err, c.msg)
		}
	}
}

func find(t *testing.T, name string) Metric {
	t.Helper()
	m, ok := Find(name)
	if !ok {
		t.Fatalf("no metric %s", name)
	}
	return m
}

func TestParseCondition(t *testing.T) {
	for _, c := range []struct {
		metric, in string
		want       Condition
	}{
		{"decisions", "count == 512", Condition{"count", 0, "==", 512, "count == 512"}},
		{"decisions", "rate>100/s", Condition{"rate", 0, ">", 100, "rate>100/s"}},
		{"decisions", "rate >= 12/h", Condition{"rate", 0, ">=", 12.0 / 3600, "rate >= 12/h"}},
		{"latency", "p(99.9) < 5ms", Condition{"p", 99.9, "<", 0.005, "p(99.9) < 5ms"}},
		{"latency", "p( 50 )<=1m30s", Condition{"p", 50, "<=", 90, "p( 50 )<=1m30s"}},
		{"latency", " med != 5ms ", Condition{"med", 0, "!=", 0.005, "med != 5ms"}},
		{"latency", "count > 1_000", Condition{"count", 0, ">", 1000, "count > 1_000"}},
		{"lag", "max == 0", Condition{"max", 0, "==", 0, "max == 0"}},
		{"round_trips", "avg < 1.5", Condition{"avg", 0, "<", 1.5, "avg < 1.5"}},
		{"worst_excess", "value <= 3 tokens", Condition{"value", 0, "<=", 3, "value <= 3 tokens"}},
		{"worst_excess", "value < 3", Condition{"value", 0, "<", 3, "value < 3"}},
		{"shard_disagreement", "value < 51%", Condition{"value", 0, "<", 0.51, "value < 51%"}},
		{"shard_balance", "value > 1e-3", Condition{"value", 0, ">", 0.001, "value > 1e-3"}},
	} {
		got, err := ParseCondition(find(t, c.metric), c.in)
		if err != nil {
			t.Errorf("%s: %s: %v", c.metric, c.in, err)
		} else if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s: %s", c.metric, c.in, d)
		}
	}
}

func TestParseConditionMistakes(t *testing.T) {
	for _, c := range []struct {
		metric, in string
		offset     int
		msg        string
	}{
		{"latency", "p(99) < 5", 8, `"5" has no unit: write ns, us, ms, s, m, h or d after the number, e.g. 90s`},
		{"latency", "p(99) < 5/s", 8, `"/s" is not a unit of time in "5/s": use ns, us, ms, s, m, h or d`},
		{"latency", "p(101) < 5ms", 0, `expected a percentile from 0 to 100 in p(N), found "101"`},
		{"latency", "p(N) < 5ms", 0, `expected a percentile from 0 to 100 in p(N), found "N"`},
		{"latency", "rate < 5/s", 0, `latency is a trend and has no aggregation "rate": use count, min, max, avg, med, p(N)`},
		{"decisions", "p(99) < 5", 0, `decisions is a counter and has no aggregation "p(99)": use count, rate`},
		{"decisions", "count = 5", 6, `expected <, <=, >, >=, == or !=, found "="`},
		{"decisions", "count 5", 6, `expected <, <=, >, >=, == or !=, found ""`},
		{"decisions", "count <", 7, "expected a number without a unit after the operator, found nothing"},
		{"decisions", "count < 5ms", 8, `expected a number without a unit, found "5ms"`},
		{"decisions", "rate < 5", 7, `"5" has no unit: write /s, /m, /h or /d after the number, e.g. 5/s`},
		{"worst_excess", "value < 5s", 8, `expected a number of tokens, e.g. 3 or 3 tokens, found "5s"`},
		{"shard_disagreement", "value < half", 8, `expected a fraction such as 2% or 0.02, found "half"`},
		{"decisions", "", 0, `decisions is a counter and has no aggregation "": use count, rate`},
		{"decisions", "count < 5\nx", 0, `expected <aggregation> <op> <number with unit>, found "count < 5\nx"`},
	} {
		_, err := ParseCondition(find(t, c.metric), c.in)
		var se *SyntaxError
		if !errors.As(err, &se) {
			t.Errorf("%s: %q: got %v, want a SyntaxError", c.metric, c.in, err)
		} else if d := cmp.Diff(&SyntaxError{c.offset, c.msg}, se); d != "" {
			t.Errorf("%s: %q: %s", c.metric, c.in, d)
		}
	}
}

func TestHolds(t *testing.T) {
	for _, c := range []struct {
		op                  string
		below, equal, above bool
	}{
		{"<", true, false, false}, {"<=", true, true, false}, {">", false, false, true},
		{">=", false, true, true}, {"==", false, true, false}, {"!=", true, false, true}, {"", false, false, false},
	} {
		cond := Condition{Op: c.op, Bound: 5}
		got := []bool{cond.Holds(4), cond.Holds(5), cond.Holds(6)}
		if d := cmp.Diff([]bool{c.below, c.equal, c.above}, got); d != "" {
			t.Errorf("%q: %s", c.op, d)
		}
		if cond.Holds(math.NaN()) {
			t.Errorf("%q holds on NaN", c.op)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"rate", "gaps", "keys", "limit", "limiters", "max_in_flight"}
	for word, want := range map[string]string{
		"rtae": "rate", "limitres": "limiters", "max_inflight": "max_in_flight", "key": "keys", "completely_else": "", "keys": "", "k": "", "": "",
	} {
		if got := Nearest(word, known); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
}

func FuzzSelectorAndCondition(f *testing.F) {
	f.Add("latency{decision=denied}", "p(99) < 5ms")
	f.Add("a{b=c,,}", "((<")
	f.Fuzz(func(t *testing.T, sel, cond string) {
		_, places, errs := ScanSelector(sel)
		for _, e := range errs {
			if e.Offset < 0 || e.Offset > len(sel) {
				t.Errorf("%q: offset %d outside of it", sel, e.Offset)
			}
		}
		for _, p := range places {
			if p.Name < 0 || p.Value > len(sel) || p.Name > p.Value {
				t.Errorf("%q: tag at %v", sel, p)
			}
		}
		for _, m := range Catalogue() {
			_, err := ParseCondition(m, cond)
			var se *SyntaxError
			if err != nil && (!errors.As(err, &se) || se.Offset < 0 || se.Offset > len(cond)) {
				t.Errorf("%q on %s: %#v", cond, m.Name, err)
			}
		}
	})
}
