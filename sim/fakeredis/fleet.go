package fakeredis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/clock"
)

// Spec describes the shards of one fleet.
type Spec struct {
	Names   []string
	Service network.Distribution // time of one command
	Scripts network.Distribution // time of one script call
	Stream  func(name string) *rand.Rand
	// Faults says that something may go wrong: what is under way is kept
	// track of, which takes longer.
	Faults bool
}

// ClientSpec describes one client of a fleet.
type ClientSpec struct {
	ShardNames []string               // its names of the shards, in the order of Spec.Names
	RTT        []network.Distribution // to each shard, and behind them to shards that will be added
	Rand       *rand.Rand
	Connection scenarios.Connection
	// TAT reads the theoretical arrival time out of a stored value, nil or
	// false where there is none: such a key is found, never stale.
	TAT func(value string) (time.Time, bool)
}

// Fleet is a set of embedded shards in virtual time.
type Fleet struct {
	sched  *clock.Scheduler
	spec   Spec
	Shards []*Shard
	byAddr map[string]*Shard
	wires  []*wire
	order  int64
}

// NewFleet starts the shards. No listener is opened.
func NewFleet(sched *clock.Scheduler, spec Spec) (*Fleet, error) {
	f := &Fleet{sched: sched, spec: spec, byAddr: map[string]*Shard{}}
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
// The health checks are simulated; see beat.
func (f *Fleet) Ring(c ClientSpec) (*redis.Ring, error) {
	if len(c.ShardNames) != len(f.Shards) || len(c.RTT) < len(f.Shards) {
		return nil, fmt.Errorf("client names %d shards and has %d delays, the fleet has %d shards", len(c.ShardNames), len(c.RTT), len(f.Shards))
	}
	w := &wire{
		fleet: f, rtt: c.RTT, rng: c.Rand, tat: c.TAT, connection: c.Connection, shards: map[*redis.Client]*Shard{},
		names: slices.Clone(c.ShardNames), failed: make([]int8, len(f.Shards)),
	}
	w.ring = redis.NewRing(&redis.RingOptions{
		Addrs:              w.addrs(),
		NewClient:          w.newClient,
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
	f.wires = append(f.wires, w)
	return w.ring, nil
}

// newClient makes the Ring's client of one shard.
func (w *wire) newClient(o *redis.Options) *redis.Client {
	s := w.fleet.byAddr[o.Addr]
	w.options = *o // as they are before go-redis fills them in
	o.Dialer = func(context.Context, string, string) (net.Conn, error) { return newInlineConn(s), nil }
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled} // else it looks up the address in the DNS
	client := redis.NewClient(o)
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

// A Ring picks the shard of a command by the argument that go-redis takes
// for its first key, which is not always one: DBSIZE has none and is sent to
// the shard of the empty key. go-redis does not export that choice; this is
// a copy of cmdFirstKeyPosWithInfo (command.go, v9.23) and of the key
// positions that its typed commands set. A test compares it with a real Ring.

// noKey are the commands that go-redis knows to have no key.
var noKey = wordSet(`acl asking auth bgrewriteaof bgsave client cluster config debug discard echo exec failover function
	hello hotkeys latency lolwut module monitor multi pfselftest ping psubscribe psync publish pubsub punsubscribe quit
	readonly readwrite replconf replicaof role save script select shutdown slaveof slowlog subscribe swapdb sync time
	unsubscribe unwatch wait`)

// firstKeys are the positions other than 1.
var firstKeys = map[string]int{
	"bitop": 2, "msetex": 2, "lmpop": 2, "zmpop": 2, "sintercard": 2, "zintercard": 2, "zunion": 2, "zinter": 2, "zdiff": 2,
	"sdiffcard": 2, "sunioncard": 2, "blmpop": 3, "bzmpop": 3, "zunionstore": 3, "zinterstore": 3,
}

// firstKeyAt returns the position of the argument that a Ring routes a
// command by, 0 where it takes any shard. It may lie beyond the arguments,
// which a Ring takes for an empty key.
func firstKeyAt(name string, n int, arg func(int) string) int {
	if noKey[name] {
		return 0
	}
	switch name {
	case "eval", "evalsha", "eval_ro", "evalsha_ro", "fcall", "fcall_ro":
		if n > 2 && arg(2) == "0" {
			return 0
		}
		return 3
	case "memory":
		if n > 1 && arg(1) == "usage" {
			return 2
		}
		return 1
	case "object", "xinfo", "xgroup":
		if n > 2 {
			return 2
		}
		return 0
	case "xread", "xreadgroup":
		return behindStreams(name, n, arg)
	}
	if at, ok := firstKeys[name]; ok {
		return at
	}
	return 1
}

func behindStreams(name string, n int, arg func(int) string) int {
	from := 1
	if name == "xreadgroup" {
		from = 4 // behind GROUP group consumer
	}
	for i := from; i < n-1; i++ {
		if strings.EqualFold(arg(i), "streams") {
			return i + 1
		}
	}
	return 0
}

// routingKey returns the key that a Ring routes a command by, false where it
// takes a shard at random. In a pipeline a Ring takes the name of a command
// without a key for its key, so that TIME always goes to the shard of "time".
func routingKey(name string, pipelined bool, n int, arg func(int) string) (string, bool) {
	at := firstKeyAt(name, n, arg)
	if at == 0 && !pipelined {
		return "", false
	}
	if at >= n {
		return "", !pipelined
	}
	key := arg(at)
	return key, key != "" || !pipelined
}

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}
