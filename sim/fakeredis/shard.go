// Package fakeredis is sharded Redis as a system under test sees it: a Fleet of
// shards, and a *redis.Ring to them for each client, with a hook on it that
// observes every command.
//
// What flows in: a scheduler, the shards' names and service times, and for
// each client its names of the shards, its zone's delays. What flows out: a
// real Ring, and by way of the context a Trace of what a request did on the
// wire. Only sim/ imports it.
//
// A Fleet is a fault.Target too: fault.go and roundtrip.go hold what goes wrong, and what
// clients notice of it. What a client would do by the wall clock is simulated:
// giving up on a reply after its read timeout or at the caller's deadline, and
// the Ring's health checks, by which it loses a shard. A command is sent once, on a connection that is
// always free, and a refusal takes a round trip, unless the scenario says how
// the client is connected: then pool.go plays go-redis' pool, dials and retries.
//
// A shard is a single-server FIFO queue in virtual time, as Redis executes
// commands on one thread, and a backend that executes them: the data of one
// Redis behind an inline connection, which executes on the caller's goroutine,
// or a redis-server process whose clock is the scheduler's.
package fakeredis

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/fault"
	"github.com/quotalab/quotalab/sim/rediscmd"
	"github.com/quotalab/quotalab/sim/redisdata"
	"github.com/quotalab/quotalab/sim/redislua"
)

// Shard is one Redis in virtual time: the queue in front of it, and behind it
// what executes the commands.
type Shard struct {
	Name string // as the scenario knows it
	addr string // as a Ring's option knows it

	index int // in the fleet

	backend
	sched   *clock.Scheduler
	service network.Distribution
	scripts network.Distribution
	single  map[string]network.CommandTime
	rng     *rand.Rand
	free    int64 // instant at which the queue is empty
	order   int64 // commands counted, where each shard counts its own
	replied int64 // bytes of all replies but to handshakes
	trouble
}

// backend executes a shard's commands, each at the scheduler's present instant.
type backend interface {
	// dial returns a client's connection: what is written to it is executed at
	// once.
	dial() (net.Conn, error)
	// peek returns a string key's value as a command at this instant finds it. A
	// key of another type is found without a value.
	peek(key string) (value string, found bool)
	// ask is peek for the harness, just before commands of a client: a shard that
	// does not know yet passes the answer to told, in the order of asking.
	ask(key string) (value string, found, known bool)
	told(use func(value string, found bool))
	// size returns how many keys there are at this instant.
	size() int
	// memory calls each with every key at this instant and its MEMORY USAGE.
	memory(each func(key string, bytes int64))
	// restart loses all keys and scripts, flushScripts only those.
	restart()
	flushScripts()
	// refuse lets commands be refused, also those that scripts call, until the
	// returned function is called.
	refuse(r fault.Refusal) (end func())
	close() error
}

func newShard(sched *clock.Scheduler, spec Spec, name string, index int) (*Shard, error) {
	s := &Shard{
		Name: name, index: index, addr: fmt.Sprintf("embedded-%d:6379", index), sched: sched,
		service: spec.Service, scripts: spec.Scripts, single: spec.Commands, rng: spec.Stream("shard/" + name),
	}
	s.trouble.shard, s.trouble.stream = s, spec.Stream
	if spec.Engine == nil {
		s.backend = newEmbedded(s, spec)
		return s, nil
	}
	served, err := newServed(s, spec.Engine, spec.Broken)
	if err != nil {
		return nil, fmt.Errorf("shard %s: %w", name, err)
	}
	s.backend = served
	return s, nil
}

// embedded is the backend that holds its data itself.
type embedded struct {
	*Shard
	selected int   // database of the client or script whose command is executed
	epoch    int64 // nanoseconds since 1970
	data     *redisdata.Store
	client   *redisdata.Client // whose command is executed
	given    []any             // the words of the command as the client has them, or nil
	lua      *scripts
	executed func(words []string, byScript bool) // of the Spec
	calling  bool                                // a script is
	guests   []*guest                            // connections of other programs
}

func newEmbedded(s *Shard, spec Spec) *embedded {
	e := &embedded{Shard: s, epoch: s.sched.Time().UnixNano() - s.sched.Now(), data: redisdata.New(spec.Stream("picks/" + s.Name)), client: new(redisdata.Client), executed: spec.Executed}
	e.lua = newScripts(e)
	return e
}

// farthest is the last instant to which a shard's queue grows, 146 years: what is added
// to it, such as the way back, stays an instant.
const farthest = clock.Never / 2

// enqueue takes a place in the queue for commands that arrive now and
// returns the instants at which they begin and end; of a frozen shard as if
// it had gone on at once.
func (s *Shard) enqueue(cmds []command) (begin, end int64) {
	now := s.queueTime()
	begin = max(now, s.free)
	end = begin
	for _, c := range cmds {
		end += min(int64(s.serviceOf(c)), max(farthest-end, 0))
	}
	if begin > now {
		end = max(end, begin+1) // else one that arrives at begin itself could go first
	}
	s.free = end
	return begin, end
}

// serviceOf draws the time of one command.
func (s *Shard) serviceOf(c command) time.Duration {
	if t, ok := s.single[c.name]; ok {
		keys := 0
		rediscmd.KeysAt(c.Cmder, func(int) { keys++ })
		return t.Sample(s.rng, keys, wireSize([]command{c}, single))
	}
	if c.is.Has(rediscmd.Script) {
		return s.scripts.Sample(s.rng)
	}
	return s.service.Sample(s.rng)
}

// advance brings the data to the present instant: its clock, and the keys
// whose time is up.
func (s *embedded) advance() { s.data.SetTime(s.epoch + s.sched.Now()) }

func (s *embedded) peek(key string) (value string, found bool) {
	s.advance()
	return s.data.Peek(0, key)
}

func (s *embedded) ask(key string) (value string, found, known bool) {
	value, found = s.peek(key)
	return value, found, true
}

func (s *embedded) told(func(string, bool)) {}

// execute runs one command at the present instant, for the current client or
// its script, unless it is refused. The reply is valid until the next command.
// name is words[0] in lower case.
func (s *embedded) execute(name string, words []string) []byte {
	if len(s.refusals) > 0 {
		if text := s.refusal(name); text != "" {
			return []byte("-" + text + "\r\n")
		}
		s.dirty = s.dirty || rediscmd.Of(name).Has(rediscmd.Grows|rediscmd.Frees)
	}
	return s.run(name, words)
}

// run runs one command that is not refused.
func (s *embedded) run(name string, words []string) []byte {
	s.advance()
	if s.executed != nil {
		s.executed(words, s.calling)
	}
	if runsScripts(name) {
		s.calling = true
		reply := s.lua.run(name, words)
		if s.calling = false; reply != nil {
			return reply
		}
	}
	if len(s.guests) > 0 && name == "publish" && len(words) == 3 {
		return []byte(":" + strconv.Itoa(s.publish(words[1], words[2])) + "\r\n")
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
func (s *Shard) Restart() { s.restart() }

func (s *embedded) restart() {
	s.data.FlushAll()
	s.lua.restart()
}

// FlushScripts loses all scripts.
func (s *Shard) FlushScripts() { s.flushScripts() }

func (s *embedded) flushScripts() { s.lua.forget() }

// Left is a key that is there at the end of a run.
type Left struct {
	Key     string // as on the wire
	Expires bool
	Bytes   int // an estimate
}

// Left returns the system's keys on all embedded shards at this instant; redis-server processes are not asked.
func (f *Fleet) Left() (all []Left) {
	for _, s := range f.Shards {
		if e, ok := s.backend.(*embedded); ok {
			e.advance()
			e.data.Each(func(key string, expires bool, bytes int) {
				if strings.HasPrefix(key, string(f.prefix)) {
					all = append(all, Left{f.plain(key), expires, bytes})
				}
			})
		}
	}
	return all
}

// Memory returns what the system's keys take on each shard at this instant.
func (f *Fleet) Memory() (all []record.Memory) {
	for _, s := range f.Shards {
		m := record.Memory{Shard: s.Name}
		s.memory(func(key string, bytes int64) {
			if strings.HasPrefix(key, string(f.prefix)) {
				m.Bytes += bytes
			}
		})
		all = append(all, m)
	}
	return all
}

func (s *embedded) memory(each func(key string, bytes int64)) {
	s.advance()
	s.data.Each(func(key string, _ bool, bytes int) { each(key, int64(bytes)) })
}

// Keys returns how many keys the shard holds at this instant.
func (s *Shard) Keys() int { return s.size() }

func (s *embedded) size() int {
	s.advance()
	return s.data.Len()
}

func (s *embedded) close() error { return nil }

// scripts runs a shard's scripts. The commands that a script calls go through
// Shard.execute like any other.
type scripts struct {
	shard  *embedded
	engine *redislua.Engine
}

func newScripts(s *embedded) *scripts {
	e := &scripts{shard: s}
	e.engine = redislua.New(e)
	return e
}

// run executes a command that is about scripts, or returns nil when it is
// another. A script begins in its client's database; one that it selects is
// its own.
func (e *scripts) run(name string, words []string) []byte {
	before := e.shard.selected
	reply := e.engine.Execute(name, words, e.shard.given, e.shard.client.RESP3)
	e.shard.selected = before
	return reply
}

// Call executes a command of a script on the shard and returns its reply. A
// script chooses the version of the protocol for itself.
func (e *scripts) Call(name string, words []string, resp3 bool) []byte {
	c := e.shard.client
	before := c.RESP3
	c.RESP3 = resp3
	reply := e.shard.execute(name, words)
	c.RESP3 = before
	return reply
}

// Writes reports whether Redis marks a command as writing.
func (e *scripts) Writes(words []string) bool {
	c := rediscmd.Of(rediscmd.Lower(words[0]))
	return c.Has(rediscmd.Grows) || c.Has(rediscmd.Frees)
}

// Knows reports whether there is such a command.
func (e *scripts) Knows(words []string) bool {
	return rediscmd.Of(rediscmd.Lower(words[0])) != rediscmd.Of("")
}

// forget drops all scripts.
func (e *scripts) forget() { e.engine.Flush() }

// restart drops all that a server's process knows of scripts.
func (e *scripts) restart() { e.engine = redislua.New(e) }
