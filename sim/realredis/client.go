package realredis

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/fakeredis"
)

// client is a Ring or a ClusterClient with what belongs to it.
type client struct {
	redis.UniversalClient
	fleet *Fleet
	ring  *redis.Ring // nil: a cluster
	idle  int         // connections to each shard to open before the run

	mu     sync.Mutex // while shards are made or closed
	addrs  map[string]string
	pools  []pool   // of a Ring
	more   []closer // to be closed after it
	failed error    // of the last shards that were made
}

type closer interface{ Close() error }

// pool is the connections to one shard.
type pool struct {
	*member
	node *redis.Client
	idle int // to open before the run
}

func (c *client) close() error {
	err := c.UniversalClient.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.more {
		err = errors.Join(err, m.Close())
	}
	return err
}

// newRing makes a Ring by the client's own names of the shards.
func (f *Fleet) newRing(spec fakeredis.ClientSpec) (*client, error) {
	addrs, err := f.addresses(spec.ShardNames)
	if err != nil {
		return nil, err
	}
	made := &client{fleet: f, addrs: addrs, idle: idleConns(spec.Connection)}
	o := f.ringOptions(spec.Connection)
	o.Addrs = addrs
	o.NewClient = func(o *redis.Options) *redis.Client {
		n, err := made.newNode(o, spec.Connection)
		made.failed = errors.Join(made.failed, err)
		return n
	}
	made.ring = redis.NewRing(o)
	made.UniversalClient = made.ring
	if made.failed != nil {
		return nil, errors.Join(made.failed, made.close())
	}
	made.ring.AddHook(&hook{prefix: f.prefix, tracer: tracer{tat: spec.TAT, now: spec.Now, shardOf: func(_ context.Context, key string) *member {
		n, err := made.ring.GetShardClientForKey(key)
		if err != nil {
			return nil // all shards are down
		}
		return f.memberOf(n)
	}}})
	return made, nil
}

// newNode makes the Ring's client of one shard; c.mu is held, or nobody else
// has c yet.
func (c *client) newNode(o *redis.Options, conn scenarios.Connection) (*redis.Client, error) {
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	o.TLSConfig = c.fleet.servers.dialTLS(o.Addr)
	n := redis.NewClient(o)
	m := c.fleet.node(n, o.Addr)
	h := c.fleet.hookOn(m)
	if conn.Pipelining == "auto" {
		auto, err := c.autoPipeline(o, m)
		if err != nil {
			return n, err
		}
		h.auto = auto
	}
	n.AddHook(h)
	c.pools = append(c.pools, pool{m, n, c.idle})
	return n, nil
}

func (f *Fleet) hookOn(m *member) *node {
	return &node{member: m, prefix: f.prefix, db: f.servers.login.DB}
}

// newCluster makes a ClusterClient.
func (f *Fleet) newCluster(spec fakeredis.ClientSpec) (*client, error) {
	made := &client{fleet: f, idle: idleConns(spec.Connection)}
	cluster := f.clusterClient(spec.Connection)
	made.UniversalClient = cluster
	h := &hook{prefix: f.prefix, tracer: tracer{tat: spec.TAT, now: spec.Now, shardOf: func(ctx context.Context, key string) *member {
		n, err := cluster.MasterForKey(ctx, key)
		if err != nil {
			return nil // nobody serves its slot
		}
		return f.memberOf(n)
	}}}
	if spec.Connection.Pipelining == "auto" {
		auto, err := made.autoPipelineCluster(spec.Connection)
		if err != nil {
			return nil, errors.Join(err, made.close())
		}
		h.auto = auto
	}
	cluster.AddHook(h)
	return made, nil
}

func (f *Fleet) clusterClient(conn scenarios.Connection) *redis.ClusterClient {
	o := f.clusterOptions(conn)
	o.NewClient = func(o *redis.Options) *redis.Client {
		n := redis.NewClient(o)
		n.AddHook(f.hookOn(f.node(n, o.Addr)))
		return n
	}
	return redis.NewClusterClient(o)
}

// singlePool makes pipelines use the pool that pool_size is of. Otherwise
// go-redis keeps up to 10 more connections to a shard for them.
const singlePool = -1

func (f *Fleet) ringOptions(c scenarios.Connection) *redis.RingOptions {
	login := f.servers.login
	return &redis.RingOptions{
		Username: login.Username, Password: login.Password, DB: login.DB,
		Protocol: 2, DisableIdentity: true, PipelinePoolSize: singlePool,
		PoolSize: poolSize(c), PoolTimeout: time.Duration(c.PoolTimeout), DialTimeout: time.Duration(c.DialTimeout),
		ReadTimeout: time.Duration(c.ReadTimeout), WriteTimeout: time.Duration(c.WriteTimeout),
		ContextTimeoutEnabled: c.ContextTimeout,
		MaxRetries:            retries(c), DialerRetries: int(c.DialerRetries), HeartbeatFrequency: time.Duration(c.Heartbeat),
	}
}

func (f *Fleet) clusterOptions(c scenarios.Connection) *redis.ClusterOptions {
	login := f.servers.login
	return &redis.ClusterOptions{
		Addrs: f.hosts(), Username: login.Username, Password: login.Password, TLSConfig: login.TLS,
		Protocol: 2, DisableIdentity: true, PipelinePoolSize: singlePool,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		PoolSize:                 poolSize(c), PoolTimeout: time.Duration(c.PoolTimeout), DialTimeout: time.Duration(c.DialTimeout),
		ReadTimeout: time.Duration(c.ReadTimeout), WriteTimeout: time.Duration(c.WriteTimeout),
		ContextTimeoutEnabled: c.ContextTimeout,
		MaxRedirects:          retries(c), DialerRetries: int(c.DialerRetries),
	}
}

// retries returns them as go-redis wants them: its 0 is its default.
func retries(c scenarios.Connection) int {
	if c.MaxRetries == 0 {
		return -1
	}
	return int(c.MaxRetries)
}

// poolSize is how many connections to each shard there may be: 10 a processor
// by default, as of a Ring. A ClusterClient would take half as many.
func poolSize(c scenarios.Connection) int {
	if c.PoolSize > 0 {
		return int(c.PoolSize)
	}
	return 10 * runtime.GOMAXPROCS(0)
}

// idleConns is how many of them are opened before a run.
func idleConns(c scenarios.Connection) int {
	if c.MinIdle > 0 {
		return min(int(c.MinIdle), poolSize(c))
	}
	return min(16, poolSize(c))
}

// rename changes, as join does, the Ring's names of the shards. What a Ring knows
// by its address stays connected.
func (c *client) rename(host, name string) error {
	return c.setAddrs(func(addrs map[string]string) {
		for old, addr := range addrs {
			if addr == host {
				delete(addrs, old)
			}
		}
		addrs[name] = host
	}, name)
}

func (c *client) join(name, host string) error {
	return c.setAddrs(func(addrs map[string]string) { addrs[name] = host }, name)
}

func (c *client) setAddrs(change func(map[string]string), name string) error {
	if c.ring == nil {
		return errors.New("a cluster's slots do not depend on the names of its shards")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	addrs := make(map[string]string, len(c.addrs)+1)
	for known, host := range c.addrs {
		addrs[known] = host
	}
	if host, ok := addrs[name]; ok {
		return fmt.Errorf("a client knows a shard by the name %q already: %s", name, host)
	}
	change(addrs)
	c.addrs, c.failed = addrs, nil
	c.ring.SetAddrs(addrs)
	return c.failed
}

// WarmUp opens the idle connections of all clients' pools, so that the first
// requests find them open and greeted.
func (f *Fleet) WarmUp(ctx context.Context) error {
	f.mu.Lock()
	clients := slices.Clone(f.clients)
	f.mu.Unlock()
	var errs []error
	for _, c := range clients {
		errs = append(errs, c.warmUp(ctx))
	}
	return errors.Join(errs...)
}

func (c *client) warmUp(ctx context.Context) error {
	if c.ring != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		return warmAll(ctx, c.pools)
	}
	errs := []error{c.warmCluster(ctx, c.UniversalClient.(*redis.ClusterClient))}
	for _, m := range c.more {
		errs = append(errs, c.warmCluster(ctx, m.(*redis.ClusterClient)))
	}
	return errors.Join(errs...)
}

// warmCluster lets the client ask for slots and commands before it opens the
// pools.
func (c *client) warmCluster(ctx context.Context, cluster *redis.ClusterClient) error {
	if err := cluster.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("cluster: %w: %w", ErrUnreachable, err)
	}
	var mu sync.Mutex
	var pools []pool
	err := cluster.ForEachMaster(ctx, func(_ context.Context, n *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		pools = append(pools, pool{c.fleet.memberOf(n), n, c.idle})
		return nil
	})
	if err != nil {
		return fmt.Errorf("cluster: %w: %w", ErrUnreachable, err)
	}
	return warmAll(ctx, pools)
}

func warmAll(ctx context.Context, pools []pool) error {
	errs := make([]error, len(pools))
	var wg sync.WaitGroup
	for i, p := range pools {
		wg.Go(func() { errs[i] = p.warm(ctx) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// warm holds as many connections at once, so that each is a new one. How
// long replies may take in the run is not asked of greetings, which come all
// at once.
func (p pool) warm(ctx context.Context) error {
	patient := p.node.WithTimeout(max(answerLimit, p.node.Options().ReadTimeout))
	conns := make([]*redis.Conn, p.idle)
	errs := make([]error, p.idle)
	var wg sync.WaitGroup
	for i := range conns {
		conns[i] = patient.Conn()
		wg.Go(func() { errs[i] = conns[i].Ping(ctx).Err() })
	}
	wg.Wait()
	for i, c := range conns {
		errs[i] = errors.Join(errs[i], c.Close())
	}
	for _, err := range errs {
		if err != nil { // the others say the same
			return fmt.Errorf("shard %s (%s): opening %d connections: %w: %w", p.name, p.host, p.idle, ErrUnreachable, err)
		}
	}
	return nil
}
