package keys

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/quotalab/quotalab/models/portable"
)

type growing struct{ k, b float64 }

// Growing follows Heaps' law (H. S. Heaps, "Information Retrieval", 1978): after
// n draws about k·n^b distinct keys have been seen, k > 0 and 0 < b ≤ 1.
//
// Draw n is a new key with probability f(n) − f(n−1), independently of the
// rest, where f(n) = min(n, max(1, k·n^b)), because n draws give at most n keys
// and at least one; otherwise it is one of the keys seen so far, each equally
// likely. So the number of distinct keys V(n) is a sum of independent yes-or-no
// draws with mean f(n) exactly and variance below f(n): it stays within
// 5·√f(n) of f(n) but in one of a million runs. The ids are 0, 1, 2, … in the
// order of first appearance. Memory is constant.
func Growing(k, b float64) (Population, error) {
	if !(k > 0) || math.IsInf(k, 1) {
		return nil, fmt.Errorf("keys: growing: k is %v, want a finite factor above 0: change k", k)
	}
	if !(b > 0 && b <= 1) {
		return nil, fmt.Errorf("keys: growing: b is %v, want an exponent above 0 and at most 1: change b", b)
	}
	return growing{k, b}, nil
}

// distinct is f(n), the expected number of distinct keys after n draws.
func (g growing) distinct(n float64) float64 {
	if n == 0 {
		return 0
	}
	return min(n, max(1, g.k*portable.Pow(n, g.b)))
}

func (g growing) Sampler() Sampler {
	s := &growingSampler{growing: g}
	s.step()
	return s
}

type growingSampler struct {
	growing
	n        float64 // number of the next draw, from 1
	expected float64 // f(n)
	fresh    float64 // f(n) − f(n−1)
	seen     uint64  // V(n−1)
}

// step goes on to the next draw.
func (g *growingSampler) step() {
	g.n++
	next := g.distinct(g.n)
	g.fresh, g.expected = max(0, next-g.expected), next // max against rounding
}

func (g *growingSampler) Pick(_ time.Duration, rng *rand.Rand) uint64 {
	id := g.seen
	if rng.Float64() < g.fresh {
		g.seen++
	} else {
		id = rng.Uint64N(g.seen)
	}
	g.step()
	return id
}

func (g *growingSampler) Probability(_ time.Duration, id uint64) float64 {
	switch {
	case id < g.seen:
		return (1 - g.fresh) / float64(g.seen)
	case id == g.seen:
		return g.fresh
	}
	return 0
}
