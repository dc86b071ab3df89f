package limiter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/results/record"
)

// Our own limiters by the algorithms that tat is not: one script each, which
// decides and spends in one call. They show what an algorithm promises, apart
// from the faults of a package. Their arithmetic is not the references', so
// that an error in one shows against the other.
//
//   - fixed_window: GET and INCRBY on a key of the window. At a window's edge twice
//     the count passes in no time (scenario window-edge-burst).
//   - sliding_log: a sorted set of the instants of all admissions. Exact, at one
//     entry for each (scenario sliding-log-same-instant).
//   - sliding_counter: the counts of two windows. Two numbers, and an estimate.
//   - concurrency: a sorted set too, of the permits that are held by when they were
//     taken; ZREM returns one.
//   - token_bucket and leaky_bucket: a number and an instant. As GCRA where they
//     are refilled all the time.
var (
	fixedWindow = scripted(Kind{
		About: "our own fixed window on Redis: by Unix time, from the first hit, or by calendar", Resolution: time.Millisecond,
		AlgorithmOf: fixedWindowAlgorithm,
		Options: []Option{
			{Name: "windows", About: "where windows begin", Default: unixWindows, Values: []string{unixWindows, firstHit, "daily", "monthly"}},
			{Name: "zone", About: "time zone of days and months", Default: "UTC", Check: checkZone},
			{Name: "sync", About: "of write cached: how often a process adds what it admitted to the key and reads what all have", Default: "1s", Check: checkSync},
		},
	}, script{fixedScript, fixedWindowKey, settleWindow}, writeIncr, writeCached)
	slidingLog = scripted(Kind{
		About: "our own sliding log on Redis: a sorted set of admissions", Algorithm: "sliding_log", Resolution: time.Microsecond, ServerTime: true,
		Options: []Option{
			{Name: "member", About: "unique: an entry for each token; time: the instant is the member, so that those at one instant are one", Default: "unique", Values: []string{"unique", "time"}},
			{Name: "denied", About: "whether denied requests are entered too", Default: "forgotten", Values: []string{"forgotten", "logged"}},
		},
	}, script{logScript, nil, nil})
	slidingCounter = scripted(Kind{
		About: "our own sliding counter on Redis: the counts of two windows", Algorithm: "sliding_counter", Resolution: time.Microsecond, ServerTime: true,
	}, script{counterScript, nil, nil})
	tokenBucket = scripted(Kind{
		About: "our own token bucket on Redis", Resolution: time.Microsecond, ServerTime: true,
		AlgorithmOf: func(options map[string]string) string {
			if options["refill"] == "interval" {
				return "token_bucket_interval"
			}
			return "token_bucket"
		},
		Options: []Option{{Name: "refill", About: "continuous, or interval: count tokens at once, a period after the first was taken, and so on", Default: "continuous", Values: []string{"continuous", "interval"}}},
	}, script{bucketScript, nil, settleBucket})
	leakyBucket = scripted(Kind{
		About: "our own leaky bucket on Redis, as a meter", Algorithm: "leaky_bucket", Resolution: time.Microsecond, ServerTime: true,
	}, script{bucketScript, nil, settleBucket})
	concurrency = scripted(Kind{
		About: "our own limit of requests at once on Redis: a sorted set of permits, each with a lease", Algorithm: "concurrency", Resolution: time.Microsecond, ServerTime: true,
		CheckRequest: func(_ map[string]string, takes []Take) error {
			if cost := takes[0].Cost; cost != 1 {
				return fmt.Errorf("a request holds one permit, found a cost of up to %d", cost)
			}
			return nil
		},
	}, script{logScript, nil, returnPermit}, writeCount)
)

// Write strategies of our own limiters, beside writeLua.
const (
	writeSplit  = "split"  // the script looks, and a round trip later it spends
	writeCached = "cached" // a process decides by what it last saw
	writeCount  = "count"  // a counter that nothing takes back for those who died
)

// script is what one of our own limiters runs.
type script struct {
	lua *redis.Script
	// window returns the end of a key's name and, as ARGV[6], its time to live
	// in milliseconds. Nil: the name is the key's own.
	window func(now time.Time, l record.Limit, options map[string]string) (name string, ttl int64)
	// settle sets right what a take reserved. Nil: that cannot be.
	settle func(s *scriptLimiter, ctx context.Context, t Take, l record.Limit) error
}

// scripted completes a kind that decides by a script, with the ways in which
// it writes.
func scripted(k Kind, s script, more ...string) Kind {
	about := "lua: one script; split: the script looks, and a round trip later it spends"
	switch {
	case slices.Contains(more, writeCount):
		about += "; count: INCR, and DECR to return a permit or where there is none, without a lease"
	case len(more) > 0:
		about += "; incr: INCRBY, and a round trip later PEXPIRE of a new key; cached: each process decides by what it last saw"
	}
	k.Options = append(k.Options, Option{Name: "write", About: about, Default: writeLua, Values: append([]string{writeLua, writeSplit}, more...)})
	k.Check = checkMicroseconds
	if s.settle != nil {
		k.Settles = func(options map[string]string) bool {
			return options["write"] != writeCached && options["refill"] != "interval" && options["windows"] != firstHit
		}
	}
	k.New = func(env Env) (Limiter, error) {
		return &scriptLimiter{Env: env, table: env.Spec.Table(), script: s, cache: map[string]*cached{}}, nil
	}
	return k
}

func checkMicroseconds(spec record.Limiter, _ map[string]string) error {
	for _, l := range append(spec.Limits[:len(spec.Limits):len(spec.Limits)], spec.Overrides...) {
		if l.Period%time.Microsecond != 0 {
			return fmt.Errorf("limit %q: expected a period of whole microseconds, which Redis' TIME has, found %v", l.Name, l.Period)
		}
	}
	return nil
}

type scriptLimiter struct {
	Env
	table  *record.LimitTable
	script script

	mu    sync.Mutex // held by nobody who waits
	cache map[string]*cached
}

// cached is what a process knows of a key.
type cached struct {
	seen, added int64 // tokens of all as it last saw them, and its own since
	at          time.Time
}

func checkSync(text string) error {
	if d, err := time.ParseDuration(text); err != nil || d <= 0 {
		return fmt.Errorf("expected a duration above 0 such as 1s, found %q", text)
	}
	return nil
}

// What a script is told to do.
const (
	scriptLooks    = 0
	scriptTakes    = 1 // if there is room
	scriptSpends   = 2 // whatever there is
	scriptRemember = 3 // as takes, and what is denied is entered too
)

// Take runs the script, or the commands that stand for it.
func (s *scriptLimiter) Take(ctx context.Context, req Request) (Decision, error) {
	take, l, err := singleLimited(req, s.table)
	if err != nil {
		return Decision{}, err
	}
	take.Wire, take.Cost = s.Spec.Kind+":"+wireKey(s.Spec, take), min(take.Cost, l.Burst+1)
	ttl := int64(0)
	if s.script.window != nil {
		var name string
		name, ttl = s.script.window(s.Clock.Now(), l, s.Options)
		take.Wire += name
	}
	if s.Spec.Kind == "concurrency" {
		s.mu.Lock()
		take.Lease = strconv.FormatUint(s.Rand.Uint64(), 16)
		s.mu.Unlock()
	}
	does := scriptTakes
	switch {
	case take.Mode == record.CheckMode:
		does = scriptLooks
	case s.Options["denied"] == "logged":
		does = scriptRemember
	}
	if take.Mode == record.SpendMode {
		take.Mode = record.TakeMode // none of them spends what is not there
	}
	switch write := s.Options["write"]; {
	case write == writeCount:
		return s.count(ctx, take, l, does == scriptLooks)
	case does == scriptLooks || write == writeLua:
		return s.run(ctx, take, l, does, ttl)
	case write == writeIncr:
		return s.increment(ctx, take, l, ttl)
	case write == writeCached:
		return s.remembered(ctx, take, l, ttl)
	}
	d, err := s.run(ctx, take, l, scriptLooks, ttl)
	if err != nil || !d.Allowed {
		return d, err
	}
	_, err = s.run(ctx, take, l, scriptSpends, ttl)
	return d, err
}

func (s *scriptLimiter) run(ctx context.Context, t Take, l record.Limit, does int, ttl int64) (Decision, error) {
	d := Decision{Takes: []Take{t}, Remaining: -1, RetryAfter: -1}
	variant := 0
	if s.Options["member"] == "time" || s.Options["refill"] == "interval" {
		variant = 1
	}
	args := []any{t.Cost, l.Count, l.Period.Microseconds(), l.Burst, does, ttl, variant}
	if t.Lease != "" {
		args = append(args, t.Lease)
	}
	reply, err := s.script.lua.Run(ctx, s.Redis, []string{t.Wire}, args...).Int64Slice()
	if err != nil {
		return d, err
	}
	if len(reply) != 3 {
		return d, fmt.Errorf("script: expected {allowed, remaining, wait} as 3 numbers, found %v", reply)
	}
	d.Allowed, d.Remaining = reply[0] == 1, reply[1]
	if d.Allowed {
		d.RetryAfter = 0
	} else if t.Cost <= l.Burst {
		d.RetryAfter = time.Duration(reply[2]) * time.Microsecond
	}
	return d, nil
}

// count counts permits, without leases.
func (s *scriptLimiter) count(ctx context.Context, t Take, l record.Limit, looks bool) (Decision, error) {
	d := Decision{Takes: []Take{t}, Remaining: -1, RetryAfter: -1}
	if looks {
		held, err := s.Redis.Get(ctx, t.Wire).Int64()
		if errors.Is(err, redis.Nil) {
			err = nil
		}
		d.Allowed = held < l.Count
		return d, err
	}
	held, err := s.Redis.Incr(ctx, t.Wire).Result()
	if err != nil {
		return d, err
	}
	if d.Allowed, d.Remaining = held <= l.Count, max(0, l.Count-held); d.Allowed {
		d.RetryAfter = 0
		return d, nil
	}
	return d, s.Redis.Decr(ctx, t.Wire).Err()
}

// Settle sets right what a take reserved.
func (s *scriptLimiter) Settle(ctx context.Context, t Take) error {
	l, err := limitOf(s.table, t)
	if err != nil || t.Cost == t.Reserved {
		return err
	}
	return s.script.settle(s, ctx, t, l)
}

// returnPermit takes the permit out of those that are held.
func returnPermit(s *scriptLimiter, ctx context.Context, t Take, _ record.Limit) error {
	if s.Options["write"] == writeCount {
		return s.Redis.Decr(ctx, t.Wire).Err()
	}
	return s.Redis.ZRem(ctx, t.Wire, t.Lease+"-1").Err()
}

// settleWindow changes the count of the window that the take was in, while it lasts.
func settleWindow(s *scriptLimiter, ctx context.Context, t Take, _ record.Limit) error {
	return ifThereScript.Run(ctx, s.Redis, []string{t.Wire}, t.Cost-t.Reserved).Err()
}

// settleBucket gives back or takes the difference, whatever there is.
func settleBucket(s *scriptLimiter, ctx context.Context, t Take, l record.Limit) error {
	t.Cost -= t.Reserved
	_, err := s.run(ctx, t, l, scriptSpends, 0)
	return err
}

// increment counts first and looks then, as many do; a new key gets its
// deadline a round trip later, or never if that does not arrive.
func (s *scriptLimiter) increment(ctx context.Context, t Take, l record.Limit, ttl int64) (Decision, error) {
	d := Decision{Takes: []Take{t}, Remaining: -1, RetryAfter: -1}
	used, err := s.Redis.IncrBy(ctx, t.Wire, t.Cost).Result()
	if err != nil {
		return d, err
	}
	if d.Allowed, d.Remaining = used <= l.Count, max(0, l.Count-used); d.Allowed {
		d.RetryAfter = 0
	}
	if used == t.Cost {
		err = s.Redis.PExpire(ctx, t.Wire, time.Duration(ttl)*time.Millisecond).Err()
	}
	return d, err
}

// remembered decides by what the process last saw, and adds what it admitted to
// the key when that is due.
func (s *scriptLimiter) remembered(ctx context.Context, t Take, l record.Limit, ttl int64) (Decision, error) {
	every, err := time.ParseDuration(s.Options["sync"])
	if err != nil {
		return Decision{}, err
	}
	now := s.Clock.Now()
	s.mu.Lock()
	c := s.cache[t.Wire]
	if c == nil {
		c = &cached{}
		s.cache[t.Wire] = c
	}
	d := Decision{Takes: []Take{t}, RetryAfter: -1, Allowed: c.seen+c.added+t.Cost <= l.Count}
	if d.Allowed {
		c.added, d.RetryAfter = c.added+t.Cost, 0
	}
	d.Remaining = max(0, l.Count-c.seen-c.added)
	due, add := now.Sub(c.at) >= every, c.added
	if due {
		c.at, c.added, c.seen = now, 0, c.seen+add
	}
	s.mu.Unlock()
	if !due {
		return d, nil
	}
	all, err := s.Redis.IncrBy(ctx, t.Wire, add).Result()
	if err != nil {
		return d, err
	}
	s.mu.Lock()
	c.seen = all
	s.mu.Unlock()
	return d, s.Redis.PExpire(ctx, t.Wire, time.Duration(ttl)*time.Millisecond).Err()
}

// The ways of fixed_window to cut time.
const (
	unixWindows = "unix"
	firstHit    = "first_hit"
)

func fixedWindowAlgorithm(options map[string]string) string {
	switch windows := options["windows"]; windows {
	case unixWindows:
		return "fixed_window"
	case firstHit:
		return "fixed_window_first_hit"
	default:
		return "fixed_window_" + windows + ":" + options["zone"]
	}
}

// fixedWindowKey names the window that now is in by its beginning, and has it
// live to its end. That of the first hit has no name, since its key's life is it.
func fixedWindowKey(now time.Time, l record.Limit, options map[string]string) (name string, ttl int64) {
	var from, until time.Time
	switch options["windows"] {
	case firstHit:
		return "", max(1, l.Period.Milliseconds())
	case unixWindows:
		past := time.Duration(now.UnixNano() % int64(l.Period))
		from, until = now.Add(-past), now.Add(l.Period-past)
	default:
		zone, err := time.LoadLocation(options["zone"])
		if err != nil {
			zone = time.UTC // which the option's check has refused
		}
		year, month, day := now.In(zone).Date()
		from, until = time.Date(year, month, day, 0, 0, 0, 0, zone), time.Date(year, month, day+1, 0, 0, 0, 0, zone)
		if options["windows"] == "monthly" {
			from, until = time.Date(year, month, 1, 0, 0, 0, 0, zone), time.Date(year, month+1, 1, 0, 0, 0, 0, zone)
		}
	}
	return ":" + strconv.FormatInt(from.UnixNano(), 10), until.Sub(now).Milliseconds() + 1
}

func checkZone(name string) error {
	if _, err := time.LoadLocation(name); err != nil {
		return fmt.Errorf("%w: use a name of the IANA database, such as Europe/Berlin, or UTC", err)
	}
	return nil
}

// All scripts have KEYS[1], the key, and ARGV: cost, count, period in µs, burst,
// what to do, time to live in ms, and a variant. They return {allowed, tokens
// left, µs until it would be allowed}.
const scriptArguments = `
local cost, count, period, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local looks, forced, remembers = ARGV[5] == '0', ARGV[5] == '2', ARGV[5] == '3'
`

// scriptTime is now in Unix microseconds, which float64 holds exactly.
const scriptTime = `
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000000 + tonumber(t[2])
local function ms(us) return string.format('%.0f', math.ceil(us / 1000)) end
`

var fixedScript = redis.NewScript(scriptArguments + `
local used = tonumber(redis.call('GET', KEYS[1]) or '0')
local left = redis.call('PTTL', KEYS[1])
if used + cost > count and not forced then
  if left < 0 then left = tonumber(ARGV[6]) end
  return {0, math.max(0, count - used), left * 1000}
end
if not looks and cost > 0 then
  redis.call('INCRBY', KEYS[1], ARGV[1])
  if left < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[6]) end
end
return {1, count - used - cost, 0}
`)

var ifThereScript = redis.NewScript(`
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
return redis.call('INCRBY', KEYS[1], ARGV[1])
`)

var logScript = redis.NewScript(scriptArguments + scriptTime + `
local since = string.format('(%.0f', now - period)
local used = redis.call('ZCOUNT', KEYS[1], since, '+inf')
local allowed = used + cost <= count
local wait = 0
if not allowed and cost <= count then
  local oldest = redis.call('ZRANGEBYSCORE', KEYS[1], since, '+inf', 'WITHSCORES', 'LIMIT', used + cost - count - 1, 1)
  wait = tonumber(oldest[2]) + period - now
end
if not looks and (allowed or forced or remembers) then
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - period))
  local at = string.format('%.0f', now)
  local held = redis.call('ZCARD', KEYS[1])
  for i = 1, cost do
    local member = at
    if ARGV[7] == '0' then member = ARGV[8] and ARGV[8] .. '-' .. i or at .. '-' .. (held + i) end
    redis.call('ZADD', KEYS[1], at, member)
  end
  if cost > 0 then redis.call('PEXPIRE', KEYS[1], ms(period)) end
end
if allowed then return {1, count - used - cost, 0} end
return {0, math.max(0, count - used), wait}
`)

var counterScript = redis.NewScript(scriptArguments + scriptTime + `
local window = math.floor(now / period)
local h = redis.call('HMGET', KEYS[1], 'window', 'before', 'used')
local before, used = 0, 0
if h[1] then
  local behind = window - tonumber(h[1])
  if behind <= 0 then before, used = tonumber(h[2]), tonumber(h[3])
  elseif behind == 1 then before = tonumber(h[3]) end
end
local left = (window + 1) * period - now
local room = count - used - cost
if before * left > room * period and not forced then
  local wait = 0
  if room >= 0 then wait = left - math.floor(room * period / before)
  elseif cost <= count then wait = left + math.max(0, period - math.floor((count - cost) * period / used)) end
  return {0, math.max(0, count - used - math.ceil(before * left / period)), wait}
end
if not looks and cost > 0 then
  redis.call('HSET', KEYS[1], 'window', string.format('%.0f', window), 'before', before, 'used', used + cost)
  redis.call('PEXPIRE', KEYS[1], ms(2 * period))
end
return {1, room - math.ceil(before * left / period), 0}
`)

// bucketScript keeps what is missing in a bucket, in tokens times the period,
// and the instant at which that holds: what a leaky bucket has.
var bucketScript = redis.NewScript(scriptArguments + scriptTime + `
local h = redis.call('HMGET', KEYS[1], 'missing', 'at')
local missing, at = tonumber(h[1] or '0'), tonumber(h[2] or now)
local since = math.max(0, now - at)
if ARGV[7] == '1' then since = math.floor(since / period) * period end
missing, at = math.max(0, missing - since * count), at + since
if missing == 0 then at = now end
local over = missing + (cost - burst) * period
if over > 0 and not forced then
  local wait = math.ceil(over / count)
  if ARGV[7] == '1' then wait = math.ceil(wait / period) * period + at - now end
  return {0, math.max(0, math.floor((burst * period - missing) / period)), wait}
end
missing = math.max(0, missing + cost * period)
if not looks and cost ~= 0 then
  redis.call('HSET', KEYS[1], 'missing', string.format('%.17g', missing), 'at', string.format('%.0f', at))
  redis.call('PEXPIRE', KEYS[1], ms(missing / count + period))
end
return {1, math.floor((burst * period - missing) / period), 0}
`)
