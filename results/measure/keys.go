package measure

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/quotalab/quotalab/results/record"
)

// mostDenied is how many keys Keys.MostDenied has at most for a limiter.
const mostDenied = 10

// keys tallies every key of every limit: how often it was decided on and
// denied, and on which shard each client looked for it. A key costs its map
// entry, eight bytes and two bytes a client.
type keys struct {
	order   *order
	shards  int
	clients int
	limits  map[limitName]*tallies
}

type limitName struct{ limiter, limit string }

type tallies struct {
	index  map[string]int32
	counts []tally
	shard  []int16 // of key i for client c, at i·clients + c: shard + 1, 0 not seen
}

type tally struct{ decisions, denied uint32 }

func newKeys(o *order, m *record.Manifest) *keys {
	return &keys{order: o, shards: len(m.Shards), clients: max(1, len(m.Clients)), limits: map[limitName]*tallies{}}
}

func (k *keys) observe(o *record.Observation) error {
	if o.Decision == record.Dropped {
		return nil
	}
	client, ok := k.order.client[k.order.group(o.Client)]
	if !ok && k.clients > 1 {
		return fmt.Errorf("observation %d is of client %q, which the manifest does not list", o.Seq, o.Client)
	}
	for i := range o.Takes {
		t := &o.Takes[i]
		tallies := k.of(limitName{o.Limiter, t.Limit})
		n := tallies.at(t.Key, k.clients)
		if t.Mode != record.SpendMode {
			tallies.counts[n].decisions++
			if o.Decision == record.Denied {
				tallies.counts[n].denied++
			}
		}
		if t.Shard == "" {
			continue
		}
		shard, ok := k.order.shard[t.Shard]
		if !ok {
			return fmt.Errorf("observation %d found a key on shard %q, which the manifest does not list", o.Seq, t.Shard)
		}
		tallies.shard[int(n)*k.clients+client] = int16(shard + 1)
	}
	return nil
}

func (k *keys) of(name limitName) *tallies {
	t := k.limits[name]
	if t == nil {
		t = &tallies{index: map[string]int32{}}
		k.limits[name] = t
	}
	return t
}

// at returns the key's number, a new one for a new key.
func (t *tallies) at(key string, clients int) int32 {
	if n, ok := t.index[key]; ok {
		return n
	}
	n := int32(len(t.counts))
	t.index[key] = n
	t.counts = append(t.counts, tally{})
	for range clients {
		t.shard = append(t.shard, 0)
	}
	return n
}

// names of the limits seen, in order.
func (k *keys) names() []limitName {
	var list []limitName
	for n := range k.limits {
		list = append(list, n)
	}
	slices.SortFunc(list, func(a, b limitName) int {
		return cmp.Or(k.order.limiter.compare(a.limiter, b.limiter), cmp.Compare(a.limit, b.limit))
	})
	return list
}

// perShard counts the distinct keys on each shard, by limiter. A key that
// clients look for on several shards lives on each of them.
func (k *keys) perShard() (limiters []string, counts map[string][]int64) {
	counts = map[string][]int64{}
	for _, name := range k.names() {
		c := counts[name.limiter]
		if c == nil {
			c = make([]int64, k.shards)
			counts[name.limiter] = c
			limiters = append(limiters, name.limiter)
		}
		seen := k.limits[name].shard
		for at := 0; at < len(seen); at += k.clients {
			for i, s := range seen[at : at+k.clients] {
				if s > 0 && !slices.Contains(seen[at:at+i], s) {
					c[s-1]++
				}
			}
		}
	}
	return limiters, counts
}

// mostDenied lists the keys with the most denials of each limiter.
func (k *keys) mostDenied() []DeniedKey {
	out := []DeniedKey{}
	var of []DeniedKey // of the limiter at hand
	for _, name := range k.names() {
		if len(of) > 0 && of[0].Limiter != name.limiter {
			out, of = append(out, of...), nil
		}
		t := k.limits[name]
		for key, n := range t.index {
			if c := t.counts[n]; c.denied > 0 {
				of = insertDenied(of, DeniedKey{name.limiter, name.limit, key, int64(c.denied), int64(c.decisions)})
			}
		}
	}
	return append(out, of...)
}

func insertDenied(list []DeniedKey, d DeniedKey) []DeniedKey {
	i, _ := slices.BinarySearchFunc(list, d, func(a, b DeniedKey) int {
		return cmp.Or(cmp.Compare(b.Denied, a.Denied), cmp.Compare(a.Decisions, b.Decisions), cmp.Compare(a.Limit, b.Limit), cmp.Compare(a.Key, b.Key))
	})
	if i == mostDenied {
		return list
	}
	list = slices.Insert(list, i, d)
	return list[:min(len(list), mostDenied)]
}
