package threshold

import "github.com/redis/go-redis/v9"

// inlineScript counts and detects in one atomic call. It takes any number of
// items, all of one partition, so that one call can serve many accounts; an
// item is a call's whole work for one account and period.
//
// Lua's numbers are float64, exact below 2⁵³, so units and limits are bounded
// (largestUnits, largestLimit) and instants that must be compared come in
// microseconds; those that are only handed on stay text, in nanoseconds.
//
// KEYS[1] limits: hash of account → "limit since"; KEYS[2] outbox: stream;
// then for each item its counter (string), claims (hash) and token (string).
// ARGV[1] how many thresholds, the thresholds ascending, then for each item
//
//	1 account  2 start of the period, ns  3 units
//	4 limit  5 since when it holds, µs  6 end of the period, µs
//	7 time to live of counter and claims, ms  8 of the token, ms; 0 no token
//	9 instant of the usage, ns  11 add, limit or sweep
//	10 steps "units,instant;"; of a sweep "added corrected total"
//
// Returns three numbers for each item: status bits (1 repeated call, 2 the
// counter did not exist, 4 something is due, 8 the counter was set right),
// the counter before and after.
//
// A counter is what was added less what was corrected. Both only grow, so each
// has a floor that a sweep can hold it against; the claims keep the second, as
// corrections are rare.
//
// The token is set behind INCRBY: if that fails, a retry must count.
var inlineScript = redis.NewScript(`
local width = 11
local count = tonumber(ARGV[1])
local thresholds = {}
for i = 1, count do thresholds[i] = tonumber(ARGV[1 + i]) end

local function need(threshold, limit) -- the least usage with 100 U >= T L
  local x = threshold * limit + 99
  return (x - math.fmod(x, 100)) / 100
end

-- when the usage reached what is needed, if a call adds several steps
local function instant(at, steps, before, needed)
  if steps == '' then return at end
  local usage = before
  for n, t in string.gmatch(steps, '(%d+),(%d+);') do
    usage = usage + tonumber(n)
    at = t
    if usage >= needed then break end
  end
  return at
end

local function correct(claims, units, ttl)
  redis.call('HINCRBY', claims, 'corrected', string.format('%.0f', units))
  redis.call('PEXPIRE', claims, ttl)
end

local items = (#KEYS - 2) / 3
local accounts, limits, reply = {}, {}, {}
for i = 1, items do accounts[i] = ARGV[2 + count + (i - 1) * width] end
local stored = redis.call('HMGET', KEYS[1], unpack(accounts))
for i = 1, items do limits[accounts[i]] = stored[i] end

for i = 1, items do
  local counter, claims, token = KEYS[3 * i], KEYS[3 * i + 1], KEYS[3 * i + 2]
  local a = 1 + count + (i - 1) * width
  local account, what = ARGV[a + 1], ARGV[a + 11]
  local status, before, after, total = 0, 0, 0, 0
  if ARGV[a + 8] ~= '0' and redis.call('EXISTS', token) == 1 then
    status = 1
  else
    -- the limit in force: the change known that is the latest before the end
    local limit, since = ARGV[a + 4], tonumber(ARGV[a + 5])
    local latest = -1
    if limits[account] then
      local l, s = string.match(limits[account], '^(%d+) (%d+)$')
      latest = tonumber(s)
      if latest < tonumber(ARGV[a + 6]) and (latest > since or latest == since and what ~= 'limit') then
        limit, since = l, latest
      end
    end
    local version = string.format('%s %.0f', limit, since)
    if since >= latest and (since > 0 or what == 'limit') and limits[account] ~= version then
      redis.call('HSET', KEYS[1], account, version)
      limits[account] = version
    end
    limit = tonumber(limit)

    local add = ARGV[a + 3]
    if what == 'add' then
      after = redis.call('INCRBY', counter, add)
      before = after - tonumber(add)
      if after < before then correct(claims, before - after, ARGV[a + 7]) end
    else
      before = tonumber(redis.call('GET', counter) or 0)
      after = before
      if what == 'sweep' then
        local added, corrected, sum = string.match(ARGV[a + 10], '^(%d+) (%d+) (-?%d+)$')
        total = tonumber(sum)
        local down = tonumber(redis.call('HGET', claims, 'corrected') or 0)
        local more = math.max(tonumber(added) - (before + down), 0)
        local less = math.max(tonumber(corrected) - down, 0)
        if less > 0 then correct(claims, less, ARGV[a + 7]) end
        if more ~= less then after = redis.call('INCRBY', counter, string.format('%.0f', more - less)) end
        if more ~= less then status = 8 end
      end
    end
    if before == 0 and (what == 'add' or after ~= before) and redis.call('PTTL', counter) < 0 then
      redis.call('PEXPIRE', counter, ARGV[a + 7])
      status = status + 2
    end
    if ARGV[a + 8] ~= '0' then redis.call('SET', token, '1', 'PX', ARGV[a + 8]) end

    local usage = after
    if what == 'sweep' then usage = math.max(after, total) end
    if count > 0 and usage >= need(thresholds[1], limit) then
      -- all of them are looked at where the limit is not the one they were
      -- last looked at with; else those that this call passed
      local all = what == 'sweep' or redis.call('HGET', claims, 'limit') ~= version
      local wrote = false
      for j = 1, count do
        local needed = need(thresholds[j], limit)
        if usage < needed then break end
        if all or before < needed then
          local at = ARGV[a + 9]
          if what == 'add' then at = instant(at, ARGV[a + 10], before, needed) end
          if redis.call('HSETNX', claims, thresholds[j], at) == 1 then
            redis.call('XADD', KEYS[2], '*', 'account', account, 'start', ARGV[a + 2], 'threshold', thresholds[j],
              'at', at, 'usage', string.format('%.0f', usage), 'limit', string.format('%.0f', limit), 'by', what)
            wrote = true
          end
        end
      end
      if wrote then status = status + 4 end
      if all then
        redis.call('HSET', claims, 'limit', version)
        wrote = true
      end
      if wrote then redis.call('PEXPIRE', claims, ARGV[a + 7]) end
    end
  end
  reply[3 * i - 2], reply[3 * i - 1], reply[3 * i] = status, before, after
end
return reply
`)

// Bounds that keep every number of the script below 2⁵³.
const (
	largestUnits = int64(1) << 50 // of one call
	largestTotal = int64(1) << 52 // threshold · limit
)

// The status bits of the script.
const (
	statusRepeated = 1 << iota
	statusCreated
	statusDue
	statusRegressed
)

// scriptWidth is how many arguments an item has.
const scriptWidth = 11

// What an item does.
const (
	itemAdd   = "add"
	itemLimit = "limit"
	itemSweep = "sweep"
)
