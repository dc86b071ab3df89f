package limiter

import (
	"context"
	"strings"
	"time"

	"github.com/throttled/throttled/v2"
	"github.com/throttled/throttled/v2/store/goredisstore.v9"

	"github.com/quotalab/quotalab/results/record"
)

// throttledKind is github.com/throttled/throttled/v2 on its goredisstore.v9,
// unmodified: GCRA by Redis' TIME, which it reads in one pipeline with the
// bucket, so that on a Ring it comes from the shard that owns the key "time".
// It writes a new bucket with SETNX and then EXPIRE, and an old one by
// compare-and-swap in a script, up to ten times.
var throttledKind = Kind{
	About:     "throttled/throttled v2 on goredisstore.v9: GCRA by compare-and-swap",
	Algorithm: "gcra", Resolution: time.Microsecond, TAT: unixNanoTAT,
	New: newThrottled,
}

// throttledPrefix is that of the store's keys.
const throttledPrefix = "throttled:"

// throttledGivesUp is in the text of the error, which throttled does not export,
// of a decision that lost every attempt at compare-and-swap.
const throttledGivesUp = "Failed to store updated rate limit data"

type throttledLimiter struct {
	limiters map[record.Limit]*throttled.GCRARateLimiterCtx
	spec     record.Limiter
	table    *record.LimitTable
}

func newThrottled(env Env) (Limiter, error) {
	store, err := goredisstore.NewCtx(env.Redis, throttledPrefix)
	if err != nil {
		return nil, err
	}
	t := &throttledLimiter{map[record.Limit]*throttled.GCRARateLimiterCtx{}, env.Spec, env.Spec.Table()}
	for _, l := range append(env.Spec.Limits[:len(env.Spec.Limits):len(env.Spec.Limits)], env.Spec.Overrides...) {
		quota := throttled.RateQuota{MaxRate: throttled.PerDuration(int(l.Count), l.Period), MaxBurst: int(l.Burst) - 1}
		if t.limiters[l], err = throttled.NewGCRARateLimiterCtx(store, quota); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Take asks for the take's tokens. Checking asks for none and looks at what
// remains; throttled cannot spend without checking, so spending is taking.
func (t *throttledLimiter) Take(ctx context.Context, req Request) (Decision, error) {
	take, l, err := singleLimited(req, t.table)
	if err != nil {
		return Decision{}, err
	}
	key := wireKey(t.spec, take)
	take.Wire = throttledPrefix + key
	n := int(min(take.Cost, l.Burst+1)) // more can never be had either, and may not fit 64 bits
	if take.Mode == record.CheckMode {
		n = 0
	} else {
		take.Mode = record.TakeMode
	}
	limited, result, err := t.limiters[l].RateLimitCtx(ctx, key, n)
	d := Decision{Takes: []Take{take}, Remaining: -1, RetryAfter: -1}
	switch {
	case err != nil && strings.HasPrefix(err.Error(), throttledGivesUp):
		return d, &Failure{Kind: "contention", Text: err.Error()}
	case err != nil:
		return d, err
	}
	d.Remaining = int64(result.Remaining)
	d.Allowed = !limited
	if take.Mode == record.CheckMode {
		d.Allowed = d.Remaining >= take.Cost
	} else if limited {
		d.RetryAfter = result.RetryAfter
	}
	if d.Allowed {
		d.RetryAfter = 0
	}
	return d, nil
}
