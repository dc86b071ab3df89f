package summary_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/jsonschema-go/jsonschema"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/quotaaudit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

const (
	hour = int64(time.Hour)
	day  = 24 * hour
)

// quotaRun is 30 days of five accounts with a limit of 100 a month: 1 to 3
// reach 80 in hour 20, 4 reaches 95 in hour 30, 5 nothing. Engine g misses
// most, inline nothing, idle has a threshold that nobody reaches.
func quotaRun(change ...func(*record.Manifest, *testkit.Quotas)) (record.Manifest, testkit.Quotas) {
	m := record.Manifest{Scenario: "quotas", Clock: "virtual", Epoch: time.Unix(0, 0).UTC(), Horizon: 30 * 24 * time.Hour, Versions: map[string]string{"go": "1"},
		Engines: []record.Engine{
			{Name: "g", Kind: "flagsmith", Thresholds: []int64{75, 90}, Last: 30 * day, Gap: 12 * hour, Slack: hour / 4},
			{Name: "inline", Kind: "inline", Thresholds: []int64{75, 90}, Last: 30 * day, Slack: hour / 4, LooksBack: true},
			{Name: "idle", Kind: "catch_up", Thresholds: []int64{500}, Last: 30 * day, Gap: 12 * hour},
		}}
	var q testkit.Quotas
	for id := int64(1); id <= 5; id++ {
		a := record.Account{ID: id, Group: "startups", Contract: []record.ContractSegment{{Limit: 100}}}
		switch {
		case id <= 3:
			a.At, a.Units = []int64{20 * hour}, []int64{80}
		case id == 4:
			a.At, a.Units = []int64{30 * hour}, []int64{95}
		}
		q.Accounts = append(q.Accounts, a)
	}
	notice := func(engine string, account, at, threshold int64) {
		q.Evaluations = append(q.Evaluations, record.Evaluation{Engine: engine, Run: at, Account: account, At: at, Outcome: record.SentNotice, Limit: 100, Percent: 80, Threshold: threshold, SentAt: at, Delivered: true})
	}
	for id := int64(1); id <= 3; id++ {
		notice("inline", id, 20*hour+id, 75)
		q.Evaluations = append(q.Evaluations, record.Evaluation{Engine: "g", Run: 24 * hour, Account: id, At: 24 * hour, Outcome: record.Prefiltered})
	}
	notice("inline", 4, 30*hour+1, 75)
	notice("inline", 4, 30*hour+1, 90)
	notice("g", 3, 36*hour, 75)
	notice("g", 3, 60*hour, 75)
	notice("g", 4, 36*hour, 90)
	notice("g", 5, 36*hour, 90)
	for _, c := range change {
		c(&m, &q)
	}
	return m, q
}

func quotaSummary(t testing.TB, m record.Manifest, q testkit.Quotas, list ...record.Observation) *summary.Measured {
	t.Helper()
	r := testkit.WriteQuotas(t, m, q, list)
	_, s := testkit.Analyse(t, r)
	return s
}

func TestThresholdMetrics(t *testing.T) {
	m, q := quotaRun()
	s := quotaSummary(t, m, q)
	want := []string{
		"crossings{engine=g,threshold=75} 4", "crossings{engine=g,threshold=90} 1",
		"crossings{engine=inline,threshold=75} 4", "crossings{engine=inline,threshold=90} 1", "crossings{engine=idle,threshold=500} 0",
		"censored{engine=g,threshold=75} 0", "censored{engine=g,threshold=90} 0",
		"censored{engine=inline,threshold=75} 0", "censored{engine=inline,threshold=90} 0", "censored{engine=idle,threshold=500} 0",
		"notices{engine=g,threshold=75,verdict=first} 1", "notices{engine=g,threshold=75,verdict=duplicate} 1",
		"notices{engine=g,threshold=90,verdict=first} 1", "notices{engine=g,threshold=90,verdict=spurious} 1",
		"notices{engine=inline,threshold=75,verdict=first} 4", "notices{engine=inline,threshold=90,verdict=first} 1", "notices{engine=idle,threshold=500} 0",
		"missed{engine=g,threshold=75,cause=prefilter} 2", "missed{engine=g,threshold=75,cause=overtaken} 1", "missed{engine=g,threshold=90} 0",
		"missed{engine=inline,threshold=75} 0", "missed{engine=inline,threshold=90} 0",
		"notice_delay{engine=g,threshold=75} 1 5.76e+04 5.76e+04 5.76e+04 5.76e+04", "notice_delay{engine=g,threshold=90} 1 2.16e+04 2.16e+04 2.16e+04 2.16e+04",
		"notice_delay{engine=inline,threshold=75} 4 1e-09 1.75e-09 1e-09 3e-09", "notice_delay{engine=inline,threshold=90} 1 1e-09 1e-09 1e-09 1e-09",
	}
	if d := cmp.Diff(want, lines(s, "crossings", "censored", "notices", "missed", "notice_delay")); d != "" {
		t.Errorf("metrics (-want +got):\n%s", d)
	}
	if !s.Valid || s.Accounts != 5 || s.Evaluations != 12 || s.MeasuredSeconds != 30*86400 {
		t.Errorf("valid %v (%v), %d accounts, %d evaluations, %g s measured; want a valid run of 30 days without a request", s.Valid, s.Invalid, s.Accounts, s.Evaluations, s.MeasuredSeconds)
	}
	warnings := []string{
		"engine g: 3 of 4 crossings of 75 % missed, most by prefilter. 1 of the missed is covered: the account was told of a higher threshold instead.",
		"engine g: 1 of 4 crossings of 75 % late (more than the promised 12h15m after the crossing), by prefilter.",
		"engine g: 1 duplicate notice, by record-outside-window (such as to account 3); 1 spurious notice, by other (such as to account 5).",
		"engine idle: no account crossed a threshold at a time that can be judged, so whether it misses any is unknown.",
	}
	if d := cmp.Diff(warnings, s.Warnings); d != "" {
		t.Errorf("warnings (-want +got):\n%s", d)
	}
}

func TestThresholdTables(t *testing.T) {
	m, q := quotaRun(func(m *record.Manifest, _ *testkit.Quotas) { m.Engines = m.Engines[:2] })
	s := quotaSummary(t, m, q)
	want := []summary.Threshold{
		{Engine: "g", Kind: "flagsmith", Promised: 44100, Threshold: 75, Crossings: 4, Late: 1, Missed: 3, Covered: 1, Notices: summary.Notices{First: 1, Duplicate: 1}},
		{Engine: "g", Kind: "flagsmith", Promised: 44100, Threshold: 90, Crossings: 1, OnTime: 1, Notices: summary.Notices{First: 1, Spurious: 1}},
		{Engine: "inline", Kind: "inline", Promised: 900, Threshold: 75, Crossings: 4, OnTime: 4, Notices: summary.Notices{First: 4}},
		{Engine: "inline", Kind: "inline", Promised: 900, Threshold: 90, Crossings: 1, OnTime: 1, Notices: summary.Notices{First: 1}},
	}
	if d := cmp.Diff(want, s.Thresholds); d != "" {
		t.Errorf("thresholds (-want +got):\n%s", d)
	}
	at := func(h int64) time.Time { return time.Unix(0, h*hour).UTC() }
	causes := []summary.ThresholdCause{
		{Engine: "g", Threshold: 75, Verdict: "missed", Cause: "prefilter", Count: 2, Account: 1, Group: "startups", At: at(20)},
		{Engine: "g", Threshold: 75, Verdict: "missed", Cause: "overtaken", Count: 1, Account: 4, Group: "startups", At: at(30)},
		{Engine: "g", Threshold: 75, Verdict: "late", Cause: "prefilter", Count: 1, Account: 3, Group: "startups", At: at(20)},
		{Engine: "g", Threshold: 75, Verdict: "duplicate", Cause: "record-outside-window", Count: 1, Account: 3, Group: "startups", At: at(60)},
		{Engine: "g", Threshold: 90, Verdict: "spurious", Cause: "other", Count: 1, Account: 5, Group: "startups", At: at(36)},
	}
	if d := cmp.Diff(causes, s.Causes); d != "" {
		t.Errorf("causes (-want +got):\n%s", d)
	}
}

// The vocabulary and the audit must name the same verdicts.
func TestNoticeVerdictsAreInTheCatalogue(t *testing.T) {
	m, _ := metric.Find("notices")
	var kinds []string
	for _, k := range quotaaudit.NoticeKinds() {
		kinds = append(kinds, string(k))
	}
	if d := cmp.Diff(m.Values["verdict"], kinds); d != "" {
		t.Errorf("values of the tag verdict (-catalogue +audit):\n%s", d)
	}
}

func TestThresholdValidity(t *testing.T) {
	for _, c := range []struct {
		why     string
		change  func(*record.Manifest, *testkit.Quotas)
		list    []record.Observation
		invalid string // "" valid
		warns   string
		seconds float64
	}{
		{"no accounts: unknown, not perfect", func(_ *record.Manifest, q *testkit.Quotas) { q.Accounts, q.Evaluations = nil, nil }, nil,
			"the record holds no account", "", 30 * 86400},
		{"requests and accounts", func(m *record.Manifest, _ *testkit.Quotas) {
			base := manifest()
			m.Limiters, m.Clients, m.Shards, m.Traffic = base.Limiters, base.Clients, base.Shards, base.Traffic
		}, []record.Observation{make1(0, 0, 10*ms)}, "", "", 30 * 86400},
		{"accounts, and limiters that saw no request", func(m *record.Manifest, _ *testkit.Quotas) { m.Limiters = manifest().Limiters }, nil,
			"no request was due", "", 30 * 86400},
		{"aborted on day 10, before the accounts were written", func(m *record.Manifest, q *testkit.Quotas) {
			m.Aborted, q.Accounts = "interrupt", q.Accounts[:3]
			for i := range m.Engines {
				m.Engines[i].Last = 10 * day
			}
		}, nil, "up to there", "4 evaluations cannot be judged", 10 * 86400},
		{"what an engine found", func(m *record.Manifest, _ *testkit.Quotas) {
			m.Engines[1].Findings = []record.Finding{{What: "counter lost", Account: 3, At: 1, Count: 2}, {What: "counter lost", Account: 4, At: 1, Count: 1}}
		}, nil, "", "engine inline: it found: counter lost (3 times, of 2 accounts, such as account 3).", 30 * 86400},
	} {
		m, q := quotaRun(c.change)
		s := quotaSummary(t, m, q, c.list...)
		if s.Valid != (c.invalid == "") || !strings.Contains(strings.Join(s.Invalid, "\n"), c.invalid) {
			t.Errorf("%s: valid %v because %q, want %q", c.why, s.Valid, s.Invalid, c.invalid)
		}
		if !strings.Contains(strings.Join(s.Warnings, "\n"), c.warns) {
			t.Errorf("%s: warnings %q, want %q", c.why, s.Warnings, c.warns)
		}
		if s.MeasuredSeconds != c.seconds {
			t.Errorf("%s: %g s measured, want %g", c.why, s.MeasuredSeconds, c.seconds)
		}
	}
}

// Twice the same bytes, and what the schema says.
func TestThresholdSummaryJSON(t *testing.T) {
	m, q := quotaRun()
	var a, b bytes.Buffer
	if err := quotaSummary(t, m, q).WriteJSON(&a); err != nil {
		t.Fatal(err)
	}
	if err := quotaSummary(t, m, q).WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(a.String(), b.String()); d != "" {
		t.Errorf("two summaries of one run differ:\n%s", d)
	}
	text, err := summary.Schema()
	if err != nil {
		t.Fatal(err)
	}
	var schema jsonschema.Schema
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	resolved, err := schema.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	var summary any
	if err := json.Unmarshal(a.Bytes(), &summary); err != nil {
		t.Fatal(err)
	}
	if err := resolved.Validate(summary); err != nil {
		t.Errorf("the summary is not what its schema says: %v", err)
	}
}
