package virtualredis

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// answerLimit is how long a server may take for an answer, by the wall clock.
const answerLimit = 30 * time.Second

// usualAnswer is for how long Go's scheduler is not told that a thread waits for
// an answer: it would have other threads look for work, on the processor that
// the server needs.
const usualAnswer = 5 * time.Millisecond

// socket is a connection that waits in the kernel for an answer, as the whole
// simulation does: Go's poller would take longer than the server.
type socket struct {
	fd   int
	path string
}

// Dial returns a connection to the server. It is for one goroutine at a time. An
// answer that takes longer than half a minute of wall time is an error.
func (s *Server) Dial() (net.Conn, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket to redis-server: %w", err)
	}
	limit, usual := unix.NsecToTimeval(int64(answerLimit)), unix.NsecToTimeval(int64(usualAnswer))
	err = errors.Join(unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit), unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &usual))
	if err == nil {
		err = unix.Connect(fd, &unix.SockaddrUnix{Name: s.Socket})
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("connecting to redis-server at %s: %w", s.Socket, err), unix.Close(fd))
	}
	return &socket{fd, s.Socket}, nil
}

func (c *socket) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	for {
		n, _, err := unix.RawSyscall(unix.SYS_READ, uintptr(c.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			if err := c.wait(); err != nil {
				return 0, err
			}
			continue
		case err != 0:
			return 0, fmt.Errorf("redis-server at %s: reading: %w", c.path, err)
		case n == 0:
			return 0, fmt.Errorf("redis-server at %s has ended or closed the connection: %w", c.path, io.EOF)
		}
		return int(n), nil
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
	for written := 0; written < len(b); {
		n, err := unix.SendmsgN(c.fd, b[written:], nil, nil, unix.MSG_NOSIGNAL)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return written, fmt.Errorf("redis-server at %s: writing: %w", c.path, err)
		}
		written += max(n, 0)
	}
	return len(b), nil
}

func (c *socket) Close() error {
	fd := c.fd
	if c.fd = -1; fd < 0 {
		return net.ErrClosed
	}
	return unix.Close(fd)
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
