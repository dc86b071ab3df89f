package metric

import (
	"strings"
	"testing"
)

// TestMeantAggregation suggests what other tools' spellings mean.
func TestMeantAggregation(t *testing.T) {
	latency, _ := Find("latency")
	for in, want := range map[string]string{"p99 < 1s": `"p(99)"`, "p99.9 < 1s": `"p(99.9)"`, "P(95) < 1s": `"p(95)"`, "median < 1s": `"med"`, "mean < 1s": `"avg"`} {
		if _, err := ParseCondition(latency, in); err == nil || !strings.Contains(err.Error(), "(did you mean "+want+"?)") {
			t.Errorf("%s: %v, expected a suggestion of %s", in, err, want)
		}
	}
}
