package live

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/scenarios"
)

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
