package limiter

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/results/record"
)

// The write strategies of tat, one for each generation of Boulder's limiter,
// and what an atomic one does.
const (
	writeSet   = "set"   // GET, then SET: loses concurrent spends
	writeIncr  = "incr"  // GET, then INCRBY, or SET when new: idle time becomes credit
	writeSetNX = "setnx" // SET NX when new and INCRBY on loss, INCRBY when live, SET when stale
	writeLua   = "lua"   // one script
)

// tat is our own GCRA on Redis. The stored value is the theoretical arrival
// time in Unix nanoseconds. Its arithmetic is not the oracle's, so that an
// error in one shows against the other.
var tat = Kind{
	About:     "our own GCRA on Redis, with the write strategy as an option",
	Algorithm: "gcra", Resolution: time.Microsecond, Batch: true, TAT: unixNanoTAT,
	Options: []Option{{
		Name: "write", Default: writeLua, Values: []string{writeSet, writeIncr, writeSetNX, writeLua},
		About: "set: GET, SET; incr: GET, INCRBY or SET when new; setnx: SET NX when new, INCRBY, SET when stale; lua: one script by Redis' TIME",
	}},
	CheckRequest: func(options map[string]string, takes []Take) error {
		if len(takes) > 1 && options["write"] == writeLua {
			return fmt.Errorf("write %s takes from one limit a request, found a batch of %d: a script reaches one shard only", writeLua, len(takes))
		}
		return nil
	},
	ScriptCalls: tatScriptCalls,
	New: func(env Env) (Limiter, error) {
		if env.Options["write"] == writeLua {
			return newTATScript(env), nil
		}
		return newTAT(env, env.Options["write"]), nil
	},
}

// ttlSlack keeps a bucket alive beyond its TAT, against clock skew, as
// Boulder does.
const ttlSlack = 10 * time.Minute

type tatLimiter struct {
	redis redis.UniversalClient
	clock Clock
	spec  record.Limiter
	table *record.LimitTable
	write string
}

func newTAT(env Env, write string) *tatLimiter {
	return &tatLimiter{redis: env.Redis, clock: env.Clock, spec: env.Spec, table: env.Spec.Table(), write: write}
}

// Take reads all buckets in one round trip, decides, and writes what an
// allowed request spends.
func (t *tatLimiter) Take(ctx context.Context, req Request) (Decision, error) {
	buckets, err := t.buckets(req)
	if err != nil {
		return Decision{}, err
	}
	d := Decision{Remaining: -1, RetryAfter: -1, Takes: takesOf(buckets)}
	if err := t.read(ctx, buckets); err != nil {
		return d, err
	}
	now := t.clock.Now().UnixNano()
	strictest := unlimited
	for i := range buckets {
		b := &buckets[i]
		b.decide(now)
		if b.take.Mode != record.SpendMode && b.verdict.stricter(strictest) {
			strictest = b.verdict
		}
	}
	if d.tell(strictest); !d.Allowed {
		return d, nil
	}
	return d, t.spend(ctx, buckets, now)
}

func (t *tatLimiter) buckets(req Request) ([]bucket, error) {
	buckets := make([]bucket, len(req.Takes))
	for i, take := range req.Takes {
		l, err := limitOf(t.table, take)
		if err != nil {
			return nil, err
		}
		take.Wire = "tat:" + wireKey(t.spec, take)
		interval := int64(l.Period) / l.Count
		buckets[i] = bucket{take: take, burst: l.Burst, interval: interval, offset: interval * l.Burst}
	}
	return buckets, nil
}

func takesOf(buckets []bucket) []Take {
	takes := make([]Take, len(buckets))
	for i, b := range buckets {
		takes[i] = b.take
	}
	return takes
}

func (t *tatLimiter) read(ctx context.Context, buckets []bucket) error {
	cmds := make([]*redis.StringCmd, len(buckets))
	_, err := t.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, b := range buckets {
			cmds[i] = p.Get(ctx, b.take.Wire)
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return fmt.Errorf("reading %d buckets: %w", len(buckets), err)
	}
	for i := range buckets {
		value, err := cmds[i].Int64()
		if errors.Is(err, redis.Nil) {
			continue
		}
		if err != nil {
			return fmt.Errorf("bucket %s: %w", buckets[i].take.Wire, err)
		}
		buckets[i].stored, buckets[i].found = value, true
	}
	return nil
}

// spend writes the buckets that spend and have room, each by the way that
// the strategy has for its state: new, live or stale.
func (t *tatLimiter) spend(ctx context.Context, buckets []bucket, now int64) error {
	var create, increment, overwrite []*bucket
	for i := range buckets {
		b := &buckets[i]
		if b.take.Mode == record.CheckMode || !b.verdict.allowed || b.take.Cost == 0 {
			continue
		}
		switch {
		case t.write == writeSet, !b.found && t.write == writeIncr:
			overwrite = append(overwrite, b)
		case !b.found:
			create = append(create, b)
		case b.stored > now || t.write == writeIncr:
			increment = append(increment, b)
		default:
			overwrite = append(overwrite, b)
		}
	}
	lost, err := t.create(ctx, create, now)
	if err != nil {
		return err
	}
	if err := t.increment(ctx, append(increment, lost...)); err != nil {
		return err
	}
	return t.overwrite(ctx, overwrite, now)
}

// create sets new buckets with SET NX and returns those that somebody else
// created in the meantime.
func (t *tatLimiter) create(ctx context.Context, buckets []*bucket, now int64) (lost []*bucket, err error) {
	if len(buckets) == 0 {
		return nil, nil
	}
	cmds := make([]*redis.BoolCmd, len(buckets))
	_, err = t.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, b := range buckets {
			cmds[i] = p.SetNX(ctx, b.take.Wire, b.verdict.newTAT, b.ttl(now))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("creating %d buckets: %w", len(buckets), err)
	}
	for i, b := range buckets {
		if !cmds[i].Val() {
			lost = append(lost, b)
		}
	}
	return lost, nil
}

func (t *tatLimiter) increment(ctx context.Context, buckets []*bucket) error {
	if len(buckets) == 0 {
		return nil
	}
	_, err := t.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, b := range buckets {
			p.IncrBy(ctx, b.take.Wire, b.interval*b.take.Cost)
			p.Expire(ctx, b.take.Wire, time.Duration(b.offset))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("incrementing %d buckets: %w", len(buckets), err)
	}
	return nil
}

func (t *tatLimiter) overwrite(ctx context.Context, buckets []*bucket, now int64) error {
	if len(buckets) == 0 {
		return nil
	}
	_, err := t.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, b := range buckets {
			p.Set(ctx, b.take.Wire, b.verdict.newTAT, b.ttl(now))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("setting %d buckets: %w", len(buckets), err)
	}
	return nil
}
