package quota

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// itemsPerCall bounds how long one script keeps its shard from others.
const itemsPerCall = 128

// item is a call's work for one account and period.
type item struct {
	what   string
	period period
	units  int64
	at     int64
	token  string
	usages []*Usage // that it adds

	known   bool  // the period has a counter, for all this process knows
	counted int64 // so much at least, by the caller's total
	hasSum  bool

	source sums // of a sweep
}

// batch collects items by partition, in the order in which they came.
type batch struct {
	in    *Inline
	now   int64
	calls []*call
	open  map[int]*call // by partition: the call that has room

	counted func(p period, after, limit int64) // of every reply; may be nil
}

// call is one run of the script.
type call struct {
	partition int
	items     []item
}

// InDoubtError reports that calls to Redis failed, so that these usages may have been
// counted or not. Retried with the token that they had, each counts once.
type InDoubtError struct {
	Usages []Usage
	Err    error
}

func (e *InDoubtError) Error() string {
	return fmt.Sprintf("%d usages may have been counted or not; retry them with their tokens: %v", len(e.Usages), e.Err)
}

func (e *InDoubtError) Unwrap() error { return e.Err }

func newBatch(in *Inline) *batch {
	return &batch{in: in, now: in.clock.Now(), open: map[int]*call{}}
}

// add puts a usage into the item before it, where it continues that, or into
// one of its own.
func (b *batch) add(u *Usage) error {
	if u.Units < -largestUnits || u.Units > largestUnits {
		return &AccountError{u.Account, fmt.Errorf("expected at most %d units at once, found %d", largestUnits, u.Units)}
	}
	last := b.last(u.Account)
	p, err := b.period(last, u)
	if err != nil {
		return err
	}
	if u.At < p.start || u.Units == 0 {
		return nil
	}
	if last != nil && last.continues(p, u) {
		last.units += u.Units
		last.usages = append(last.usages, u)
		return nil
	}
	return b.item(item{what: itemAdd, period: p, units: u.Units, at: u.At, token: u.Token, usages: []*Usage{u}})
}

// period returns the period of a usage: often that of the usage before it.
func (b *batch) period(last *item, u *Usage) (period, error) {
	if last != nil && last.what == itemAdd && last.period.start <= u.At && u.At < last.period.end && u.At <= b.now {
		return last.period, nil
	}
	c, err := b.in.contracts(u.Account)
	if err != nil {
		return period{}, &AccountError{u.Account, err}
	}
	return b.in.periodOf(c, u.Account, u.At, max(b.now, u.At))
}

// last is the latest item of an account's partition, if it is the account's.
func (b *batch) last(account int64) *item {
	c := b.open[b.in.outboxes.partition(account)]
	if c == nil || c.items[len(c.items)-1].period.account != account {
		return nil
	}
	return &c.items[len(c.items)-1]
}

func (it *item) continues(p period, u *Usage) bool {
	return it.what == itemAdd && it.period == p && it.token == "" && u.Token == "" &&
		it.units > 0 && u.Units > 0 && it.units <= largestUnits-u.Units
}

// item puts one into its partition's call.
func (b *batch) item(it item) error {
	if err := it.period.check(b.in.thresholds[len(b.in.thresholds)-1]); err != nil {
		return err
	}
	b.in.expect(&it)
	n := b.in.outboxes.partition(it.period.account)
	c := b.open[n]
	if c == nil || len(c.items) == itemsPerCall {
		c = &call{partition: n, items: make([]item, 0, itemsPerCall/8)}
		b.open[n] = c
		b.calls = append(b.calls, c)
	}
	c.items = append(c.items, it)
	return nil
}

// send runs the calls in one pipeline, and again those whose shard does not
// have the script.
func (b *batch) send(ctx context.Context) error {
	if len(b.calls) == 0 {
		return nil
	}
	var errs []error
	var unknown []*call
	for i, cmd := range b.pipeline(ctx, b.calls, inlineScript.EvalSha) {
		if redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") {
			unknown = append(unknown, b.calls[i])
			continue
		}
		errs = append(errs, b.finish(b.calls[i], cmd))
	}
	if len(unknown) > 0 {
		for i, cmd := range b.pipeline(ctx, unknown, inlineScript.Eval) {
			errs = append(errs, b.finish(unknown[i], cmd))
		}
	}
	return errors.Join(errs...)
}

type eval func(context.Context, redis.Scripter, []string, ...any) *redis.Cmd

// pipeline runs calls; every command keeps its own error.
func (b *batch) pipeline(ctx context.Context, calls []*call, eval eval) []*redis.Cmd {
	cmds := make([]*redis.Cmd, len(calls))
	_, _ = b.in.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, c := range calls {
			keys, args := b.encode(c)
			cmds[i] = eval(ctx, p, keys, args...)
		}
		return nil
	})
	return cmds
}

// encode lays a call out as the script reads it.
func (b *batch) encode(c *call) (keys []string, args []any) {
	in, tag := b.in, b.in.outboxes.tag(c.partition)
	keys = append(make([]string, 0, 2+3*len(c.items)), in.outboxes.limits(c.partition), in.outboxes.Stream(c.partition))
	args = append(make([]any, 0, 1+len(in.thresholds)+scriptWidth*len(c.items)), len(in.thresholds))
	for _, t := range in.thresholds {
		args = append(args, t)
	}
	for i := range c.items {
		it, p := &c.items[i], c.items[i].period
		account, start := strconv.FormatInt(p.account, 10), strconv.FormatInt(p.start, 10)
		id := account + ":" + start
		keys = append(keys, tag+"n:"+id, tag+"c:"+id)
		tokenTTL := int64(0)
		if it.token != "" {
			keys, tokenTTL = append(keys, tag+"t:"+it.token), in.tokenTTL/milli
		}
		args = append(args, account, start, it.units, p.limit, max(p.since, 0)/micro, p.end/micro,
			(max(p.end-b.now, 0)+in.slack)/milli, tokenTTL, it.at, it.extra(), it.what)
	}
	return keys, args
}

// extra is a sweep's total, or the steps of an item that adds several usages.
func (it *item) extra() string {
	if it.what == itemSweep {
		return fmt.Sprint(it.source.added, it.source.corrected, it.source.total)
	}
	if len(it.usages) < 2 {
		return ""
	}
	var steps []byte
	for _, u := range it.usages {
		steps = strconv.AppendInt(steps, u.Units, 10)
		steps = strconv.AppendInt(append(steps, ','), u.At, 10)
		steps = append(steps, ';')
	}
	return string(steps)
}

const (
	micro = 1_000
	milli = 1_000_000
)

// inlineScript counts and detects in one atomic call. It takes any number of
// items, all of one partition, so that one call can serve many accounts; an
// item is a call's whole work for one account and period.
//
// Lua's numbers are float64, exact below 2⁵³, so units and limits are bounded
// (largestUnits, largestLimit) and instants that must be compared come in
// microseconds; those that are only handed on stay text, in nanoseconds.
//
// KEYS[1] limits: hash of account → "limit since"; KEYS[2] outbox: stream;
// then for each item its counter (string), its claims (hash) and, if it has
// one, its token (string).
// ARGV[1] how many thresholds, the thresholds ascending, then for each item
//
//	1 account  2 start of the period, ns  3 units
//	4 limit  5 since when it holds, µs  6 end of the period, µs
//	7 time to live of counter and claims, ms  8 of the token, ms; 0 no token
//	9 instant of the usage, ns
//	10 steps "units,instant;"; of a sweep "added corrected total"
//	11 add, limit or sweep
//
// Returns four numbers for each item: status bits (1 repeated call, 2 the
// counter did not exist, 4 something is due, 8 the counter was set right),
// the counter before and after, and the limit in force.
//
// A counter is what was added less what was corrected. Both only grow, so each
// has a floor that a sweep can hold it against; the claims keep the second, as
// corrections are rare.
//
// The token is set behind INCRBY: if that fails, a retry must count.
var inlineScript = redis.NewScript(`
local KEYS, ARGV, call, tonumber, match = KEYS, ARGV, redis.call, tonumber, string.match
local width = 11
local count = tonumber(ARGV[1])
local thresholds = {}
for i = 1, count do thresholds[i] = tonumber(ARGV[1 + i]) end

local function need(threshold, limit) -- the least usage with 100 U >= T L
  local x = threshold * limit + 99
  return (x - math.fmod(x, 100)) / 100
end

-- when the usage reached what is needed, if a call adds several steps; not
-- before the limit held
local function instant(at, steps, before, needed, version)
  local usage = before
  for n, t in string.gmatch(steps, '(%d+),(%d+);') do
    usage = usage + tonumber(n)
    at = t
    if usage >= needed then break end
  end
  local since = match(version, ' (%d+)$') .. '000'
  if tonumber(since) > tonumber(at) then return since end
  return at
end

local function text(n) return string.format('%.0f', n) end

local function correct(claims, units, ttl)
  call('HINCRBY', claims, 'corrected', text(units))
  call('PEXPIRE', claims, ttl)
end

-- the counter, with what the usage source knows at least
local function repair(counter, claims, sums, before, ttl)
  local added, corrected, total = match(sums, '^(%d+) (%d+) (-?%d+)$')
  local down = tonumber(call('HGET', claims, 'corrected') or 0)
  local more = math.max(tonumber(added) - (before + down), 0)
  local less = math.max(tonumber(corrected) - down, 0)
  if less > 0 then correct(claims, less, ttl) end
  if more ~= less then before = call('INCRBY', counter, text(more - less)) end
  return before, tonumber(total)
end

local accounts, reply, items = {}, {}, 0
for a = 2 + count, #ARGV, width do
  items = items + 1
  accounts[items] = ARGV[a]
end
local limits = call('HMGET', KEYS[1], unpack(accounts))

-- the limit in force: the change known that is the latest before the end
local function force(i, limit, since, ending, announced)
  local known, version = limits[i], limit .. ' ' .. since
  if known == version or not known and since == '0' and not announced then return limit, version end
  local latest = -1
  if known then
    local l, s = match(known, '^(%d+) (%d+)$')
    latest = tonumber(s)
    if latest < tonumber(ending) and (latest > tonumber(since) or s == since and not announced) then return l, known end
  end
  if tonumber(since) >= latest then
    call('HSET', KEYS[1], accounts[i], version)
    for j = i, items do
      if accounts[j] == accounts[i] then limits[j] = version end
    end
  end
  return limit, version
end

local key = 3
for i = 1, items do
  local counter, claims = KEYS[key], KEYS[key + 1]
  key = key + 2
  local a = 1 + count + (i - 1) * width
  local ttl, tokenTTL, what = ARGV[a + 7], ARGV[a + 8], ARGV[a + 11]
  local status, before, after, limit = 0, 0, 0, 0
  local version, token
  if tokenTTL ~= '0' then
    token = KEYS[key]
    key = key + 1
  end
  if token and call('EXISTS', token) == 1 then
    status = 1
  else
    limit, version = force(i, ARGV[a + 4], ARGV[a + 5], ARGV[a + 6], what == 'limit')
    limit = tonumber(limit)

    local usage
    if what == 'add' then
      local units = ARGV[a + 3]
      after = call('INCRBY', counter, units)
      before = after - units
      usage = after
      if after < before then correct(claims, before - after, ttl) end
    else
      before = tonumber(call('GET', counter) or 0)
      after, usage = before, before
      if what == 'sweep' then
        after, usage = repair(counter, claims, ARGV[a + 10], before, ttl)
        usage = math.max(after, usage)
        if after ~= before then status = 8 end
      end
    end
    if before == 0 and (what == 'add' or after ~= before) and call('PTTL', counter) < 0 then
      call('PEXPIRE', counter, ttl)
      status = status + 2
    end
    if token then call('SET', token, '1', 'PX', tokenTTL) end

    if 100 * usage >= thresholds[1] * limit then
      -- all of them are looked at where the limit is not the one they were
      -- last looked at with; else those that this call passed
      local all = what == 'sweep' or call('HGET', claims, 'limit') ~= version
      local wrote = false
      for j = 1, count do
        local threshold = thresholds[j]
        local needed = need(threshold, limit)
        if usage < needed then break end
        if all or before < needed then
          local at = ARGV[a + 9]
          if what == 'add' then at = instant(at, ARGV[a + 10], before, needed, version) end
          if call('HSETNX', claims, threshold, at) == 1 then
            call('XADD', KEYS[2], '*', 'account', accounts[i], 'start', ARGV[a + 2], 'threshold', threshold,
              'at', at, 'usage', text(usage), 'limit', text(limit), 'by', what)
            wrote = true
          end
        end
      end
      if wrote then status = status + 4 end
      if all then
        call('HSET', claims, 'limit', version)
        wrote = true
      end
      if wrote then call('PEXPIRE', claims, ttl) end
    end
  end
  local r = 4 * i
  reply[r - 3] = status
  reply[r - 2] = before
  reply[r - 1] = after
  reply[r] = limit
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

// How many arguments an item has, and how many numbers its reply.
const (
	scriptWidth = 11
	replyWidth  = 4
)

// What an item does.
const (
	itemAdd   = "add"
	itemLimit = "limit"
	itemSweep = "sweep"
)
