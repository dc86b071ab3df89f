package threshold

import (
	"github.com/quotalab/quotalab/models/usage"
)

// window is rule 2: what usage counts at an instant, and against which limit.
type window struct {
	start   int64
	limit   int64
	days    int64 // whole days since start, without its whole months
	rolling bool
}

// rolls tells whether an account counts the last 30 days.
func (r Rule) rolls(a Account) bool {
	return r.Has(FreeRolls) && a.Free || r.Has(CancelledRolls) && a.Cancelled
}

// rollingWindow of an account.
func rollingWindow(a Account, now int64) window {
	return window{start: now - usage.Window, limit: a.FreeLimit, days: usage.Window / usage.Day, rolling: true}
}

// periodWindow of an account whose billing start is known. Before
// YearsCounted the months since then are taken without their years, so that in
// the second year of a term the period starts a year early or more.
func (r Rule) periodWindow(a Account, now int64) window {
	m := usage.MonthsBetween(now, a.BillingStart)
	if !r.Has(YearsCounted) {
		m %= 12 // towards zero, as m is
	}
	start := usage.AddMonths(a.BillingStart, m)
	rest := now - usage.AddMonths(start, usage.MonthsBetween(now, start))
	return window{start: start, limit: a.Allowed, days: rest / usage.Day}
}

// readFrom is the start of the range that is read (rule 3). Before ExactStart
// it is as many whole days ago as the period is old, so it misses up to a day,
// and whole months once the period is older than that.
func (r Rule) readFrom(w window, now int64) int64 {
	if r.Has(ExactStart) {
		return w.start
	}
	return now - w.days*usage.Day
}
