package metric

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestScanColumn(t *testing.T) {
	for _, c := range []struct {
		in, text, unit, better, reason string
	}{
		{"latency p(99)", "latency p(99)", "s", "lower", "a trend"},
		{"latency{decision=denied} p( 99.9 )", "latency{decision=denied} p(99.9)", "s", "lower", "tags, and spaces in a percentile"},
		{"  latency { decision = denied , key=found }   max", "latency{decision=denied,key=found} max", "s", "lower", "spaces anywhere"},
		{"latency count", "latency count", "count", "", "how many samples there are is neither better nor worse"},
		{"over_admission{}count", "over_admission count", "count", "lower", "no space after a brace"},
		{"errors rate", "errors rate", "/s", "lower", "a rate"},
		{"decisions{decision=allowed} count", "decisions{decision=allowed} count", "count", "", "neither direction is known"},
		{"worst_excess value", "worst_excess value", "tokens", "lower", "a value"},
		{"shard_balance{of=keys,stat=gini} value", "shard_balance{of=keys,stat=gini} value", "", "", "a plain number"},
	} {
		got, _, errs := ScanColumn(c.in)
		if len(errs) > 0 {
			t.Errorf("%s: %q: %v", c.reason, c.in, errs)
			continue
		}
		if d := cmp.Diff([]string{c.text, c.unit, c.better}, []string{got.String(), got.Unit(), got.Better()}); d != "" {
			t.Errorf("%s: %q: %s", c.reason, c.in, d)
		}
		if again, _, errs := ScanColumn(got.String()); len(errs) > 0 || !cmp.Equal(got, again) {
			t.Errorf("%s: %q reads back as %+v, %v", c.reason, got, again, errs)
		}
	}
}

func TestScanColumnMistakes(t *testing.T) {
	for _, c := range []struct {
		in, reason string
		offsets    []int
		msg        string // of the last
	}{
		{"", "empty", []int{0}, "expected a metric's name"},
		{"latencies p(99)", "misspelt metric", []int{0}, `unknown metric "latencies" (did you mean "latency"?)`},
		{"latency", "no aggregation", []int{7}, `latency is a trend and has no aggregation "": use count, min, max, avg, med, p(N)`},
		{"latency{key=foud}  p(101)", "two mistakes", []int{12, 19}, `expected a percentile from 0 to 100 in p(N), found "101"`},
		{"latency{key=found p(99)", "not closed", []int{12, 23, 23}, `latency is a trend and has no aggregation "": use count, min, max, avg, med, p(N)`},
		{"decisions rate count", "two aggregations", []int{10}, `decisions is a counter and has no aggregation "rate count": use count, rate`},
	} {
		_, _, errs := ScanColumn(c.in)
		var offsets []int
		for _, e := range errs {
			offsets = append(offsets, e.Offset)
		}
		if d := cmp.Diff(c.offsets, offsets); d != "" {
			t.Errorf("%s: %q: %s", c.reason, c.in, d)
		} else if got := errs[len(errs)-1].Msg; got != c.msg {
			t.Errorf("%s: %q: got %s, want %s", c.reason, c.in, got, c.msg)
		}
	}
}

// TestColumnOfACondition is what a sweep says about an assertion.
func TestColumnOfACondition(t *testing.T) {
	sel, err := ParseSelector("latency{decision=denied}")
	if err != nil {
		t.Fatal(err)
	}
	cond, err := ParseCondition(find(t, "latency"), "p(99) < 5ms")
	if err != nil {
		t.Fatal(err)
	}
	if got := ColumnOf(sel, cond).String(); got != "latency{decision=denied} p(99)" {
		t.Errorf("got %s", got)
	}
}
