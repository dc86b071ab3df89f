package threshold

import (
	"fmt"

	"github.com/quotalab/quotalab/models/usage"
)

// period is the billing period of an account with the limit that this process
// knows for it.
type period struct {
	account    int64
	start, end int64
	limit      int64
	since      int64 // when that limit began
}

// periodOf is the period that an account counts at t, with the limit that
// holds in it at now, or at its end if that is earlier. A contract that changes
// the period counted ends the one before.
func (in *Inline) periodOf(c usage.Contract, account, t, now int64) (period, error) {
	if err := c.Check(); err != nil {
		return period{}, fmt.Errorf("account %d: %w", account, err)
	}
	s := c.At(t)
	if s.Kind == usage.Rolling {
		return period{}, fmt.Errorf("account %d at %d: %w: inline counts billing periods and calendar months only, use catch_up", account, t, ErrRolling)
	}
	p := period{account: account, limit: s.Limit, since: s.From}
	p.start, p.end = s.PeriodAt(t)
	for _, later := range c {
		if later.From <= t || later.From >= p.end {
			continue
		}
		if start, _ := later.PeriodAt(later.From); later.Kind != s.Kind || start != p.start {
			p.end = later.From // another period begins
			break
		}
		if later.From <= now {
			p.limit, p.since = later.Limit, later.From
		}
	}
	return p, p.check(in.thresholds[len(in.thresholds)-1])
}

// check that the script's arithmetic is exact for the highest threshold.
func (p period) check(threshold int64) error {
	if p.limit < 1 || p.limit > largestTotal/threshold {
		return fmt.Errorf("account %d: expected a limit of 1 to %d, found %d", p.account, largestTotal/threshold, p.limit)
	}
	return nil
}
