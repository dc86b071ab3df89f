package live

import (
	"context"
	"errors"
	"maps"
	"net"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/sim/shards"
)

// tally counts what a fleet did on one shard.
type tally struct {
	sent   counts       // commands by the fleet's clients
	called counts       // commands by its scripts, as far as somebody told
	ran    atomic.Int64 // scripts, certainly or perhaps
	told   atomic.Int64 // scripts of which it is known what they called
}

// counts are numbers by the lower-case name of a command. Names are few, so
// that a new one may copy the map, and counting takes no lock.
type counts struct {
	mu     sync.Mutex
	byName atomic.Pointer[map[string]*atomic.Int64]
}

func (c *counts) add(name string) {
	if m := c.byName.Load(); m != nil {
		if n := (*m)[name]; n != nil {
			n.Add(1)
			return
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	next := map[string]*atomic.Int64{}
	if m := c.byName.Load(); m != nil {
		maps.Copy(next, *m)
	}
	if next[name] == nil {
		next[strings.Clone(name)] = new(atomic.Int64)
	}
	next[name].Add(1)
	c.byName.Store(&next)
}

// addTo adds the counts to sums.
func (c *counts) addTo(sums map[string]int64) {
	if m := c.byName.Load(); m != nil {
		for name, n := range *m {
			sums[name] += n.Load()
		}
	}
}

// ofConnections are the commands that connections, pools and heartbeats send
// for themselves. They are not counted.
var ofConnections = words("hello client auth select ping readonly asking cluster command")

// count notes a command that was sent, and what came of it.
func (t *tally) count(cmd redis.Cmder, err error) {
	name := cmd.Name()
	if ofConnections[name] || (err != nil && (notSent(err) || unknown(err))) {
		return
	}
	t.sent.add(name)
	if shards.IsScript(name) && (err == nil || !redis.HasErrorPrefix(err, "NOSCRIPT")) {
		t.ran.Add(1)
	}
}

// countAll notes the commands of a pipeline. Of an aborted transaction the
// server executes none but those that it rejected and counted as such.
func (t *tally) countAll(cmds []redis.Cmder, err error) {
	if notSent(err) {
		return
	}
	if len(cmds) < 2 || cmds[0].Name() != "multi" || !aborted(cmds, err) {
		for _, cmd := range cmds {
			t.count(cmd, cmd.Err())
		}
		return
	}
	for i, cmd := range cmds {
		if name := cmd.Name(); i == 0 || i == len(cmds)-1 || (rejected(cmd.Err()) && !ofConnections[name]) {
			t.sent.add(name)
		}
	}
}

// notSent tells whether an error kept a command from being sent: it got no
// connection.
func notSent(err error) bool {
	if err == nil {
		return false
	}
	for _, kind := range []error{redis.ErrPoolTimeout, redis.ErrPoolExhausted, redis.ErrClosed, context.Canceled, context.DeadlineExceeded, ErrRefused} {
		if errors.Is(err, kind) {
			return true
		}
	}
	var dial *net.OpError
	return errors.As(err, &dial) && dial.Op == "dial"
}

// unknown tells whether the server does not know a command, so that it does
// not count it either.
func unknown(err error) bool {
	return redis.HasErrorPrefix(err, "unknown command") || redis.HasErrorPrefix(err, "unknown subcommand")
}

// aborted tells whether a transaction was not executed.
func aborted(cmds []redis.Cmder, err error) bool {
	if redis.HasErrorPrefix(err, "EXECABORT") || errors.Is(err, redis.TxFailedErr) {
		return true
	}
	for _, cmd := range cmds {
		if rejected(cmd.Err()) || unknown(cmd.Err()) {
			return true
		}
	}
	return false
}

// rejected tells whether a server refused a command before executing it.
func rejected(err error) bool {
	for _, prefix := range []string{"OOM", "READONLY", "MOVED", "ASK", "CROSSSLOT", "NOPERM", "wrong number of arguments"} {
		if redis.HasErrorPrefix(err, prefix) {
			return true
		}
	}
	return false
}

// ScriptRan tells which commands one call of a script ran on a shard, whose
// name is that in the record; nil where that is not known.
func (f *Fleet) ScriptRan(shard string, calls []string) {
	m := f.member(shard)
	if m == nil || calls == nil {
		return
	}
	for _, name := range calls {
		m.called.add(name)
	}
	m.told.Add(1)
}
