package fakeredis

import "github.com/quotalab/quotalab/models/heap"

// deadlines is a shard's own index of the instants at which keys expire.
// miniredis does not let time to live run out by itself, and its own two ways
// of letting time pass sort all keys at every step. The index costs O(log n)
// a change; entries that a later change made obsolete are skipped on the way.
type deadlines struct {
	at   map[string]int64
	heap heap.Heap[[1]int64, string]
}

func newDeadlines() *deadlines { return &deadlines{at: map[string]int64{}} }

// set makes key expire at the instant at.
func (d *deadlines) set(key string, at int64) {
	if old, ok := d.at[key]; ok && old == at {
		return
	}
	d.at[key] = at
	d.heap.Push([1]int64{at}, key)
	if len(d.heap) > 2*len(d.at)+64 {
		d.compact()
	}
}

// clear forgets key's deadline.
func (d *deadlines) clear(key string) { delete(d.at, key) }

// of returns key's deadline.
func (d *deadlines) of(key string) (int64, bool) {
	at, ok := d.at[key]
	return at, ok
}

// expire removes every key that is due by now and passes it to drop.
func (d *deadlines) expire(now int64, drop func(key string)) {
	for len(d.heap) > 0 && d.heap[0].Key[0] <= now {
		e := d.heap.Pop()
		if at, ok := d.at[e.Value]; ok && at == e.Key[0] {
			delete(d.at, e.Value)
			drop(e.Value)
		}
	}
}

// compact drops the obsolete entries, so that a key whose deadline moves at
// every request does not fill the heap.
func (d *deadlines) compact() {
	kept := d.heap[:0]
	seen := make(map[string]bool, len(d.at))
	for _, e := range d.heap {
		if at, ok := d.at[e.Value]; ok && at == e.Key[0] && !seen[e.Value] {
			seen[e.Value] = true
			kept = append(kept, e)
		}
	}
	clear(d.heap[len(kept):])
	d.heap = kept
	d.heap.Init()
}
