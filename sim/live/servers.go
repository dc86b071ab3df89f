package live

import (
	"context"
	"crypto/tls"
	"errors"

	"github.com/redis/go-redis/v9"
)

// ErrUnreachable is wrapped by the error that a server does not answer.
var ErrUnreachable = errors.New("unreachable")

// Address is a server that is there already.
type Address struct {
	Name string // of the shard, as a Ring knows it
	Host string // host:port
}

// Login is how to get into a server. Its password is never printed.
type Login struct {
	Username string
	Password string
	DB       int
	TLS      *tls.Config // nil: none
}

// Servers are the Redis servers of one run.
type Servers struct {
	names   []string
	hosts   []string // host:port, in the order of names
	login   Login
	cluster bool
	admin   []*redis.Client // the harness' own connection to each
	own     []*process      // nil: not ours
}

// Names of the shards, in the order of the plan.
func (s *Servers) Names() []string { return s.names }

// Own tells whether this program started the servers.
func (s *Servers) Own() bool { return s.own != nil }

// Cluster tells whether they are the masters of a Redis Cluster.
func (s *Servers) Cluster() bool { return s.cluster }

// process is a redis-server that this program started.
type process struct{}

var _ = context.Background
