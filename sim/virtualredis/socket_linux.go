package virtualredis

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/quotalab/quotalab/sim/clock"
)

// answerLimit is how long a server may take for an answer, by the wall clock.
const answerLimit = 30 * time.Second

// usualAnswer is for how long Go's scheduler is not told that a thread waits for
// an answer: it would have other threads look for work, on the processor that
// the server needs.
const usualAnswer = 5 * time.Millisecond

// hello is what a connection begins with, before its channel's number: the library
// in the server takes it for itself.
const hello = "\x00quotalab pipes "

// socket is a connection whose bytes go through memory. Who finds nothing there
// for a while sleeps in the kernel, until a byte comes through the socket.
type socket struct {
	fd       int
	path     string
	memory   *memory
	sleeps   *atomic.Uint32 // this side waits for a byte
	in, out  pipe
	patience patience
}

// Dial returns a connection to the server. It is for one goroutine at a time. An
// answer that takes longer than half a minute of wall time is an error.
func (s *Server) Dial() (net.Conn, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket to redis-server: %w", err)
	}
	s.memory.use()
	c := &socket{fd: fd, path: s.Socket, memory: s.memory}
	limit, usual := unix.NsecToTimeval(int64(answerLimit)), unix.NsecToTimeval(int64(usualAnswer))
	err = errors.Join(unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit), unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &usual))
	if err == nil {
		err = unix.Connect(fd, &unix.SockaddrUnix{Name: s.Socket})
	}
	if err == nil {
		err = c.join()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connecting to redis-server at %s: %w", s.Socket, err), c.Close())
	}
	return c, nil
}

// join takes a channel, and returns when the server knows of it.
func (c *socket) join() error {
	n := int(c.memory.next.Add(1)) - 1
	if n >= channels {
		return fmt.Errorf("expected at most %d connections to a server in virtual time", channels)
	}
	at := atChannels + n*channelLength
	c.sleeps, c.out, c.in = c.memory.word(at), c.memory.pipe(at+atPipes), c.memory.pipe(at+atPipes+pipeLength)
	if err := c.send(append([]byte(hello), byte(n), byte(n>>8))); err != nil {
		return err
	}
	for range 10_000 {
		if c.memory.word(at+atJoined).Load() != 0 {
			return nil
		}
		if err := clock.Sleep(context.Background(), 100*time.Microsecond); err != nil {
			return err
		}
	}
	return errors.New("it does not read through the library that was loaded before the C library: use one that is linked dynamically, as distributions build it")
}

func (c *socket) send(b []byte) error {
	for {
		_, err := unix.SendmsgN(c.fd, b, nil, nil, unix.MSG_NOSIGNAL)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// patience is how often it is worth while to wait without sleeping: while it is
// in vain, it is tried ever more rarely.
type patience struct{ skip, misses int }

// longestLook is about 20 µs.
const longestLook = 10_000

// look returns when is, or in vain after a while.
func (p *patience) look(is func() bool) {
	if p.skip > 0 || !mayWait {
		p.skip--
		return
	}
	for range longestLook {
		if is() {
			p.misses = 0
			return
		}
	}
	p.misses = min(p.misses+1, 7)
	p.skip = 1<<p.misses - 1
}

func (c *socket) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if c.in.isEmpty() {
		c.patience.look(func() bool { return !c.in.isEmpty() })
	}
	for {
		if n := c.in.take(b); n > 0 {
			return n, nil
		}
		c.sleeps.Store(1)
		if !c.in.isEmpty() {
			c.sleeps.Store(0)
			continue
		}
		err := c.sleep()
		c.sleeps.Store(0)
		if err != nil && c.in.isEmpty() {
			return 0, err
		}
	}
}

// sleep returns when a byte has come through the socket.
func (c *socket) sleep() error {
	var bells [64]byte
	for {
		n, _, err := unix.RawSyscall(unix.SYS_READ, uintptr(c.fd), uintptr(unsafe.Pointer(&bells[0])), uintptr(len(bells)))
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			if err := c.wait(); err != nil {
				return err
			}
			continue
		case err != 0:
			return fmt.Errorf("redis-server at %s: reading: %w", c.path, err)
		case n == 0:
			return fmt.Errorf("redis-server at %s has ended or closed the connection: %w", c.path, io.EOF)
		}
		return nil
	}
}

// wait returns when there is an answer that takes longer than the usual ones.
func (c *socket) wait() error {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLIN}}, int(answerLimit.Milliseconds()))
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("redis-server at %s: waiting: %w", c.path, err)
		case n == 0:
			return fmt.Errorf("redis-server at %s: no answer within %v of wall time: a command that blocks, or a script that does not end", c.path, answerLimit)
		}
		return nil
	}
}

func (c *socket) Write(b []byte) (int, error) {
	c.memory.heat()
	for written := 0; ; {
		written += c.out.put(b[written:])
		c.memory.word(atPuts).Add(1)
		if c.memory.word(atSleeps).CompareAndSwap(1, 0) {
			if err := c.send([]byte("!")); err != nil {
				return written, fmt.Errorf("redis-server at %s: writing: %w", c.path, err)
			}
		}
		if written == len(b) {
			return written, nil
		}
		if err := c.drained(); err != nil {
			return written, err
		}
	}
}

// drained returns when the server has taken something.
func (c *socket) drained() error {
	for range int(answerLimit / (50 * time.Microsecond)) {
		if c.out.room() > 0 {
			return nil
		}
		if err := clock.Sleep(context.Background(), 50*time.Microsecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("redis-server at %s: it takes nothing any more: it has ended, or executes a command that does not end", c.path)
}

func (c *socket) Close() error {
	fd := c.fd
	if c.fd = -1; fd < 0 {
		return net.ErrClosed
	}
	return errors.Join(unix.Close(fd), c.memory.close())
}

func (c *socket) LocalAddr() net.Addr              { return &net.UnixAddr{Name: c.path, Net: "unix"} }
func (c *socket) RemoteAddr() net.Addr             { return c.LocalAddr() }
func (c *socket) SetDeadline(time.Time) error      { return nil } // it is answerLimit
func (c *socket) SetReadDeadline(time.Time) error  { return nil }
func (c *socket) SetWriteDeadline(time.Time) error { return nil }

// hasAttribute reports whether a file has an extended attribute.
func hasAttribute(path, name string) bool {
	n, err := unix.Getxattr(path, name, nil)
	return err == nil && n > 0
}
