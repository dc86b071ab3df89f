package threshold

import "context"

// RollingPeriod stands for the start of a period in the claims of accounts
// that count the last 30 days: they claim once for each excursion, and release
// when it ends.
const RollingPeriod = Unknown

// Claim is the right to send the one notice of an account, period and
// threshold.
type Claim struct {
	Account   int64
	Period    int64 // its start
	Threshold int64
}

// Claims remembers who holds which claim. Unlike a Log it is a lock: of
// several that claim the same, one wins.
type Claims interface {
	// Claim makes a claim, and returns false if it is held already.
	Claim(ctx context.Context, c Claim, at int64) (bool, error)
	// Held returns, for each threshold, since when its claim is held, or
	// Unknown if it is not.
	Held(ctx context.Context, account, period int64, thresholds []int64) ([]int64, error)
	// Release gives up a claim, held or not.
	Release(ctx context.Context, c Claim) error
}
