//go:build !unix

package realredis

import "errors"

// heldPort keeps the address of a port that this system cannot hold.
type heldPort struct{ addr string }

// holdPort fails: only Unix keeps a port on which nobody listens.
func holdPort(string) (*heldPort, error) {
	return nil, errors.New("faults of links, and servers of one's own, need a port that is kept while nobody listens on it, which this system cannot do: run them on Linux or another Unix")
}

// Close does nothing: there is no port.
func (*heldPort) Close() error { return nil }
