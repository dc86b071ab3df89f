// Package fakeredis is sharded Redis as a system under test sees it: a Fleet of
// shards, and a *redis.Ring to them for each client, with a hook on it that
// observes every command.
//
// What flows in: a scheduler, the shards' names and service times, and for
// each client its names of the shards, its zone's delays. What flows out: a
// real Ring, and by way of the context a Trace of what a request did on the
// wire. Only sim/ imports it.
//
// A Fleet is a fault.Target too: fault.go and flight.go hold what goes wrong, and what
// clients notice of it. What a client would do by the wall clock is simulated:
// giving up on a reply after its read timeout, and the Ring's health checks,
// by which it loses a shard. A command is sent once, on a connection that is
// always free; a refusal takes a round trip.
//
// An embedded shard is the data of one Redis behind an inline connection, which
// executes on the caller's goroutine, and a single-server FIFO queue in
// virtual time: Redis executes commands on one thread.
package fakeredis

import (
	"fmt"
	"math/rand/v2"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/rediscmd"
	"github.com/quotalab/quotalab/sim/redisdata"
)

// Shard is one embedded Redis: its data, which lives in virtual time, and the
// queue in front of it.
type Shard struct {
	Name string // as the scenario knows it
	addr string // as a Ring's option knows it

	index    int // in the fleet
	selected int // database of the client or script whose command is executed

	sched   *clock.Scheduler
	epoch   int64 // nanoseconds since 1970
	data    *redisdata.Store
	client  *redisdata.Client // whose command is executed
	lua     *scripts
	service network.Distribution
	scripts network.Distribution
	rng     *rand.Rand
	free    int64 // instant at which the queue is empty
	replied int64 // bytes of all replies but to handshakes
	trouble
}

func newShard(sched *clock.Scheduler, spec Spec, name string, index int) *Shard {
	s := &Shard{
		Name: name, index: index, addr: fmt.Sprintf("embedded-%d:6379", index),
		sched: sched, epoch: sched.Time().UnixNano() - sched.Now(), data: redisdata.New(spec.Stream("picks/" + name)), client: new(redisdata.Client),
		service: spec.Service, scripts: spec.Scripts, rng: spec.Stream("shard/" + name),
	}
	s.trouble.shard, s.trouble.stream = s, spec.Stream
	s.lua = newScripts(s)
	return s
}

// enqueue takes a place in the queue for commands that arrive now and
// returns the instants at which they begin and end; of a frozen shard as if
// it had gone on at once.
func (s *Shard) enqueue(cmds []command) (begin, end int64) {
	now := s.queueTime()
	begin = max(now, s.free)
	end = begin
	for _, c := range cmds {
		d := s.service
		if c.is.Has(rediscmd.Script) {
			d = s.scripts
		}
		end += int64(d.Sample(s.rng))
	}
	if begin > now {
		end = max(end, begin+1) // else one that arrives at begin itself could go first
	}
	s.free = end
	return begin, end
}

// advance brings the data to the present instant: its clock, and the keys
// whose time is up.
func (s *Shard) advance() { s.data.SetTime(s.epoch + s.sched.Now()) }

// peek returns a string key's value as a command at this instant finds it. A
// key of another type is found without a value.
func (s *Shard) peek(key string) (value string, found bool) {
	s.advance()
	return s.data.Peek(0, key)
}

// execute runs one command at the present instant, for the current client or
// its script, unless it is refused. The reply is valid until the next command.
func (s *Shard) execute(words []string) []byte {
	name := rediscmd.Lower(words[0])
	if len(s.refusals) > 0 {
		if text := s.refusal(name); text != "" {
			return []byte("-" + text + "\r\n")
		}
		s.dirty = s.dirty || rediscmd.Of(name).Has(rediscmd.Grows|rediscmd.Frees)
	}
	return s.run(name, words)
}

// run runs one command that is not refused.
func (s *Shard) run(name string, words []string) []byte {
	s.advance()
	if runsScripts(name) {
		if reply := s.lua.run(name, words); reply != nil {
			return reply
		}
	}
	s.client.DB = s.selected
	reply := s.data.Execute(s.client, name, words)
	s.selected = s.client.DB
	return reply
}

// runsScripts reports whether a command is for the scripts to execute.
func runsScripts(name string) bool {
	return name == "script" || name == "function" || rediscmd.Of(name).Has(rediscmd.Script)
}

// Restart loses all keys and scripts, as a server without persistence does
// that is killed and comes back at once.
func (s *Shard) Restart() {
	s.data.FlushAll()
	s.lua.restart()
}

// FlushScripts loses all scripts.
func (s *Shard) FlushScripts() { s.lua.forget() }

// Keys returns how many keys the shard holds at this instant.
func (s *Shard) Keys() int {
	s.advance()
	return s.data.Len()
}
