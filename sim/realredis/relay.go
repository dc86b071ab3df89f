package realredis

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/fakeredis"
	"github.com/quotalab/quotalab/sim/rediscmd"
)

// Seen is told of commands that a process sends to a shard at once, before the
// shard is. It returns what is told of the reply to each, or of the end of the
// connection.
type Seen func(shard string, cmds [][]string) (replied func(i int, state record.KeyState))

// relay is a process' way to the shards of a fleet: a Unix socket before each,
// which needs no password. What it sends is passed on as it is, and seen.
type relay struct {
	fleet  *Fleet
	seen   Seen
	failed func(error)

	listeners []net.Listener
	all       sync.WaitGroup
	mu        sync.Mutex
	conns     map[net.Conn]bool // both ends of all; nil: closed
}

// ForChild listens in dir, a folder that others may not enter, for a process of
// its own: on one Unix socket for each shard by the client's names. seen is told
// what it sends, and failed what it should not have sent. The prefix is what its
// keys should begin with, and have to on servers that this program did not start.
func (f *Fleet) ForChild(dir string, names []string, seen Seen, failed func(error)) (sockets []string, prefix string, end func() error, err error) {
	if _, err := f.addresses(names); err != nil {
		return nil, "", nil, err
	}
	r := &relay{fleet: f, seen: seen, failed: failed, conns: map[net.Conn]bool{}}
	f.mu.Lock()
	members := slices.Clone(f.members[:f.first])
	f.mu.Unlock()
	for i, m := range members {
		path := filepath.Join(dir, "shard-"+strconv.Itoa(i+1))
		l, err := net.Listen("unix", path)
		if err != nil {
			return nil, "", nil, errors.Join(fmt.Errorf("socket of shard %s: %w", m.name, err), r.close())
		}
		sockets, r.listeners = append(sockets, path), append(r.listeners, l)
		r.all.Go(func() { r.accept(l, m) })
	}
	return sockets, string(f.prefix), r.close, nil
}

// Outside notes that a process which this program did not start writes to the
// fleet's servers too. What it sends is counted by the servers alone.
func (f *Fleet) Outside() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.outside = true
}

func (r *relay) close() error {
	var errs []error
	for _, l := range r.listeners {
		errs = append(errs, l.Close())
	}
	r.mu.Lock()
	for c := range r.conns {
		_ = c.Close() // nothing more is wanted of it
	}
	r.conns = nil
	r.mu.Unlock()
	r.all.Wait()
	return errors.Join(errs...)
}

// hold keeps a connection to be closed with the relay, or closes it.
func (r *relay) hold(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conns == nil {
		_ = c.Close() // nothing more is wanted of it
		return false
	}
	r.conns[c] = true
	return true
}

func (r *relay) drop(c net.Conn) {
	_ = c.Close() // its end may have come already
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
}

func (r *relay) accept(l net.Listener, m *member) {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			r.failed(fmt.Errorf("its connections to shard %s: %w", m.name, err))
			return
		}
		if r.hold(c) {
			r.all.Go(func() { r.serve(c, m) })
		}
	}
}

// serve passes on what a connection brings, until an end closes it. A shard that
// cannot be reached closes it at once.
func (r *relay) serve(child net.Conn, m *member) {
	defer r.drop(child)
	login := r.fleet.servers.login
	login.TLS = r.fleet.servers.dialTLS(m.host)
	server, err := login.enter(m.host)
	if err != nil || !r.hold(server) {
		return
	}
	c := &relayed{relay: r, member: m, child: child, server: server}
	var both sync.WaitGroup
	both.Go(func() {
		if err := c.up(); err != nil {
			r.failed(err)
		}
		r.drop(server)
	})
	c.down()
	r.drop(server)
	r.drop(child)
	both.Wait()
	for _, w := range c.waiting {
		w.replied(record.Unread)
	}
}

// enter connects to a host and logs in.
func (l Login) enter(host string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), answerLimit)
	defer cancel()
	c, err := l.dial(ctx, host)
	if err != nil {
		return nil, err
	}
	var hello [][]string
	if l.Password != "" {
		hello = append(hello, []string{"AUTH", l.Password})
		if l.Username != "" {
			hello[0] = []string{"AUTH", l.Username, l.Password}
		}
	}
	if l.DB != 0 {
		hello = append(hello, []string{"SELECT", strconv.Itoa(l.DB)})
	}
	deadline, _ := ctx.Deadline()
	err = c.SetDeadline(deadline)
	replies := bufio.NewReader(c)
	for _, words := range hello {
		var reply []byte
		if err == nil {
			_, err = c.Write(fakeredis.AppendCommand(nil, words...))
		}
		if err == nil {
			reply, err = readReply(replies, nil)
		}
		if err == nil && reply[0] == '-' {
			err = errors.New(strings.TrimSpace(string(reply[1:])))
		}
	}
	if err == nil {
		err = c.SetDeadline(time.Time{})
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// relayed is a connection of a process to a shard.
type relayed struct {
	relay         *relay
	member        *member
	child, server net.Conn
	resp3         bool // what the shard says by itself is marked

	mu      sync.Mutex
	waiting []awaited // commands without a reply
	free    bool      // replies belong to no command: it subscribed without RESP3
}

// awaited is a command that was passed on.
type awaited struct {
	name    string
	replied func(record.KeyState)
}

// up passes on what the process sends. The error is of what it should not.
func (c *relayed) up() error {
	var b []byte
	for chunk := make([]byte, largestChunk); ; {
		n, failed := c.child.Read(chunk)
		b = append(b, chunk[:n]...)
		var cmds [][]string
		at := 0
		for at < len(b) {
			words, length, err := fakeredis.ParseCommand(b[at:])
			if errors.Is(err, io.ErrShortBuffer) {
				break
			}
			if err != nil {
				return fmt.Errorf("its connection to shard %s does not speak Redis' protocol: %w", c.member.name, err)
			}
			if at += length; len(words) > 0 {
				cmds = append(cmds, words)
			}
		}
		if err := c.note(cmds); err != nil {
			return err
		}
		if at > 0 {
			if _, err := c.server.Write(b[:at]); err != nil {
				return nil // the shard closed it
			}
		}
		if b = append(b[:0], b[at:]...); failed != nil {
			return nil // the process closed it
		}
	}
}

// note has commands seen that are about to be passed on.
func (c *relayed) note(cmds [][]string) error {
	if len(cmds) == 0 {
		return nil
	}
	for _, words := range cmds {
		if err := c.allow(words); err != nil {
			return err
		}
	}
	replied := c.relay.seen(c.member.name, cmds)
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, words := range cmds {
		name := rediscmd.Lower(words[0])
		subscribes := strings.HasSuffix(name, "subscribe")
		c.resp3 = c.resp3 || name == "hello" && len(words) > 1 && words[1] == "3"
		c.free = c.free || subscribes && !c.resp3
		if c.free || subscribes {
			c.member.sent.add(name)
			replied(i, record.Unread)
			continue
		}
		c.waiting = append(c.waiting, awaited{name, func(s record.KeyState) { replied(i, s) }})
	}
	return nil
}

// allow returns why a command must not be passed on: it breaks what is known of
// the connection, or touches what is not the run's on servers of others.
func (c *relayed) allow(words []string) error {
	name, f := rediscmd.Lower(words[0]), c.relay.fleet
	first := ""
	if len(words) > 1 {
		first = rediscmd.Lower(words[1])
	}
	is := rediscmd.Of(name)
	arg := func(i int) string { return words[i] }
	switch {
	case name == "monitor", name == "sync", name == "psync", name == "client" && first == "reply":
		return fmt.Errorf("it sent %s %s, after which replies cannot be told apart", strings.ToUpper(name), first)
	case name == "select" && first != strconv.Itoa(f.servers.login.DB):
		return fmt.Errorf("it sent SELECT %s; it is connected to the run's database already", first)
	case f.servers.Own(), is.Has(rediscmd.OfConnections), strings.HasSuffix(name, "subscribe"), slices.Contains(passing, name):
		return nil
	case is.Has(rediscmd.Harmless) && (is.Subcommands == nil || slices.Contains(is.Subcommands, first)):
		return nil
	case is.Reaches(len(words), arg) != "":
		return fmt.Errorf("it sent %w", refuse(name, "it reaches beyond the keys that it names"))
	}
	named, foreign := 0, ""
	is.Keys(len(words), arg, func(at int) {
		if named++; !strings.HasPrefix(words[at], string(f.prefix)) {
			foreign = words[at]
		}
	})
	switch {
	case named == 0:
		return fmt.Errorf("it sent %w", refuse(name, is.Why))
	case foreign != "":
		return fmt.Errorf("it sent %w", refuse(name, fmt.Sprintf("expected keys that begin with the prefix which it was told, %q, found %q", string(f.prefix), foreign)))
	}
	return nil
}

// passing are commands that touch no key, beside those of a connection.
var passing = []string{"multi", "exec", "discard", "unwatch", "publish", "spublish", "quit", "reset"}

// down passes on what the shard says.
func (c *relayed) down() {
	in := bufio.NewReaderSize(c.server, largestChunk)
	for b := []byte(nil); ; {
		at, err := len(b), error(nil)
		if b, err = readReply(in, b); err != nil {
			return
		}
		if c.answered(b[at:]); in.Buffered() > 0 && len(b) < window {
			continue
		}
		if _, err := c.child.Write(b); err != nil {
			return
		}
		b = b[:0]
	}
}

// answered notes a reply.
func (c *relayed) answered(reply []byte) {
	c.mu.Lock()
	if c.free || c.resp3 && reply[0] == '>' || len(c.waiting) == 0 {
		c.mu.Unlock()
		return
	}
	w := c.waiting[0]
	c.waiting = c.waiting[1:]
	c.mu.Unlock()
	var failed error
	if reply[0] == '-' {
		failed = fakeredis.ReplyError(reply[1:])
	}
	c.member.countNamed(w.name, failed)
	w.replied(replyState(w.name, reply))
}

// replyState returns what the reply to a command says of its key.
func replyState(name string, reply []byte) record.KeyState {
	switch {
	case !rediscmd.Of(name).Has(rediscmd.TellsState):
		return record.Unread
	case reply[0] == '_', strings.HasPrefix(string(reply[:min(len(reply), 3)]), "$-1"):
		return record.NotFound
	case reply[0] == '$':
		return record.Found
	}
	return record.Unread
}

// readReply appends one reply of Redis' protocol, 2 or 3, as it came.
func readReply(r *bufio.Reader, b []byte) ([]byte, error) {
	text, err := r.ReadSlice('\n')
	if err != nil {
		return b, err
	}
	kind := text[0]
	b = append(b, text...)
	if strings.IndexByte("+-:_,#(", kind) >= 0 {
		return b, nil
	}
	n, err := strconv.Atoi(strings.TrimRight(string(text[1:]), "\r\n"))
	if err != nil {
		return b, fmt.Errorf("expected a reply of Redis, found %.20q", text)
	}
	switch kind {
	case '$', '!', '=':
		if n < 0 {
			return b, nil
		}
		at := len(b)
		b = slices.Grow(b, n+2)[:at+n+2]
		_, err = io.ReadFull(r, b[at:])
		return b, err
	case '%':
		n *= 2
	case '|': // of the reply that follows
		n = 2*n + 1
	case '*', '~', '>':
	default:
		return b, fmt.Errorf("expected a reply of Redis, found one that begins with %q", kind)
	}
	for range n {
		if b, err = readReply(r, b); err != nil {
			return b, err
		}
	}
	return b, nil
}
