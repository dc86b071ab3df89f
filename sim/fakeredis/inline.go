package fakeredis

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/quotalab/quotalab/sim/redisdata"
)

// inlineConn is a client's connection to an embedded shard without a socket
// or a second goroutine: Write executes the commands it is given at once,
// Read returns their replies. Measured per GET: 2.8 µs, against 9 µs over
// net.Pipe and 30 µs over loopback TCP.
type inlineConn struct {
	shard   *embedded
	pending []byte // of a command that has not been written in full
	replies bytes.Buffer
	client  redisdata.Client
	tx      queueing
	greets  bool  // the last command was of the handshake
	broken  error // why nobody knows where the next command begins
	closed  bool
	do      func(words []string) // with a command that came

	executed bool // what is written next, the short way: its replies are there
}

func (s *embedded) dial() (net.Conn, error) { return newInlineConn(s), nil }

func newInlineConn(s *embedded) *inlineConn {
	c := &inlineConn{shard: s}
	c.do = c.execute
	return c
}

// Write executes every whole command in b. After a malformed one nothing
// more is taken, as with Redis.
func (c *inlineConn) Write(b []byte) (int, error) {
	if c.closed {
		return 0, net.ErrClosed
	}
	if c.broken != nil {
		return 0, c.broken
	}
	if c.executed {
		return len(b), nil
	}
	before := c.replies.Len()
	defer func() {
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
			c.broken = err
			return 0, err
		}
		in = in[n:]
		c.do(words)
	}
	c.pending = append(c.pending[:0], in...)
	return len(b), nil
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
// length. An incomplete one is io.ErrShortBuffer. The words are not reused: data
// and transactions keep them.
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

// ParseCommand reads one command as a client writes it, or as a person types
// it: words on a line, of which there may be none. An incomplete one is
// io.ErrShortBuffer.
func ParseCommand(b []byte) (words []string, length int, err error) {
	if b[0] == '*' {
		return parse(b)
	}
	end := bytes.IndexByte(b, '\n')
	switch {
	case end < 0 && len(b) > maxLine:
		return nil, 0, fmt.Errorf("expected a line of at most %d bytes", maxLine)
	case end < 0:
		return nil, 0, io.ErrShortBuffer
	}
	return strings.Fields(string(b[:end])), end + 1, nil
}

// maxLine is the longest command on a line, as in Redis.
const maxLine = 64 << 10

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

// Close ends the connection, and with it what it watches.
func (c *inlineConn) Close() error {
	c.closed = true
	c.tx.end()
	return nil
}

func (c *inlineConn) LocalAddr() net.Addr              { return inlineAddr(c.shard.addr) }
func (c *inlineConn) RemoteAddr() net.Addr             { return inlineAddr(c.shard.addr) }
func (c *inlineConn) SetDeadline(time.Time) error      { return nil }
func (c *inlineConn) SetReadDeadline(time.Time) error  { return nil }
func (c *inlineConn) SetWriteDeadline(time.Time) error { return nil }

type inlineAddr string

func (inlineAddr) Network() string  { return "embedded" }
func (a inlineAddr) String() string { return string(a) }
