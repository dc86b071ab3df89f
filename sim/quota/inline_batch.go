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

// batch collects items that all do one thing by partition, in the order in
// which they came.
type batch struct {
	in    *Inline
	what  string
	now   int64
	added []*Usage // in the order in which they came
	room  int      // for items of a call, before it needs more
	calls []*call
	open  map[int]*call // by partition: the call that has room

	counted func(p period, after, limit int64) // of every reply; may be nil
}

// call is one run of the script. Its items have tokens, or have none.
type call struct {
	partition int
	tokens    bool
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

// newBatch begins a batch of about that many items.
func newBatch(in *Inline, what string, items int) *batch {
	room := min(1+items*3/2/in.outboxes.Partitions, itemsPerCall) // more than most partitions get
	return &batch{in: in, what: what, now: in.clock.Now(), room: room, open: map[int]*call{}}
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
	b.added = append(b.added, u)
	n := len(b.added)
	return b.item(item{period: p, units: u.Units, at: u.At, token: u.Token, usages: b.added[n-1 : n : n]})
}

// period returns the period of a usage: often that of the usage before it.
func (b *batch) period(last *item, u *Usage) (period, error) {
	if last != nil && last.period.start <= u.At && u.At < last.period.end && u.At <= b.now {
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
	return it.period == p && it.token == "" && u.Token == "" &&
		it.units > 0 && u.Units > 0 && it.units <= largestUnits-u.Units
}

// item puts one into its partition's call.
func (b *batch) item(it item) error {
	if err := it.period.check(b.in.thresholds[len(b.in.thresholds)-1]); err != nil {
		return err
	}
	if b.what == itemAdd {
		b.in.expect(&it)
	}
	n := b.in.outboxes.partition(it.period.account)
	c := b.open[n]
	if c == nil || len(c.items) == itemsPerCall || c.tokens != (it.token != "") {
		c = &call{partition: n, tokens: it.token != "", items: make([]item, 0, b.room)}
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
	for i, cmd := range b.pipeline(ctx, b.calls, "evalsha", inlineDigest) {
		if redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") {
			unknown = append(unknown, b.calls[i])
			continue
		}
		errs = append(errs, b.finish(b.calls[i], cmd))
	}
	if len(unknown) > 0 {
		for i, cmd := range b.pipeline(ctx, unknown, "eval", inlineScript) {
			errs = append(errs, b.finish(unknown[i], cmd))
		}
	}
	return errors.Join(errs...)
}

// pipeline runs calls of the script; every command keeps its own error.
func (b *batch) pipeline(ctx context.Context, calls []*call, eval, script string) []*redis.Cmd {
	cmds := make([]*redis.Cmd, len(calls))
	_, _ = b.in.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, c := range calls {
			cmds[i] = redis.NewCmd(ctx, b.encode(c, eval, script)...)
			cmds[i].SetFirstKeyPos(scriptKeys)
			_ = p.Process(ctx, cmds[i]) // which keeps it for the pipeline
		}
		return nil
	})
	return cmds
}

// encode lays a call out as the command whose keys and arguments the script
// reads.
func (b *batch) encode(c *call, eval, script string) []any {
	in, tag, tokenTTL, perItem := b.in, b.in.outboxes.tag(c.partition), int64(0), 2
	if c.tokens {
		tokenTTL, perItem = in.tokenTTL/milli, 3
	}
	keys := 2 + perItem*len(c.items)
	args := make([]any, scriptKeys+keys, scriptKeys+keys+3+len(in.thresholds)+(1+scriptWidth)*len(c.items))
	key := copy(args, []any{eval, script, keys, in.outboxes.limits(c.partition), in.outboxes.Stream(c.partition)})
	args = append(args, b.what, tokenTTL, len(in.thresholds))
	for _, t := range in.thresholds {
		args = append(args, t)
	}
	account := len(args)
	args = args[:account+len(c.items)]
	var text []byte
	for i := range c.items {
		it, p := &c.items[i], &c.items[i].period
		text = strconv.AppendInt(text[:0], p.account, 10)
		digits := len(text)
		text = strconv.AppendInt(append(text, ':'), p.start, 10)
		counter := tag + "n:" + string(text)
		id := counter[len(tag)+len("n:"):]
		args[key], args[key+1] = counter, tag+"c:"+id
		if c.tokens {
			args[key+2] = tag + "t:" + it.token
		}
		key += perItem
		text = text[:0]
		for _, n := range [...]int64{p.start, p.end / micro, (max(p.end-b.now, 0) + in.slack) / milli, it.at} {
			text = append(strconv.AppendInt(text, n, 10), ' ')
		}
		args[account+i] = id[:digits]
		args = append(args, it.units, p.limit, max(p.since, 0)/micro, string(text), b.extra(it))
	}
	return args
}

// extra is a sweep's total, or the steps of an item that adds several usages.
func (b *batch) extra(it *item) string {
	if b.what == itemSweep {
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
// (largestUnits, largestTotal) and instants that must be compared come in
// microseconds; those that are only handed on stay text, in nanoseconds. 100·U
// and T·L are compared as they are: T·L is exact, and 100·U, where it is not, is
// far above it.
//
// KEYS[1] limits: hash of account → "limit since"; KEYS[2] outbox: stream;
// then for each item its counter (string), its claims (hash) and, if the items
// have them, its token (string).
// ARGV[1] add, limit or sweep, ARGV[2] time to live of tokens, ms; 0: the items
// have none, ARGV[3] how many thresholds, the thresholds ascending, the items'
// accounts, then for each item
//
//	1 units  2 limit  3 since when it holds, µs
//	4 what is seldom looked at: "start end ttl at ", the start of the period, ns,
//	  its end, µs, time to live of counter and claims, ms, instant of the usage, ns
//	5 steps "units,instant;"; of a sweep "added corrected total"
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
const inlineScript = `
local KEYS, ARGV, call, tonumber, match = KEYS, ARGV, redis.call, tonumber, string.match
local what, tokenTTL, count, width = ARGV[1], ARGV[2], tonumber(ARGV[3]), 5
local adds, sweeps, tokens, thresholds = what == 'add', what == 'sweep', tokenTTL ~= '0', {}
for i = 1, count do thresholds[i] = tonumber(ARGV[3 + i]) end
local accounts = 3 + count -- they are behind it
local items = (#ARGV - accounts) / (1 + width)

-- start, end, time to live and instant of the item whose arguments begin behind a
local function rest(a) return match(ARGV[a + 4], '^(%S+) (%S+) (%S+) (%S+) $') end

local function expire(key, a)
  local start, ending, ttl = rest(a)
  call('PEXPIRE', key, ttl)
end

-- when the usage reached what is needed, in hundredths of units, if a call adds
-- several steps; not before the limit held
local function instant(at, steps, before, needed, version)
  local usage = before
  for n, t in string.gmatch(steps, '(%d+),(%d+);') do
    usage = usage + tonumber(n)
    at = t
    if 100 * usage >= needed then break end
  end
  local since = match(version, ' (%d+)$') .. '000'
  if tonumber(since) > tonumber(at) then return since end
  return at
end

local function text(n) return string.format('%.0f', n) end

local function correct(claims, units, a)
  call('HINCRBY', claims, 'corrected', text(units))
  expire(claims, a)
end

-- the counter, with what the usage source knows at least
local function repair(counter, claims, before, a)
  local added, corrected, total = match(ARGV[a + 5], '^(%d+) (%d+) (-?%d+)$')
  local down = tonumber(call('HGET', claims, 'corrected') or 0)
  local more = math.max(tonumber(added) - (before + down), 0)
  local less = math.max(tonumber(corrected) - down, 0)
  if less > 0 then correct(claims, less, a) end
  if more ~= less then before = call('INCRBY', counter, text(more - less)) end
  return before, tonumber(total)
end

local limits = call('HMGET', KEYS[1], unpack(ARGV, accounts + 1, accounts + items))

-- the limit in force: the change known that is the latest before the end
local function force(i, limit, since, a)
  local known, version = limits[i], limit .. ' ' .. since
  if known == version then return limit, version end
  local latest = -1
  if known then
    local l, s = match(known, '^(%d+) (%d+)$')
    local start, ending = rest(a)
    latest = tonumber(s)
    if latest < tonumber(ending) and (latest > tonumber(since) or s == since and what ~= 'limit') then return l, known end
  end
  if tonumber(since) >= latest then
    local account = ARGV[accounts + i]
    call('HSET', KEYS[1], account, version)
    for j = i, items do
      if ARGV[accounts + j] == account then limits[j] = version end
    end
  end
  return limit, version
end

-- what is due is claimed and put into the outbox. All thresholds are looked at
-- where the limit is not the one they were last looked at with, else those that
-- this call passed.
local function claim(i, a, claims, usage, before, limit, version)
  local changed, due = call('HGET', claims, 'limit') ~= version, false
  local all, reached, passed, start, ending, ttl, used = changed or sweeps, 100 * usage, 100 * before
  for j = 1, count do
    local needed = thresholds[j] * limit
    if reached < needed then break end
    if all or passed < needed then
      if not start then start, ending, ttl, used = rest(a) end
      local at = used
      if adds then at = instant(at, ARGV[a + 5], before, needed, version) end
      if call('HSETNX', claims, thresholds[j], at) == 1 then
        call('XADD', KEYS[2], '*', 'account', ARGV[accounts + i], 'start', start, 'threshold', thresholds[j],
          'at', at, 'usage', text(usage), 'limit', text(limit), 'by', what)
        due = true
      end
    end
  end
  if changed then call('HSET', claims, 'limit', version) end
  if changed or due then expire(claims, a) end
  return due
end

local reply, key, a, r, least = {}, 3, accounts + items, 0, thresholds[1]
for i = 1, items do
  local counter, claims, token = KEYS[key], KEYS[key + 1]
  local status, before, after, limit = 0, 0, 0, 0
  key = key + 2
  if tokens then
    token = KEYS[key]
    key = key + 1
  end
  if token and call('EXISTS', token) == 1 then
    status = 1
  else
    local since, version, usage = ARGV[a + 3]
    limit = ARGV[a + 2]
    if limits[i] or since ~= '0' or what == 'limit' then limit, version = force(i, limit, since, a) end
    limit = tonumber(limit)
    if adds then
      after = call('INCRBY', counter, ARGV[a + 1])
      before = after - ARGV[a + 1]
      usage = after
      if after < before then correct(claims, before - after, a) end
    else
      before = tonumber(call('GET', counter) or 0)
      after, usage = before, before
      if sweeps then
        after, usage = repair(counter, claims, before, a)
        usage = math.max(after, usage)
        if after ~= before then status = 8 end
      end
    end
    if before == 0 and (adds or after ~= before) and call('PTTL', counter) < 0 then
      expire(counter, a)
      status = status + 2
    end
    if token then call('SET', token, '1', 'PX', tokenTTL) end
    if 100 * usage >= least * limit and claim(i, a, claims, usage, before, limit, version or ARGV[a + 2] .. ' ' .. since) then
      status = status + 4
    end
  end
  reply[r + 1] = status
  reply[r + 2] = before
  reply[r + 3] = after
  reply[r + 4] = limit
  a, r = a + width, r + 4
end
return reply
`

// inlineDigest names the script to a shard that has it.
var inlineDigest = redis.NewScript(inlineScript).Hash()

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

// Where the keys begin, how many arguments an item has beside its account, and
// how many numbers its reply.
const (
	scriptKeys  = 3
	scriptWidth = 5
	replyWidth  = 4
)

// What the items of a batch do.
const (
	itemAdd   = "add"
	itemLimit = "limit"
	itemSweep = "sweep"
)
