package fakeredis

import (
	"github.com/quotalab/quotalab/sim/rediscmd"
	"github.com/quotalab/quotalab/sim/redislua"
)

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
