package realredis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/fakeredis"
	"github.com/quotalab/quotalab/sim/rediscmd"
)

// fleets are all that were made on some Servers.
type fleets struct {
	mu   sync.Mutex
	list []*Fleet
}

func (f *fleets) add(one *Fleet) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, one)
}

func (f *fleets) all() []*Fleet {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.list)
}

// Fleet is the shards of one limiter or engine: the servers' keys that begin
// with its prefix.
type Fleet struct {
	servers *Servers
	prefix  rediscmd.Prefix

	mu      sync.Mutex
	members []*member                                 // in the order of the servers, then what joined
	first   int                                       // members that were there from the beginning
	byNode  atomic.Pointer[map[*redis.Client]*member] // replaced as a whole
	clients []*client
	outside bool // a service that was running already has clients too
	closed  bool
}

// member is one shard of a fleet.
type member struct {
	name string // as in the record
	host string
	tally
}

// Fleet returns the shards of one limiter or engine, whose keys begin with
// prefix, scope and a colon.
func (s *Servers) Fleet(run, scope string) *Fleet {
	f := &Fleet{servers: s, prefix: rediscmd.Prefix(run + scope + ":")}
	for i, name := range s.names[:s.atFirst()] {
		f.members = append(f.members, &member{name: name, host: s.dialHost(i)})
	}
	f.first = len(f.members)
	f.byNode.Store(&map[*redis.Client]*member{})
	s.made.add(f)
	return f
}

// Client returns a new client to the fleet: a *redis.Ring that knows the
// shards by c.ShardNames, or a *redis.ClusterClient. It writes under the
// fleet's prefix only, and refuses commands that act beyond the keys which
// they name.
func (f *Fleet) Client(c fakeredis.ClientSpec) (redis.UniversalClient, error) {
	if err := f.prefix.Check(); err != nil {
		return nil, err
	}
	made, err := f.newClient(c)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, errors.Join(errors.New("the fleet is closed"), made.close())
	}
	f.clients = append(f.clients, made)
	return made.UniversalClient, nil
}

func (f *Fleet) newClient(c fakeredis.ClientSpec) (*client, error) {
	if f.servers.cluster {
		return f.newCluster(c)
	}
	return f.newRing(c)
}

// Close ends the fleet's clients. What they have sent can still be asked for.
func (f *Fleet) Close() error {
	f.mu.Lock()
	clients := f.clients
	f.clients, f.closed = nil, true
	f.mu.Unlock()
	var errs []error
	for _, c := range clients {
		errs = append(errs, c.close())
	}
	return errors.Join(errs...)
}

// node notes which member a client of one shard belongs to. A host that is
// not known yet, as after a failover of a cluster, is a member of its own.
func (f *Fleet) node(c *redis.Client, host string) *member {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.members, func(m *member) bool { return m.host == host })
	if i < 0 {
		i = len(f.members)
		f.members = append(f.members, &member{name: host, host: host})
	}
	nodes := map[*redis.Client]*member{c: f.members[i]}
	for known, m := range *f.byNode.Load() {
		nodes[known] = m
	}
	f.byNode.Store(&nodes)
	return f.members[i]
}

// memberOf returns the member that a client of one shard belongs to.
func (f *Fleet) memberOf(c *redis.Client) *member { return (*f.byNode.Load())[c] }

// member returns the member of that name in the record, nil if there is none.
func (f *Fleet) member(name string) *member {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.members {
		if m.name == name {
			return m
		}
	}
	return nil
}

// join makes a shard part of all Rings of the fleet, so that keys move.
func (f *Fleet) join(name, host string) error {
	f.mu.Lock()
	f.members = append(f.members, &member{name: name, host: host})
	f.mu.Unlock()
	return f.rearrange(func(c *client) error { return c.join(name, host) })
}

func (f *Fleet) rearrange(change func(*client) error) error {
	f.mu.Lock()
	clients := slices.Clone(f.clients)
	f.mu.Unlock()
	var errs []error
	for _, c := range clients {
		errs = append(errs, change(c))
	}
	return errors.Join(errs...)
}

// hosts returns the hosts of the shards that the fleet began with.
func (f *Fleet) hosts() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var hosts []string
	for _, m := range f.members[:f.first] {
		hosts = append(hosts, m.host)
	}
	return hosts
}

// addresses returns the addresses of the shards by a client's names for them.
func (f *Fleet) addresses(names []string) (map[string]string, error) {
	hosts := f.hosts()
	if len(names) != len(hosts) {
		return nil, fmt.Errorf("client names %d shards, there are %d", len(names), len(hosts))
	}
	addrs, byHost := map[string]string{}, map[string]string{}
	for i, name := range names {
		if other, ok := addrs[name]; ok {
			return nil, fmt.Errorf("client has one name, %q, for %s and %s", name, other, hosts[i])
		}
		if other, ok := byHost[hosts[i]]; ok {
			return nil, fmt.Errorf("shards %q and %q have one address, %s", other, name, hosts[i])
		}
		addrs[name], byHost[hosts[i]] = hosts[i], name
	}
	return addrs, nil
}

// Auto-pipelining puts commands of different requests that go to one shard
// into one batch. A Ring does not have it, so each of its shards gets a
// second client, whose auto-pipeliner sends what the Ring hands to the first:
// routing and retries stay the Ring's. Each of the two has the hook that
// counts, and a command passes one of them, but for pings.

// autoPipeline returns what sends a command to a shard in a batch with
// others. It returns when the command is answered.
func (c *client) autoPipeline(o *redis.Options, m *member) (func(context.Context, redis.Cmder) error, error) {
	copied := *o
	n := redis.NewClient(&copied)
	c.more = append(c.more, n)
	n.AddHook(c.fleet.hookOn(m))
	auto, err := n.AutoPipeline()
	if err != nil {
		return nil, fmt.Errorf("shard %s: auto-pipelining: %w", m.name, err)
	}
	c.pools = append(c.pools, pool{m, n, 1}) // one batch is under way at a time
	return auto.Process, nil
}

// autoPipelineCluster uses what a ClusterClient has. It too is a second
// client, as a batch knows nothing of the request that a command is of.
func (c *client) autoPipelineCluster(conn scenarios.Connection) (func(context.Context, redis.Cmder) error, error) {
	cluster := c.fleet.clusterClient(conn)
	c.more = append(c.more, cluster)
	auto, err := cluster.AutoPipeline()
	if err != nil {
		return nil, fmt.Errorf("auto-pipelining: %w", err)
	}
	return auto.Process, nil
}
