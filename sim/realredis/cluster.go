package realredis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/rediscmd"
)

// DialCluster looks for the masters of the Redis Cluster that the nodes at
// hosts belong to, of which one has to answer, logs in to each master and
// pings it. The names of the shards are the masters' host:port, in the order
// of their first slots.
func DialCluster(ctx context.Context, hosts []string, login Login) (*Servers, error) {
	seeds, err := ParseHosts(hosts)
	if err = errors.Join(err, login.Check()); err != nil {
		return nil, err
	}
	if login.DB != 0 {
		return nil, fmt.Errorf("login: expected database 0, the only one of a Redis Cluster, found %d", login.DB)
	}
	masters, err := findMasters(ctx, seeds, login)
	if err != nil {
		return nil, err
	}
	return enter(ctx, &Servers{cluster: true}, masters, masters, login)
}

// findMasters asks all seeds, and believes the first of them that answers.
func findMasters(ctx context.Context, seeds []string, login Login) ([]string, error) {
	asked := &Servers{}
	asked.connect(seeds, seeds, login)
	var mu sync.Mutex
	found := map[string][]redis.ClusterSlot{}
	causes := visit(ctx, asked.admin, login, func(ctx context.Context, c *redis.Client) error {
		// As redis.ClusterClient itself does, and before Redis 7 there is no other.
		cmd := redis.NewClusterSlotsCmd(ctx, "cluster", "slots")
		err := c.Process(ctx, cmd)
		mu.Lock()
		defer mu.Unlock()
		found[c.Options().Addr] = cmd.Val()
		return err
	})
	if err := asked.Close(); err != nil {
		return nil, err
	}
	var failed []string
	for i, seed := range seeds {
		if causes[i] == "" {
			return mastersOf(seed, found[seed])
		}
		failed = append(failed, fmt.Sprintf("node at %s: %s", seed, causes[i]))
	}
	return nil, unreachable(ctx, failed)
}

// mastersOf are the host:port of who has the slots, as seed tells.
func mastersOf(seed string, ranges []redis.ClusterSlot) ([]string, error) {
	slices.SortFunc(ranges, func(a, b redis.ClusterSlot) int { return cmp.Compare(a.Start, b.Start) })
	var masters []string
	next := 0 // slot that nobody had so far
	for _, r := range ranges {
		if r.Start != next || len(r.Nodes) == 0 {
			break
		}
		next = r.End + 1
		host, port, err := net.SplitHostPort(r.Nodes[0].Addr)
		if err != nil {
			return nil, fmt.Errorf("cluster of %s: slots %d to %d: expected host:port, found %q", seed, r.Start, r.End, r.Nodes[0].Addr)
		}
		if host == "" { // of a node that was never told its address: the one that we found it at
			host, _, _ = net.SplitHostPort(seed) // was checked
		}
		if master := net.JoinHostPort(host, port); !slices.Contains(masters, master) {
			masters = append(masters, master)
		}
	}
	if next != rediscmd.Slots {
		return nil, fmt.Errorf("%w: cluster of %s: slot %d belongs to no master; redis-cli --cluster fix repairs a cluster", ErrUnreachable, seed, next)
	}
	return masters, nil
}

// formLimit is how long nodes may take to become a cluster. Redis waits for
// two seconds before it takes writes.
const formLimit = 30 * time.Second

// SpawnCluster starts a redis-server for each name, as Spawn does, and makes
// them the masters of a Redis Cluster, each with as many slots as the others
// and no replicas. It returns when every node says that the cluster is whole.
func SpawnCluster(ctx context.Context, names []string) (*Servers, error) {
	if len(names) > rediscmd.Slots {
		return nil, fmt.Errorf("starting a cluster: expected at most %d masters, one a slot, found %d", rediscmd.Slots, len(names))
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
		pipe.Do(ctx, "CLUSTER", "ADDSLOTSRANGE", i*rediscmd.Slots/n, (i+1)*rediscmd.Slots/n-1)
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
		"cluster_state:ok", fmt.Sprintf("cluster_slots_ok:%d", rediscmd.Slots),
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
		if err := clock.Sleep(ctx, 10*time.Millisecond); err != nil {
			return fmt.Errorf("expected %s from it, found %q: %w", missing, lines, err)
		}
	}
}
