package quota_test

import (
	"context"
	"testing"
	"time"

	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/quota"
)

const (
	second  = int64(time.Second)
	hour    = int64(time.Hour)
	day     = usage.Day
	quarter = 15 * 60 * second
)

// at is an instant by the calendar.
func at(year int, month time.Month, d, h int) int64 {
	return time.Date(year, month, d, h, 0, 0, 0, time.UTC).UnixNano()
}

// world is accounts, their usage and what an engine did.
type world struct {
	t        testing.TB
	now      int64
	accounts quota.Directory
	events   quota.Events
	view     quota.View
	post     quota.Post
	did      []record.Evaluation
}

func newWorld(t testing.TB) *world {
	w := &world{t: t}
	w.view = quota.View{Events: &w.events, Clock: w}
	w.post = quota.Post{Clock: w, Sleep: w.sleep}
	return w
}

func (w *world) Now() int64 { return w.now }

func (w *world) sleep(_ context.Context, d int64) error {
	w.now += d
	return nil
}

func (w *world) sink(e *record.Evaluation) { w.did = append(w.did, *e) }

// paid adds an account with a limit and a first billing day.
func (w *world) paid(id, limit, start int64) {
	w.accounts.Put(quota.Account{ID: id, Cached: true, Allowed: limit, FreeLimit: 50_000,
		BillingStart: start, BillingEnd: usage.AddMonths(start, 1), Admins: 1, Members: 1})
}

func (w *world) free(id, limit int64) {
	w.accounts.Put(quota.Account{ID: id, Free: true, FreeLimit: limit, Allowed: 50_000,
		BillingStart: quota.Unknown, BillingEnd: quota.Unknown, Admins: 1, Members: 1})
}

func (w *world) use(account, at, units int64) {
	w.events.Add(quota.Usage{Account: account, At: at, Units: units})
}

// linear spreads units evenly over hours.
func (w *world) linear(account, from, until, units int64) {
	n, before := (until-from)/hour, int64(0)
	for i := range n {
		sum := units * (i + 1) / n
		w.use(account, from+i*hour, sum-before)
		before = sum
	}
}

func (w *world) flagsmith(generation string) *quota.Flagsmith {
	w.t.Helper()
	f, err := quota.NewFlagsmith(quota.FlagsmithOptions{
		Generation: generation, Every: 12 * time.Hour, FlagFrom: quota.Unknown,
		Accounts: &w.accounts, Source: &w.view, Log: &quota.MemoryLog{}, Mailer: &w.post, Clock: w, Sink: w.sink,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

// poll runs an engine each 12 hours from an instant until another.
func (w *world) poll(p quota.Poller, from, until int64) {
	w.t.Helper()
	for t := from; t < until; t += p.Interval().Nanoseconds() {
		w.now = max(w.now, t)
		if err := p.Poll(context.Background()); err != nil {
			w.t.Fatal(err)
		}
	}
}

// sent lists the thresholds of an account's notices, in order.
func (w *world) sent(account int64) []int64 {
	var all []int64
	for _, e := range w.did {
		if e.Account == account && e.Outcome == record.SentNotice {
			all = append(all, e.Threshold)
		}
	}
	return all
}
