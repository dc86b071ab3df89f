package shards

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/vtime"
)

// Spec describes the shards of one fleet.
type Spec struct {
	Names   []string
	Service network.Distribution // time of one command
	Scripts network.Distribution // time of one script call
	Stream  func(name string) *rand.Rand
}

// ClientSpec describes one client of a fleet.
type ClientSpec struct {
	ShardNames []string               // its names of the shards, in the order of Spec.Names
	RTT        []network.Distribution // to each shard
	Rand       *rand.Rand
	Connection scenarios.Connection
	// TAT reads the theoretical arrival time out of a stored value, nil or
	// false where there is none: such a key is found, never stale.
	TAT func(value string) (time.Time, bool)
}

// Fleet is a set of embedded shards in virtual time.
type Fleet struct {
	sched  *vtime.Scheduler
	Shards []*Shard
	rings  []*redis.Ring
	order  int64
}

// NewFleet starts the shards. No listener is opened.
func NewFleet(sched *vtime.Scheduler, spec Spec) (*Fleet, error) {
	f := &Fleet{sched: sched}
	for i := range spec.Names {
		s, err := newShard(sched, spec, i)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		f.Shards = append(f.Shards, s)
	}
	return f, nil
}

// Close ends the Rings and the shards.
func (f *Fleet) Close() error {
	var errs []error
	for _, r := range f.rings {
		errs = append(errs, r.Close())
	}
	for _, s := range f.Shards {
		s.close()
	}
	return errors.Join(errs...)
}

// NextOrder takes the next place in the total order of the fleet's commands,
// for a decision that touches no key.
func (f *Fleet) NextOrder() int64 {
	f.order++
	return f.order
}

// Ring returns a new Ring to the fleet. In virtual time a command is sent
// once: retries, dial attempts and health checks would read the wall clock.
func (f *Fleet) Ring(c ClientSpec) (*redis.Ring, error) {
	if len(c.ShardNames) != len(f.Shards) || len(c.RTT) != len(f.Shards) {
		return nil, fmt.Errorf("client names %d shards and has %d delays, the fleet has %d shards", len(c.ShardNames), len(c.RTT), len(f.Shards))
	}
	addrs := make(map[string]string, len(f.Shards))
	byAddr := make(map[string]*Shard, len(f.Shards))
	for i, s := range f.Shards {
		addrs[c.ShardNames[i]] = s.addr
		byAddr[s.addr] = s
	}
	w := &wire{fleet: f, rtt: make(map[*Shard]network.Distribution), rng: c.Rand, tat: c.TAT, shards: map[*redis.Client]*Shard{}}
	for i, s := range f.Shards {
		w.rtt[s] = c.RTT[i]
	}
	w.ring = redis.NewRing(&redis.RingOptions{
		Addrs: addrs,
		NewClient: func(o *redis.Options) *redis.Client {
			s := byAddr[o.Addr]
			o.Dialer = func(context.Context, string, string) (net.Conn, error) { return newInlineConn(s), nil }
			o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled} // else it looks up the address in the DNS
			client := redis.NewClient(o)
			w.shards[client] = s
			return client
		},
		HeartbeatFrequency: 365 * 24 * time.Hour,
		MaxRetries:         -1,
		DialerRetries:      1,
		Protocol:           2,
		DisableIdentity:    true,
		PoolSize:           1, // one Proc runs at a time, and executing does not yield
		ConnMaxIdleTime:    -1,
		ReadBufferSize:     4096,
		WriteBufferSize:    4096,
	})
	w.ring.AddHook(w)
	f.rings = append(f.rings, w.ring)
	return w.ring, nil
}
