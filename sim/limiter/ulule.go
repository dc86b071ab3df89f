package limiter

import (
	"context"
	"sync"
	"time"

	"github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/store/redis"

	"github.com/quotalab/quotalab/results/record"
)

// ulule is github.com/ulule/limiter/v3 on its Redis store, unmodified: a
// counter with a deadline, in one script. What is denied counts too, which
// matters where requests cost differently. It loads its scripts when it is
// made, on a Ring into one shard at random, and again whenever one is missing.
var ulule = Kind{
	About:     "ulule/limiter v3 on its Redis store: a fixed window from the first hit, in one script",
	Algorithm: "fixed_window_first_hit", Resolution: time.Millisecond, ServerTime: true,
	New: func(env Env) (Limiter, error) {
		return &ululeLimiter{env: env, table: env.Spec.Table()}, nil
	},
}

// ululePrefix is that of the store's keys.
const ululePrefix = "ulule"

type ululeLimiter struct {
	env   Env
	table *record.LimitTable

	mu    sync.Mutex
	store limiter.Store // nil until the first request, since it calls Redis when it is made
}

// opened returns the store. Who comes while another request makes it makes one
// too, rather than wait for a lock, which virtual time cannot do. ulule itself
// holds one while it loads its scripts again, so that requests which overlap
// then are given up in virtual time.
func (u *ululeLimiter) opened() (limiter.Store, error) {
	u.mu.Lock()
	store := u.store
	u.mu.Unlock()
	if store != nil {
		return store, nil
	}
	store, err := redis.NewStoreWithOptions(u.env.Redis, limiter.StoreOptions{Prefix: ululePrefix})
	if err != nil {
		return nil, err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.store = store
	return store, nil
}

// Take counts the take's tokens. Its wait is unknown: ulule says only, by the
// wall clock, in which second the window ends.
func (u *ululeLimiter) Take(ctx context.Context, req Request) (Decision, error) {
	take, l, err := singleLimited(req, u.table)
	if err != nil {
		return Decision{}, err
	}
	key := wireKey(u.env.Spec, take)
	take.Wire = ululePrefix + ":" + key
	d := Decision{Takes: []Take{take}, Remaining: -1, RetryAfter: -1}
	store, err := u.opened()
	if err != nil {
		return d, err
	}
	rate := limiter.Rate{Period: l.Period, Limit: l.Count}
	var found limiter.Context
	if take.Mode == record.CheckMode {
		found, err = store.Peek(ctx, key, rate)
	} else {
		d.Takes[0].Mode = record.TakeMode
		found, err = store.Increment(ctx, key, take.Cost, rate)
	}
	if err != nil {
		return d, err
	}
	d.Remaining = found.Remaining
	d.Allowed = !found.Reached
	if take.Mode == record.CheckMode {
		d.Allowed = found.Remaining >= take.Cost
	}
	if d.Allowed {
		d.RetryAfter = 0
	}
	return d, nil
}
