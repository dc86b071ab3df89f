package live

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/shards"
	"github.com/quotalab/quotalab/sim/vtime"
)

// tracer notes in a Trace what a call did. Of the instants there it knows
// none: when a command took effect, between sent and done, no one tells.
type tracer struct {
	// shardOf returns the shard that a key, with its prefix, is sent to; nil
	// if there is none at present.
	shardOf func(ctx context.Context, key string) *member
	tat     func(value string) (time.Time, bool)
}

// flight is one call that is under way.
type flight struct {
	ctx  context.Context
	cmds []flown
	roam *roaming // of commands without a key, nil if there are none
}

// flown is a command with the shard that it is sent to.
type flown struct {
	*wrapped
	to *member
}

// begin looks where the commands go, before they are sent: afterwards a lost
// shard may have moved keys.
func (t *tracer) begin(ctx context.Context, all []wrapped, cmds []flown, pipelined bool) flight {
	f := flight{ctx: ctx, cmds: cmds}
	for i := range all {
		one := flown{wrapped: &all[i]}
		if len(one.keys) > 0 {
			key, _ := shards.RoutingKey(one.cmd, pipelined)
			one.to = t.shardOf(ctx, key)
		} else if f.roam == nil {
			f.roam = new(roaming)
			f.ctx = context.WithValue(ctx, roamingKey{}, f.roam)
		}
		f.cmds = append(f.cmds, one)
	}
	return f
}

// end notes a call that is over. The commands' keys are still under the
// prefix; they are noted without.
func (t *tracer) end(trace *shards.Trace, f flight) {
	trace.RoundTrips++
	for _, c := range f.cmds {
		if c.to == nil {
			continue
		}
		trace.Touch(c.to.name, 1)
		for _, k := range c.keys {
			if _, seen := trace.Key(k.plain); !seen {
				trace.Keys = append(trace.Keys, shards.KeyTouch{Key: k.plain, Shard: c.to.name, State: t.state(c.cmd)})
			}
		}
	}
	if f.roam != nil {
		for _, touched := range f.roam.touched {
			trace.Touch(touched.Shard, touched.Commands)
		}
	}
}

// state of the key of a command that is the first on it: only the reply to a
// GET tells.
func (t *tracer) state(cmd redis.Cmder) record.KeyState {
	get, ok := cmd.(*redis.StringCmd)
	if !ok || cmd.Name() != "get" {
		return record.Unread
	}
	value, err := get.Result()
	switch {
	case errors.Is(err, redis.Nil):
		return record.NotFound
	case err != nil:
		return record.Unread
	}
	if t.tat != nil {
		if tat, ok := t.tat(value); ok && !tat.After(vtime.Now()) {
			return record.Stale
		}
	}
	return record.Found
}
