package limiter

import (
	"context"
	"strconv"
	"time"

	"github.com/go-redis/redis_rate/v10"

	"github.com/quotalab/quotalab/results/record"
)

// redisRate is github.com/go-redis/redis_rate/v10, unmodified: GCRA in one
// Lua script by Redis' TIME. It computes in float64 seconds since 2017, in
// which adding an emission interval rounds to 2⁻²⁵ s; a few hundred such
// steps in a row stay below its Resolution.
var redisRate = Kind{
	About:      "go-redis/redis_rate v10: GCRA in one Lua script",
	Algorithm:  "gcra_float",
	Resolution: 10 * time.Microsecond,
	ServerTime: true,
	TAT:        redisRateTAT,
	OneKey:     redisRateKey,
	ScriptCalls: func(_ map[string]string, t record.Take, allowed bool) []string {
		if t.Mode == record.CheckMode || t.Cost == 0 {
			return nil // it writes back a TAT that is not in the past, which its answer does not tell
		}
		return scriptCalls(allowed)
	},
	New: func(env Env) (Limiter, error) {
		return &redisRateLimiter{limiter: redis_rate.NewLimiter(env.Redis), spec: env.Spec, table: env.Spec.Table()}, nil
	},
}

// redisRateKey is where redis_rate keeps the TAT of a take.
func redisRateKey(spec record.Limiter, t Take) string { return "rate:" + wireKey(spec, t) }

type redisRateLimiter struct {
	limiter *redis_rate.Limiter
	spec    record.Limiter
	table   *record.LimitTable
}

// Take asks for the take's tokens. Checking asks for none and looks at what
// remains; redis_rate cannot spend without checking, so spending is taking.
func (r *redisRateLimiter) Take(ctx context.Context, req Request) (Decision, error) {
	t, l, err := singleLimited(req, r.table)
	if err != nil {
		return Decision{}, err
	}
	key := wireKey(r.spec, t)
	t.Wire = redisRateKey(r.spec, t)
	n := int(t.Cost)
	if t.Mode == record.CheckMode {
		n = 0
	} else {
		t.Mode = record.TakeMode
	}
	res, err := r.limiter.AllowN(ctx, key, redis_rate.Limit{Rate: int(l.Count), Period: l.Period, Burst: int(l.Burst)}, n)
	d := Decision{Takes: []Take{t}, Remaining: -1, RetryAfter: -1}
	if err != nil {
		return d, err
	}
	d.Remaining = int64(res.Remaining)
	if t.Mode == record.CheckMode {
		d.Allowed = d.Remaining >= t.Cost
		return d, nil
	}
	d.Allowed = res.Allowed >= n
	d.RetryAfter = max(res.RetryAfter, -1)
	switch {
	case d.Allowed:
		d.RetryAfter = 0
	case t.Cost > l.Burst:
		d.RetryAfter = -1 // never, which redis_rate does not say
	}
	return d, nil
}

// redisRateEpoch is where redis_rate's seconds begin.
var redisRateEpoch = time.Date(2017, 1, 1, 0, 0, 0, 0, time.UTC)

func redisRateTAT(value string) (time.Time, bool) {
	s, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return time.Time{}, false
	}
	return redisRateEpoch.Add(time.Duration(s * float64(time.Second))), true
}
