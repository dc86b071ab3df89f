package realredis

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"sync"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// ErrUnreachable is wrapped by the error that a server does not answer, or
// does not let us in.
var ErrUnreachable = errors.New("unreachable")

// Address is a server that is there already.
type Address struct {
	Name string // of the shard, as a Ring knows it
	Host string // host:port, or the path of a Unix socket
}

// Login is how to get into a server. Its password is never printed.
type Login struct {
	Username string // "" is Redis' user "default"
	Password string
	DB       int
	TLS      *tls.Config // nil: none
}

// Servers are the Redis servers of one run.
type Servers struct {
	names   []string
	hosts   []string // as Address.Host, in the order of names
	login   Login
	cluster bool
	admin   []*redis.Client // the harness' own connection to each
	own     []*process      // nil: not ours
	made    fleets
	trouble trouble // that faults make

	closing   sync.Once
	closers   []func() error
	closedErr error
}

// Names returns the names of the shards, in the order of the plan.
func (s *Servers) Names() []string { return slices.Clone(s.names) }

// Hosts are the servers' addresses as Address.Host has them, in the order of Names.
func (s *Servers) Hosts() []string { return slices.Clone(s.hosts) }

// Own tells whether this program started the servers.
func (s *Servers) Own() bool { return s.own != nil }

// Cluster tells whether they are the masters of a Redis Cluster.
func (s *Servers) Cluster() bool { return s.cluster }

// Admin is the harness' own client of shard i, which nothing under test uses.
// It tries every command once.
func (s *Servers) Admin(i int) *redis.Client { return s.admin[i] }

// atClose has f called by Close, before what was added earlier.
func (s *Servers) atClose(f func() error) { s.closers = append(s.closers, f) }

// Close lets go of the servers, and stops those that this program started,
// frozen ones too. The error also names those that had ended by
// themselves. Further calls do nothing and return the same.
func (s *Servers) Close() error {
	s.closing.Do(func() {
		var errs []error
		for _, f := range slices.Backward(s.closers) {
			errs = append(errs, f())
		}
		s.closedErr = errors.Join(errs...)
	})
	return s.closedErr
}

// connect makes the harness' own clients of hosts. Nothing is sent yet.
func (s *Servers) connect(names, hosts []string, login Login) {
	s.names, s.hosts, s.login = names, hosts, login
	for _, host := range hosts {
		s.admin = append(s.admin, redis.NewClient(adminOptions(host, login)))
	}
	s.atClose(func() error {
		var errs []error
		for _, c := range s.admin {
			errs = append(errs, c.Close())
		}
		return errors.Join(errs...)
	})
}

// adminPool is how many connections an admin client may have. go-redis stops
// dialling for a second after that many failures in a row.
const adminPool = 8

// named tells the server whose connection it is, if the user may.
func named(ctx context.Context, c *redis.Conn) error {
	if err := c.ClientSetName(ctx, "quotalab-admin").Err(); err != nil && !forbidden(err) {
		return err
	}
	return nil
}

// adminOptions are for few commands, none of them under load: tried once, so
// that every caller sees every failure.
func adminOptions(host string, login Login) *redis.Options {
	o := &redis.Options{
		Addr: host, Username: login.Username, Password: login.Password, DB: login.DB,
		Protocol: 2, DisableIdentity: true, OnConnect: named,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		PoolSize:                 adminPool, MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true,
		DialTimeout: answerLimit, ReadTimeout: answerLimit, WriteTimeout: answerLimit,
	}
	if login.TLS != nil {
		o.TLSConfig = login.TLS.Clone()
	}
	return o
}
