package limiter

import (
	"context"
	"errors"
	"fmt"
	"math"
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
// time in Unix nanoseconds. Its arithmetic is not the reference's, so that an
// error in one shows against the other.
var tat = Kind{
	About:     "our own GCRA on Redis, with the write strategy as an option",
	Algorithm: "gcra", Resolution: time.Microsecond, Batch: true, TAT: unixNanoTAT,
	Options: []Option{{
		Name: "write", Default: writeLua, Values: []string{writeSet, writeIncr, writeSetNX, writeLua},
		About: "set: GET, SET; incr: GET, INCRBY or SET when new; setnx: SET NX when new, INCRBY, SET when stale; lua: one script by Redis' TIME",
	}, {
		Name: "defect", Default: noDefect, Values: []string{noDefect, lateTimer, lenientBatch, floorRetry, oneCommand},
		About: "one thing to do wrong, with a write other than lua: its own metric starts after the read (late_timer), a denial of a batch gives way to an allowed limit with a longer wait (lenient_batch), waits are rounded down to seconds (floor_retry), a batch is read by one MGET (one_command)",
	}, {
		Name: "on_change", Default: "keep", Values: []string{"keep", "rescale", "reset"},
		About: "what becomes of a bucket whose own limit changes: keep: it is full when it would have been; rescale: it lacks as many tokens; reset: it is full",
	}},
	Check: checkDefect, Telemetry: spendLatency,
	OneTake:     func(options map[string]string) bool { return options["write"] == writeLua }, // which reaches one shard only
	ScriptCalls: tatScriptCalls, OneKey: tatKey,
	New: func(env Env) (Limiter, error) {
		if env.Options["write"] == writeLua {
			return newTATScript(env), nil
		}
		return defective(newTAT(env, env.Options["write"]), env), nil
	},
}

// tatKey is where the bucket of a take is.
func tatKey(spec record.Limiter, t Take) string { return "tat:" + wireKey(spec, t) }

// ttlSlack keeps a bucket alive beyond its TAT, against clock skew, as
// Boulder does.
const ttlSlack = 10 * time.Minute

type tatLimiter struct {
	redis  redis.UniversalClient
	clock  Clock
	spec   record.Limiter
	table  *record.LimitTable
	write  string
	defect string
	timer  func(decision record.Decision, took time.Duration) // may be nil
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
	began := t.clock.Now()
	now := began.UnixNano()
	strictest := unlimited
	for i := range buckets {
		b := &buckets[i]
		b.decide(now)
		if b.take.Mode != record.SpendMode && t.stricter(b, strictest) {
			strictest = b.verdict
		}
	}
	d.tell(strictest)
	if t.defect == floorRetry && d.RetryAfter > 0 {
		d.RetryAfter = d.RetryAfter.Truncate(time.Second)
	}
	if !d.Allowed {
		t.tookSince(began, record.Denied)
		return d, nil
	}
	err = t.spend(ctx, buckets, now)
	t.tookSince(began, record.Allowed)
	return d, err
}

func (t *tatLimiter) buckets(req Request) ([]bucket, error) {
	buckets := make([]bucket, len(req.Takes))
	for i, take := range req.Takes {
		l, err := limitOf(t.table, take)
		if err != nil {
			return nil, err
		}
		take.Wire = tatKey(t.spec, take)
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
	if t.defect == oneCommand {
		return t.readAtOnce(ctx, buckets)
	}
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

// bucket is one take with what was read and decided about it.
type bucket struct {
	take     Take
	burst    int64
	interval int64 // emission interval, ns
	offset   int64 // burst offset, ns
	stored   int64 // TAT read, if found
	found    bool
	verdict  verdict
}

// verdict is what GCRA says of one bucket; instants in Unix nanoseconds.
type verdict struct {
	allowed   bool
	newTAT    int64
	remaining int64
	wait      time.Duration // until it would be allowed
}

// forever is the wait for more than a full bucket.
const forever = time.Duration(math.MaxInt64)

// unlimited is the verdict of no bucket.
var unlimited = verdict{allowed: true, remaining: math.MaxInt64}

// decide applies GCRA: TAT' = max(now, TAT) + cost·T, allowed iff
// now ≥ TAT' − burst·T.
func (b *bucket) decide(now int64) {
	base := now
	if b.found {
		base = max(now, b.stored)
	}
	left := now - (base - b.offset)
	if b.take.Cost > b.burst {
		b.verdict = verdict{false, base, left / b.interval, forever}
		return
	}
	room := left - b.interval*b.take.Cost
	if room < 0 {
		b.verdict = verdict{false, base, left / b.interval, time.Duration(-room)}
		return
	}
	b.verdict = verdict{true, base + b.interval*b.take.Cost, room / b.interval, 0}
}

// stricter tells which of two verdicts of a batch counts, as in Boulder: a
// denial, then the longer wait, then fewer tokens.
func (v verdict) stricter(than verdict) bool {
	switch {
	case v.allowed != than.allowed:
		return !v.allowed
	case v.wait != than.wait:
		return v.wait > than.wait
	}
	return v.remaining < than.remaining
}

// tell puts a verdict into the decision.
func (d *Decision) tell(v verdict) {
	d.Allowed, d.Remaining, d.RetryAfter = v.allowed, v.remaining, v.wait
	if v.remaining == math.MaxInt64 {
		d.Remaining = -1
	}
	if v.allowed {
		d.RetryAfter = 0
	}
	if v.wait == forever {
		d.RetryAfter = -1
	}
}

func (b *bucket) ttl(now int64) time.Duration {
	return time.Duration(b.verdict.newTAT-now) + ttlSlack
}

// tatScript is GCRA in one atomic call. Lua's numbers are float64, which
// hold Unix nanoseconds only to 256 ns, so an instant is a pair (seconds,
// nanoseconds below 10⁹), and so is a difference of instants, of which the
// nanoseconds may be negative. Only its sign is taken of the sum in one
// number, which is exact where it is near 0. So decisions, waits and tokens
// are exact for limits of any length. The stored value is the same text that
// the other strategies store.
//
// KEYS[1] bucket; ARGV: interval·cost and burst·interval, each as seconds and
// nanoseconds, slack of the time to live in ms, 1 to spend. Returns {allowed,
// room, base − now}, the last two as seconds and nanoseconds.
var tatScript = redis.NewScript(`
local t = redis.call('TIME')
local ns, nn = tonumber(t[1]), tonumber(t[2]) * 1000
local s, n = ns, nn
local stored = redis.call('GET', KEYS[1])
if stored then
  local ss, sn = tonumber(string.sub(stored, 1, -10)), tonumber(string.sub(stored, -9))
  if ss > s or (ss == s and sn > n) then s, n = ss, sn end
end
local as, an = s - ns, n - nn
s, n = s + tonumber(ARGV[1]), n + tonumber(ARGV[2])
if n >= 1e9 then s, n = s + 1, n - 1e9 end
local rs, rn = ns - s + tonumber(ARGV[3]), nn - n + tonumber(ARGV[4])
if rs * 1e9 + rn < 0 then return {0, rs, rn, as, an} end
if ARGV[6] == '1' then
  local ttl = math.ceil(((s - ns) * 1e9 + (n - nn)) / 1e6) + tonumber(ARGV[5])
  redis.call('SET', KEYS[1], string.format('%d%09d', s, n), 'PX', string.format('%.0f', ttl))
end
return {1, rs, rn, as, an}
`)

func tatScriptCalls(options map[string]string, t record.Take, allowed bool) []string {
	if options["write"] != writeLua || t.Mode == record.SpendMode {
		return nil // spending tells nothing of what was found
	}
	return scriptCalls(allowed && t.Mode != record.CheckMode)
}

// scriptCalls are the commands of a GCRA script, which writes what is spent.
func scriptCalls(spends bool) []string {
	if spends {
		return []string{"time", "get", "set"}
	}
	return []string{"time", "get"}
}

type tatScriptLimiter struct {
	redis    redis.UniversalClient
	clock    Clock
	spec     record.Limiter
	table    *record.LimitTable
	onChange string
}

func newTATScript(env Env) *tatScriptLimiter {
	return &tatScriptLimiter{redis: env.Redis, clock: env.Clock, spec: env.Spec, table: env.Spec.Table(), onChange: env.Options["on_change"]}
}

// Change sets right what is stored of a key whose own limit changed.
func (t *tatScriptLimiter) Change(ctx context.Context, was, is record.Limit) error {
	if is.Key == "" || t.onChange == "keep" {
		return nil
	}
	wire := tatKey(t.spec, Take{Limit: is.Name, Key: is.Key})
	if t.onChange == "reset" {
		return t.redis.Del(ctx, wire).Err()
	}
	tat, err := t.redis.Get(ctx, wire).Int64()
	if errors.Is(err, redis.Nil) {
		return nil // full
	}
	now := t.clock.Now().UnixNano()
	missing := (tat - now) / (int64(was.Period) / was.Count)
	if err != nil || missing <= 0 {
		return err
	}
	ahead := missing * (int64(is.Period) / is.Count)
	return t.redis.Set(ctx, wire, now+ahead, time.Duration(ahead)+ttlSlack).Err()
}

// Take runs the script. A batch would need keys of several shards in one
// call, which Redis does not have.
func (t *tatScriptLimiter) Take(ctx context.Context, req Request) (Decision, error) {
	take, l, err := singleLimited(req, t.table)
	if err != nil {
		return Decision{}, err
	}
	take.Wire = tatKey(t.spec, take)
	interval := int64(l.Period) / l.Count
	cost := min(take.Cost, l.Burst+1) // more can never be had either, and may not fit 64 bits
	increment, offset := interval*cost, interval*l.Burst
	spend := 1
	if take.Mode == record.CheckMode {
		spend = 0
	}
	d := Decision{Takes: []Take{take}, Remaining: -1, RetryAfter: -1}
	const second = int64(time.Second)
	reply, err := tatScript.Run(ctx, t.redis, []string{take.Wire},
		increment/second, increment%second, offset/second, offset%second, ttlSlack.Milliseconds(), spend).Int64Slice()
	if err != nil {
		return d, err
	}
	if len(reply) != 5 {
		return d, fmt.Errorf("script: expected {allowed, room, ahead} as 5 numbers, found %v", reply)
	}
	if take.Mode == record.SpendMode {
		d.tell(unlimited) // it was spent if there was room
		return d, nil
	}
	room, ahead := reply[1]*second+reply[2], reply[3]*second+reply[4]
	v := verdict{allowed: reply[0] == 1, remaining: room / interval}
	if !v.allowed {
		v.remaining, v.wait = (offset-ahead)/interval, time.Duration(-room)
	}
	if take.Cost > l.Burst {
		v.wait = forever
	}
	d.tell(v)
	return d, nil
}
