package assert_test

import (
	"strings"
	"testing"
	"time"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/assert"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

const second = int64(time.Second)

// run is ten seconds: ten requests a second, each allowed in 10 ms, but the
// 30 of the fourth to sixth second denied in 50 ms.
func run(t *testing.T, asserts ...record.Assertion) *summary.Measured {
	t.Helper()
	return runWith(t, func(*record.Manifest, []record.Observation) {}, asserts...)
}

func runWith(t *testing.T, change func(*record.Manifest, []record.Observation), asserts ...record.Assertion) *summary.Measured {
	t.Helper()
	m := record.Manifest{Clock: "virtual", Horizon: 10 * time.Second, Shards: []string{"a", "b"}, Asserts: asserts,
		Clients: []record.Client{{Name: "c"}}, Traffic: []record.Traffic{{Name: "main"}},
		Limiters: []record.Limiter{{Name: "l", Algorithm: "gcra", Limits: []record.Limit{{Name: "x", Count: 1, Period: time.Second, Burst: 1000}}}, {Name: "m"}}}
	var list []record.Observation
	for i := range int64(100) {
		at := i * second / 10
		o := record.Observation{Traffic: "main", Client: "c", Limiter: "l", Intended: at, Sent: at, Judged: at, Done: at + 10e6, Effect: at, Order: i,
			Decision: record.Allowed, Key: record.Found, RoundTrips: 1, RetryAfter: -1,
			Takes: []record.Take{{Limit: "x", Key: "k", Cost: 1, Mode: record.TakeMode, Shard: "a"}}, Touched: []record.Touch{{Shard: "a", Commands: 1}}}
		if i/10 >= 3 && i/10 < 6 {
			o.Decision, o.Done = record.Denied, at+50e6
		}
		list = append(list, o)
	}
	change(&m, list)
	r := testkit.WriteRecord(t, m, list)
	_, s := testkit.Analyse(t, r)
	return s
}

func TestEvaluate(t *testing.T) {
	for _, c := range []struct {
		selector, check string
		over            time.Duration
		want            string // ok, failed or unknown
		observed        float64
		why             string // what the row is for
		says            string // in Why
	}{
		{"decisions", "count == 100", 0, "ok", 100, "all outcomes are summed", ""},
		{"decisions{decision=denied}", "count > 50", 0, "failed", 30, "a counter that is too low", ""},
		{"decisions{decision=allowed,key=found}", "rate == 7/s", 0, "ok", 7, "a rate over the measured time", ""},
		{"decisions{decision=error}", "count == 0", 0, "ok", 0, "no error among many decisions is a known 0", ""},
		{"decisions{decision=error}", "count > 0", 0, "failed", 0, "and fails where errors are wanted", ""},
		{"decisions{limiter=m}", "count == 0", 0, "unknown", 0, "a limiter without a single decision is unknown, not 0", "nothing was observed"},
		{"decisions{limiter=m,decision=error}", "count == 0", 0, "unknown", 0, "also with an outcome: a vacuous pass", "nothing was observed"},
		{"decisions{traffic=typo}", "count < 5", 0, "unknown", 0, "a name that does not exist never passes", "nothing was observed"},
		{"errors", "count == 0", 0, "ok", 0, "no errors", ""},
		{"errors{error=timeout}", "count == 0", 0, "ok", 0, "no errors of one kind", ""},
		{"errors{limiter=m}", "count == 0", 0, "unknown", 0, "no errors of a limiter that did nothing", ""},
		{"dropped", "count == 0", 0, "ok", 0, "no drops", ""},
		{"latency{decision=denied}", "p(99) < 60ms", 0, "ok", 0.05, "a percentile of one outcome", ""},
		{"latency", "p(70) <= 10ms", 0, "ok", 0.01, "any percentile of the sum of outcomes", ""},
		{"latency", "p(71) <= 10ms", 0, "failed", 0.05, "exact to the rank", ""},
		{"latency", "max < 50ms", 0, "failed", 0.05, "the bound itself is not below", ""},
		{"latency", "avg == 22ms", 0, "ok", 0.022, "the mean", ""},
		{"latency{decision=fail_open}", "max < 1s", 0, "unknown", 0, "no samples: unknown", "nothing was observed"},
		{"latency{decision=fail_open}", "count == 0", 0, "unknown", 0, "even their count", ""},
		{"over_admission", "count == 0", 0, "ok", 0, "audited", ""},
		{"over_admission{limiter=m}", "count == 0", 0, "unknown", 0, "a limiter without an oracle is not without fault", ""},
		{"worst_excess", "value <= 0", 0, "ok", 0, "a value", ""},
		{"shard_balance{of=keys,stat=peak_to_mean}", "value < 1.5", 0, "failed", 2, "a value that fails", ""},
		{"shard_disagreement", "value < 1%", 0, "unknown", 0, "one client disagrees with nobody and agrees with nobody", ""},
		{"latency", "p(50) < 20ms", time.Second, "failed", 0.05, "three bad seconds, averaged away by the whole", "windows of 1s; observed in the first, which begins at 2.6"},
		{"latency", "max < 60ms", time.Second, "ok", 0.05, "every window holds", ""},
		{"decisions{decision=denied}", "count <= 10", time.Second, "failed", 30, "the whole fails already", ""},
		{"decisions{decision=denied}", "rate <= 10/s", 2 * time.Second, "ok", 3, "the whole and every window", ""},
		{"decisions{decision=denied}", "rate < 10/s", time.Second, "failed", 10, "a rate is that of the window", "of 1s"},
		{"decisions{decision=allowed}", "count > 15", time.Second, "failed", 10, "a window has less than the whole", "in 91 of 91"},
		{"decisions{decision=denied}", "rate > 1/s", 100 * time.Millisecond, "failed", 0, "windows before, in between and after count too", "in 691 of 991"},
		{"latency", "max < 60ms", time.Minute, "unknown", 0, "no window fits into the run", "no window of 1m"},
		{"over_admission", "count == 0", time.Second, "unknown", 0, "the audit has no windows", "whole run only"},
		{"latncy", "max < 1s", 0, "unknown", 0, "a metric that does not exist", "latncy"},
		{"latency", "max < 1", 0, "unknown", 0, "a condition that cannot be", "unit"},
	} {
		a := record.Assertion{Selector: c.selector, Check: c.check, Over: c.over}
		asserts := []record.Assertion{a}
		if c.selector == "latncy" || c.check == "max < 1" {
			asserts = nil // cannot come from a checked scenario
		}
		v := assert.Evaluate(run(t, asserts...), []record.Assertion{a})[0]
		got := "failed"
		switch {
		case v.OK:
			got = "ok"
		case v.Unknown:
			got = "unknown"
		}
		switch {
		case got != c.want:
			t.Errorf("%s: %s: %s over %v is %s (%+v), want %s", c.why, c.selector, c.check, c.over, got, v, c.want)
		case (v.Observed == nil) != v.Unknown:
			t.Errorf("%s: observed %v of unknown %v", c.why, v.Observed, v.Unknown)
		case v.Observed != nil && *v.Observed != c.observed:
			t.Errorf("%s: observed %v, want %v", c.why, *v.Observed, c.observed)
		case !strings.Contains(v.Why, c.says):
			t.Errorf("%s: why is %q, want %q in it", c.why, v.Why, c.says)
		}
	}
}

func TestJudge(t *testing.T) {
	good := record.Assertion{Selector: "decisions", Check: "count > 0"}
	bad := record.Assertion{Selector: "decisions", Check: "count < 0"}
	unknown := record.Assertion{Selector: "latency{decision=error}", Check: "max < 1s"}
	for _, c := range []struct {
		why     string
		asserts []record.Assertion
		valid   bool
		want    bool
	}{
		{"all hold", []record.Assertion{good, good}, true, true},
		{"none to hold", nil, true, true},
		{"one fails", []record.Assertion{good, bad}, true, false},
		{"one is unknown", []record.Assertion{good, unknown}, true, false},
		{"an invalid run is never ok", []record.Assertion{good}, false, false},
	} {
		s := run(t, c.asserts...)
		s.Valid = c.valid
		assert.Judge(s, c.asserts)
		if s.OK != c.want || len(s.Assertions) != len(c.asserts) {
			t.Errorf("%s: ok %v with %d verdicts, want %v with %d", c.why, s.OK, len(s.Assertions), c.want, len(c.asserts))
		}
	}
}

// A run in which a limiter answered nothing but errors has failed, with the
// reason, unless the scenario asserts something of errors.
func TestNothingButErrors(t *testing.T) {
	made := func(decided bool, asserts ...record.Assertion) *summary.Measured {
		m := record.Manifest{Clock: "virtual", Horizon: 10 * time.Second, Shards: []string{"a"}, Clients: []record.Client{{Name: "c"}}, Traffic: []record.Traffic{{Name: "main"}},
			Limiters: []record.Limiter{{Name: "l"}}}
		var list []record.Observation
		for i := range int64(3) {
			o := record.Observation{Traffic: "main", Client: "c", Limiter: "l", Intended: i, Sent: i, Done: i + 1, Judged: -1, Effect: -1, Order: -1,
				Decision: record.Errored, Key: record.Unread, Error: "server", Message: "ERR injected", RetryAfter: -1, Remaining: -1}
			if decided && i == 0 {
				o.Decision, o.Error, o.Message = record.Allowed, "", ""
			}
			list = append(list, o)
		}
		_, s := testkit.Analyse(t, testkit.WriteRecord(t, m, list))
		assert.Judge(s, asserts)
		return s
	}
	for why, s := range map[string]*summary.Measured{
		"no assertion":      made(false),
		"another assertion": made(false, record.Assertion{Selector: "dropped", Check: "count == 0"}),
	} {
		if s.OK || s.Verdict() != "FAILED" || !strings.Contains(s.Undecided, "l decided nothing: all of 3 requests") {
			t.Errorf("%s: got %s because of %q", why, s.Verdict(), s.Undecided)
		}
	}
	for why, s := range map[string]*summary.Measured{
		"one was decided":              made(true),
		"errors are asserted":          made(false, record.Assertion{Selector: "errors", Check: "count == 3"}),
		"decisions{error} is asserted": made(false, record.Assertion{Selector: "decisions{decision=error}", Check: "count == 3"}),
	} {
		if !s.OK {
			t.Errorf("%s: got %s because of %q", why, s.Verdict(), s.Undecided)
		}
	}
}

// A verdict on latency that would be another one on sojourn depends on lag, of
// the whole run or of one window.
func TestLagDecides(t *testing.T) {
	late := func(list []record.Observation) {
		for i := range list {
			o := &list[i]
			lag := int64(3e6)
			if i >= 50 && i < 60 {
				lag = 8e6
			}
			o.Sent, o.Done = o.Sent+lag, o.Done+lag
		}
	}
	for _, tt := range []struct {
		why    string
		clock  string
		maxLag time.Duration
		a      record.Assertion
		says   string // "": valid
	}{
		{"far from both", "real", 0, record.Assertion{Selector: "latency{decision=allowed}", Check: "p(99) < 50ms"}, ""},
		{"fails by both", "real", 0, record.Assertion{Selector: "latency{decision=allowed}", Check: "p(99) < 5ms"}, ""},
		{"between both", "real", 0, record.Assertion{Selector: "latency{decision=allowed}", Check: "med < 11ms"}, "lag decides an assertion: latency{decision=allowed} med < 11ms is met, but not met by sojourn (done − intended, observed 13ms)"},
		{"between both, the other way round", "real", 0, record.Assertion{Selector: "latency{decision=allowed}", Check: "med > 11ms"}, "is not met, but met by sojourn"},
		{"in one window", "real", 0, record.Assertion{Selector: "latency", Check: "max < 56ms", Over: time.Second}, "observed 58ms"},
		{"a count is one by both", "real", 0, record.Assertion{Selector: "latency", Check: "count == 100"}, ""},
		{"of nothing both are unknown", "real", 0, record.Assertion{Selector: "latency{decision=error}", Check: "max < 1s"}, ""},
		{"the scenario says which lag changes nothing", "real", time.Second, record.Assertion{Selector: "latency{decision=allowed}", Check: "med < 11ms"}, ""},
		{"in virtual time nothing is late", "virtual", 0, record.Assertion{Selector: "latency{decision=allowed}", Check: "med < 11ms"}, ""},
	} {
		s := runWith(t, func(m *record.Manifest, list []record.Observation) {
			m.Clock, m.MaxLag, m.Traffic[0].Arrivals = tt.clock, tt.maxLag, 100
			late(list)
		}, tt.a)
		assert.Judge(s, []record.Assertion{tt.a})
		if got := strings.Join(s.Invalid, "\n"); s.Valid != (tt.says == "") || !strings.Contains(got, tt.says) || s.OK && tt.says != "" {
			t.Errorf("%s: valid %t, ok %t, because %q; expected %q", tt.why, s.Valid, s.OK, got, tt.says)
		}
	}
}
