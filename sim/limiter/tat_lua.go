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
// nanoseconds below 10⁹) and only differences, which are small, are single
// numbers: exact below 2⁵³ ns = 104 days. The stored value is the same text
// that the other strategies store.
//
// KEYS[1] bucket; ARGV: interval·cost and burst·interval, each as seconds and
// nanoseconds, slack of the time to live in ms, 1 to spend, 1 to spend
// without deciding. Returns {allowed, room in ns, base − now in ns}.
var tatScript = redis.NewScript(`
local t = redis.call('TIME')
local ns, nn = tonumber(t[1]), tonumber(t[2]) * 1000
local s, n = ns, nn
local stored = redis.call('GET', KEYS[1])
if stored then
  local ss, sn = tonumber(string.sub(stored, 1, -10)), tonumber(string.sub(stored, -9))
  if ss > s or (ss == s and sn > n) then s, n = ss, sn end
end
local ahead = (s - ns) * 1e9 + (n - nn)
s, n = s + tonumber(ARGV[1]), n + tonumber(ARGV[2])
if n >= 1e9 then s, n = s + 1, n - 1e9 end
local room = (ns - s + tonumber(ARGV[3])) * 1e9 + (nn - n + tonumber(ARGV[4]))
if room < 0 then
  return {0, string.format('%.0f', room), string.format('%.0f', ahead)}
end
if ARGV[6] == '1' then
  local ttl = math.ceil(((s - ns) * 1e9 + (n - nn)) / 1e6) + tonumber(ARGV[5])
  redis.call('SET', KEYS[1], string.format('%d%09d', s, n), 'PX', string.format('%.0f', ttl))
end
return {1, string.format('%.0f', room), string.format('%.0f', ahead)}
`)

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
	increment, offset := interval*take.Cost, interval*l.Burst
	spend := 1
	if take.Mode == record.CheckMode {
		spend = 0
	}
	d := Decision{Takes: []Take{take}, Remaining: -1, RetryAfter: -1}
	const second = int64(time.Second)
	reply, err := tatScript.Run(ctx, t.redis, []string{take.Wire},
		increment/second, increment%second, offset/second, offset%second, ttlSlack.Milliseconds(), spend).Slice()
	if err != nil {
		return d, err
	}
	return d, d.fromScript(reply, interval, offset)
}

// fromScript reads {allowed, room, ahead}.
func (d *Decision) fromScript(reply []any, interval, offset int64) error {
	var allowed, room, ahead int64
	if _, err := fmt.Sscan(fmt.Sprintln(reply...), &allowed, &room, &ahead); err != nil {
		return fmt.Errorf("script: expected {allowed, room, ahead}, found %v: %w", reply, err)
	}
	d.Allowed = allowed == 1
	if d.Allowed {
		d.Remaining, d.RetryAfter = room/interval, 0
		return nil
	}
	d.Remaining, d.RetryAfter = (offset-ahead)/interval, time.Duration(-room)
	return nil
}
