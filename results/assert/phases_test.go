package assert_test

import (
	"testing"
	"time"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/assert"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// TestPhases: ten seconds at ten requests a second, of which those of the
// fifth and sixth second fail, while a fault lasts; nothing is due in the
// last two.
func TestPhases(t *testing.T) {
	m := record.Manifest{Clock: "real", Horizon: 10 * time.Second, Clients: []record.Client{{Name: "c"}}, Traffic: []record.Traffic{{Name: "main"}}, Limiters: []record.Limiter{{Name: "l"}, {Name: "m"}},
		Faults: []record.Fault{{At: 4 * second, Until: 6 * second, Kind: "down"}, {At: 8 * second, Until: 10 * second, Kind: "frozen"}}}
	var list []record.Observation
	for i := range int64(80) {
		at := i * second / 10
		o := record.Observation{Traffic: "main", Client: "c", Limiter: "l", Intended: at, Sent: at, Done: at + 10e6, Effect: -1, Order: -1, Decision: record.Allowed, Key: record.Found}
		if i/10 == 4 || i/10 == 5 {
			o.Decision, o.Error, o.Done = record.Errored, "refused", at+90e6
		}
		list = append(list, o)
	}
	for _, c := range []struct {
		selector, check string
		over            time.Duration
		want            string
		why             string
	}{
		{"errors{phase=during}", "count == 20", 0, "ok", "those that were due while it lasted"},
		{"errors{phase=before}", "count == 0", 0, "ok", "a known 0"},
		{"errors{error=timeout,phase=during}", "count == 0", 0, "ok", "a kind of error among others"},
		{"errors{limiter=m,phase=during}", "count == 0", 0, "unknown", "a limiter that did nothing then"},
		{"decisions{decision=denied,phase=during}", "count == 0", 0, "ok", "no such outcome among others"},
		{"latency{phase=during}", "min > 50ms", 0, "ok", "times are those of the phase"},
		{"latency{phase=before}", "max < 50ms", 0, "ok", "and of the phase alone"},
		{"latency", "max < 50ms", 0, "failed", "without the tag all phases are summed"},
		{"decisions{phase=before}", "rate == 10/s", 0, "ok", "a rate is over the phase's time, not the run's"},
		{"decisions{phase=during}", "rate == 5/s", 0, "ok", "two faults of two seconds are one phase"},
		{"decisions{phase=before}", "rate > 9/s", time.Second, "ok", "windows of a counter lie within the phase"},
		{"decisions{phase=during}", "rate > 9/s", time.Second, "failed", "nothing was due in the second fault"},
		{"latency{phase=before}", "max < 50ms", time.Second, "ok", "windows of a trend have its samples"},
		{"latency{phase=after}", "max < 5ms", time.Second, "failed", "and are judged by them"},
	} {
		a := record.Assertion{Selector: c.selector, Check: c.check, Over: c.over}
		m.Asserts = []record.Assertion{a}
		s, err := summary.Measure(testkit.WriteRecord(t, m, list), nil)
		if err != nil {
			t.Fatal(err)
		}
		v := assert.Evaluate(s, m.Asserts)[0]
		got := map[bool]string{true: "ok", false: "failed"}[v.OK]
		if v.Unknown {
			got = "unknown"
		}
		if got != c.want {
			t.Errorf("%s: %s over %v is %s (%v %s), want %s: %s", c.selector, c.check, c.over, got, v.Observed, v.Why, c.want, c.why)
		}
	}
	m.Faults, m.Asserts = nil, nil
	s, err := summary.Measure(testkit.WriteRecord(t, m, list), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, selector := range []string{"errors{phase=during}", "latency{phase=before}", "decisions{phase=after,decision=error}"} {
		if v := assert.Evaluate(s, []record.Assertion{{Selector: selector, Check: "count == 0"}})[0]; !v.Unknown || v.OK {
			t.Errorf("%s of a run without faults: %+v, want unknown", selector, v)
		}
	}
}
