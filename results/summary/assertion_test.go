package summary_test

import (
	"testing"

	"github.com/quotalab/quotalab/results/summary"
)

// Two assertions of a run that differ only in their windows have two names: a
// reader of JUnit XML takes test cases of one name for one.
func TestNameOfAnAssertion(t *testing.T) {
	for _, c := range []struct {
		over float64
		want string
	}{
		{0, "latency: p(99) < 5ms"},
		{0.25, "latency: p(99) < 5ms over 250ms"},
		{300, "latency: p(99) < 5ms over 5m"},
	} {
		a := summary.Assertion{Metric: "latency", Check: "p(99) < 5ms", OverSeconds: c.over}
		if got := a.Name(); got != c.want {
			t.Errorf("%v s: got %q, want %q", c.over, got, c.want)
		}
	}
}
