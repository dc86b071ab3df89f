package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/redis/go-redis/v9"
)

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
