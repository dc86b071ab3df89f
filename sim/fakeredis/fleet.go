package fakeredis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/fault"
	"github.com/quotalab/quotalab/sim/rediscmd"
	"github.com/quotalab/quotalab/sim/virtualredis"
)

// Spec describes the shards of one fleet.
type Spec struct {
	Names   []string
	Service network.Distribution // time of one command
	Scripts network.Distribution // time of one script call
	// Commands are those whose time differs, by their lower-case names.
	Commands map[string]network.CommandTime
	Stream   func(name string) *rand.Rand
	// Engine starts the servers that execute the commands; nil: embedded ones do.
	Engine  *virtualredis.Program
	Broken  func(error) // is told of a server of the Engine that failed
	Cluster bool        // the shards are the masters of a Redis Cluster
	// Faults says that something may go wrong: what is under way is kept
	// track of, which takes longer.
	Faults bool
	// Apart says that each shard counts its commands by itself: nothing depends on
	// the order of those of different shards.
	Apart bool
	// Guarded says that what is sent to a shard past its Ring is refused.
	Guarded bool
	// Wire says that every command goes through go-redis' pool, writer and reader,
	// which is slower and makes no other difference.
	Wire bool
	// Executed is told of every command that an embedded shard executes, and whether
	// a script called it. May be nil.
	Executed func(words []string, byScript bool)
}

// ClientSpec describes one client of a fleet.
type ClientSpec struct {
	ShardNames []string               // its names of the shards, in the order of Spec.Names
	RTT        []network.Distribution // to each shard, and behind them to shards that will be added
	// Stream makes the random stream of the delays to a shard, by its name, and by
	// no name the one that finds a shard for commands without a key. So what goes
	// to one shard shifts no draw for another.
	Stream     func(shard string) *rand.Rand
	Connection scenarios.Connection
	// TAT reads the theoretical arrival time out of a stored value, nil or
	// false where there is none: such a key is found, never stale.
	TAT func(value string) (time.Time, bool)
	// Now is the clock that the limiter judges by; nil: the servers'.
	Now func() time.Time
}

// Fleet is a set of embedded shards in virtual time, as one system under test
// sees it.
type Fleet struct {
	*common
	prefix rediscmd.Prefix // of its keys; "": they have none, since the shards are its own
	odd    oddities
	crossings
}

// common is what systems that share a set of shards have in common.
type common struct {
	sched  *clock.Scheduler
	spec   Spec
	Shards []*Shard
	byAddr map[string]*Shard
	wires  []*wire
	order  int64
	begun  fault.Begun
}

// Share returns the fleet as another system sees it that shares the shards,
// and waits for them where others do. Its keys are under a prefix, on the shards
// that they have without. Faults, and the end, are those of the fleet itself.
func (f *Fleet) Share(prefix rediscmd.Prefix) *Fleet { return &Fleet{common: f.common, prefix: prefix} }

// NewFleet starts the shards. No listener is opened.
func NewFleet(sched *clock.Scheduler, spec Spec) (*Fleet, error) {
	f := &Fleet{common: &common{sched: sched, spec: spec, byAddr: map[string]*Shard{}}}
	for _, name := range spec.Names {
		if err := f.addShard(name); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return f, nil
}

func (f *Fleet) addShard(name string) error {
	s, err := newShard(f.sched, f.spec, name, len(f.Shards))
	if err != nil {
		return err
	}
	f.Shards = append(f.Shards, s)
	f.byAddr[s.addr] = s
	return nil
}

// Close ends the Rings and the shards.
func (f *Fleet) Close() error {
	var errs []error
	for _, w := range f.wires {
		errs = append(errs, w.close())
	}
	for _, s := range f.Shards {
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}

// nextOrder takes the next place in the total order of the fleet's commands, or
// of the shard's if they are counted apart, from 1.
func (f *Fleet) nextOrder(s *Shard) int64 {
	order := &f.order
	if f.spec.Apart {
		order = &s.order
	}
	*order++
	return *order
}

// Ring returns a new Ring to the fleet. In virtual time go-redis itself sends a
// command once: its retries, dial attempts and health checks would read the wall
// clock. They are simulated; see pool and beat.
func (f *Fleet) Ring(c ClientSpec) (*redis.Ring, error) {
	if len(c.ShardNames) != len(f.Shards) || len(c.RTT) < len(f.Shards) {
		return nil, fmt.Errorf("client names %d shards and has %d delays, the fleet has %d shards", len(c.ShardNames), len(c.RTT), len(f.Shards))
	}
	w := &wire{
		fleet: f, rtt: c.RTT, stream: c.Stream, any: c.Stream(""), tat: c.TAT, now: c.Now, connection: c.Connection, shards: map[*redis.Client]*Shard{}, pools: map[*Shard]*pool{}, open: map[line]*inlineConn{},
		names: slices.Clone(c.ShardNames), failed: make([]int8, len(f.Shards)),
	}
	for _, s := range f.Shards {
		w.rng = append(w.rng, c.Stream(s.Name))
	}
	options := &redis.RingOptions{
		Addrs:              w.addrs(),
		NewClient:          w.newClient,
		HeartbeatFrequency: noHeartbeat,
		MaxRetries:         -1,
		DialerRetries:      1,
		Protocol:           2,
		DisableIdentity:    true,
		PoolSize:           1, // one Proc runs at a time, and executing does not yield
		ConnMaxIdleTime:    -1,
		ReadBufferSize:     4096,
		WriteBufferSize:    4096,
	}
	if f.spec.Cluster {
		options.NewConsistentHash = func([]string) redis.ConsistentHash { return masters(w.names) }
	}
	w.ring = redis.NewRing(options)
	w.ring.AddHook(w)
	f.wires = append(f.wires, w)
	return w.ring, nil
}

// noHeartbeat keeps a Ring from looking at its shards by the wall clock.
const noHeartbeat = 365 * 24 * time.Hour

// noLookup keeps a client from looking up its address in the DNS, which no shard in
// virtual time is in: go-redis does so for notices of maintenance.
func noLookup() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

// newClient makes the Ring's client of one shard.
func (w *wire) newClient(o *redis.Options) *redis.Client {
	s := w.fleet.byAddr[o.Addr]
	w.options = *o // as they are before go-redis fills them in
	var client *redis.Client
	o.Dialer = func(context.Context, string, string) (net.Conn, error) {
		conn, err := s.dial()
		if c, ok := conn.(*inlineConn); ok && !w.fleet.spec.Wire {
			w.open[line{client, w.using.piped}] = c
		}
		return conn, err
	}
	o.MaintNotificationsConfig = noLookup()
	client = redis.NewClient(o)
	if w.fleet.spec.Guarded {
		client.AddHook(direct{})
	}
	w.shards[client] = s
	return client
}

// close ends the Ring.
func (w *wire) close() error {
	errs := []error{w.ring.Close()}
	for _, c := range w.late {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}
