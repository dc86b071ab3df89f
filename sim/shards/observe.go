package shards

import (
	"errors"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/results/record"
)

// observe notes in the trace what a command is about to find.
func (w *wire) observe(trace *Trace, s *Shard, c command) {
	order := w.fleet.NextOrder()
	if c.before != nil {
		*c.before = before{len(trace.Keys), trace.Effect, trace.Order}
	}
	if c.effect&writes != 0 {
		trace.wrote = true
	}
	tells := c.tellsState()
	c.eachKey(func(key string) {
		trace.Effect, trace.Order = s.sched.Now(), order
		if _, seen := trace.Key(key); seen {
			return
		}
		touch := KeyTouch{Key: key, Shard: s.Name}
		if !tells {
			value, found := s.peek(key)
			touch.State = w.state(s, value, found)
		}
		trace.Keys = append(trace.Keys, touch)
	})
}

// tellsState says that the command's reply is all there is to know of its
// key's state, so that the shard need not be asked twice.
func (c command) tellsState() bool {
	_, ok := c.Cmder.(*redis.StringCmd)
	return ok && c.name == "get"
}

// observeReplies completes the states that the replies tell, and takes back
// what a script call did that the shard could not make.
func (w *wire) observeReplies(trace *Trace, f *flight) {
	for _, c := range f.cmds {
		if c.before != nil && len(f.cmds) == 1 && redis.HasErrorPrefix(c.Err(), "NOSCRIPT") {
			trace.Keys, trace.Effect, trace.Order = trace.Keys[:c.before.keys], c.before.effect, c.before.order
		}
		if !c.tellsState() {
			continue
		}
		key := word(c.Args()[1])
		for i := range trace.Keys {
			if k := &trace.Keys[i]; k.State == "" && k.Key == key {
				value, err := c.Cmder.(*redis.StringCmd).Result()
				k.State = w.state(f.shard, value, !errors.Is(err, redis.Nil))
			}
		}
	}
}

func (w *wire) state(s *Shard, value string, found bool) record.KeyState {
	if !found {
		return record.NotFound
	}
	if w.tat != nil {
		if tat, ok := w.tat(value); ok && !tat.After(s.sched.Time()) {
			return record.Stale
		}
	}
	return record.Found
}
