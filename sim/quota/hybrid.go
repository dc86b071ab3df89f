package quota

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Totals is the usage source as a sweep reads it: what it can see by now of
// the usage in [from, to), as the sum of what was added and the sum of what
// was corrected, neither negative.
type Totals interface {
	Totals(ctx context.Context, account, from, to int64) (added, corrected int64, err error)
}

// sums is what a sweep knows of a period.
type sums struct {
	added, corrected int64 // at least this must be in the counter
	total            int64 // usage as the source sees it
}

// Hybrid is an Inline with a safety net: a sweep every so often that compares
// each counter with the usage source. Both claim by the same insert-if-absent
// before they put anything into the outbox, so what one has found the other
// does not send again.
//
// The sweep claims what the source's total makes due, whatever became of the
// counter, and sets right a counter that is behind the source: usage whose
// call failed for good, or state that Redis lost. What it cannot bring back is
// a threshold that was passed and, by a correction, fallen short of again
// between two sweeps, if the counter was lost in the same time.
type Hybrid struct {
	*Inline
	accounts interface{ IDs() []int64 }
	totals   Totals
	every    int64
	lag      int64
	settle   int64

	sweeping sync.Mutex
	swept    int64 // start of the last sweep that reached all accounts
	began    bool
}

// HybridConfig is what a Hybrid is built from.
type HybridConfig struct {
	InlineConfig                            // Slack 0: two days, or twice Every, Lag and Settle together
	Accounts     interface{ IDs() []int64 } // whom to sweep
	Totals       Totals
	Every        int64 // between the starts of sweeps
	// Lag is how long usage takes until the source shows it. For so long a
	// closed period is swept again, and for half of Slack at least, so that
	// what a shard loses before it was delivered comes again.
	Lag int64
	// Settle is how long after its instant a usage may still be under way,
	// retries included; 0: a minute. The counter is compared with the usage
	// before that. If usage arrives later still, it may count twice.
	Settle int64
}

// NewHybrid checks a configuration.
func NewHybrid(c HybridConfig) (*Hybrid, error) {
	if c.Settle == 0 {
		c.Settle = 60 * second
	}
	least := c.Every + c.Lag + c.Settle
	if c.Slack == 0 {
		c.Slack = max(defaultSlack, 2*least)
	}
	in, err := NewInline(c.InlineConfig)
	switch {
	case err != nil:
		return nil, err
	case c.Accounts == nil || c.Totals == nil:
		return nil, errors.New("hybrid: expected Accounts and Totals, found nil")
	case c.Every < 1 || c.Lag < 0 || c.Settle < 0:
		return nil, fmt.Errorf("hybrid: expected an interval of at least 1 ns, lag and settle of at least 0, found %d, %d and %d", c.Every, c.Lag, c.Settle)
	case c.Slack < least:
		return nil, fmt.Errorf("hybrid: claims must outlive the last sweep of their period: expected a slack of at least interval, lag and settle together, %d, found %d", least, c.Slack)
	}
	return &Hybrid{Inline: in, accounts: c.Accounts, totals: c.Totals, every: c.Every, lag: c.Lag, settle: c.Settle}, nil
}

// Interval returns the time between the starts of sweeps.
func (h *Hybrid) Interval() time.Duration { return time.Duration(h.every) }

// Poll sweeps all accounts, but those that count a rolling window, and also
// the periods that ended since the last sweep or shortly before. The error
// tells every account that was not reached; the next sweep then reaches
// further back. (If that is beyond Slack after a period, its claims are gone,
// and its notices come again, with the Claim that their receiver knows.) A sweep while another is going on waits for nothing and does
// nothing.
func (h *Hybrid) Poll(ctx context.Context) error {
	if !h.sweeping.TryLock() {
		return nil
	}
	defer h.sweeping.Unlock()
	now := h.clock.Now()
	if !h.began {
		h.swept, h.began = now-h.every, true
	}
	accounts := h.accounts.IDs()
	b := newBatch(h.Inline, itemSweep, len(accounts))
	var errs []error
	for _, account := range accounts {
		if err := h.sweep(ctx, b, account, now); err != nil && !errors.Is(err, ErrRolling) {
			errs = append(errs, err)
		}
	}
	errs = append(errs, b.send(ctx))
	err := errors.Join(errs...)
	if err == nil {
		h.swept = now
	}
	return err
}

// sweep puts an account's periods since the last sweep into the batch.
func (h *Hybrid) sweep(ctx context.Context, b *batch, account, now int64) error {
	c, err := h.contracts(account)
	if err != nil {
		return &AccountError{account, err}
	}
	for t := h.swept - max(h.lag, h.slack/2); ; {
		p, err := h.periodOf(c, account, t, now)
		if err != nil {
			return err
		}
		gone := p.end <= h.swept && p.end+h.slack-h.settle <= now // its claims are gone, or soon
		if p.start <= now && !gone {
			if err := h.compare(ctx, b, p, now); err != nil {
				return err
			}
		}
		if t = max(p.end, t+1); t > now {
			return nil
		}
	}
}

// compare asks the source for a period, up to where all calls must be through
// and from there on.
func (h *Hybrid) compare(ctx context.Context, b *batch, p period, now int64) error {
	end := min(now+1, p.end)
	cut := min(max(now-h.settle, p.start), end)
	added, corrected, err := h.totals.Totals(ctx, p.account, p.start, cut)
	if err != nil {
		return &AccountError{p.account, fmt.Errorf("reading usage: %w", err)}
	}
	late, lateCorrected, err := h.totals.Totals(ctx, p.account, cut, end)
	if err != nil {
		return &AccountError{p.account, fmt.Errorf("reading usage: %w", err)}
	}
	if added|corrected|late|lateCorrected == 0 {
		return nil
	}
	s := sums{added, corrected, added - corrected + late - lateCorrected}
	return b.item(item{period: p, at: min(now, p.end-1), source: s})
}
