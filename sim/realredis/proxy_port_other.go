//go:build !unix

package realredis

import "errors"

// heldPort would keep a port of loopback; see proxy_port_unix.go.
type heldPort struct{ addr string }

// holdPort fails: only Unix keeps a port on which nobody listens.
func holdPort(string) (*heldPort, error) {
	return nil, errors.New("faults of links, and servers of one's own, need a port that is kept while nobody listens on it, which this system cannot do: run them on Linux or another Unix")
}

// Close does nothing: there is no port.
func (*heldPort) Close() error { return nil }
