// Package heap is a binary heap of values by integer keys.
//
// It exists beside container/heap because that boxes every value in an
// interface and calls a method for each comparison, and a method of a type
// parameter would be an indirect call too: four times slower on the schedule
// of a simulation. Keys are arrays, which are compared in place.
//
// What flows in: keys and values. What flows out: the values by ascending key.
// Anything may import it.
package heap

// Key is a key of one to three numbers; the first that differs decides.
type Key interface {
	~[1]int64 | ~[2]int64 | ~[3]int64
}

// Item is a value with its key.
type Item[K Key, V any] struct {
	Key   K
	Value V
}

// Heap holds items, one with the least key first. Its zero value is empty.
// Where keys are equal their order depends on what was pushed and popped
// before, and on nothing else.
type Heap[K Key, V any] []Item[K, V]

// Push adds a value.
func (h *Heap[K, V]) Push(key K, value V) {
	all := append(*h, Item[K, V]{})
	*h = all
	i := len(all) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !less(&key, &all[parent].Key) {
			break
		}
		all[i] = all[parent]
		i = parent
	}
	all[i] = Item[K, V]{key, value}
}

// Pop removes the first item and returns it. The heap must not be empty.
func (h *Heap[K, V]) Pop() Item[K, V] {
	all := *h
	first, n := all[0], len(all)-1
	last := all[n]
	all[n] = Item[K, V]{} // lets go of what it refers to
	*h = all[:n]
	if n > 0 {
		(*h).down(0, last)
	}
	return first
}

// Init makes a heap of items in any order.
func (h Heap[K, V]) Init() {
	for i := len(h)/2 - 1; i >= 0; i-- {
		h.down(i, h[i])
	}
}

// down puts an item at the place i or below it.
func (h Heap[K, V]) down(i int, item Item[K, V]) {
	for {
		child := 2*i + 1
		if child >= len(h) {
			break
		}
		if right := child + 1; right < len(h) && less(&h[right].Key, &h[child].Key) {
			child = right
		}
		if !less(&h[child].Key, &item.Key) {
			break
		}
		h[i] = h[child]
		i = child
	}
	h[i] = item
}

// less reports whether a comes before b.
func less[K Key](a, b *K) bool {
	for i := range len(*a) {
		if (*a)[i] != (*b)[i] {
			return (*a)[i] < (*b)[i]
		}
	}
	return false
}
