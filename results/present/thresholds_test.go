package present_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/results/assert"
	"github.com/quotalab/quotalab/results/present"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

const hour = int64(time.Hour)

// quotas is a record without requests in which about everything happens to
// notices: two engines on six accounts over 30 days.
func quotas(t testing.TB, change ...func(*record.Manifest, *testkit.Quotas)) (*record.Reader, *summary.Measured) {
	t.Helper()
	epoch := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	start := epoch.UnixNano()
	m := record.Manifest{
		Scenario: "quotas", About: "A little of every verdict.", Seed: 7, Clock: "virtual", PlanHash: "abc", Epoch: epoch, Horizon: 30 * 24 * time.Hour,
		Engines: []record.Engine{
			{Name: "g13", Kind: "flagsmith", Thresholds: []int64{75, 90, 100}, First: start, Last: start + 720*hour, Gap: 12 * hour, Slack: hour / 4},
			{Name: "inline", Kind: "inline", Thresholds: []int64{75, 90, 100, 500}, First: start, Last: start + 720*hour, Slack: hour / 4, LooksBack: true,
				Findings: []record.Finding{{What: "counter lost", Account: 2, At: start + 19*hour, Count: 1}}},
		},
		Versions: map[string]string{"go": "go1.26"},
		Asserts:  []record.Assertion{{Selector: "missed{engine=inline}", Check: "count == 0"}, {Selector: "notice_delay{engine=inline}", Check: "max < 1m"}},
	}
	var q testkit.Quotas
	use := []map[int64]int64{{20: 80}, {20: 80}, {20: 95}, {20: 120}, {719: 80}, {}, {20: 80}}
	for i, units := range use {
		a := record.Account{ID: int64(i) + 1, Group: "startups", Contract: []record.ContractSegment{{From: usage.Beginning, Anchor: start, Limit: 100}}}
		if i == 6 {
			a.Group, a.Contract[0].Kind = "free", int32(usage.Rolling)
		}
		for h, n := range units {
			a.At, a.Units = append(a.At, start+h*hour), append(a.Units, n)
		}
		q.Accounts = append(q.Accounts, a)
	}
	add := func(engine string, account, h, threshold int64, change ...func(*record.Evaluation)) {
		e := record.Evaluation{Engine: engine, Run: start + h*hour, Account: account, At: start + h*hour, Outcome: record.SentNotice, ReadFrom: start, Limit: 100, Percent: 120,
			Threshold: threshold, SentAt: start + h*hour + int64(time.Minute), Delivered: true}
		if engine == "inline" {
			e.Run, e.SentAt = 0, start+h*hour+1500
		}
		for _, c := range change {
			c(&e)
		}
		q.Evaluations = append(q.Evaluations, e)
	}
	prefiltered := func(e *record.Evaluation) { e.Outcome = record.Prefiltered }
	lost := func(e *record.Evaluation) { e.Delivered = false }
	add("g13", 1, 24, 75, prefiltered)
	add("g13", 1, 36, 75, prefiltered)
	add("inline", 1, 20, 75)
	add("g13", 2, 24, 75, prefiltered)
	add("g13", 2, 36, 75)
	add("g13", 2, 60, 75)
	add("g13", 3, 24, 90)
	add("inline", 3, 20, 75)
	add("inline", 3, 20, 90)
	add("g13", 4, 24, 100, lost)
	add("g13", 4, 36, 100)
	add("g13", 4, 48, 75)
	add("inline", 4, 20, 75)
	add("inline", 4, 20, 90)
	add("inline", 4, 20, 100)
	add("g13", 6, 24, 300)
	add("g13", 7, 24, 75)
	add("inline", 7, 20, 75)
	for _, c := range change {
		c(&m, &q)
	}
	r := testkit.WriteQuotas(t, m, q, nil)
	_, s := testkit.Analyse(t, r)
	assert.Judge(s, m.Asserts)
	return r, s
}

func TestThresholdText(t *testing.T) {
	_, s := quotas(t)
	_, calm := quotas(t, func(m *record.Manifest, q *testkit.Quotas) {
		m.Engines, m.Asserts = m.Engines[1:], nil
		q.Accounts, q.Evaluations = q.Accounts[5:6], nil
	})
	for name, c := range map[string]struct {
		summary *summary.Measured
		options present.TextOptions
	}{
		"thresholds_compact.txt": {s, present.TextOptions{}}, "thresholds_full.txt": {s, present.TextOptions{Mode: present.Full, Unit: "s"}}, "thresholds_none.txt": {calm, present.TextOptions{}},
	} {
		var b bytes.Buffer
		if err := present.Text(&b, c.summary, c.options); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.Bytes())
	}
}

func TestVerdictsCSV(t *testing.T) {
	r, s := quotas(t)
	var b bytes.Buffer
	if err := present.Verdicts(&b, r); err != nil {
		t.Fatal(err)
	}
	golden(t, "verdicts.csv", b.Bytes())
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := int64(1)
	for _, one := range s.Thresholds {
		n := one.Notices
		want += one.Crossings + one.Censored + n.First + n.OutOfOrder + n.Duplicate + n.Undelivered + n.Spurious + n.WarmUp
	}
	if int64(len(rows)) != want {
		t.Errorf("%d lines, want a header and as many crossings and notices as the summary counts: %d", len(rows), want)
	}
}

func TestVerdictsErrors(t *testing.T) {
	r, s := quotas(t)
	for _, n := range []int{0, 100} {
		if err := present.Verdicts(&full{n}, r); !errors.Is(err, errFull) {
			t.Errorf("on a disk with %d bytes left: error %v", n, err)
		}
		if err := present.Text(&full{n}, s, present.TextOptions{}); !errors.Is(err, errFull) {
			t.Errorf("text on a disk with %d bytes left: error %v", n, err)
		}
	}
	if err := os.Truncate(filepath.Join(r.Dir(), "evaluations/part-00000.parquet"), 100); err != nil {
		t.Fatal(err)
	}
	if err := present.Verdicts(&bytes.Buffer{}, r); !errors.Is(err, record.ErrDamaged) || !strings.Contains(err.Error(), "evaluations/part-00000") {
		t.Errorf("of a damaged record: error %v", err)
	}
}
