package plan

import (
	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/sim/threshold"
)

// defaultFreeLimit is the limit of free plans that engines know of an account
// that never had one.
const defaultFreeLimit = 50_000

// Known is what engines know of an account at the start: its contract, and
// the cache where that is wrong.
func (a *Accounts) Known(acc Account) threshold.Account {
	g := acc.Group
	out := threshold.Account{ID: acc.ID, Free: g.Free, FreeLimit: defaultFreeLimit, Cached: true, Allowed: g.CachedLimit, Recent: g.CachedUsage,
		BillingStart: threshold.Unknown, BillingEnd: threshold.Unknown, Admins: g.Admins, Members: g.Members}
	if g.Free {
		out.FreeLimit = g.Limit
		return out
	}
	out.BillingStart = acc.Anchor
	_, out.BillingEnd = acc.Contract.PeriodAt(a.epoch)
	return out
}

// Change applies a change of the account's group to what engines know of it.
// Whether an engine also notices (see AccountChange.Bulk) is its own business.
func (acc Account) Change(known *threshold.Account, ch AccountChange) {
	now := acc.Contract.At(ch.At)
	known.Free = now.Kind == usage.Rolling
	if known.Free {
		known.FreeLimit = now.Limit
	}
	if ch.Limit > 0 {
		known.Allowed = ch.Limit
	}
	switch {
	case ch.Plan == ToFree:
		known.BillingStart, known.BillingEnd, known.Cancelled = threshold.Unknown, threshold.Unknown, false
	case ch.Plan == ToPaid:
		known.Cancelled = false
		fallthrough
	case ch.Restart:
		known.BillingStart, known.BillingEnd = now.PeriodAt(ch.At)
	}
	if ch.Cancel {
		known.Cancelled = true
	}
}
