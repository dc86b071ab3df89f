package live

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/sim/vtime"
)

// formLimit is how long nodes may take to become a cluster. Redis waits for
// two seconds before it takes writes.
const formLimit = 30 * time.Second

// SpawnCluster starts a redis-server for each name, as Spawn does, and makes
// them the masters of a Redis Cluster, each with as many slots as the others
// and no replicas. It returns when every node says that the cluster is whole.
func SpawnCluster(ctx context.Context, names []string) (*Servers, error) {
	if len(names) > slots {
		return nil, fmt.Errorf("starting a cluster: expected at most %d masters, one a slot, found %d", slots, len(names))
	}
	s, err := spawn(ctx, names, true)
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, formLimit)
	defer cancel()
	if err := s.form(limited); err != nil {
		return nil, errors.Join(fmt.Errorf("forming a cluster: %w", err), s.Close())
	}
	return s, nil
}

// form spreads the slots, introduces the nodes to each other, and waits until
// all of them know it.
func (s *Servers) form(ctx context.Context) error {
	n := len(s.admin)
	for i, c := range s.admin {
		pipe := c.Pipeline()
		// Epochs that differ from the start spare the nodes a quarrel.
		pipe.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1)
		pipe.Do(ctx, "CLUSTER", "ADDSLOTSRANGE", i*slots/n, (i+1)*slots/n-1)
		if _, err := pipe.Exec(ctx); err != nil {
			return fmt.Errorf("shard %q at %s: giving it slots: %w", s.names[i], s.hosts[i], err)
		}
	}
	for _, p := range s.own[1:] {
		host, port, err := net.SplitHostPort(p.host())
		if err != nil {
			return err
		}
		if err := s.admin[0].Do(ctx, "CLUSTER", "MEET", host, port, portOf(p.bus)).Err(); err != nil {
			return fmt.Errorf("shard %q at %s: meeting %q: %w", s.names[0], s.hosts[0], p.name, err)
		}
	}
	for i, c := range s.admin {
		if err := whole(ctx, c, n); err != nil {
			return fmt.Errorf("shard %q at %s: %w", s.names[i], s.hosts[i], err)
		}
	}
	return nil
}

// whole waits until a node sees all n masters and all slots served.
func whole(ctx context.Context, c *redis.Client, n int) error {
	wanted := []string{
		"cluster_state:ok", fmt.Sprintf("cluster_slots_ok:%d", slots),
		fmt.Sprintf("cluster_known_nodes:%d", n), fmt.Sprintf("cluster_size:%d", n),
	}
	for {
		info, err := c.ClusterInfo(ctx).Result()
		if err != nil {
			return err
		}
		missing := ""
		lines := strings.Fields(info)
		for _, w := range wanted {
			if !slices.Contains(lines, w) {
				missing = w
			}
		}
		if missing == "" {
			return nil
		}
		if err := vtime.Sleep(ctx, 10*time.Millisecond); err != nil {
			return fmt.Errorf("expected %s from it, found %q: %w", missing, lines, err)
		}
	}
}
