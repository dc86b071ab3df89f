package live

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"

	"github.com/redis/go-redis/v9"
)

// slots of every Redis Cluster.
const slots = 16384

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
	if next != slots {
		return nil, fmt.Errorf("%w: cluster of %s: slot %d belongs to no master; redis-cli --cluster fix repairs a cluster", ErrUnreachable, seed, next)
	}
	return masters, nil
}
