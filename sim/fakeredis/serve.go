package fakeredis

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/rediscmd"
)

// Serve lets any program use embedded shards by the wall clock, one at each
// listener, until ctx is done. It closes the listeners and all connections.
func Serve(ctx context.Context, listeners []net.Listener) error {
	names := make([]string, len(listeners))
	for i, l := range listeners {
		names[i] = l.Addr().String()
	}
	h := &host{begun: clock.Now(), open: map[*visitor]bool{}}
	h.sched = clock.New(h.begun)
	fleet, err := NewFleet(h.sched, Spec{Names: names, Service: network.Constant(0), Scripts: network.Constant(0), Stream: surveyStream})
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { h.close(listeners) })
	defer stop()
	for i, l := range listeners {
		shard := fleet.Shards[i].backend.(*embedded)
		h.busy.Go(func() { h.accept(l, shard) })
	}
	h.busy.Wait()
	return errors.Join(h.failed, fleet.Close())
}

// host serves embedded shards. Commands of all connections are executed one
// at a time, each at the scheduler's instant that the wall clock shows.
type host struct {
	busy   sync.WaitGroup
	begun  time.Time
	mu     sync.Mutex // of all below, and of what guests wait for
	sched  *clock.Scheduler
	open   map[*visitor]bool
	closed bool
	failed error
}

// visitor is a guest by a socket.
type visitor struct {
	*guest
	conn net.Conn
	wake chan struct{} // there are replies to send
}

// close ends everything.
func (h *host) close(listeners []net.Listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for _, l := range listeners {
		h.failed = errors.Join(h.failed, l.Close())
	}
	for g := range h.open {
		_ = g.conn.Close() // who serves it finds it closed
	}
}

func (h *host) accept(l net.Listener, shard *embedded) {
	for {
		conn, err := l.Accept()
		h.mu.Lock()
		if err != nil {
			if !h.closed {
				h.failed = errors.Join(h.failed, err)
			}
			h.mu.Unlock()
			return
		}
		g := &visitor{conn: conn, wake: make(chan struct{}, 1)}
		g.guest = shard.newGuest(g.deliver, nil)
		h.open[g] = true
		if h.closed {
			_ = conn.Close()
		}
		h.mu.Unlock()
		h.busy.Go(func() { h.serve(g) })
		h.busy.Go(func() { h.send(g) })
	}
}

// serve executes the commands of a connection until its end.
func (h *host) serve(g *visitor) {
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.open, g)
		g.leave() // nothing that is published goes to it any more
		close(g.wake)
	}()
	buf, chunk := []byte(nil), make([]byte, 16<<10)
	for {
		n, err := g.conn.Read(chunk)
		if err != nil {
			return
		}
		if buf, err = h.execute(g, append(buf, chunk[:n]...)); err != nil {
			return
		}
	}
}

// execute executes all commands that are whole, at the present instant, and
// returns the rest.
func (h *host) execute(g *visitor, buf []byte) (rest []byte, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	defer g.deliver()
	for len(buf) > 0 && g.broken == nil {
		words, n, err := ParseCommand(buf)
		if errors.Is(err, io.ErrShortBuffer) {
			break
		}
		if err != nil {
			g.fail("ERR Protocol error: " + err.Error())
			return nil, err
		}
		if buf = buf[n:]; len(words) > 0 {
			h.sched.Call(int64(clock.Since(h.begun)), func() { g.answer(words) })
			h.sched.Run()
		}
	}
	return buf, g.broken
}

// mostUnsent is how much a program that does not read may leave unread before
// its connection is closed.
const mostUnsent = 64 << 20

// deliver has the replies sent.
func (g *visitor) deliver() {
	if g.replies.Len() > mostUnsent {
		_ = g.conn.Close()
	}
	select {
	case g.wake <- struct{}{}:
	default: // it is told already
	}
}

// send sends replies until the connection's end.
func (h *host) send(g *visitor) {
	defer g.conn.Close() // nothing is lost: all was sent, or nobody reads
	for more := true; more; {
		_, more = <-g.wake
		h.mu.Lock()
		b := bytes.Clone(g.replies.Bytes())
		g.replies.Reset()
		h.mu.Unlock()
		if _, err := g.conn.Write(b); err != nil {
			_ = g.conn.Close()
		}
	}
}

// answer executes a command, or answers what is about the connection.
func (g *guest) answer(words []string) {
	name := rediscmd.Lower(words[0])
	sub := ""
	if len(words) > 1 {
		sub = rediscmd.Lower(words[1])
	}
	listen := subscribing[name]
	switch {
	case listen != nil:
		listen(g, name, words[1:])
	case rediscmd.Of(name).MayWait(len(words), func(i int) string { return words[i] }):
		g.refuse("ERR " + name + " waits for other clients, which embedded shards do not")
	case name == "client" && (sub == "setinfo" || sub == "no-touch"):
		g.say("+OK")
	case name == "command" && sub == "docs":
		g.say("*0")
	default:
		g.execute(words)
	}
}
