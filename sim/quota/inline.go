package quota

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/models/usage"
)

// ErrRolling is the error of an account that counts a rolling window, which
// inline does not do.
var ErrRolling = errors.New("a rolling window: inline counts billing periods and calendar months only, use catch_up")

// AccountError is an error at one account.
type AccountError struct {
	Account int64
	Err     error
}

// Error begins with the account.
func (e *AccountError) Error() string { return fmt.Sprintf("account %d: %v", e.Account, e.Err) }

// Unwrap returns what went wrong.
func (e *AccountError) Unwrap() error { return e.Err }

// Inline finds a crossing where usage is counted: one Lua call adds the units
// and, if that passed a threshold, puts a Due into the outbox of the account's
// partition, from which a Deliverer takes it. It keeps nothing in memory that
// it needs, so any number of processes can share one Redis.
//
// With before = after − n, threshold T of limit L is passed if before < need ≤
// after, where need = ⌈T·L/100⌉. Increments alone pass it once; a correction
// lets them pass it again, and a limit change makes it true without any, so
// what is due is claimed by insert-if-absent on (account, period, T), and all
// thresholds are looked at whenever the limit is not the one that they were
// last looked at with. A call with a Token counts once, however often it is
// retried within TokenTTL.
//
// It counts billing periods and calendar months, not rolling windows: there
// usage falls while nobody calls, so where an excursion ends, which decides
// whether the next crossing is a new one, would need each event's own instant.
// Buckets of a day would be wrong by a day's usage at the window's edge. Such
// accounts are ErrRolling, for a polling engine.
//
// What Redis loses it cannot know: a counter that an eviction, a restart
// without persistence or a failover set back is reported where it shows (see
// Finding), and repaired by a Hybrid only.
type Inline struct {
	redis      redis.UniversalClient
	clock      Clock
	contracts  func(int64) (usage.Contract, error)
	thresholds []int64
	outboxes   Outboxes
	slack      int64
	tokenTTL   int64
	total      func(account, start int64) (int64, bool)
	report     func(Finding)
	hint       func(partition int)

	mu   sync.Mutex
	seen map[int64]int64 // account → latest period that has a counter
}

// InlineConfig is what an Inline is built from.
type InlineConfig struct {
	Redis redis.UniversalClient
	Clock Clock
	// Contracts tells an account's limits and periods, as far as this process
	// knows. A limit change that another process announced with SetLimit
	// holds although the contract here is older.
	Contracts  func(account int64) (usage.Contract, error)
	Thresholds []int64 // percent, ascending
	Outboxes   Outboxes
	// Slack is how long counters and claims outlive their period, for late
	// usage; 0: two days. TokenTTL is for how long a retried call is known;
	// 0: an hour.
	Slack, TokenTTL int64
	// Total tells at least how much of a period the caller knows to be
	// counted, corrections included, before it makes a call; nil: it keeps no
	// total. A counter below it is a Finding.
	Total func(account, start int64) (units int64, ok bool)
	// Report gets findings, also from several goroutines at once; nil drops
	// them.
	Report func(Finding)
	// Hint is told that an outbox has got something, so that a Deliverer need
	// not wait for its next round; nil: it waits.
	Hint func(partition int)
}

const defaultSlack = 2 * usage.Day

// NewInline checks a configuration.
func NewInline(c InlineConfig) (*Inline, error) {
	switch {
	case c.Redis == nil || c.Clock == nil || c.Contracts == nil:
		return nil, errors.New("inline: expected Redis, Clock and Contracts, found nil")
	case len(c.Thresholds) == 0 || c.Thresholds[0] < 1 || !slices.IsSorted(c.Thresholds):
		return nil, fmt.Errorf("inline: expected thresholds from 1 on in ascending order, found %v", c.Thresholds)
	case c.Slack < 0 || c.TokenTTL < 0:
		return nil, fmt.Errorf("inline: expected slack and time to live of at least 0, found %d and %d", c.Slack, c.TokenTTL)
	}
	o, err := c.Outboxes.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("inline: %w", err)
	}
	in := &Inline{redis: c.Redis, clock: c.Clock, contracts: c.Contracts, thresholds: slices.Clone(c.Thresholds), outboxes: o,
		slack: c.Slack, tokenTTL: c.TokenTTL, total: c.Total, report: c.Report, hint: c.Hint, seen: map[int64]int64{}}
	if in.slack == 0 {
		in.slack = defaultSlack
	}
	if in.tokenTTL == 0 {
		in.tokenTTL = 3600 * second
	}
	if in.report == nil {
		in.report = func(Finding) {}
	}
	if in.hint == nil {
		in.hint = func(int) {}
	}
	return in, nil
}

// Add counts usage and puts what it makes due into the outbox. An error that
// is an InDoubtError says that it may or may not have been counted.
func (in *Inline) Add(ctx context.Context, u Usage) error {
	return in.AddBatch(ctx, []Usage{u})
}

// AddBatch counts many usages with one call for each partition, in one
// pipeline. Units without a token that follow each other in one account and
// period, corrections apart, are added at once; what they make due still has
// the instant of the usage that did. Usage before the start of an account's
// first period is not counted.
//
// Usage that cannot be counted at all is an error, and the rest is counted.
func (in *Inline) AddBatch(ctx context.Context, us []Usage) error {
	return in.addBatch(ctx, us, nil)
}

func (in *Inline) addBatch(ctx context.Context, us []Usage, counted func(p period, after, limit int64)) error {
	b := newBatch(in, itemAdd, len(us))
	b.counted, b.added = counted, make([]*Usage, 0, len(us))
	var errs []error
	for i := range us {
		if err := b.add(&us[i]); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, b.send(ctx))...)
}

// SetLimit announces that an account's limit is limit from the instant at on,
// which must not be in the future: it holds as soon as it is announced.
// What a lower limit makes true is due at that instant, what was due already
// is not due again. Of two announcements the one of the later instant holds,
// in whatever order they arrive; of a period that ended before neither.
func (in *Inline) SetLimit(ctx context.Context, account, limit, at int64) error {
	c, err := in.contracts(account)
	if err != nil {
		return &AccountError{account, err}
	}
	b := newBatch(in, itemLimit, 1)
	if at < 0 || at > b.now {
		return &AccountError{account, fmt.Errorf("expected a limit change by now (%d), found one at %d", b.now, at)}
	}
	for t := at; ; {
		p, err := in.periodOf(c, account, t, at)
		if err != nil {
			return err
		}
		p.limit, p.since = limit, at
		if err := b.item(item{period: p, at: at}); err != nil {
			return err
		}
		if t = max(p.end, t+1); t > b.now {
			return b.send(ctx)
		}
	}
}

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
		return period{}, &AccountError{account, err}
	}
	s := c.At(t)
	if s.Kind == usage.Rolling {
		return period{}, &AccountError{account, ErrRolling}
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

// check checks that the script's arithmetic is exact for the highest threshold.
func (p period) check(threshold int64) error {
	if p.limit < 1 || p.limit > largestTotal/threshold {
		return &AccountError{p.account, fmt.Errorf("expected a limit of 1 to %d, found %d", largestTotal/threshold, p.limit)}
	}
	return nil
}
