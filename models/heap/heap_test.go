package heap_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/quotalab/quotalab/models/heap"
)

func TestPopsInTheOrderOfKeys(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var h heap.Heap[[2]int64, int]
	var in [][2]int64
	var out [][2]int64
	for range 2000 {
		if len(h) > 0 && rng.IntN(3) == 0 {
			key := h[0].Key
			if item := h.Pop(); item.Key != key || in[item.Value] != key {
				t.Fatalf("popped value %d, pushed with key %v, by key %v; the first key was %v", item.Value, in[item.Value], item.Key, key)
			}
			out = append(out, key)
			continue
		}
		key := [2]int64{rng.Int64N(100), rng.Int64N(100)}
		h.Push(key, len(in))
		in = append(in, key)
		for i := range h {
			if slices.Compare(h[i].Key[:], h[0].Key[:]) < 0 {
				t.Fatalf("%v comes before the first key, %v", h[i].Key, h[0].Key)
			}
		}
	}
	from := len(out)
	for len(h) > 0 {
		out = append(out, h.Pop().Key)
	}
	compare := func(a, b [2]int64) int { return slices.Compare(a[:], b[:]) }
	if !slices.IsSortedFunc(out[from:], compare) {
		t.Fatalf("what was left came out of order: %v", out[from:])
	}
	slices.SortFunc(in, compare)
	slices.SortFunc(out, compare)
	if !slices.Equal(in, out) {
		t.Fatalf("%d keys went in, %d others came out", len(in), len(out))
	}
}

func TestInitMakesAHeapOfAnyOrder(t *testing.T) {
	for n := range 50 {
		h := make(heap.Heap[[1]int64, string], n)
		for i := range h {
			h[i].Key[0] = int64((i * 37) % 11)
		}
		h.Init()
		for last := int64(-1); len(h) > 0; {
			k := h.Pop().Key[0]
			if k < last {
				t.Fatalf("of %d items %d came after %d", n, k, last)
			}
			last = k
		}
	}
}
