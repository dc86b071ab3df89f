package measure

import (
	"cmp"
	"slices"
	"strings"
)

// mostBusy is how many keys Busiest knows at most.
const mostBusy = 10

// BusyKey is a key with many decisions.
type BusyKey struct {
	Limit, Key string
	Shards     []string // where clients looked for it, in the manifest's order
	Decisions  int64
}

// busy is what Busiest tells of one limiter.
type busy struct {
	keys      []BusyKey
	decisions int64
}

// Busiest lists the keys of a limiter that it decided on most often, at most
// ten, the busiest first, and says how many decisions on keys there were in all:
// one on several keys counts for each. They are not known (nil, 0) of a record that
// does not hold all observations, nor of a summary that was read from JSON.
func (s *Summary) Busiest(limiter string) (keys []BusyKey, decisions int64) {
	b := s.busiest[limiter]
	return b.keys, b.decisions
}

// busiest keys of each limiter.
func (k *keys) busiest(shards []string) map[string]busy {
	of := map[string]busy{}
	for _, name := range k.names() {
		b, t := of[name.limiter], k.limits[name]
		for key, n := range t.index {
			decisions := int64(t.counts[n].decisions)
			if b.decisions += decisions; decisions > 0 {
				b.insert(BusyKey{Limit: name.limit, Key: key, Decisions: decisions})
			}
		}
		of[name.limiter] = b
	}
	for limiter, b := range of {
		for i := range b.keys {
			at := &b.keys[i]
			at.Shards = k.shardsOf(limitName{limiter, at.Limit}, at.Key, shards)
			at.Key = strings.Clone(at.Key) // else it holds on to a page of the record
		}
	}
	return of
}

func (b *busy) insert(one BusyKey) {
	i, _ := slices.BinarySearchFunc(b.keys, one, func(a, b BusyKey) int {
		return cmp.Or(cmp.Compare(b.Decisions, a.Decisions), cmp.Compare(a.Limit, b.Limit), cmp.Compare(a.Key, b.Key))
	})
	if i == mostBusy {
		return
	}
	b.keys = slices.Insert(b.keys, i, one)
	b.keys = b.keys[:min(len(b.keys), mostBusy)]
}

func (k *keys) shardsOf(name limitName, key string, shards []string) (list []string) {
	t := k.limits[name]
	at := int(t.index[key]) * k.clients
	seen := t.shard[at : at+k.clients]
	for i, s := range shards {
		if slices.Contains(seen, int16(i+1)) {
			list = append(list, s)
		}
	}
	return list
}
