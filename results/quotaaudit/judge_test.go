package quotaaudit_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/results/quotaaudit"
	"github.com/quotalab/quotalab/results/record"
)

const hour = int64(time.Hour)

// account is one whose period begins at 0, with a limit of 100, judged from
// day 0 to day 60 with runs every 12 hours.
func account(contract usage.Contract, events []usage.Event, evaluations ...record.Evaluation) quotaaudit.Input {
	in := quotaaudit.Input{
		Account: 1, Contract: contract, Evaluations: evaluations,
		Last: 60 * usage.Day, Gap: 12 * hour, Slack: hour / 4,
	}
	in.Obligations = usage.Obligations(events, contract, []int64{75, 90, 100}, in.Last)
	return in
}

func monthly() usage.Contract {
	return usage.Contract{{From: usage.Beginning, Kind: usage.Period, Limit: 100}}
}

func rolling() usage.Contract {
	return usage.Contract{{From: usage.Beginning, Kind: usage.Rolling, Limit: 100}}
}

// use is units at a time in hours.
func use(h, units int64) usage.Event { return usage.Event{At: h * hour, Units: units} }

// look is an evaluation in the run at h hours that read that percentage.
func look(h int64, outcome record.EvaluationOutcome, percent int64) record.Evaluation {
	return record.Evaluation{Run: h * hour, Account: 1, At: h * hour, Outcome: outcome, Limit: 100, Usage: percent, Percent: percent}
}

func outcome(h int64, o record.EvaluationOutcome) record.Evaluation { return look(h, o, 0) }

func below(h, percent int64) record.Evaluation { return look(h, record.Below, percent) }

func sent(h, threshold int64) record.Evaluation {
	e := look(h, record.SentNotice, threshold)
	e.Threshold, e.SentAt, e.Delivered = threshold, e.At, true
	return e
}

func undelivered(h, threshold int64) record.Evaluation {
	e := sent(h, threshold)
	e.Delivered = false
	return e
}

func suppressed(h, threshold, account, rowAt int64) record.Evaluation {
	e := look(h, record.Suppressed, threshold)
	e.Threshold, e.RowAccount, e.RowThreshold, e.RowAt = threshold, account, threshold, rowAt*hour
	return e
}

func limited(e record.Evaluation, limit int64) record.Evaluation {
	e.Limit = limit
	return e
}

func reading(e record.Evaluation, from int64) record.Evaluation {
	e.ReadFrom = from * hour
	return e
}

// judged is what is expected of an obligation, and told of a notice.
type judged struct {
	T       int64
	Verdict quotaaudit.Verdict
	Causes  []quotaaudit.Cause
	Flag    bool // of an obligation: covered; of a notice: out of order
}

func judgements(in quotaaudit.Input) (due, notices []judged) {
	o, n := quotaaudit.Judge(in)
	for _, v := range o {
		due = append(due, judged{v.Threshold, v.Verdict, v.Causes, v.Covered})
	}
	for _, v := range n {
		j := judged{T: v.Threshold, Verdict: v.Verdict, Flag: v.OutOfOrder}
		if v.Cause != "" {
			j.Causes = []quotaaudit.Cause{v.Cause}
		}
		notices = append(notices, j)
	}
	return due, notices
}

func because(causes ...quotaaudit.Cause) []quotaaudit.Cause { return causes }

func TestObligationVerdicts(t *testing.T) {
	at75 := []usage.Event{use(100, 80)}
	change := func(in quotaaudit.Input, f func(*quotaaudit.Input)) quotaaudit.Input { f(&in); return in }
	for _, c := range []struct {
		why  string
		in   quotaaudit.Input
		want judged
	}{
		{"at once", account(monthly(), at75, sent(100, 75)), judged{75, quotaaudit.OnTime, nil, false}},
		{"at the bound", account(monthly(), at75, record.Evaluation{At: 112 * hour, Outcome: record.SentNotice, Limit: 100, Percent: 80, Threshold: 75, SentAt: 112*hour + hour/4, Delivered: true}), judged{75, quotaaudit.OnTime, nil, false}},
		{"after it, with no evaluation between", account(monthly(), at75, sent(113, 75)), judged{75, quotaaudit.Late, because(quotaaudit.ScheduleGap), false}},
		{"never looked at", account(monthly(), at75), judged{75, quotaaudit.Missed, because(quotaaudit.NoEvaluation), false}},
		{"an evaluation at the crossing could not see it", account(monthly(), at75, below(100, 0)), judged{75, quotaaudit.Missed, because(quotaaudit.NoEvaluation), false}},
		{"the period is over", account(monthly(), at75, sent(800, 75)), judged{75, quotaaudit.Missed, because(quotaaudit.NoEvaluation), false}},
		{"each cause once, in order", account(monthly(), at75, outcome(101, record.Prefiltered), outcome(113, record.RunAborted), outcome(125, record.Prefiltered), sent(137, 75)),
			judged{75, quotaaudit.Late, because("prefilter", "run-aborted"), false}},
		{"causes end with the notice", account(monthly(), at75, outcome(101, record.FlagOff), sent(113, 75), outcome(125, record.NotSelected)),
			judged{75, quotaaudit.Late, because("flag-off"), false}},
		{"no cache row, no billing start", account(monthly(), at75, outcome(101, record.NoCacheRow), outcome(113, record.NoBillingStart)),
			judged{75, quotaaudit.Missed, because("no-cache-row", "no-billing-start"), false}},
		{"its own error", account(monthly(), at75, outcome(101, record.EvaluationErr)), judged{75, quotaaudit.Missed, because(quotaaudit.OwnError), false}},
		{"an outcome of another engine names itself", account(monthly(), at75, outcome(101, "counter_lost")), judged{75, quotaaudit.Missed, because("counter-lost"), false}},
		{"the source was down", change(account(monthly(), at75, below(101, 0)), func(in *quotaaudit.Input) {
			in.SourceDown = []quotaaudit.Span{{From: 101 * hour, Until: 102 * hour}}
		}), judged{75, quotaaudit.Missed, because(quotaaudit.UsageSourceDown), false}},
		{"and up again", change(account(monthly(), at75, below(102, 70)), func(in *quotaaudit.Input) {
			in.SourceDown = []quotaaudit.Span{{From: 101 * hour, Until: 102 * hour}}
		}), judged{75, quotaaudit.Missed, because(quotaaudit.UnderRead), false}},
		{"a limit that is too high", account(monthly(), at75, limited(below(101, 40), 200)), judged{75, quotaaudit.Missed, because(quotaaudit.WrongLimit), false}},
		{"a range that begins too late", account(monthly(), at75, reading(below(101, 40), 50)), judged{75, quotaaudit.Missed, because(quotaaudit.WindowTooShort), false}},
		{"read too little", account(monthly(), at75, below(101, 74)), judged{75, quotaaudit.Missed, because(quotaaudit.UnderRead), false}},
		{"another organisation's record", account(monthly(), at75, suppressed(101, 75, 2, 1)), judged{75, quotaaudit.Missed, because(quotaaudit.OtherOrganisation), false}},
		{"a record of the period before", account(monthly(), at75, suppressed(101, 75, 1, -10)), judged{75, quotaaudit.Missed, because(quotaaudit.EarlierPeriod), false}},
		{"a record of a notice that was false", account(monthly(), at75, sent(50, 75), suppressed(101, 75, 1, 50)), judged{75, quotaaudit.Missed, because(quotaaudit.SpuriousRecord), false}},
		{"a record from before the crossing, of this period", account(monthly(), at75, suppressed(101, 75, 1, 50)), judged{75, quotaaudit.Missed, because(quotaaudit.BeforeTermChange), false}},
		{"recorded and not delivered", account(monthly(), at75, undelivered(101, 75), suppressed(113, 75, 1, 101)),
			judged{75, quotaaudit.Missed, because(quotaaudit.NotDelivered, quotaaudit.Overtaken), true}},
		{"rolling: a record of an earlier excursion", account(rolling(), at75, suppressed(101, 75, 1, 50)), judged{75, quotaaudit.Missed, because(quotaaudit.EarlierExcursion), false}},
		{"rolling: the window is 30 days", account(rolling(), at75, reading(below(101, 40), 101-719)), judged{75, quotaaudit.Missed, because(quotaaudit.WindowTooShort), false}},
		{"rolling: read 30 days and yet too little", account(rolling(), at75, reading(below(101, 40), 101-720)), judged{75, quotaaudit.Missed, because(quotaaudit.UnderRead), false}},
	} {
		t.Run(c.why, func(t *testing.T) {
			due, _ := judgements(c.in)
			if diff := cmp.Diff([]judged{c.want}, due); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestOvertaken(t *testing.T) {
	in := account(monthly(), []usage.Event{use(100, 95)}, sent(101, 90), suppressed(113, 90, 1, 101))
	due, notices := judgements(in)
	want := []judged{{75, quotaaudit.Missed, because(quotaaudit.Overtaken), true}, {90, quotaaudit.OnTime, nil, false}}
	if diff := cmp.Diff(want, due); diff != "" {
		t.Errorf("the higher one only was sent (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]judged{{90, quotaaudit.First, nil, false}}, notices); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// closed is an evaluation that judged the end of the period that ended at
// that hour.
func closed(e record.Evaluation, end int64) record.Evaluation {
	e.AsOf = end*hour - 1
	return e
}

// An engine that looks at a period once more after its end, here hour 744.
func TestLooksBack(t *testing.T) {
	late := []usage.Event{use(740, 95)}
	for _, c := range []struct {
		why          string
		in           quotaaudit.Input
		due, notices []judged
	}{
		{"a notice after the end is for the period that was judged", account(monthly(), late, closed(sent(745, 75), 744), closed(sent(745, 90), 744)),
			[]judged{{75, quotaaudit.OnTime, nil, false}, {90, quotaaudit.OnTime, nil, false}}, []judged{{75, quotaaudit.First, nil, false}, {90, quotaaudit.First, nil, false}}},
		{"what looked at the next period in between is no cause", account(monthly(), late, below(745, 0), closed(sent(757, 75), 744), closed(sent(757, 90), 744)),
			[]judged{{75, quotaaudit.Late, because(quotaaudit.ScheduleGap), false}, {90, quotaaudit.Late, because(quotaaudit.ScheduleGap), false}},
			[]judged{{75, quotaaudit.First, nil, false}, {90, quotaaudit.First, nil, false}}},
		{"what misread the closed period is", account(monthly(), late, closed(below(745, 10), 744), closed(sent(757, 75), 744), closed(sent(745, 90), 744)),
			[]judged{{75, quotaaudit.Late, because(quotaaudit.UnderRead, quotaaudit.Overtaken), false}, {90, quotaaudit.OnTime, nil, false}},
			[]judged{{75, quotaaudit.First, nil, false}, {90, quotaaudit.First, nil, false}}},
		{"the closed look at one period is no cause in the next", account(monthly(), append(late, use(744, 80)), closed(sent(745, 75), 744), closed(sent(745, 90), 744)),
			[]judged{{75, quotaaudit.OnTime, nil, false}, {90, quotaaudit.OnTime, nil, false}, {75, quotaaudit.Missed, because(quotaaudit.NoEvaluation), false}},
			[]judged{{75, quotaaudit.First, nil, false}, {90, quotaaudit.First, nil, false}}},
		{"rolling: delivered when the excursion is over", account(rolling(), []usage.Event{use(100, 80), use(101, -50)}, func() record.Evaluation { e := sent(102, 75); e.AsOf = 100 * hour; return e }()),
			[]judged{{75, quotaaudit.OnTime, nil, false}}, []judged{{75, quotaaudit.First, nil, false}}},
	} {
		t.Run(c.why, func(t *testing.T) {
			due, notices := judgements(c.in)
			if diff := cmp.Diff(c.due, due); diff != "" {
				t.Errorf("obligations -want +got:\n%s", diff)
			}
			if diff := cmp.Diff(c.notices, notices); diff != "" {
				t.Errorf("notices -want +got:\n%s", diff)
			}
		})
	}
}

func TestCensoring(t *testing.T) {
	const last = 59 * usage.Day // 1 March 1970
	for _, c := range []struct {
		why    string
		anchor int64
		before time.Duration // of the crossing before the last run
		back   bool          // the engine looks back
		want   quotaaudit.Verdict
	}{
		{"later than D before the end, in a period that goes on", 10 * usage.Day, 12 * time.Hour, false, quotaaudit.Censored},
		{"exactly D before the end: it had its time", 10 * usage.Day, 12*time.Hour + 15*time.Minute, false, quotaaudit.Missed},
		{"later, but its period is over", 0, 12 * time.Hour, false, quotaaudit.Missed},
		{"the same of an engine that looks back", 0, 12 * time.Hour, true, quotaaudit.Censored},
		{"which had its time for what is older", 0, 13 * time.Hour, true, quotaaudit.Missed},
	} {
		contract := monthly()
		contract[0].Anchor = c.anchor
		in := account(contract, nil)
		in.Last, in.LooksBack = last, c.back
		in.Obligations = usage.Obligations([]usage.Event{{At: last - c.before.Nanoseconds(), Units: 80}}, contract, []int64{75}, last)
		due, _ := judgements(in)
		if len(due) != 1 || due[0].Verdict != c.want {
			t.Errorf("%s: got %v, expected one that is %s", c.why, due, c.want)
		}
	}
}

func TestNoticeVerdicts(t *testing.T) {
	at75 := []usage.Event{use(100, 80)}
	run := func(e record.Evaluation, h int64) record.Evaluation { e.Run = h * hour; return e }
	change := func(in quotaaudit.Input, f func(*quotaaudit.Input)) quotaaudit.Input { f(&in); return in }
	for _, c := range []struct {
		why  string
		in   quotaaudit.Input
		want []judged
	}{
		{"the first", account(monthly(), at75, sent(101, 75)), []judged{{75, quotaaudit.First, nil, false}}},
		{"for an obligation from before the record", account(monthly(), []usage.Event{use(-13, 80)}, reading(sent(1, 75), -24*31)), []judged{{75, quotaaudit.Spurious, because(quotaaudit.WrongPeriod), false}}},
		{"the same in one period", change(account(monthly(), []usage.Event{use(50, 80)}, sent(101, 75)), func(in *quotaaudit.Input) { in.First = 100 * hour }),
			[]judged{{75, quotaaudit.WarmUp, nil, false}}},
		{"a second one", account(monthly(), at75, sent(101, 75), sent(113, 75)), []judged{{75, quotaaudit.First, nil, false}, {75, quotaaudit.Duplicate, because(quotaaudit.RecordOutsideWindow), false}}},
		{"after the limit was written", change(account(monthly(), at75, sent(101, 75), sent(113, 75)), func(in *quotaaudit.Input) { in.LimitChanged = true }),
			[]judged{{75, quotaaudit.First, nil, false}, {75, quotaaudit.Duplicate, because(quotaaudit.LogErased), false}}},
		{"from a run within the other", account(monthly(), at75, sent(101, 75), run(sent(101, 75), 101)),
			[]judged{{75, quotaaudit.First, nil, false}, {75, quotaaudit.Duplicate, because(quotaaudit.OverlappingRun), false}}},
		{"from a long run that began before", account(monthly(), at75, sent(114, 75), func() record.Evaluation { e := run(sent(113, 75), 101); e.SentAt = 115 * hour; return e }()),
			[]judged{{75, quotaaudit.First, nil, false}, {75, quotaaudit.Duplicate, because(quotaaudit.OverlappingRun), false}}},
		{"rolling: the record left the window", account(rolling(), append(at75, use(700, 80)), sent(101, 75), sent(822, 75)),
			[]judged{{75, quotaaudit.First, nil, false}, {75, quotaaudit.Duplicate, because(quotaaudit.RollingRenewal), false}}},
		{"not delivered, then delivered", account(monthly(), at75, undelivered(101, 75), sent(113, 75)), []judged{{75, quotaaudit.Undelivered, nil, false}, {75, quotaaudit.First, nil, false}}},
		{"lower after higher", account(monthly(), []usage.Event{use(100, 95)}, sent(101, 90), sent(113, 75)), []judged{{90, quotaaudit.First, nil, false}, {75, quotaaudit.First, nil, true}}},
		{"lower before higher", account(monthly(), []usage.Event{use(100, 95)}, sent(101, 75), sent(113, 90)), []judged{{75, quotaaudit.First, nil, false}, {90, quotaaudit.First, nil, false}}},
		{"lower in the next period", account(monthly(), []usage.Event{use(100, 95), use(800, 80)}, sent(101, 90), sent(801, 75)), []judged{{90, quotaaudit.First, nil, false}, {75, quotaaudit.First, nil, false}}},
		{"before the crossing", account(monthly(), at75, sent(99, 75)), []judged{{75, quotaaudit.Spurious, because(quotaaudit.OtherCause), false}}},
		{"by a wrong limit", account(monthly(), at75, limited(sent(99, 75), 50)), []judged{{75, quotaaudit.Spurious, because(quotaaudit.WrongLimit), false}}},
		{"by units of the period before", account(monthly(), at75, reading(sent(99, 75), -1)), []judged{{75, quotaaudit.Spurious, because(quotaaudit.WrongPeriod), false}}},
		{"by units stamped into this period", change(account(monthly(), at75, sent(99, 75)), func(in *quotaaudit.Input) { in.Downsampled = true }),
			[]judged{{75, quotaaudit.Spurious, because(quotaaudit.BoundaryStamp), false}}},
		{"for a period that is over and was not told of", account(monthly(), at75, reading(sent(800, 75), 31*24)), []judged{{75, quotaaudit.Spurious, because(quotaaudit.LateData), false}}},
		{"rolling: when the excursion is over", account(rolling(), at75, sent(821, 75)), []judged{{75, quotaaudit.Spurious, because(quotaaudit.FallingOrBelow), false}}},
	} {
		t.Run(c.why, func(t *testing.T) {
			_, notices := judgements(c.in)
			if diff := cmp.Diff(c.want, notices); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// An engine that looks often and sends all that is unsent meets everything;
// one that leaves out a single notice is caught.
func TestJudgeCatchesOneForgottenNotice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) usage.Event {
			return use(rapid.Int64Range(0, 48*24).Draw(t, "h"), rapid.Int64Range(1, 40).Draw(t, "units"))
		}), 1, 30).Draw(t, "events")
		in := account(monthly(), events)
		for _, o := range in.Obligations {
			in.Evaluations = append(in.Evaluations, sent(o.Crossing/hour, o.Threshold))
		}
		due, notices := quotaaudit.Judge(in)
		for i := range due {
			if due[i].Verdict != quotaaudit.OnTime || due[i].Delay != 0 || notices[i].Verdict != quotaaudit.First || notices[i].OutOfOrder {
				t.Fatalf("obligation %d: %+v, %+v", i, due[i], notices[i])
			}
		}
		if len(due) == 0 {
			return
		}
		k := rapid.IntRange(0, len(due)-1).Draw(t, "forgotten")
		in.Evaluations = append(in.Evaluations[:k:k], in.Evaluations[k+1:]...)
		due, _ = quotaaudit.Judge(in)
		for i := range due {
			if want := map[bool]quotaaudit.Verdict{true: quotaaudit.Missed, false: quotaaudit.OnTime}[i == k]; due[i].Verdict != want {
				t.Fatalf("obligation %d is %s, expected %s; %d was forgotten", i, due[i].Verdict, want, k)
			}
		}
	})
}

// An account of 90 days that is looked at twice a day.
func BenchmarkJudgeThresholds(b *testing.B) {
	events := make([]usage.Event, 90*24)
	var looks []record.Evaluation
	for h := range int64(90 * 24) {
		events[h] = use(h, h%2)
		if h%12 == 0 {
			looks = append(looks, below(h, 10))
		}
	}
	in := account(monthly(), events, looks...)
	b.ReportAllocs()
	for b.Loop() {
		if due, _ := quotaaudit.Judge(in); len(due) == 0 {
			b.Fatal("no obligation")
		}
	}
}
