package fakeredis

// deadlines is a shard's own index of the instants at which keys expire.
// miniredis does not let time to live run out by itself, and its own two ways
// of letting time pass sort all keys at every step. The index costs O(log n)
// a change; entries that a later change made obsolete are skipped on the way.
type deadlines struct {
	at   map[string]int64
	heap []deadline
}

type deadline struct {
	at  int64
	key string
}

func newDeadlines() *deadlines { return &deadlines{at: map[string]int64{}} }

// set makes key expire at the instant at.
func (d *deadlines) set(key string, at int64) {
	if old, ok := d.at[key]; ok && old == at {
		return
	}
	d.at[key] = at
	d.push(deadline{at, key})
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
	for len(d.heap) > 0 && d.heap[0].at <= now {
		e := d.pop()
		if at, ok := d.at[e.key]; ok && at == e.at {
			delete(d.at, e.key)
			drop(e.key)
		}
	}
}

func (d *deadlines) push(e deadline) {
	d.heap = append(d.heap, e)
	if len(d.heap) > 2*len(d.at)+64 {
		d.compact()
		return
	}
	d.up(len(d.heap) - 1)
}

// compact drops the obsolete entries, so that a key whose deadline moves at
// every request does not fill the heap.
func (d *deadlines) compact() {
	kept := d.heap[:0]
	seen := make(map[string]bool, len(d.at))
	for _, e := range d.heap {
		if at, ok := d.at[e.key]; ok && at == e.at && !seen[e.key] {
			seen[e.key] = true
			kept = append(kept, e)
		}
	}
	clear(d.heap[len(kept):])
	d.heap = kept
	for i := len(kept)/2 - 1; i >= 0; i-- {
		d.down(i)
	}
}

func (d *deadlines) pop() deadline {
	first := d.heap[0]
	n := len(d.heap) - 1
	d.heap[0] = d.heap[n]
	d.heap[n] = deadline{}
	d.heap = d.heap[:n]
	d.down(0)
	return first
}

func (d *deadlines) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if d.heap[i].at >= d.heap[parent].at {
			return
		}
		d.heap[i], d.heap[parent] = d.heap[parent], d.heap[i]
		i = parent
	}
}

func (d *deadlines) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(d.heap) {
			return
		}
		if r := child + 1; r < len(d.heap) && d.heap[r].at < d.heap[child].at {
			child = r
		}
		if d.heap[child].at >= d.heap[i].at {
			return
		}
		d.heap[i], d.heap[child] = d.heap[child], d.heap[i]
		i = child
	}
}
