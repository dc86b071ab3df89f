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

// quotas is 30 days in which three accounts reach 75 % of their limit after
// an hour. Engine good tells them at once, bad tells one of them twice and the
// others nothing, idle has a threshold that nobody reaches.
func quotas(t *testing.T) *summary.Measured {
	t.Helper()
	const hour = int64(time.Hour)
	m := record.Manifest{Clock: "virtual", Epoch: time.Unix(0, 0).UTC(), Horizon: 30 * 24 * time.Hour, Asserts: []record.Assertion{windowed}}
	for _, e := range []record.Engine{{Name: "good", Thresholds: []int64{75, 90}}, {Name: "bad", Thresholds: []int64{75}}, {Name: "idle", Thresholds: []int64{500}}} {
		e.Last, e.Slack = 720*hour, hour
		m.Engines = append(m.Engines, e)
	}
	var q testkit.Quotas
	notice := func(engine string, account, at int64) {
		q.Evaluations = append(q.Evaluations, record.Evaluation{Engine: engine, Account: account, At: at, Outcome: record.SentNotice, Limit: 100, Percent: 80, Threshold: 75, SentAt: at, Delivered: true})
	}
	for id := int64(1); id <= 3; id++ {
		q.Accounts = append(q.Accounts, record.Account{ID: id, Contract: []record.ContractSegment{{Limit: 100}}, At: []int64{hour}, Units: []int64{80}})
		notice("good", id, hour+second)
	}
	notice("bad", 1, 2*hour)
	notice("bad", 1, 3*hour)
	r := testkit.WriteQuotas(t, m, q, nil)
	_, s := testkit.Analyse(t, r)
	return s
}

// windowed wants what there is not: a crossing belongs to no window.
var windowed = record.Assertion{Selector: "missed{engine=good}", Check: "count == 0", Over: time.Hour}

func TestEvaluateThresholds(t *testing.T) {
	s := quotas(t)
	for _, c := range []struct {
		selector, check string
		want            string // ok, failed or unknown
		observed        float64
		why             string
	}{
		{"missed{engine=good}", "count == 0", "ok", 0, "crossings were judged and none was missed: a known 0"},
		{"missed{engine=good,threshold=75}", "count == 0", "ok", 0, "of one threshold"},
		{"missed{engine=good,cause=prefilter}", "count == 0", "ok", 0, "of one cause, whatever it is called"},
		{"missed{engine=good,threshold=90}", "count == 0", "unknown", 0, "nobody crossed it"},
		{"missed{engine=idle}", "count == 0", "unknown", 0, "an engine that had nothing to miss is not without fault"},
		{"missed{engine=typo}", "count == 0", "unknown", 0, "an engine that does not exist never passes"},
		{"missed{engine=bad}", "count == 0", "failed", 2, "two were missed"},
		{"missed{engine=bad,cause=unknown}", "count == 2", "ok", 2, "by cause"},
		{"missed", "count == 2", "ok", 2, "over all engines"},
		{"crossings{engine=good}", "count == 3", "ok", 3, "over all thresholds"},
		{"crossings{engine=idle}", "count == 0", "ok", 0, "that nobody crossed is known"},
		{"censored{engine=bad}", "count == 0", "ok", 0, "none was too close to the end"},
		{"notices{engine=good,verdict=duplicate}", "count == 0", "ok", 0, "none of the notices was one"},
		{"notices{engine=idle,verdict=spurious}", "count == 0", "ok", 0, "that nothing was sent is known"},
		{"notices{engine=bad,verdict=duplicate}", "count == 1", "ok", 1, "by verdict"},
		{"notices{engine=typo,verdict=spurious}", "count == 0", "unknown", 0, "an engine that does not exist"},
		{"notice_delay{engine=good}", "max <= 1s", "ok", 1, "a trend"},
		{"notice_delay{engine=idle}", "max <= 1s", "unknown", 0, "no samples"},
		{"notice_delay", "p(90) < 10m", "failed", 3600, "of all engines"},
	} {
		v := assert.Evaluate(s, []record.Assertion{{Selector: c.selector, Check: c.check}})[0]
		got := "failed"
		switch {
		case v.Unknown:
			got = "unknown"
		case v.OK:
			got = "ok"
		}
		if got != c.want || v.Observed != nil && *v.Observed != c.observed {
			t.Errorf("%s: %s: %s (%s), want %s of %g: %s", c.selector, c.check, got, v.Why, c.want, c.observed, c.why)
		}
	}
	if v := assert.Evaluate(s, []record.Assertion{windowed})[0]; !v.Unknown || !strings.Contains(v.Why, "leave out over") {
		t.Errorf("over windows: %+v, want unknown and what to do", v)
	}
}
