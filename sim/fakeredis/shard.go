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
// An embedded shard is one miniredis behind an inline connection, which
// executes on the caller's goroutine, and a single-server FIFO queue in
// virtual time: Redis executes commands on one thread.
package fakeredis

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/rediscmd"
)

// Shard is one embedded Redis: a miniredis that lives in virtual time, and
// the queue in front of it.
type Shard struct {
	Name string // as the scenario knows it
	addr string // as a Ring's option knows it

	index    int // in the fleet
	selected int // database of the client that runs

	sched   *clock.Scheduler
	db      *miniredis.Miniredis
	srv     *server.Server
	expiry  *deadlines
	lua     *scripts
	service network.Distribution
	scripts network.Distribution
	rng     *rand.Rand
	free    int64 // instant at which the queue is empty
	clock   int64 // instant that miniredis was last told
	replied int64 // bytes of all replies but to handshakes
	trouble
}

func newShard(sched *clock.Scheduler, spec Spec, name string, index int) (*Shard, error) {
	db := miniredis.NewMiniRedis()
	c, err := db.Dial() // starts it without a listener
	if err != nil {
		return nil, fmt.Errorf("shard %s: starting miniredis: %w", name, err)
	}
	if err := c.Close(); err != nil {
		return nil, fmt.Errorf("shard %s: %w", name, err)
	}
	s := &Shard{
		Name: name, index: index, addr: fmt.Sprintf("embedded-%d:6379", index),
		sched: sched, db: db, srv: db.Server(), expiry: newDeadlines(), clock: -1,
		service: spec.Service, scripts: spec.Scripts, rng: spec.Stream("shard/" + name),
	}
	s.trouble.shard, s.trouble.stream = s, spec.Stream
	s.lua = newScripts(s)
	return s, nil
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

// advance brings miniredis to the present instant: its clock, and the keys
// whose time is up.
func (s *Shard) advance() {
	now := s.sched.Now()
	if now == s.clock {
		return
	}
	s.clock = now
	s.db.SetTime(s.sched.Time())
	s.expiry.expire(now, func(key string) { s.db.Del(key) })
}

// peek returns a string key's value as a command at this instant finds it.
func (s *Shard) peek(key string) (value string, found bool) {
	s.advance()
	value, err := s.db.Get(key)
	return value, !errors.Is(err, miniredis.ErrKeyNotFound) // of another type: found, without a value
}

// execute runs one command at the present instant. miniredis stores a time
// to live as it was set and never lets it run down, so the time that is
// really left is put in before a command that may look at it, and what a
// command left behind is read back after one that may change it.
func (s *Shard) execute(peer *server.Peer, words []string) {
	s.advance()
	name := rediscmd.Lower(words[0])
	c := rediscmd.Of(name)
	if s.lua.run(peer, name, words) {
		return
	}
	s.before(words, c)
	s.srv.Dispatch(peer, words)
	s.after(words, c)
}

// executeAll runs the commands that were queued in a transaction: peer's
// EXEC, which miniredis holds them for, executes them all.
func (s *Shard) executeAll(peer *server.Peer, exec []string, queued [][]string) {
	s.advance()
	for _, words := range queued {
		s.before(words, rediscmd.Of(rediscmd.Lower(words[0])))
	}
	s.srv.Dispatch(peer, exec)
	for _, words := range queued {
		s.after(words, rediscmd.Of(rediscmd.Lower(words[0])))
	}
}

func (s *Shard) before(words []string, c *rediscmd.Command) {
	if c.Has(rediscmd.ReadsTTL) {
		eachKey(words, c, s.showTTL)
	}
}

func (s *Shard) after(words []string, c *rediscmd.Command) {
	switch {
	case c.Has(rediscmd.SetsTTL):
		eachKey(words, c, s.learnTTL)
	case c.Has(rediscmd.NoKey) && c.Has(rediscmd.Writes): // FLUSHALL or FLUSHDB
		s.expiry = newDeadlines()
	}
}

func eachKey(words []string, c *rediscmd.Command, yield func(key string)) {
	c.Keys(len(words), func(i int) string { return words[i] }, func(at int) { yield(words[at]) })
}

// Restart loses all keys and scripts, as a server without persistence does
// that is killed and comes back at once.
func (s *Shard) Restart() {
	s.advance()
	s.db.FlushAll()
	s.expiry = newDeadlines()
	s.lua.restart()
}

// FlushScripts loses all scripts.
func (s *Shard) FlushScripts() {
	s.lua.forget()
}

// close ends the shard.
func (s *Shard) close() {
	s.db.Close()
}

func (s *Shard) showTTL(key string) {
	if at, ok := s.expiry.of(key); ok {
		s.db.SetTTL(key, time.Duration(at-s.sched.Now()))
	}
}

func (s *Shard) learnTTL(key string) {
	ttl := s.db.TTL(key)
	if ttl <= 0 {
		s.expiry.clear(key)
		return
	}
	s.expiry.set(key, s.sched.Now()+int64(ttl))
}

// Keys returns how many keys the shard holds at this instant.
func (s *Shard) Keys() int {
	s.advance()
	return len(s.db.Keys())
}
