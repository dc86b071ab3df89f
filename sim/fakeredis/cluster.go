package fakeredis

import (
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/sim/rediscmd"
)

// masters finds the shard of a key as a Redis Cluster does whose masters have
// as many slots each, in the order of the shards.
type masters []string

// Get returns the name of the shard that has the key's slot.
func (m masters) Get(key string) string {
	slot, n := rediscmd.Slot(key), len(m)
	at := slot * n / rediscmd.Slots
	if (at+1)*rediscmd.Slots/n <= slot {
		at++ // the first slot of each is rounded down
	}
	return m[at]
}

// withinSlots returns the commands that a node of a Redis Cluster executes, and
// fails the others as it does.
func withinSlots(cmds []command) (within []command, err error) {
	for i, c := range cmds {
		if _, crosses := rediscmd.Crossing(c); crosses {
			if err == nil {
				within = append(within, cmds[:i]...)
			}
			c.SetErr(redis.ErrCrossSlot)
			err = redis.ErrCrossSlot
		} else if err != nil {
			within = append(within, c)
		}
	}
	if err == nil {
		return cmds, nil
	}
	return within, err
}

// crossings are calls of scripts that a Redis Cluster would refuse.
type crossings struct {
	count int64
	keys  [2]string // of the first
}

func (c *crossings) note(cmds []command) {
	for _, cmd := range cmds {
		if !cmd.is.Has(rediscmd.Script) {
			continue
		}
		if keys, crosses := rediscmd.Crossing(cmd); crosses {
			if c.count++; c.count == 1 {
				c.keys = keys
			}
		}
	}
}

// ClusterWarning says how many script calls a Redis Cluster would have refused,
// "" if it is none.
func (f *Fleet) ClusterWarning() string {
	c := f.crossings
	if c.count == 0 {
		return ""
	}
	return fmt.Sprintf("a Redis Cluster would refuse %d script calls with CROSSSLOT: their keys are in different slots, such as %q and %q; give the keys of one call a common part in braces, or set cluster: true to see it",
		c.count, c.keys[0], c.keys[1])
}
