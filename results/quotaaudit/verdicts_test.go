package quotaaudit_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/results/quotaaudit"
	"github.com/quotalab/quotalab/results/record"
)

// engines is the manifest of a complete run of 60 days from 1970 on with
// engines that look every 12 hours.
func engines(list ...record.Engine) record.Manifest {
	m := record.Manifest{Scenario: "s", Epoch: time.Unix(0, 0).UTC(), Horizon: 60 * 24 * time.Hour, Engines: list}
	for i := range m.Engines {
		e := &m.Engines[i]
		e.Last, e.Gap, e.Slack = 60*usage.Day, 12*hour, hour/4
		if e.Thresholds == nil {
			e.Thresholds = []int64{75, 90, 100}
		}
	}
	return m
}

// holder is an account with a limit of 100 units a month.
func holder(id int64, events ...usage.Event) record.Account {
	a := record.Account{ID: id, Group: fmt.Sprintf("group %d", id%2), Contract: []record.ContractSegment{{From: usage.Beginning, Kind: int32(usage.Period), Limit: 100}}}
	for _, e := range events {
		a.At, a.Units = append(a.At, e.At), append(a.Units, e.Units)
	}
	return a
}

// by says which engine an evaluation is of, and of which account.
func by(engine string, account int64, e record.Evaluation) record.Evaluation {
	e.Engine, e.Account = engine, account
	return e
}

// table renders a result, a line a threshold that has anything and a cause.
func table(r *quotaaudit.Result) []string {
	lines := []string{}
	for _, e := range r.Engines {
		for _, t := range e.Thresholds {
			var notices []string
			for _, k := range quotaaudit.NoticeKinds() {
				if n := t.Notices[k]; n > 0 {
					notices = append(notices, fmt.Sprintf("%s %d", k, n))
				}
			}
			if t.Crossings+t.Censored+int64(len(notices)) == 0 {
				continue
			}
			line := fmt.Sprintf("%s %d: %d = %d + %d + %d (%d), %d censored; %s", e.Name, t.Threshold, t.Crossings, t.OnTime, t.Late, t.Missed, t.Covered, t.Censored, strings.Join(notices, ", "))
			for _, d := range t.Delays {
				line += fmt.Sprintf(" %dh", d/hour)
			}
			lines = append(lines, line)
			for _, c := range t.Causes {
				lines = append(lines, fmt.Sprintf("  %s %s %d, account %d of %s at %dh", c.Verdict, c.Cause, c.Count, c.Account, c.Group, c.At/hour))
			}
		}
	}
	return lines
}

func TestThresholdsOfRecord(t *testing.T) {
	for _, c := range []struct {
		why      string
		manifest record.Manifest
		quotas   testkit.Quotas
		want     []string
	}{
		{"two engines side by side, their evaluations interleaved, one of which sends nothing",
			engines(record.Engine{Name: "b"}, record.Engine{Name: "a"}),
			testkit.Quotas{
				Accounts: []record.Account{holder(1, use(20, 80)), holder(2), holder(3, use(30, 95))},
				Evaluations: []record.Evaluation{by("a", 1, outcome(24, record.Prefiltered)), by("b", 1, sent(24, 75)), by("a", 3, outcome(36, record.Prefiltered)), by("b", 3, sent(36, 90)),
					by("a", 1, outcome(36, record.Prefiltered)), by("b", 1, sent(48, 75))},
			},
			[]string{
				"b 75: 2 = 1 + 0 + 1 (1), 0 censored; first 1, duplicate 1 4h",
				"  missed overtaken 1, account 3 of group 1 at 30h", "  duplicate record-outside-window 1, account 1 of group 1 at 48h",
				"b 90: 1 = 1 + 0 + 0 (0), 0 censored; first 1 6h",
				"a 75: 2 = 0 + 0 + 2 (0), 0 censored; ", "  missed prefilter 2, account 1 of group 1 at 20h",
				"a 90: 1 = 0 + 0 + 1 (0), 0 censored; ", "  missed prefilter 1, account 3 of group 1 at 30h",
			}},
		{"a late notice, one of a threshold that nobody asked for, one that was not received",
			engines(record.Engine{Name: "g"}),
			testkit.Quotas{
				Accounts:    []record.Account{holder(5, use(20, 80)), holder(9)},
				Evaluations: []record.Evaluation{by("g", 5, undelivered(24, 75)), by("g", 5, sent(60, 75)), by("g", 9, sent(60, 300))},
			},
			[]string{
				"g 75: 1 = 0 + 1 + 0 (0), 0 censored; first 1, undelivered 1 40h", "  late recorded-not-delivered 1, account 5 of group 1 at 20h",
				"g 300: 0 = 0 + 0 + 0 (0), 0 censored; spurious 1", "  spurious other 1, account 9 of group 1 at 60h",
			}},
		{"lower after higher is out of order, and a delay all the same",
			engines(record.Engine{Name: "g"}),
			testkit.Quotas{Accounts: []record.Account{holder(1, use(20, 95))}, Evaluations: []record.Evaluation{by("g", 1, sent(24, 90)), by("g", 1, sent(24, 75))}},
			[]string{"g 75: 1 = 1 + 0 + 0 (0), 0 censored; out-of-order 1 4h", "g 90: 1 = 1 + 0 + 0 (0), 0 censored; first 1 4h"}},
		{"too close to the end", engines(record.Engine{Name: "g"}),
			testkit.Quotas{Accounts: []record.Account{holder(1, use(60*24-2, 80))}},
			[]string{"g 75: 0 = 0 + 0 + 0 (0), 1 censored; "}},
		{"thresholds of its own", engines(record.Engine{Name: "g", Thresholds: []int64{50}}, record.Engine{Name: "h"}),
			testkit.Quotas{Accounts: []record.Account{holder(1, use(20, 60))}, Evaluations: []record.Evaluation{by("g", 1, sent(24, 50))}},
			[]string{"g 50: 1 = 1 + 0 + 0 (0), 0 censored; first 1 4h"}},
		{"an engine without runs", engines(record.Engine{Name: "inline", LooksBack: true}),
			testkit.Quotas{Accounts: []record.Account{holder(1, use(20, 80))},
				Evaluations: []record.Evaluation{{Engine: "inline", Account: 1, At: 20 * hour, Outcome: record.SentNotice, Limit: 100, Percent: 80, Threshold: 75, SentAt: 20*hour + 7, Delivered: true}}},
			[]string{"inline 75: 1 = 1 + 0 + 0 (0), 0 censored; first 1 0h"}},
		{"what the engine noticed explains what no evaluation does",
			engines(record.Engine{Name: "inline", Findings: []record.Finding{{What: "counter lost", Account: 1, At: 10 * hour, Count: 1}, {What: "counter regressed", Account: 1, At: 11 * hour, Count: 1},
				{What: "counter lost", Account: 2, At: 2000 * hour, Count: 1}, {What: record.OutboxUnread, Account: 0, At: 25 * hour, Count: 1}}}),
			testkit.Quotas{Accounts: []record.Account{holder(1, use(20, 80)), holder(2, use(20, 80)), holder(3, use(26, 80))},
				Evaluations: []record.Evaluation{by("inline", 3, outcome(30, record.FlagOff))}},
			[]string{"inline 75: 3 = 0 + 0 + 3 (0), 0 censored; ", "  missed counter-lost>counter-regressed 1, account 1 of group 1 at 20h",
				"  missed flag-off 1, account 3 of group 1 at 26h", "  missed outbox-not-read 1, account 2 of group 0 at 20h"}},
		{"a finding after the notice, or over before the crossing, is not its cause; one that was made again is",
			engines(record.Engine{Name: "inline", Findings: []record.Finding{{What: record.NoticeUndelivered, Account: 1, At: 99 * hour, Last: 99 * hour, Count: 1},
				{What: record.NoticeUndelivered, Account: 2, At: 10 * hour, Last: 30 * hour, Count: 2}, {What: record.NoticeUndelivered, Account: 3, At: 10 * hour, Last: 11 * hour, Count: 2}}}),
			testkit.Quotas{Accounts: []record.Account{holder(1, use(20, 80)), holder(2, use(20, 80)), holder(3, use(20, 80))},
				Evaluations: []record.Evaluation{by("inline", 1, sent(90, 75)), by("inline", 2, sent(90, 75)), by("inline", 3, sent(90, 75))}},
			[]string{"inline 75: 3 = 0 + 3 + 0 (0), 0 censored; first 3 70h 70h 70h", "  late schedule-gap 2, account 1 of group 1 at 20h", "  late not-delivered 1, account 2 of group 0 at 20h"}},
		{"too little was read since the counter was lost, and the notice before was lost with it; not where it was lost later or before both",
			engines(record.Engine{Name: "inline", Findings: []record.Finding{{What: record.CounterLost, Account: 1, At: 10 * hour, Count: 1}, {What: record.CounterLost, Account: 2, At: 110 * hour, Count: 1},
				{What: record.CounterLost, Account: 3, At: 90 * hour, Count: 1}, {What: record.OutboxUnread, Account: 4, At: 10 * hour, Count: 1}}}),
			testkit.Quotas{Accounts: []record.Account{holder(1, use(20, 80)), holder(2, use(100, 80)), holder(3, use(100, 80)), holder(4, use(20, 80))},
				Evaluations: []record.Evaluation{by("inline", 1, below(30, 20)), by("inline", 2, sent(101, 75)), by("inline", 2, sent(113, 75)), by("inline", 3, sent(101, 75)), by("inline", 3, sent(113, 75)), by("inline", 4, below(30, 20))}},
			[]string{"inline 75: 4 = 2 + 0 + 2 (0), 0 censored; first 2, duplicate 2 1h 1h", "  missed counter-lost 1, account 1 of group 1 at 20h", "  missed usage-under-read 1, account 4 of group 0 at 20h",
				"  duplicate counter-lost 1, account 2 of group 0 at 113h", "  duplicate record-outside-window 1, account 3 of group 1 at 113h"}},
		{"nothing at all", engines(record.Engine{Name: "g"}), testkit.Quotas{Accounts: []record.Account{holder(1)}}, []string{}},
	} {
		got, err := quotaaudit.Replay(testkit.WriteQuotas(t, c.manifest, c.quotas, nil))
		if err != nil {
			t.Fatalf("%s: %v", c.why, err)
		}
		if d := cmp.Diff(c.want, table(got)); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, d)
		}
		if got.Accounts != int64(len(c.quotas.Accounts)) || got.Unknown != 0 {
			t.Errorf("%s: %d accounts, %d evaluations of others", c.why, got.Accounts, got.Unknown)
		}
	}
}

func TestThresholdsWarmUp(t *testing.T) {
	m := engines(record.Engine{Name: "g"})
	m.Warmup = 3 * 24 * time.Hour
	r := testkit.WriteQuotas(t, m, testkit.Quotas{
		Accounts: []record.Account{holder(1, use(70, 80), use(75, 11)), holder(2, use(20, 80))},
		Evaluations: []record.Evaluation{by("g", 2, sent(24, 75)), by("g", 2, sent(36, 75)), // both in the warm-up
			by("g", 1, sent(84, 90)), by("g", 1, sent(84, 75))},
	}, nil)
	got, err := quotaaudit.Replay(r)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"g 75: 0 = 0 + 0 + 0 (0), 0 censored; warm-up 1", "g 90: 1 = 1 + 0 + 0 (0), 0 censored; first 1 9h"}
	if d := cmp.Diff(want, table(got)); d != "" {
		t.Errorf("warm-up of 72 hours (-want +got):\n%s", d)
	}
}

// A run that died may lack accounts and the engines' description.
func TestThresholdsOfAbortedRun(t *testing.T) {
	m := engines(record.Engine{Name: "g"})
	m.Aborted = "interrupt"
	got, err := quotaaudit.Replay(testkit.WriteQuotas(t, m, testkit.Quotas{
		Accounts:    []record.Account{holder(1, use(20, 80))},
		Evaluations: []record.Evaluation{by("g", 1, sent(24, 75)), by("g", 2, sent(24, 75)), by("x", 1, sent(24, 75))},
	}, nil))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"g 75: 1 = 1 + 0 + 0 (0), 0 censored; first 1 4h"}, table(got)); d != "" || got.Unknown != 2 {
		t.Errorf("%d of unknown accounts or engines, want 2 (-want +got):\n%s", got.Unknown, d)
	}
}

func TestThresholdsErrors(t *testing.T) {
	bad := holder(4)
	for _, c := range []struct {
		why    string
		quotas testkit.Quotas
		says   string
	}{
		{"an engine that is not in the manifest", testkit.Quotas{Accounts: []record.Account{holder(1)}, Evaluations: []record.Evaluation{by("g", 1, below(24, 5)), by("x", 1, below(24, 5))}},
			`evaluation 1: it is of engine "x", which the manifest does not list`},
		{"an account that is not there", testkit.Quotas{Accounts: []record.Account{holder(1)}, Evaluations: []record.Evaluation{by("g", 2, below(24, 5))}},
			"evaluation 0: it is of account 2, which the record does not hold"},
		{"no contract", testkit.Quotas{Accounts: []record.Account{{ID: 4}}}, "account 4: contract: no segment"},
		{"a kind of counting that does not exist", testkit.Quotas{Accounts: []record.Account{func() record.Account {
			a := bad
			a.Contract = []record.ContractSegment{{Kind: 256, Limit: 1}}
			return a
		}()}}, "account 4: contract: segment 0 is of kind 256"},
	} {
		_, err := quotaaudit.Replay(testkit.WriteQuotas(t, engines(record.Engine{Name: "g"}), c.quotas, nil))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v, want one that says %q", c.why, err, c.says)
		}
	}
}

// What is left out and packed changes no verdict: against JudgeThresholds on
// all that was written.
func TestVerdictsLeaveNothingOut(t *testing.T) {
	outcomes := []record.EvaluationOutcome{record.NotSelected, record.Prefiltered, record.RunAborted, record.EvaluationErr, "own_outcome", record.Below, record.Suppressed, record.SentNotice}
	thresholds := []int64{75, 90, 100}
	notices, causes := 0, 0
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 5))
		m := engines(record.Engine{Name: "g", SourceDown: []record.Span{{From: 100 * hour, Until: 130 * hour}}, Downsampled: seed%2 == 0, LooksBack: seed%3 == 0})
		var q testkit.Quotas
		for id := range int64(20) {
			a := holder(id*id + 1)
			a.Saved = rng.IntN(2) == 0
			if rng.IntN(3) == 0 {
				a.Contract[0].Kind = int32(usage.Rolling)
			}
			for h := rng.Int64N(400); h < 60*24; h += 1 + rng.Int64N(200) {
				a.At, a.Units = append(a.At, h*hour), append(a.Units, rng.Int64N(60)-10)
			}
			q.Accounts = append(q.Accounts, a)
		}
		for h := int64(12); h <= 60*24; h += 12 {
			for _, a := range q.Accounts {
				e := by("g", a.ID, look(h, outcomes[rng.IntN(len(outcomes))], rng.Int64N(130)))
				e.At += rng.Int64N(hour)
				e.ReadFrom, e.RowAt, e.SentAt = rng.Int64N(e.At), -1, -1
				if rng.IntN(5) == 0 {
					e.AsOf = rng.Int64N(e.At) + 1
				}
				if rng.IntN(5) == 0 {
					e.Limit++
				}
				e.Threshold = thresholds[rng.IntN(3)]
				if e.Outcome == record.Suppressed {
					e.RowAccount, e.RowThreshold, e.RowAt = a.ID+rng.Int64N(2), thresholds[rng.IntN(3)], rng.Int64N(e.At)
				}
				if e.Outcome == record.SentNotice {
					e.SentAt, e.Delivered = e.At+rng.Int64N(hour), rng.IntN(4) > 0
				}
				q.Evaluations = append(q.Evaluations, e)
			}
		}
		r := testkit.WriteQuotas(t, m, q, nil)
		got := map[int64]quotaaudit.AccountVerdicts{}
		for v, err := range quotaaudit.Verdicts(r) {
			if err != nil {
				t.Fatal(err)
			}
			got[v.Account] = quotaaudit.AccountVerdicts{Obligations: slices.Clone(v.Obligations), Notices: slices.Clone(v.Notices)}
		}
		for _, a := range q.Accounts {
			want := judgeWhole(&m.Engines[0], a, q.Evaluations)
			notices += len(want.Notices)
			for _, o := range want.Obligations {
				causes += len(o.Causes)
			}
			if d := cmp.Diff(want, got[a.ID], cmpopts.EquateEmpty()); d != "" {
				t.Fatalf("seed %d, account %d (-judged from all +from the record):\n%s", seed, a.ID, d)
			}
		}
	}
	if notices < 1000 || causes < 1000 {
		t.Errorf("%d notices and %d causes were compared: the test looks at next to nothing", notices, causes)
	}
}

func judgeWhole(e *record.Engine, a record.Account, all []record.Evaluation) quotaaudit.AccountVerdicts {
	in := quotaaudit.Input{Account: a.ID, Last: e.Last, Gap: e.Gap, Slack: e.Slack, Downsampled: e.Downsampled, LooksBack: e.LooksBack, LimitChanged: a.Saved}
	in.Contract = usage.Contract{{From: usage.Beginning, Kind: usage.Kind(a.Contract[0].Kind), Limit: 100}}
	var events []usage.Event
	for i := range a.At {
		events = append(events, usage.Event{At: a.At[i], Units: a.Units[i]})
	}
	in.Obligations = usage.Obligations(events, in.Contract, e.Thresholds, e.Last)
	for _, s := range e.SourceDown {
		in.SourceDown = append(in.SourceDown, quotaaudit.Span(s))
	}
	for _, ev := range all {
		if ev.Account == a.ID {
			in.Evaluations = append(in.Evaluations, ev)
		}
	}
	due, notices := quotaaudit.Judge(in)
	return quotaaudit.AccountVerdicts{Obligations: due, Notices: notices}
}

func TestVerdictsStop(t *testing.T) {
	r := testkit.WriteQuotas(t, engines(record.Engine{Name: "g"}, record.Engine{Name: "h"}), testkit.Quotas{Accounts: []record.Account{holder(1, use(20, 80)), holder(2, use(20, 80))}}, nil)
	n := 0
	for _, err := range quotaaudit.Verdicts(r) {
		if n++; err != nil {
			t.Fatal(err)
		}
		break
	}
	if n != 1 {
		t.Errorf("%d steps after the consumer wanted no more", n)
	}
}

// BenchmarkThresholds prints what a judged evaluation costs: 20,000 accounts
// that all cross, 60 runs.
func BenchmarkThresholds(b *testing.B) {
	const accounts, runs = 20_000, 60
	dir := b.TempDir()
	w, err := record.Create(dir, record.Manifest{})
	if err != nil {
		b.Fatal(err)
	}
	for run := range int64(runs) {
		for id := range int64(accounts) {
			e := by("g", id+1, below(12*run+12, run*2))
			e.At += id * 1000
			if run == 40 {
				e = by("g", id+1, sent(12*run+12, 75))
			}
			if err := w.WriteEvaluation(&e); err != nil {
				b.Fatal(err)
			}
		}
	}
	for id := range int64(accounts) {
		a := holder(id+1, use(20, 40))
		for h := int64(40); h < 700; h++ {
			a.At, a.Units = append(a.At, h*hour), append(a.Units, h%13/12)
		}
		if err := w.WriteAccount(&a); err != nil {
			b.Fatal(err)
		}
	}
	m := engines(record.Engine{Name: "g"})
	if _, err := w.Close(func(end *record.Manifest) { end.Complete, end.Engines, end.Horizon = true, m.Engines, m.Horizon }); err != nil {
		b.Fatal(err)
	}
	r, err := record.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		got, err := quotaaudit.Replay(r)
		if err != nil {
			b.Fatal(err)
		}
		if n := got.Engines[0].Thresholds[0].Crossings; n != accounts {
			b.Fatalf("%d crossings, want %d", n, accounts)
		}
	}
	b.ReportMetric(float64(accounts*runs*b.N)/b.Elapsed().Seconds(), "evaluations/s")
	b.ReportMetric(float64(accounts*660*b.N)/b.Elapsed().Seconds(), "uses/s")
}
