package series_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/quotaaudit"
	"github.com/quotalab/quotalab/results/record"
)

// misses is a run in which g misses most, for two reasons, and h nothing.
func misses() (record.Manifest, testkit.Quotas) {
	return polled("g", "h"), testkit.Quotas{
		Accounts: []record.Account{
			holder(1, "steady", 10, 20, 30, 40, 50, 18, 90, 17, 800, 3),
			holder(2, "steady", 20, 80),
			holder(3, "spikes", 31, 95),
			holder(4, "quiet"),
		},
		Evaluations: []record.Evaluation{
			look("g", 1, 24, record.Below, 20), look("g", 2, 24, record.Prefiltered, 0), notice("h", 2, 24, 75),
			look("g", 1, 36, record.Below, 60), notice("g", 3, 36, 90), notice("h", 3, 36, 75), notice("h", 3, 36, 90),
			suppressed("g", 1, 60, 75, 2), notice("h", 1, 60, 75), look("g", 2, 60, record.Prefiltered, 0),
			suppressed("g", 1, 96, 90, 2), notice("h", 1, 96, 90), notice("h", 1, 120, 90),
			look("g", 1, 804, record.Below, 3),
		},
	}
}

func TestThresholds(t *testing.T) {
	m, q := misses()
	s := quotas(t, m, q, series.Options{})
	goldenThresholds(t, "small", s)
	goldenThresholds(t, "asked", quotas(t, m, q, series.Options{Account: 3}))
	goldenThresholds(t, "quiet", quotas(t, m, q, series.Options{Account: 4}))
	if d := cmp.Diff(s, quotas(t, m, q, series.Options{}), cmpopts.EquateNaNs()); d != "" {
		t.Errorf("two sets of one record differ:\n%s", d)
	}
}

func TestThresholdsOfNothing(t *testing.T) {
	m, q := misses()
	without := m
	without.Engines = nil
	if s := quotas(t, without, testkit.Quotas{}, series.Options{}); s != nil {
		t.Errorf("no engine: %+v", s)
	}
	goldenThresholds(t, "no-accounts", quotas(t, m, testkit.Quotas{}, series.Options{}))
	goldenThresholds(t, "no-crossings", quotas(t, m, testkit.Quotas{Accounts: q.Accounts[3:]}, series.Options{}))
	dead := m
	dead.Aborted = "interrupt"
	dead.Engines = slices.Clone(m.Engines)
	for i := range dead.Engines {
		dead.Engines[i].Last = 60 * hour
	}
	goldenThresholds(t, "aborted", quotas(t, dead, q, series.Options{}))

	// Not audited.
	r := testkit.WriteQuotas(t, m, q, nil)
	_, s := testkit.Analyse(t, r)
	set, err := series.Collect(r, nil, s, series.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := &series.Thresholds{Engines: []string{"g", "h"}, Levels: []int64{75, 90}}
	if d := cmp.Diff(want, set.Thresholds); d != "" {
		t.Errorf("not audited (-want +got):\n%s", d)
	}
}

func TestThresholdsWrongAccount(t *testing.T) {
	m, q := misses()
	without := m
	without.Engines = nil
	for _, c := range []struct {
		m    record.Manifest
		q    testkit.Quotas
		want string
	}{
		{m, q, "the story of account 5: expected one of the 4 accounts of the record"},
		{without, testkit.Quotas{}, "the story of account 5: the record has no usage-threshold engine; leave the account out"},
	} {
		if _, _, err := quotasOf(t, testkit.WriteQuotas(t, c.m, c.q, nil), series.Options{Account: 5}); err == nil || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}

// Whose story is told where nothing, or nothing but lateness, went wrong.
func TestThresholdsStoryOfNoMiss(t *testing.T) {
	m, q := misses()
	m.Engines[0].Name, m.Engines[1].Name = "h", "late"
	q.Evaluations = slices.DeleteFunc(q.Evaluations, func(e record.Evaluation) bool { return e.Engine == "g" })
	m.Engines = m.Engines[:1]
	if s := quotas(t, m, q, series.Options{}).Account; s.ID != 1 || s.Engine != "h" || s.Level != 75 || s.Verdict != "on-time" || s.Cause != "" {
		t.Errorf("nothing missed: %d %s %d %s %s", s.ID, s.Engine, s.Level, s.Verdict, s.Cause)
	}
	m, _ = misses()
	m.Engines[0].Name, m.Engines[1].Name = "h", "late"
	for _, e := range slices.Clone(q.Evaluations) {
		e.Engine = "late"
		if e.Account == 2 {
			e.At, e.SentAt = e.At+hour*24, e.SentAt+hour*24
		}
		q.Evaluations = append(q.Evaluations, e)
	}
	if s := quotas(t, m, q, series.Options{}).Account; s.ID != 2 || s.Engine != "late" || s.Level != 75 || s.Verdict != "late" || s.Cause != "schedule-gap" {
		t.Errorf("late: %d %s %d %s %s", s.ID, s.Engine, s.Level, s.Verdict, s.Cause)
	}
}

// Of a cause at several thresholds it is the least account of all; of an account
// that was asked for, a miss outweighs any lateness; and groups stand in the order
// of their accounts.
func TestThresholdsStoryOfWhom(t *testing.T) {
	m := polled("g", "h")
	m.Engines[1].Thresholds = []int64{50, 60, 75}
	q := testkit.Quotas{
		Accounts: []record.Account{holder(1, "z", 20, 80, 40, 15), holder(3, "a", 20, 80), holder(4, "z", 20, 80)},
		Evaluations: []record.Evaluation{notice("g", 1, 24, 75), look("g", 1, 48, record.Prefiltered, 0), look("g", 3, 30, record.Prefiltered, 0),
			notice("h", 3, 24, 50), notice("h", 3, 24, 60), notice("h", 3, 24, 75), notice("h", 1, 90, 50), notice("h", 1, 90, 60), notice("h", 1, 90, 75)},
	}
	s := quotas(t, m, q, series.Options{})
	if a := s.Account; a.ID != 1 || a.Engine != "g" || a.Level != 90 || a.Cause != "prefilter" {
		t.Errorf("account %d, %d by %s: %s", a.ID, a.Level, a.Engine, a.Cause)
	}
	if a := quotas(t, m, q, series.Options{Account: 1}).Account; a.Engine != "g" || a.Verdict != "missed" {
		t.Errorf("asked for: %s %s, want the miss of g before the three late notices of h", a.Engine, a.Verdict)
	}
	if d := cmp.Diff([]string{"z", "a"}, s.Groups); d != "" {
		t.Errorf("groups (-want +got):\n%s", d)
	}
}

// A month of what went before is shown where that is to blame; excursions show
// the window that they come of.
func TestThresholdsSceneOfStory(t *testing.T) {
	before := suppressed("g", 1, 804, 75, 1)
	before.RowAt = 60 * hour
	m := polled("g")
	earlier := quotas(t, m, testkit.Quotas{Accounts: []record.Account{holder(1, "", 50, 80, 800, 80)}, Evaluations: []record.Evaluation{notice("g", 1, 60, 75), before}}, series.Options{}).Account
	if earlier.Cause != string(quotaaudit.EarlierPeriod) || earlier.From != 0 || len(earlier.Engines[0].Crossings) != 2 || len(earlier.Looks) != 2 {
		t.Errorf("earlier period: %+v", earlier)
	}
	m.Engines[0].Gap = 100 * hour
	if s := quotas(t, m, testkit.Quotas{Accounts: []record.Account{holder(1, "", 50, 80)}}, series.Options{}).Account; s.Until != 3600*(31*24+100.25) {
		t.Errorf("the story ends after %g h, want the end of the month and the bound of 100.25 h", s.Until/3600)
	}
	m = polled("g")
	a := holder(1, "", 1, 10, 900, 80, 910, -40, 1000, 1)
	a.Contract[0].Kind = int32(usage.Rolling)
	goldenThresholds(t, "rolling", quotas(t, m, testkit.Quotas{Accounts: []record.Account{a}}, series.Options{}))
	a = holder(1, "", 1, 70, 600, 10)
	a.Contract = append(a.Contract, record.ContractSegment{From: 400 * hour, Limit: 200}, record.ContractSegment{From: 500 * hour, Limit: 90})
	goldenThresholds(t, "limits", quotas(t, m, testkit.Quotas{Accounts: []record.Account{a}}, series.Options{}))
}

// What is drawn is bounded however much there was.
func TestThresholdsBounded(t *testing.T) {
	m := polled("g")
	a := holder(1, "")
	var q testkit.Quotas
	for i := range int64(30 * 24 * 60) {
		a.At, a.Units = append(a.At, i*hour/60), append(a.Units, i%2)
		if i%10 == 0 {
			e := look("g", 1, 0, record.Prefiltered, 0)
			e.Run, e.At = i*hour/60, i*hour/60
			q.Evaluations = append(q.Evaluations, e)
		}
	}
	a.Contract[0].Limit = 25_000
	q.Accounts = []record.Account{a}
	s := quotas(t, m, q, series.Options{}).Account
	if len(s.Usage) != series.MaxPoints || len(s.Looks) != series.MaxPoints || s.LooksMade != 4320 || s.Looks[0].At != 0 || s.Looks[511].At != 30*86400-600 {
		t.Errorf("%d points, %d of %d looks from %g to %g", len(s.Usage), len(s.Looks), s.LooksMade, s.Looks[0].At, s.Looks[len(s.Looks)-1].At)
	}

	// Causes beyond the most frequent are one.
	q = testkit.Quotas{}
	for id := int64(1); id <= 28; id++ {
		q.Accounts = append(q.Accounts, holder(id, "", 20, 80))
		outcomes := []record.EvaluationOutcome{record.NotSelected, record.EvaluationErr, record.FlagOff, record.NoCacheRow, record.NoBillingStart, record.RunAborted, record.Prefiltered}
		n := int(math.Sqrt(float64(2 * id))) // the nth is about n times among them
		q.Evaluations = append(q.Evaluations, look("g", id, 24, outcomes[n-1], 0))
	}
	got := quotas(t, m, q, series.Options{})
	if len(got.Causes) != series.MaxCauses+1 || got.Causes[5] != series.OtherCauses || got.Causes[0] != "run-aborted" {
		t.Errorf("causes %q", got.Causes)
	}
	sum := int64(0)
	for _, b := range got.Missed {
		sum += b.Count
	}
	if sum != 28 {
		t.Errorf("%d missed in the bars, 28 were: %v", sum, got.Missed)
	}
}

// anyQuotas is a small record of whatever engines may do.
func anyQuotas(t *rapid.T) (record.Manifest, testkit.Quotas) {
	m := polled("g", "h")
	m.Warmup = rapid.SampledFrom([]time.Duration{0, 0, 240 * time.Hour}).Draw(t, "warmup")
	m.Engines[1].Thresholds = []int64{50, 75}
	m.Engines[0].LooksBack = rapid.Bool().Draw(t, "looks back")
	var q testkit.Quotas
	for id := int64(1); id <= rapid.Int64Range(1, 4).Draw(t, "accounts"); id++ {
		a := holder(id, rapid.SampledFrom([]string{"", "b", "a"}).Draw(t, "group"))
		a.Contract[0].Kind = int32(rapid.IntRange(0, 2).Draw(t, "kind"))
		for _, at := range slices.Sorted(slices.Values(rapid.SliceOfN(rapid.Int64Range(0, 1440), 0, 12).Draw(t, "at"))) {
			a.At, a.Units = append(a.At, at*hour), append(a.Units, rapid.Int64Range(-10, 50).Draw(t, "units"))
		}
		q.Accounts = append(q.Accounts, a)
	}
	outcomes := []record.EvaluationOutcome{record.Below, record.Suppressed, record.SentNotice, record.SentNotice, record.Prefiltered, "own"}
	for _, h := range slices.Sorted(slices.Values(rapid.SliceOfN(rapid.Int64Range(0, 1440), 0, 30).Draw(t, "looks"))) {
		id := rapid.Int64Range(1, int64(len(q.Accounts))).Draw(t, "account")
		e := look(rapid.SampledFrom([]string{"g", "h"}).Draw(t, "engine"), id, h, rapid.SampledFrom(outcomes).Draw(t, "outcome"), rapid.Int64Range(0, 120).Draw(t, "percent"))
		e.Threshold, e.SentAt, e.Delivered = rapid.SampledFrom([]int64{50, 75, 90}).Draw(t, "threshold"), e.At, rapid.Bool().Draw(t, "delivered")
		q.Evaluations = append(q.Evaluations, e)
	}
	return m, q
}

// All counts are those of the audit, so that figures and tables agree.
func TestThresholdsAgreeWithAudit(t *testing.T) {
	outer := t
	rapid.Check(t, func(t *rapid.T) {
		m, q := anyQuotas(t)
		s, a, err := quotasOf(outer, testkit.WriteQuotas(outer, m, q, nil), series.Options{})
		if err != nil {
			t.Fatal(err)
		}
		type total struct{ missed, crossings int64 }
		type key struct {
			engine string
			level  int64
		}
		want, bars, cells := map[key]total{}, map[key]total{}, map[key]total{}
		for i, e := range a.Engines {
			var of, met int64
			for _, l := range e.Thresholds {
				if l.Crossings > 0 {
					want[key{e.Name, l.Threshold}] = total{missed: l.Missed, crossings: l.Crossings}
				}
				of, met = of+l.Crossings, met+l.OnTime+l.Late
			}
			if d := s.Delays[i]; d.Engine != e.Name || d.Crossings != of || d.Delays.N != met {
				t.Fatalf("delays of %s: %+v, the audit has %d of %d", e.Name, d, met, of)
			}
		}
		for _, b := range s.Missed {
			k := key{b.Engine, b.Level}
			bars[k] = total{missed: bars[k].missed + b.Count, crossings: b.Crossings}
		}
		for _, c := range s.Matrix {
			k := key{c.Engine, c.Level}
			cells[k] = total{missed: cells[k].missed + c.Missed, crossings: cells[k].crossings + c.Crossings}
		}
		if d := cmp.Diff(want, bars, cmp.AllowUnexported(total{})); d != "" {
			t.Fatalf("bars (-audit +series):\n%s", d)
		}
		if d := cmp.Diff(want, cells, cmp.AllowUnexported(total{})); d != "" {
			t.Fatalf("matrix (-audit +series):\n%s", d)
		}
		checkStory(t, s, len(want) > 0)
	})
}

// checkStory: there is one if there is a crossing, its points are within it and
// in order, and what it is about is in it.
func checkStory(t *rapid.T, s *series.Thresholds, crossed bool) {
	a := s.Account
	if a == nil {
		if crossed {
			t.Fatal("no story, though a threshold was crossed")
		}
		return
	}
	within := func(what string, at ...float64) {
		for _, x := range at {
			if x < a.From || x > a.Until {
				t.Fatalf("%s at %g, not within %g to %g", what, x, a.From, a.Until)
			}
		}
	}
	if a.Usage[0].X != a.From || a.Usage[len(a.Usage)-1].X != a.Until || a.Limit[0].X != a.From {
		t.Fatalf("usage %v, limit %v do not span %g to %g", a.Usage, a.Limit, a.From, a.Until)
	}
	if !slices.IsSortedFunc(a.Usage, func(p, q series.Point) int { return int(p.X - q.X) }) {
		t.Fatalf("usage goes back: %v", a.Usage)
	}
	about := a.Level == 0
	for _, e := range a.Engines {
		for _, c := range e.Crossings {
			within("crossing", c.At)
			about = about || e.Engine == a.Engine && c.At == a.At && c.Level == a.Level && c.Verdict == a.Verdict && c.Cause == a.Cause
			if c.Until < c.At {
				t.Fatalf("crossing %+v ends before it begins", c)
			}
		}
		for _, n := range e.Notices {
			within("notice", n.At)
		}
	}
	for _, l := range a.Looks {
		within("look", l.At)
	}
	if !about {
		t.Fatalf("the story is about %d %s %s of %s, which is not in it: %+v", a.Level, a.Verdict, a.Cause, a.Engine, a.Engines)
	}
}
