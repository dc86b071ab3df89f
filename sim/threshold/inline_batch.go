package threshold

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

// InDoubtError: calls to Redis failed, so that these usages may have been
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
		return fmt.Errorf("account %d: expected at most %d units at once, found %d", u.Account, largestUnits, u.Units)
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

// period of a usage: often that of the usage before it.
func (b *batch) period(last *item, u *Usage) (period, error) {
	if last != nil && last.what == itemAdd && last.period.start <= u.At && u.At < last.period.end && u.At <= b.now {
		return last.period, nil
	}
	c, err := b.in.contracts(u.Account)
	if err != nil {
		return period{}, fmt.Errorf("account %d: %w", u.Account, err)
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
		c = &call{partition: n}
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
