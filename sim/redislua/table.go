package redislua

import (
	"math"
	"math/bits"
)

// Table is a Lua table, built as Lua 5.1 builds it: an array, and a hash whose
// collisions are chained within it. So "#" finds the same border of a table
// with holes, and next goes through it in the same order, which the text of
// cjson and cmsgpack shows.
type Table struct {
	array    []Value
	nodes    []node // a power of two, or none
	free     int    // all nodes from here on are taken
	meta     *Table
	readonly bool
	id       uint64
	ids      *identity
}

// node is a place in the hash. A key whose value was removed keeps its place.
type node struct {
	key, value Value
	next       int32 // distance to the next of the chain, 0 at its end
}

const maxBits = 26 // of the size of an array

func newTable(ids *identity, array, hash int) *Table {
	t := &Table{ids: ids}
	if array > 0 {
		t.array = ids.array(array)
	}
	t.setNodes(hash)
	return t
}

func (t *Table) setNodes(size int) {
	t.nodes, t.free = nil, 0
	if size > 0 {
		n := 1
		for n < size {
			n *= 2
		}
		t.nodes, t.free = make([]node, n), n
	}
}

// hashString is Lua 5.1's hash of a string.
func hashString(s string) uint32 {
	h := uint32(len(s))
	step := len(s)>>5 + 1
	for i := len(s); i >= step; i -= step {
		h ^= h<<5 + h>>2 + uint32(s[i-1])
	}
	return h
}

// main returns the place of a key that nothing collides with.
func (t *Table) main(key Value) int {
	n := uint64(len(t.nodes))
	odd := (n - 1) | 1
	switch k := key.(type) {
	case string:
		return int(uint64(hashString(k)) & (n - 1))
	case float64:
		if k == 0 {
			return 0
		}
		bits := math.Float64bits(k)
		return int(uint64(uint32(bits)+uint32(bits>>32)) % odd)
	case bool:
		if k {
			return int(1 & (n - 1))
		}
		return 0
	case *Table:
		return int(uint64(uint32(t.ids.of(&k.id))) % odd)
	case *Function:
		return int(uint64(uint32(t.ids.of(&k.id))) % odd)
	case *thread:
		return int(uint64(uint32(t.ids.of(&k.id))) % odd)
	}
	return 0
}

// arrayIndex returns a key as an index from 1, 0 when it is none.
func arrayIndex(key Value) int {
	if f, ok := key.(float64); ok && f >= 1 && f <= math.MaxInt32 {
		if i := int(f); float64(i) == f {
			return i
		}
	}
	return 0
}

func (t *Table) find(key Value) *node {
	if len(t.nodes) == 0 {
		return nil
	}
	i := t.main(key)
	for {
		n := &t.nodes[i]
		if n.key == key {
			return n
		}
		if n.next == 0 {
			return nil
		}
		i += int(n.next)
	}
}

// get returns the value of a key, without metatables.
func (t *Table) get(key Value) Value {
	switch k := key.(type) {
	case string:
		return t.getString(k)
	case float64:
		if i := arrayIndex(k); i > 0 && i <= len(t.array) {
			return t.array[i-1]
		}
	case nil:
		return nil
	}
	if n := t.find(key); n != nil {
		return n.value
	}
	return nil
}

func (t *Table) getString(key string) Value {
	if len(t.nodes) == 0 {
		return nil
	}
	i := int(hashString(key)) & (len(t.nodes) - 1)
	for {
		n := &t.nodes[i]
		if s, ok := n.key.(string); ok && s == key {
			return n.value
		}
		if n.next == 0 {
			return nil
		}
		i += int(n.next)
	}
}

func (t *Table) getInt(i int) Value {
	if i > 0 && i <= len(t.array) {
		return t.array[i-1]
	}
	return t.get(float64(i))
}

// set gives a key a value, without metatables. The key is neither nil nor NaN.
func (t *Table) set(key, value Value) {
	if i := arrayIndex(key); i > 0 && i <= len(t.array) {
		t.array[i-1] = value
		return
	}
	if n := t.find(key); n != nil {
		n.value = value
		return
	}
	t.insert(key, value)
}

func (t *Table) setInt(i int, value Value) {
	if i > 0 && i <= len(t.array) {
		t.array[i-1] = value
		return
	}
	t.set(float64(i), value)
}

// insert adds a key that the table does not have. One that finds its place
// taken by a key from elsewhere moves that key to a free place.
func (t *Table) insert(key, value Value) {
	if len(t.nodes) == 0 {
		t.rehash(key)
		t.set(key, value)
		return
	}
	at := t.main(key)
	if n := &t.nodes[at]; n.value != nil {
		free := t.freePlace()
		if free < 0 {
			t.rehash(key)
			t.set(key, value)
			return
		}
		home := t.main(n.key)
		if home != at { // the other is not in its own place: it moves
			for home+int(t.nodes[home].next) != at {
				home += int(t.nodes[home].next)
			}
			t.nodes[home].next = int32(free - home)
			t.nodes[free] = *n
			if n.next != 0 {
				t.nodes[free].next = int32(at + int(n.next) - free)
			}
			n.next, n.value = 0, nil
		} else {
			if n.next != 0 {
				t.nodes[free].next = int32(at + int(n.next) - free)
			} else {
				t.nodes[free].next = 0
			}
			n.next = int32(free - at)
			at = free
		}
	}
	t.nodes[at].key, t.nodes[at].value = key, value
}

func (t *Table) freePlace() int {
	for t.free > 0 {
		t.free--
		if t.nodes[t.free].key == nil {
			return t.free
		}
	}
	return -1
}

// rehash finds the sizes that hold all keys and the new one: the largest array
// that is more than half in use.
func (t *Table) rehash(extra Value) {
	var counts [maxBits + 1]int // of integer keys in (2^(i-1), 2^i]
	count := func(key Value) int {
		if i := arrayIndex(key); i > 0 && i <= 1<<maxBits {
			counts[ceilLog2(i)]++
			return 1
		}
		return 0
	}
	integers, total := 0, 1
	for i, v := range t.array {
		if v != nil {
			counts[ceilLog2(i+1)]++
			integers++
			total++
		}
	}
	for i := range t.nodes {
		if t.nodes[i].value != nil {
			integers += count(t.nodes[i].key)
			total++
		}
	}
	integers += count(extra)
	size, used := 0, 0
	for i, sum, power := 0, 0, 1; i <= maxBits && power/2 < integers; i, power = i+1, power*2 {
		sum += counts[i]
		if counts[i] > 0 && sum > power/2 {
			size, used = power, sum
		}
		if sum == integers {
			break
		}
	}
	t.resize(size, total-used)
}

func ceilLog2(i int) int { return bits.Len(uint(i - 1)) }

func (t *Table) resize(array, hash int) {
	oldArray, oldNodes := t.array, t.nodes
	t.setNodes(hash)
	t.array = t.ids.array(array)
	copy(t.array, oldArray)
	for i := array; i < len(oldArray); i++ {
		if oldArray[i] != nil {
			t.setInt(i+1, oldArray[i])
		}
	}
	for i := len(oldNodes) - 1; i >= 0; i-- {
		if oldNodes[i].value != nil {
			t.set(oldNodes[i].key, oldNodes[i].value)
		}
	}
}

// growArray makes room for a constructor's list.
func (t *Table) growArray(size int) {
	if size > len(t.array) {
		nodes := len(t.nodes)
		t.resize(size, nodes)
	}
}

// length is "#": a border, the one that Lua 5.1 finds.
func (t *Table) length() int {
	j := len(t.array)
	if j > 0 && t.array[j-1] == nil {
		i := 0
		for j-i > 1 {
			if m := (i + j) / 2; t.array[m-1] == nil {
				j = m
			} else {
				i = m
			}
		}
		return i
	}
	if len(t.nodes) == 0 {
		return j
	}
	i := j
	j++
	for t.getInt(j) != nil {
		i = j
		j *= 2
		if j > math.MaxInt32 {
			for i = 1; t.getInt(i) != nil; i++ {
			}
			return i - 1
		}
	}
	for j-i > 1 {
		if m := (i + j) / 2; t.getInt(m) == nil {
			j = m
		} else {
			i = m
		}
	}
	return i
}

// next returns the key after key and its value, nil at the end, and whether
// key is one of the table.
func (t *Table) next(key Value) (Value, Value, bool) {
	at := 0
	if key != nil {
		if i := arrayIndex(key); i > 0 && i <= len(t.array) {
			at = i
		} else if at = t.place(key); at < 0 {
			return nil, nil, false
		}
	}
	for ; at < len(t.array); at++ {
		if t.array[at] != nil {
			return float64(at + 1), t.array[at], true
		}
	}
	for at -= len(t.array); at < len(t.nodes); at++ {
		if n := &t.nodes[at]; n.value != nil {
			return n.key, n.value, true
		}
	}
	return nil, nil, true
}

// place returns the index behind a key of the hash, counted from the array's
// first, -1 when there is none.
func (t *Table) place(key Value) int {
	if len(t.nodes) == 0 {
		return -1
	}
	for i := t.main(key); ; {
		if t.nodes[i].key == key {
			return len(t.array) + i + 1
		}
		if t.nodes[i].next == 0 {
			return -1
		}
		i += int(t.nodes[i].next)
	}
}
