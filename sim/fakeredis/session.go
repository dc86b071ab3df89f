package fakeredis

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/sim/rediscmd"
)

// Line is a client's way to the shards that has no Ring: another program
// decides what it sends to which shard, and when.
type Line struct{ wire *wire }

// Line returns a way to the fleet's embedded shards.
func (f *Fleet) Line(c ClientSpec) (*Line, error) {
	if f.spec.Engine != nil {
		return nil, fmt.Errorf("programs of their own need embedded shards: leave the engine %s out", f.spec.Engine.Name)
	}
	if len(c.RTT) < len(f.Shards) {
		return nil, fmt.Errorf("client has %d delays, the fleet has %d shards", len(c.RTT), len(f.Shards))
	}
	w := &wire{fleet: f, rtt: c.RTT, tat: c.TAT, now: c.Now}
	for _, s := range f.Shards {
		w.rng = append(w.rng, c.Stream(s.Name))
	}
	return &Line{w}, nil
}

// Session is a connection of a Line to one shard.
type Session struct {
	Shard string // its name

	line     *wire
	guest    *guest
	shard    *Shard
	lastIn   int64 // instants that keep the connection first in, first out
	lastBack int64
	cut      bool // the shard has closed it
}

// Connect opens a connection to a shard, nil where that is down. A message
// that the shard pushes arrives as a reply that no command asked for. lost is
// called when the client hears that the shard has closed the connection.
func (l *Line) Connect(shard int, pushed func(message []byte), lost func()) *Session {
	s := l.wire.fleet.Shards[shard]
	if s.down {
		return nil
	}
	c := &Session{Shard: s.Name, line: l.wire, shard: s}
	c.guest = s.backend.(*embedded).newGuest(func() { c.push(pushed) }, func() { c.hangUp(lost) })
	return c
}

// Close ends the connection.
func (c *Session) Close() { c.guest.leave() }

// Closed reports whether the shard ends the connection, as after QUIT.
func (c *Session) Closed() bool { return c.cut || c.guest.broken != nil }

// Answer executes a command at the present instant and returns the reply. It
// is for what takes no time and is not counted: handshakes.
func (c *Session) Answer(words []string) []byte {
	c.guest.answer(words)
	reply := bytes.Clone(c.guest.replies.Bytes())
	c.guest.replies.Reset()
	return reply
}

// Send sends commands to the shard, each observed in a Trace unless that is
// nil. arrived is called at the instant at which their replies are back, or
// when the connection is lost.
func (c *Session) Send(cmds [][]string, traces []*Trace, arrived func(reply []byte, err error)) {
	now, rtt := c.shard.sched.Now(), int64(c.line.rtt[c.shard.index].Sample(c.line.rng[c.shard.index]))
	t := &roundTrip{w: c.line, as: pipelined, shard: c.shard, due: now + rtt/2, back: rtt - rtt/2, session: c, traces: traces, arrived: arrived}
	for i, words := range cmds {
		args := make([]any, len(words))
		for j, w := range words {
			args[j] = w
		}
		cmd := command{Cmder: redis.NewCmd(ofWire, args...), name: rediscmd.Lower(words[0])}
		if cmd.is = rediscmd.Of(cmd.name); cmd.is.Has(rediscmd.Script) {
			cmd.before = new(before)
		}
		t.cmds = append(t.cmds, cmd)
		if traces[i] != nil {
			traces[i].Touch(c.Shard, 1)
		}
	}
	t.launch()
}

// inOrder returns when what is due at that instant reaches the shard.
func (c *Session) inOrder(due int64) int64 {
	c.lastIn = max(due, c.lastIn)
	return c.lastIn
}

// backInOrder returns when what would be back at that instant is.
func (c *Session) backInOrder(at int64) int64 {
	c.lastBack = max(at, c.lastBack)
	return c.lastBack
}

// execute runs a round trip's commands at this instant.
func (c *Session) execute(t *roundTrip) {
	for i := range t.cmds {
		cmd, trace := &t.cmds[i], t.traces[i]
		if trace != nil {
			c.line.observe(trace, c.shard, *cmd)
		}
		words := make([]string, len(cmd.Args()))
		for j, a := range cmd.Args() {
			words[j] = rediscmd.Word(a)
		}
		reply := c.Answer(words)
		t.answers = append(t.answers, reply...)
		if text, failed := strings.CutPrefix(string(reply[:min(len(reply), 64)]), "-"); failed {
			cmd.SetErr(ReplyError(text))
		}
		if trace != nil {
			c.line.observeReplies(trace, &roundTrip{shard: c.shard, cmds: t.cmds[i : i+1]})
		}
	}
	t.reply = int64(len(t.answers))
}

// ReplyError is a refusal by the shard, as go-redis knows it.
type ReplyError string

func (e ReplyError) Error() string { return string(e) }
func (ReplyError) RedisError()     {}

// push sends what a shard says by itself.
func (c *Session) push(pushed func([]byte)) {
	message := bytes.Clone(c.guest.replies.Bytes())
	c.guest.replies.Reset()
	c.tell(func() { pushed(message) })
}

// tell has the client hear of something that no command asked for.
func (c *Session) tell(heard func()) {
	rtt := int64(c.line.rtt[c.shard.index].Sample(c.line.rng[c.shard.index]))
	c.shard.sched.Call(c.backInOrder(c.shard.sched.Now()+rtt-rtt/2), heard)
}

// hangUp closes the connection at the shard, which resets what still comes on it.
func (c *Session) hangUp(lost func()) {
	c.cut = true
	c.guest.leave()
	c.tell(lost)
}

// hangUp drops the connections of other programs.
func (s *Shard) hangUp() {
	e, ok := s.backend.(*embedded)
	if !ok {
		return
	}
	for _, g := range append([]*guest(nil), e.guests...) {
		if g.lost != nil {
			g.lost()
		}
	}
}
