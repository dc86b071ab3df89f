package fakeredis

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// Router tells where a client sends a key: it asks a Ring, or the slots of a
// cluster, and sends nothing.
type Router struct {
	names   []string
	cluster bool
	ring    *redis.Ring
	shards  map[*redis.Client]int
}

// NewRouter returns the Router of a client that names the shards so. Close it.
func NewRouter(names []string, cluster bool) (*Router, error) {
	if err := checkNames(names); err != nil {
		return nil, err
	}
	r := &Router{names: names, cluster: cluster, shards: map[*redis.Client]int{}}
	if cluster {
		return r, nil
	}
	addrs, numbers := map[string]string{}, map[string]int{}
	for i, n := range names {
		addrs[n] = "shard:" + strconv.Itoa(i)
		numbers[addrs[n]] = i
	}
	r.ring = redis.NewRing(&redis.RingOptions{Addrs: addrs, HeartbeatFrequency: noHeartbeat, NewClient: func(o *redis.Options) *redis.Client {
		o.MaintNotificationsConfig = noLookup()
		c := redis.NewClient(o)
		r.shards[c] = numbers[o.Addr]
		return c
	}})
	return r, nil
}

// Shard returns the index of the shard of a key.
func (r *Router) Shard(key string) int {
	if r.cluster {
		return slices.Index(r.names, masters(r.names).Get(key))
	}
	c, err := r.ring.GetShardClientForKey(key)
	if err != nil {
		panic(fmt.Sprintf("a Ring that has lost no shard finds none for a key: %v", err))
	}
	return r.shards[c]
}

// Close ends the Ring.
func (r *Router) Close() error {
	if r.ring == nil {
		return nil
	}
	return r.ring.Close()
}
