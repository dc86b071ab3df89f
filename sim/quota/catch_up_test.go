package quota_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/quota"
)

var percents = []int64{75, 90, 100, 120, 200, 300, 400, 500}

func (w *world) catchUpOptions() quota.CatchUpOptions {
	return quota.CatchUpOptions{Every: 12 * time.Hour, Lag: w.view.Lag, EndStamps: w.view.Downsample,
		Accounts: &w.accounts, Source: &w.view, Claims: &quota.MemoryClaims{}, Mailer: &w.post, Clock: w, Sink: w.sink}
}

func (w *world) catchUp(o quota.CatchUpOptions) *quota.CatchUp {
	c, err := quota.NewCatchUp(o)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// step is something that happens to an account.
type step struct {
	at int64
	do func()
}

// history plays an account's changes between the runs of an engine, and
// returns its contract.
type history struct {
	w        *world
	c        *quota.CatchUp
	contract usage.Contract
}

func (h *history) change(at int64, set func(a *quota.Account)) step {
	return step{at, func() {
		before, _ := h.w.accounts.Account(1)
		after := before
		set(&after)
		h.w.accounts.Put(after)
		h.c.Changed(before, after)
		h.contract = append(h.contract, segment(after, at))
	}}
}

func segment(a quota.Account, from int64) usage.Segment {
	s := usage.Segment{From: from, Kind: usage.Period, Anchor: a.BillingStart, Limit: a.Allowed}
	if a.Free {
		s.Kind, s.Anchor, s.Limit = usage.Rolling, 0, a.FreeLimit
	}
	return s
}

// play runs the engine and the steps in order; at equal times steps first.
func (h *history) play(t *rapid.T, from, until int64, steps []step) {
	slices.SortStableFunc(steps, func(a, b step) int { return int(a.at/second - b.at/second) })
	for now := from; now <= until; now += h.c.Interval().Nanoseconds() {
		for len(steps) > 0 && steps[0].at <= now {
			h.w.now = steps[0].at
			steps[0].do()
			steps = steps[1:]
		}
		h.w.now = now
		if err := h.c.Poll(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}

// Every obligation of a billing period is met by one notice, within the time
// between two runs and the lag; there are no other notices. Usage only grows
// here: a crossing that a correction undoes before the next run is not seen.
func TestCatchUpMeetsEveryObligation(t *testing.T) {
	start := at(2025, 1, 31, 0)
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(nil)
		w.view.Downsample = rapid.Bool().Draw(t, "downsample")
		w.view.Lag = quarter * rapid.Int64Range(0, 60).Draw(t, "lag")
		limit := rapid.SampledFrom([]int64{0, 7, 100, 1000}).Draw(t, "limit")
		w.paid(1, limit, start)
		h := &history{w: w, c: w.catchUp(w.catchUpOptions())}
		a, _ := w.accounts.Account(1)
		h.contract = usage.Contract{segment(a, usage.Beginning)}
		when := rapid.Custom(func(t *rapid.T) int64 {
			return start + quarter*rapid.Int64Range(0, 75*96).Draw(t, "quarter")
		})
		var events []usage.Event
		for range rapid.IntRange(0, 40).Draw(t, "events") {
			e := usage.Event{At: when.Draw(t, "at"), Units: rapid.Int64Range(0, 300).Draw(t, "units")}
			events = append(events, e)
			w.use(1, e.At, e.Units)
		}
		var steps []step
		for range rapid.IntRange(0, 2).Draw(t, "limit changes") {
			limit := rapid.Int64Range(1, 2000).Draw(t, "new limit")
			steps = append(steps, h.change(when.Draw(t, "change"), func(a *quota.Account) { a.Allowed = limit }))
		}
		end := start + 80*day
		h.play(t, start+600*second, end, steps)
		for i := range h.contract {
			if h.contract[i].Limit == 0 {
				h.contract[i].Limit = 50_000
			}
		}
		slices.SortStableFunc(events, func(a, b usage.Event) int { return int(a.At/second - b.At/second) })
		checkNotices(t, w, usage.Obligations(events, h.contract, percents, end), end, 12*hour+w.view.Lag+quarter)
	})
}

// checkNotices pairs notices with obligations.
func checkNotices(t *rapid.T, w *world, due []usage.Obligation, end, bound int64) {
	open := map[[2]int64]int64{} // period and threshold → crossing
	for _, o := range due {
		open[[2]int64{o.Start, o.Threshold}] = o.Crossing
	}
	for _, e := range w.did {
		if e.Outcome == record.EvaluationErr {
			t.Fatalf("evaluation failed: %s", e.Error)
		}
		if e.Outcome != record.SentNotice {
			continue
		}
		key := [2]int64{e.PeriodAt, e.Threshold}
		crossing, ok := open[key]
		if !ok || crossing > e.Judged() {
			t.Fatalf("notice of %d %% at %d about the period from %d (as of %d): duplicate or spurious", e.Threshold, e.SentAt, e.PeriodAt, e.Judged())
		}
		if delay := e.SentAt - crossing; delay > bound {
			t.Fatalf("%d %% sent %d s after its crossing, bound %d s", e.Threshold, delay/second, bound/second)
		}
		delete(open, key)
	}
	for key, crossing := range open {
		if crossing+bound < end {
			t.Fatalf("%d %% of the period from %d, reached at %d, was missed", key[1], key[0], crossing)
		}
	}
}

// An excursion that a run sees begin and end is met by one notice, and no
// notice is about anything else.
func TestCatchUpRollingWindow(t *testing.T) {
	start := at(2025, 1, 31, 0)
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(nil)
		w.free(1, 1000)
		h := &history{w: w, c: w.catchUp(w.catchUpOptions())}
		var events []usage.Event
		for range rapid.IntRange(0, 30).Draw(t, "events") {
			e := usage.Event{At: start + hour*rapid.Int64Range(0, 100*24).Draw(t, "hour"), Units: rapid.Int64Range(-200, 400).Draw(t, "units")}
			events = append(events, e)
			w.use(1, e.At, e.Units)
		}
		end := start + 120*day
		h.play(t, start+600*second, end, nil)
		slices.SortStableFunc(events, func(a, b usage.Event) int { return int(a.At/second - b.At/second) })
		contract := usage.Contract{{From: usage.Beginning, Kind: usage.Rolling, Limit: 1000}}
		due := usage.Obligations(events, contract, percents, end)
		met := make([]int, len(due))
		for _, e := range w.did {
			if e.Outcome != record.SentNotice {
				continue
			}
			i := slices.IndexFunc(due, func(o usage.Obligation) bool {
				return o.Threshold == e.Threshold && o.Crossing <= e.At && e.At < o.End
			})
			if i < 0 || met[i] > 0 {
				t.Fatalf("notice of %d %% at %d: duplicate or spurious", e.Threshold, e.SentAt)
			}
			met[i]++
		}
		for i, o := range due {
			if met[i] == 0 && seen(w, o) && !hidden(w, due, i) {
				t.Fatalf("%d %% from %d to %d was missed", o.Threshold, o.Crossing, o.End)
			}
		}
	})
}

// seen tells whether some run found the threshold reached.
func seen(w *world, o usage.Obligation) bool {
	return slices.ContainsFunc(w.did, func(e record.Evaluation) bool {
		return o.Crossing <= e.At && e.At < o.End && e.Percent >= o.Threshold
	})
}

// hidden tells whether no run saw that the excursion before this one had
// ended.
func hidden(w *world, due []usage.Obligation, i int) bool {
	before := int64(usage.Beginning)
	for _, o := range due {
		if o.Threshold == due[i].Threshold && o.End <= due[i].Crossing {
			before = max(before, o.End)
		}
	}
	return before != usage.Beginning && !slices.ContainsFunc(w.did, func(e record.Evaluation) bool {
		return before <= e.At && e.At < due[i].Crossing && e.Percent < due[i].Threshold-usage.Hysteresis
	})
}

func TestCatchUpPlanChanges(t *testing.T) {
	start := at(2025, 3, 1, 0)
	tests := []struct {
		name string
		use  map[int64]int64 // day → units, limit 1000
		set  func(a *quota.Account)
		want []int64
	}{
		{"raised before any run saw the crossing", map[int64]int64{10: 800}, func(a *quota.Account) { a.Allowed = 10_000 }, []int64{75}},
		{"lowered", map[int64]int64{10: 400}, func(a *quota.Account) { a.Allowed = 500 }, []int64{75}},
		{"lowered, already told", map[int64]int64{2: 800}, func(a *quota.Account) { a.Allowed = 900 }, []int64{75}},
		{"a new term begins at zero", map[int64]int64{2: 800, 12: 800}, func(a *quota.Account) { a.BillingStart = start + 10*day + 2*hour }, []int64{75, 75}},
		{"to a free plan, whose window is its own", map[int64]int64{2: 800}, func(a *quota.Account) { a.Free, a.FreeLimit = true, 1000 }, []int64{75, 75}},
		{"no limit is the default one", map[int64]int64{2: 800}, func(a *quota.Account) { a.Allowed = 0 }, []int64{75}},
	}
	for _, tt := range tests {
		for _, announced := range []bool{true, false} {
			if !announced && tt.name == "raised before any run saw the crossing" {
				continue // nobody can know
			}
			w := newWorld(t)
			w.paid(1, 1000, start)
			for d, units := range tt.use {
				w.use(1, start+d*day+hour, units)
			}
			c := w.catchUp(w.catchUpOptions())
			w.poll(c, start, start+10*day+2*hour)
			w.now = start + 10*day + 2*hour
			before, _ := w.accounts.Account(1)
			after := before
			tt.set(&after)
			w.accounts.Put(after)
			if announced {
				c.Changed(before, after)
			}
			w.poll(c, start+10*day+12*hour, start+20*day)
			if diff := cmp.Diff(tt.want, w.sent(1)); diff != "" {
				t.Errorf("%s, announced %v (−want +got):\n%s", tt.name, announced, diff)
			}
		}
	}
}

// A window that a billing period replaces takes its excursions with it: back
// on the free plan the same threshold is a new one.
func TestCatchUpForgetsExcursionsOfAnEndedWindow(t *testing.T) {
	start := at(2025, 3, 1, 0)
	for _, lag := range []int64{0, 30 * hour} {
		w := newWorld(t)
		w.view.Lag = lag
		w.free(1, 1000)
		w.use(1, start, 800)
		c := w.catchUp(w.catchUpOptions())
		for i, free := range []bool{true, false, true} {
			a, _ := w.accounts.Account(1)
			a.Free, a.Cached, a.Allowed, a.BillingStart = free, true, 1000, start+5*day
			w.accounts.Put(a)
			w.poll(c, start+int64(1+5*i)*day, start+int64(6+5*i)*day)
		}
		if diff := cmp.Diff([]int64{75, 75}, w.sent(1)); diff != "" {
			t.Errorf("lag %d h: thresholds sent (−want +got):\n%s", lag/hour, diff)
		}
	}
}

func TestCatchUpSendsAgainAfterAMailOutage(t *testing.T) {
	start := at(2025, 3, 1, 0)
	w := newWorld(t)
	w.paid(1, 1000, start)
	w.use(1, start+hour, 950)
	w.post.Down = quota.Spans{{From: start, To: start + 30*hour}}
	w.poll(w.catchUp(w.catchUpOptions()), start, start+10*day)
	var got []bool
	for _, e := range w.did {
		if e.Outcome == record.SentNotice && e.Threshold == 90 {
			got = append(got, e.Delivered)
		}
	}
	if diff := cmp.Diff([]bool{false, false, true}, got); diff != "" {
		t.Errorf("notices of 90 %% delivered (−want +got):\n%s", diff)
	}
}

func TestCatchUpReadsAgainAfterAnOutage(t *testing.T) {
	start := at(2025, 3, 1, 0)
	w := newWorld(t)
	w.paid(1, 1000, start)
	w.use(1, at(2025, 3, 31, 23), 800) // in the last hour of the period
	o := w.catchUpOptions()
	april := at(2025, 4, 1, 0)
	o.Source = &quota.Unreliable{UsageSource: &w.view, Clock: w, Says: true, Down: quota.Spans{{From: april, To: april + 20*hour}}}
	w.poll(w.catchUp(o), start, april+5*day)
	if diff := cmp.Diff([]int64{75}, w.sent(1)); diff != "" {
		t.Errorf("thresholds sent (−want +got):\n%s", diff)
	}
	last := w.did[slices.IndexFunc(w.did, func(e record.Evaluation) bool { return e.Outcome == record.SentNotice })]
	if last.PeriodAt != start || last.AsOf != april-1 || last.SentAt != april+24*hour {
		t.Errorf("sent at %d about the period from %d as of %d", last.SentAt, last.PeriodAt, last.AsOf)
	}
}

// failing Mailer and Claims, for one account.
type failing struct {
	quota.Claims
	err error
}

func (f failing) Send(context.Context, quota.Notice) (bool, error) { return false, f.err }

func (f failing) Held(ctx context.Context, account, period int64, thresholds []int64) ([]int64, error) {
	if account == 1 {
		return nil, f.err
	}
	return f.Claims.Held(ctx, account, period, thresholds)
}

func TestCatchUpErrorsConcernOneAccount(t *testing.T) {
	start := at(2025, 3, 1, 0)
	w := newWorld(t)
	w.paid(1, 1000, start)
	w.paid(2, 1000, start)
	w.use(1, start, 800)
	w.use(2, start, 800)
	o := w.catchUpOptions()
	broken := errors.New("broken")
	o.Claims = failing{o.Claims, broken}
	c := w.catchUp(o)
	w.poll(c, start+hour, start+2*hour)
	if w.did[0].Outcome != record.EvaluationErr || w.did[0].Error != "broken" || w.did[1].Outcome != record.SentNotice {
		t.Errorf("outcomes %s (%s), %s", w.did[0].Outcome, w.did[0].Error, w.did[1].Outcome)
	}
	// A notice that could not be handed over is not claimed.
	claims := &quota.MemoryClaims{}
	o.Claims, o.Mailer = claims, failing{err: broken}
	if err := w.catchUp(o).Evaluate(context.Background(), 0, 2); !errors.Is(err, broken) {
		t.Errorf("error %v, want that of the mailer", err)
	}
	if held, err := claims.Held(context.Background(), 2, start, []int64{75}); err != nil || held[0] != quota.Unknown {
		t.Errorf("claim held since %v, %v, want none", held, err)
	}
}

func TestCatchUpOptionsAreChecked(t *testing.T) {
	w := newWorld(t)
	for name, spoil := range map[string]func(*quota.CatchUpOptions){
		"no claims":            func(o *quota.CatchUpOptions) { o.Claims = nil },
		"a source by days":     func(o *quota.CatchUpOptions) { o.Source = &quota.View{Of: quota.Postgres} },
		"threshold of nothing": func(o *quota.CatchUpOptions) { o.Thresholds = []int64{0, 75} },
	} {
		o := w.catchUpOptions()
		spoil(&o)
		if _, err := quota.NewCatchUp(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestBrokenForgetsOneInFifty(t *testing.T) {
	start := at(2025, 3, 1, 0)
	w := newWorld(t)
	for id := int64(1); id <= 200; id++ {
		w.paid(id, 1000, start)
		w.use(id, start, 800)
	}
	b, err := quota.NewBroken(w.catchUpOptions())
	if err != nil {
		t.Fatal(err)
	}
	w.poll(b, start+hour, start+2*day)
	var silent []int64
	for id := int64(1); id <= 200; id++ {
		if len(w.sent(id)) == 0 {
			silent = append(silent, id)
		}
	}
	if diff := cmp.Diff([]int64{1, 51, 101, 151}, silent); diff != "" {
		t.Errorf("accounts without a notice (−want +got):\n%s", diff)
	}
}
