package shards

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// group sorts the commands into flights by shard, in the shards' order: a
// limiter may build its pipeline in the random order of a map, which must
// not decide which delay is drawn for which shard.
func (w *wire) group(cmds []redis.Cmder, as form) ([]*flight, error) {
	usual := &struct { // most calls are one command, or two, to one shard
		flights [1]*flight
		first   flight
		cmds    [2]command
	}{}
	flights := usual.flights[:0]
	for _, cmd := range cmds {
		name := lowerName(cmd.Name())
		c := command{Cmder: cmd, name: name, effect: effectOf(name)}
		if c.effect&scripted != 0 {
			c.before = new(before)
		}
		client, err := w.clientFor(c, as)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(flights, func(f *flight) bool { return f.client == client })
		if i < 0 {
			i = len(flights)
			f := &usual.first
			if i > 0 {
				f = new(flight)
			} else {
				f.cmds = usual.cmds[:0]
			}
			f.client, f.shard = client, w.shards[client]
			flights = append(flights, f)
		}
		flights[i].cmds = append(flights[i].cmds, c)
	}
	if len(flights) == 1 {
		return flights, nil
	}
	slices.SortFunc(flights, func(a, b *flight) int { return a.shard.index - b.shard.index })
	return flights, nil
}

// clientFor asks the Ring for the shard of the command. Where a real Ring
// takes a random one, it is from the client's own stream.
func (w *wire) clientFor(c command, as form) (*redis.Client, error) {
	args := c.Args()
	arg := func(i int) string { return word(args[i]) }
	if mayWait(c.name, c.effect, len(args), arg) {
		return nil, fmt.Errorf("%s waits for other clients, which the embedded shards cannot do in virtual time", c.name)
	}
	key, ok := routingKey(c.name, as != single, len(args), arg)
	if !ok {
		key = strconv.FormatUint(w.rng.Uint64(), 10)
	}
	return w.ring.GetShardClientForKey(key)
}

// eachKey yields the command's keys.
func (c command) eachKey(yield func(string)) {
	args := c.Args()
	keysOf(c.name, c.effect, len(args), func(i int) string { return word(args[i]) }, yield)
}

// word returns an argument as it goes over the wire, for keys and names.
func word(arg any) string {
	switch a := arg.(type) {
	case string:
		return a
	case *string:
		if a == nil {
			return ""
		}
		return *a
	case []byte:
		return string(a)
	default:
		return fmt.Sprint(a)
	}
}
