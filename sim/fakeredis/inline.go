package fakeredis

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/alicebob/miniredis/v2/server"

	"github.com/quotalab/quotalab/sim/rediscmd"
)

// inlineConn is a client's connection to an embedded shard without a socket
// or a second goroutine: Write executes the commands it is given at once,
// Read returns their replies. Measured per GET: 2.8 µs, against 9 µs over
// net.Pipe and 30 µs over loopback TCP.
type inlineConn struct {
	shard   *Shard
	peer    *server.Peer
	pending []byte // of a command that has not been written in full
	replies bytes.Buffer
	inTx    bool
	queued  [][]string // since MULTI
	refused bool       // one was not queued
	greets  bool       // the last command was of the handshake
	lost    error      // why nobody knows where the next command begins
	closed  bool
}

func newInlineConn(s *Shard) *inlineConn {
	c := &inlineConn{shard: s}
	c.peer = server.NewPeer(bufio.NewWriter(&c.replies))
	return c
}

// Write executes every whole command in b. After a malformed one nothing
// more is taken, as with Redis.
func (c *inlineConn) Write(b []byte) (int, error) {
	if c.closed {
		return 0, net.ErrClosed
	}
	if c.lost != nil {
		return 0, c.lost
	}
	before := c.replies.Len()
	defer func() {
		c.peer.Flush()
		if !c.greets {
			c.shard.replied += int64(c.replies.Len() - before)
		}
	}()
	in := b
	if len(c.pending) > 0 {
		c.pending = append(c.pending, b...)
		in = c.pending
	}
	for len(in) > 0 {
		words, n, err := parse(in)
		if errors.Is(err, io.ErrShortBuffer) {
			break
		}
		if err != nil {
			c.lost = err
			return 0, err
		}
		in = in[n:]
		c.execute(words)
	}
	c.pending = append(c.pending[:0], in...)
	return len(b), nil
}

// execute passes a command to the shard. What a transaction queues takes
// effect at its EXEC.
func (c *inlineConn) execute(words []string) {
	name := rediscmd.Lower(words[0])
	c.shard.dirty, c.greets = false, name == "hello" || name == "client"
	switch {
	case c.inTx && name == "exec" && c.refused:
		c.abort()
	case c.inTx && name == "exec":
		c.shard.executeAll(c.peer, words, c.queued)
		c.inTx, c.queued = false, nil
	case c.inTx && name != "discard":
		if text := c.shard.refusalInTransaction(name); text != "" {
			c.refused = true
			c.peer.WriteError(text)
			return
		}
		c.queued = append(c.queued, words)
		c.shard.srv.Dispatch(c.peer, words)
	default:
		c.inTx, c.queued, c.refused = name == "multi", nil, false
		c.shard.execute(c.peer, words)
	}
}

// abort answers the EXEC of a transaction of which a command was refused.
func (c *inlineConn) abort() {
	c.peer.Flush()
	n := c.replies.Len()
	c.shard.srv.Dispatch(c.peer, []string{"DISCARD"})
	c.peer.Flush()
	c.replies.Truncate(n)
	c.inTx, c.queued, c.refused = false, nil, false
	c.peer.WriteError(abortedText)
}

// Read returns replies. A client reads only after it wrote, so no reply
// means that it waits for something that never comes.
func (c *inlineConn) Read(b []byte) (int, error) {
	if c.closed {
		return 0, net.ErrClosed
	}
	if c.replies.Len() == 0 {
		return 0, fmt.Errorf("embedded shard %s: read without a reply under way: %w", c.shard.Name, io.ErrUnexpectedEOF)
	}
	return c.replies.Read(b)
}

// Redis' own bounds on a command.
const (
	maxWords = 1 << 20
	maxWord  = 512 << 20 // bytes
)

// parse reads one RESP array of bulk strings and returns its words and its
// length. An incomplete one is io.ErrShortBuffer. The words are not reused:
// miniredis keeps them while a transaction is open.
func parse(b []byte) (words []string, length int, err error) {
	n, at, err := header(b, 0, '*')
	if err != nil {
		return nil, 0, err
	}
	if n == 0 || n > maxWords {
		return nil, 0, fmt.Errorf("embedded shard: expected a command of 1 to %d words, found %d", maxWords, n)
	}
	words = make([]string, 0, min(n, 16))
	for range n {
		size, start, err := header(b, at, '$')
		if err != nil {
			return nil, 0, err
		}
		if size > maxWord {
			return nil, 0, fmt.Errorf("embedded shard: expected a word of at most %d bytes, found %d", maxWord, size)
		}
		end := start + size
		if end+2 > len(b) {
			return nil, 0, io.ErrShortBuffer
		}
		if b[end] != '\r' || b[end+1] != '\n' {
			return nil, 0, fmt.Errorf("embedded shard: expected a word of %d bytes to end there, found %q", size, b[end:end+2])
		}
		words = append(words, string(b[start:end]))
		at = end + 2
	}
	return words, at, nil
}

// header reads "<kind><number>\r\n" at offset at and returns the number and
// the offset behind it.
func header(b []byte, at int, kind byte) (number, next int, err error) {
	if at >= len(b) {
		return 0, 0, io.ErrShortBuffer
	}
	if b[at] != kind {
		return 0, 0, fmt.Errorf("embedded shard: expected %q at byte %d of a command, found %q", kind, at, b[at])
	}
	end := bytes.IndexByte(b[at:], '\n')
	if end < 0 {
		return 0, 0, io.ErrShortBuffer
	}
	digits := bytes.TrimSuffix(b[at+1:at+end], []byte{'\r'})
	number, err = strconv.Atoi(string(digits))
	if err != nil || number < 0 {
		return 0, 0, fmt.Errorf("embedded shard: expected a length, found %q", digits)
	}
	return number, at + end + 1, nil
}

func (c *inlineConn) Close() error                     { c.closed = true; return nil }
func (c *inlineConn) LocalAddr() net.Addr              { return inlineAddr(c.shard.addr) }
func (c *inlineConn) RemoteAddr() net.Addr             { return inlineAddr(c.shard.addr) }
func (c *inlineConn) SetDeadline(time.Time) error      { return nil }
func (c *inlineConn) SetReadDeadline(time.Time) error  { return nil }
func (c *inlineConn) SetWriteDeadline(time.Time) error { return nil }

type inlineAddr string

func (inlineAddr) Network() string  { return "embedded" }
func (a inlineAddr) String() string { return string(a) }
