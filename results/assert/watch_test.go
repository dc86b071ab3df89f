package assert_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/assert"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// degrading is a minute in which ten requests a second take 10 ms, and from
// the fortieth second on 50 ms; every fifth is denied.
func degrading(asserts ...record.Assertion) (record.Manifest, []record.Observation) {
	m := record.Manifest{Clock: "virtual", Horizon: time.Minute, Warmup: 5 * time.Second, Asserts: asserts, Clients: []record.Client{{Name: "c"}}, Traffic: []record.Traffic{{Name: "main"}},
		Limiters: []record.Limiter{{Name: "l", Algorithm: "gcra", Limits: []record.Limit{{Name: "x", Count: 1, Period: time.Second, Burst: 1000}}}}}
	var list []record.Observation
	for i := range int64(600) {
		at := i * second / 10
		o := record.Observation{Traffic: "main", Client: "c", Limiter: "l", Intended: at, Sent: at, Done: at + 10e6, Effect: at, Judged: at, Order: i, Decision: record.Allowed, Key: record.Found, RetryAfter: -1,
			Takes: []record.Take{{Limit: "x", Key: "k", Cost: 1, Mode: record.TakeMode}}}
		if i%5 == 0 {
			o.Decision = record.Denied
		}
		if i >= 400 {
			o.Done += 40e6
		}
		list = append(list, o)
	}
	return m, list
}

func TestWatch(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		selector, check string
		over, delay     time.Duration
		at              time.Duration // 0: it does not fail
		observed        float64
		says, why       string
	}{
		{"latency", "max < 50ms", 0, 0, 41 * s, 0.05, "assertion latency: max < 50ms failed at 41s, observed 50ms", "at the first second after it failed"},
		{"latency", "max <= 50ms", 0, 0, 0, 0, "", "it holds"},
		{"latency", "max < 10ms", 0, 0, 6 * s, 0.01, "assertion latency: max < 10ms failed at 6s, observed 10ms", "the first second of the measured time"},
		{"latency", "max < 10ms", 0, 20 * s, 20 * s, 0.01, "assertion latency: max < 10ms failed at 20s, observed 10ms", "not before the delay, which counts from the run's beginning"},
		{"latency", "max < 10ms", 0, 20*s + 1, 21 * s, 0.01, "assertion latency: max < 10ms failed at 21s, observed 10ms", "at no other instant"},
		{"latency", "avg < 20ms", 0, 0, 52 * s, 0, "", "averaged over all so far"},
		{"latency", "avg < 20ms", 10 * s, 0, 43 * s, 0.022, "assertion latency: avg < 20ms over 10s failed at 43s, observed 22ms", "over the last window that is complete: 33 s to 43 s"},
		{"latency", "avg < 20ms", 10 * s, 50 * s, 50 * s, 0.05, "", "what failed before the delay does not count, what fails then does"},
		{"latency{decision=denied}", "p(50) < 50ms", 10 * s, 0, 46 * s, 0.05, "", "a percentile of one outcome"},
		{"decisions", "count < 100", 0, 0, 15 * s, 100, "assertion decisions: count < 100 failed at 15s, observed 100", "a count since the warm-up"},
		{"decisions{decision=denied}", "rate < 3/s", 0, 0, 0, 0, "", "a rate divides by the measured time that has passed"},
		{"decisions{decision=denied}", "rate < 2/s", 0, 0, 6 * s, 2, "assertion decisions{decision=denied}: rate < 2/s failed at 6s, observed 2/s", "and is known at once"},
		{"decisions{decision=error}", "count > 5", 0, 0, 0, 0, "", "what was not observed is not known, and aborts nothing"},
		{"decisions{decision=error}", "rate > 5/s", 10 * s, 0, 0, 0, "", "in no window either"},
		{"over_admission", "count < 0", 0, 0, 0, 0, "", "a metric that is known at the end only"},
	} {
		a := record.Assertion{Selector: c.selector, Check: c.check, Over: c.over, AbortOnFail: true, DelayAbortEval: c.delay}
		m, list := degrading(record.Assertion{Selector: "latency", Check: "max < 1ms"}, a)
		w, err := assert.NewWatch(m)
		if err != nil {
			t.Fatal(err)
		}
		var failed *record.Failure
		for i := range list {
			if failed = w.Observe(&list[i]); failed != nil {
				break
			}
		}
		if failed == nil {
			if c.at != 0 || w.Why() != "" {
				t.Errorf("%s: %s over %v, delay %v did not fail (%q), want at %v: %s", c.selector, c.check, c.over, c.delay, w.Why(), c.at, c.why)
			}
			continue
		}
		if failed.At != c.at || failed.Assertion != a || c.says != "" && (w.Why() != c.says || failed.Observed != c.observed) {
			t.Errorf("%s: %s over %v, delay %v: %q, %+v\nwant at %v, %q, observed %g: %s", c.selector, c.check, c.over, c.delay, w.Why(), failed, c.at, c.says, c.observed, c.why)
		}
	}
}

func TestNothingToWatch(t *testing.T) {
	m, _ := degrading(record.Assertion{Selector: "latency", Check: "max < 1ms", Over: time.Second})
	if w, err := assert.NewWatch(m); w != nil || err != nil {
		t.Errorf("%v, error %v, want none: no assertion has abortOnFail", w, err)
	}
	m.Asserts = []record.Assertion{{Selector: "latency", Check: "max < 1 parsec", AbortOnFail: true}}
	if w, err := assert.NewWatch(m); w != nil || err == nil {
		t.Errorf("%v, error %v, want an error: the condition cannot be read", w, err)
	}
}

// TestTheFirstFailureEndsARun: of several that one observation shows, the one
// whose instant is the earliest, and among these the first of the scenario.
func TestTheFirstFailureEndsARun(t *testing.T) {
	abort := func(check string, over time.Duration) record.Assertion {
		return record.Assertion{Selector: "latency", Check: check, Over: over, AbortOnFail: true}
	}
	for _, c := range []struct {
		asserts []record.Assertion
		want    int
		why     string
	}{
		{[]record.Assertion{abort("max < 9ms", 0), abort("max < 8ms", 0)}, 0, "at the same instant"},
		{[]record.Assertion{abort("max < 9ms", 0), abort("max < 8ms", 5*time.Second)}, 0, "seconds come before windows"},
		{[]record.Assertion{abort("max < 9ms", 5*time.Second), abort("max < 8ms", 0)}, 1, "whatever their order"},
	} {
		m, list := degrading(c.asserts...)
		w, err := assert.NewWatch(m)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list[50:51], list[300:]...) // one request after the warm-up, the next 25 s later
		var failed *record.Failure
		for i := range list {
			failed = w.Observe(&list[i])
		}
		if failed == nil || failed.Assertion != c.asserts[c.want] {
			t.Errorf("%s: %+v, want %+v", c.why, failed, c.asserts[c.want])
		}
	}
}

// TestAssertionThatEndedARun has failed, also if what came back after it makes
// it hold; the others are judged by what there is.
func TestAssertionThatEndedARun(t *testing.T) {
	a := record.Assertion{Selector: "latency", Check: "max < 1s", AbortOnFail: true}
	held := record.Assertion{Selector: "latency", Check: "max < 2s"}
	m, list := degrading(a, held)
	m.Aborted, m.Failed = "assertion latency: max < 1s failed at 7s, observed 2s", &record.Failure{Assertion: a, Observed: 2, At: 7 * time.Second}
	s, err := summary.Measure(testkit.WriteRecord(t, m, list[:80]), nil)
	if err != nil {
		t.Fatal(err)
	}
	assert.Judge(s, m.Asserts)
	two, slow := 2.0, 0.01
	want := []assert.Verdict{{Metric: "latency", Check: "max < 1s", Observed: &two, Why: "it ended the run at 7s"}, {Metric: "latency", Check: "max < 2s", OK: true, Observed: &slow}}
	if d := cmp.Diff(want, s.Assertions); d != "" || s.OK || !s.Valid || s.Verdict() != "FAILED" || s.MeasuredSeconds != 2.9 {
		t.Errorf("ok %v, valid %v (%v), %s, measured %g s: %s", s.OK, s.Valid, s.Invalid, s.Verdict(), s.MeasuredSeconds, d)
	}
	if len(s.Warnings) == 0 || s.Warnings[0] != "an assertion with abortOnFail ended the run at 7s of 1m: the numbers are of the 80 observations up to there, and not to be compared with those of whole runs." {
		t.Errorf("warnings %q", s.Warnings)
	}
}
