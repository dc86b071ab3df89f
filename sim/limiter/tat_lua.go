package limiter

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/results/record"
)

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
	redis redis.UniversalClient
	spec  record.Limiter
	table *record.LimitTable
}

func newTATScript(env Env) *tatScriptLimiter {
	return &tatScriptLimiter{redis: env.Redis, spec: env.Spec, table: env.Spec.Table()}
}

// Take runs the script. A batch would need keys of several shards in one
// call, which Redis does not have.
func (t *tatScriptLimiter) Take(ctx context.Context, req Request) (Decision, error) {
	take, err := single(req)
	if err != nil {
		return Decision{}, err
	}
	l, err := limitOf(t.table, take)
	if err != nil {
		return Decision{}, err
	}
	take.Wire = "tat:" + wireKey(t.spec, take)
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
