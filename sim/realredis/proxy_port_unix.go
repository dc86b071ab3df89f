//go:build unix

package realredis

import (
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// heldPort keeps a port of loopback: dials to it are refused while nobody
// listens on it, and the kernel gives it to none of the many outgoing connections
// of a load test. A program that sets SO_REUSEADDR, as Go and redis-server
// do, may listen on it meanwhile.
type heldPort struct {
	addr string // host:port
	fd   int
}

// holdPort keeps the port of an IPv4 address on which nobody listens; port 0
// takes a free one.
func holdPort(addr string) (*heldPort, error) {
	ap, err := netip.ParseAddrPort(addr)
	if err != nil || !ap.Addr().Is4() {
		return nil, fmt.Errorf("holding port: expected an IPv4 address and port, found %q", addr)
	}
	syscall.ForkLock.RLock() // no process that starts now inherits it
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, fmt.Errorf("holding port of %s: %w", addr, err)
	}
	bound, err := bindReusable(fd, ap)
	if err != nil {
		_ = unix.Close(fd) // the first error says more
		return nil, fmt.Errorf("holding port of %s: %w", addr, err)
	}
	return &heldPort{addr: net.JoinHostPort(ap.Addr().String(), fmt.Sprint(bound)), fd: fd}, nil
}

func bindReusable(fd int, ap netip.AddrPort) (port int, err error) {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return 0, err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: ap.Addr().As4(), Port: int(ap.Port())}); err != nil {
		return 0, err
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return 0, err
	}
	return name.(*unix.SockaddrInet4).Port, nil
}

// Close gives the port back.
func (h *heldPort) Close() error { return unix.Close(h.fd) }
