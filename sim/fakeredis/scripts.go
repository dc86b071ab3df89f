package fakeredis

import (
	"bufio"
	"bytes"

	"github.com/alicebob/miniredis/v2/server"

	"github.com/quotalab/quotalab/sim/rediscmd"
	"github.com/quotalab/quotalab/sim/redislua"
)

// scripts runs a shard's scripts. The commands that a script calls go through
// Shard.execute like any other.
type scripts struct {
	shard  *Shard
	engine *redislua.Engine
	reply  bytes.Buffer
	peer   *server.Peer
}

func newScripts(s *Shard) *scripts {
	e := &scripts{shard: s}
	e.engine = redislua.New(e)
	e.peer = server.NewPeer(bufio.NewWriter(&e.reply))
	return e
}

// run executes a command that is about scripts, or returns false when it is
// another. A script begins in its client's database; one that it selects is
// its own.
func (e *scripts) run(peer *server.Peer, name string, words []string) bool {
	before := e.shard.selected
	reply := e.engine.Execute(name, words, peer.Resp3)
	e.shard.selected = before
	if reply == nil {
		return false
	}
	peer.WriteRaw(string(reply))
	return true
}

// Call executes a command of a script on the shard and returns its reply.
func (e *scripts) Call(words []string, resp3 bool) []byte {
	e.reply.Reset()
	e.peer.Resp3 = resp3
	e.shard.execute(e.peer, words)
	e.peer.Flush()
	return e.reply.Bytes()
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
