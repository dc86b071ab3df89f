package quota

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"github.com/redis/go-redis/v9"
)

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

// MemoryClaims is Claims in memory. The zero value is empty. It may be used by
// several goroutines at once.
type MemoryClaims struct {
	mu   sync.Mutex
	held map[Claim]int64
}

// Claim makes a claim.
func (m *MemoryClaims) Claim(_ context.Context, c Claim, at int64) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.held[c]; ok {
		return false, nil
	}
	if m.held == nil {
		m.held = map[Claim]int64{}
	}
	m.held[c] = at
	return true, nil
}

// Held tells which claims are held.
func (m *MemoryClaims) Held(_ context.Context, account, period int64, thresholds []int64) ([]int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	since := make([]int64, len(thresholds))
	for i, t := range thresholds {
		since[i] = Unknown
		if at, ok := m.held[Claim{account, period, t}]; ok {
			since[i] = at
		}
	}
	return since, nil
}

// Release gives up a claim.
func (m *MemoryClaims) Release(_ context.Context, c Claim) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.held, c)
	return nil
}

// RedisClaims is Claims in Redis: one hash an account, with a field
// period/threshold and the instant of the claim for its value. Claiming is
// HSETNX, so of several clients one wins. Hashes are not made to expire: a
// claim must outlive its period, or the notice goes out again.
type RedisClaims struct {
	Redis  redis.UniversalClient
	Prefix string // of all keys
}

func (r *RedisClaims) key(account int64) string {
	return r.Prefix + "claims:" + strconv.FormatInt(account, 10)
}

func claimField(period, threshold int64) string {
	if period == RollingPeriod {
		return "rolling/" + strconv.FormatInt(threshold, 10)
	}
	return strconv.FormatInt(period, 10) + "/" + strconv.FormatInt(threshold, 10)
}

// Claim makes a claim. If the reply is lost it may be held nevertheless.
func (r *RedisClaims) Claim(ctx context.Context, c Claim, at int64) (bool, error) {
	won, err := r.Redis.HSetNX(ctx, r.key(c.Account), claimField(c.Period, c.Threshold), at).Result()
	if err != nil {
		return false, fmt.Errorf("claim threshold %d of account %d: %w", c.Threshold, c.Account, err)
	}
	return won, nil
}

// Held tells which claims are held, in one command.
func (r *RedisClaims) Held(ctx context.Context, account, period int64, thresholds []int64) ([]int64, error) {
	fields := make([]string, len(thresholds))
	for i, t := range thresholds {
		fields[i] = claimField(period, t)
	}
	values, err := r.Redis.HMGet(ctx, r.key(account), fields...).Result()
	if err != nil {
		return nil, fmt.Errorf("claims of account %d: %w", account, err)
	}
	since := make([]int64, len(thresholds))
	for i := range since {
		since[i] = Unknown
		if i >= len(values) || values[i] == nil {
			continue
		}
		text, ok := values[i].(string)
		if since[i], err = strconv.ParseInt(text, 10, 64); !ok || err != nil {
			return nil, fmt.Errorf("claims of account %d: field %s of %s: expected nanoseconds, found %v", account, fields[i], r.key(account), values[i])
		}
	}
	return since, nil
}

// Release gives up a claim.
func (r *RedisClaims) Release(ctx context.Context, c Claim) error {
	if err := r.Redis.HDel(ctx, r.key(c.Account), claimField(c.Period, c.Threshold)).Err(); err != nil {
		return fmt.Errorf("release threshold %d of account %d: %w", c.Threshold, c.Account, err)
	}
	return nil
}
