package keys

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// alias is Walker's alias table as built by Vose (M. D. Vose, "A linear
// algorithm for generating random numbers with a given distribution", IEEE
// TSE 17(9), 1991): n columns of height 1, each filled by at most two keys, so
// that a draw is a uniform column and one comparison.
type alias struct {
	p     []float64 // probability of each id
	cut   []float64 // column i gives i below its cut, other[i] above
	other []int32
}

// Empirical is one key for each weight, id i with probability weights[i]/Σ.
// A draw takes constant time.
func Empirical(weights []float64) (Population, error) {
	if len(weights) == 0 || len(weights) > math.MaxInt32 {
		return nil, fmt.Errorf("keys: empirical: %d weights, want 1 to %d: give one weight for each key", len(weights), math.MaxInt32)
	}
	sum := 0.0
	for i, w := range weights {
		if !(w >= 0) || math.IsInf(w, 1) {
			return nil, fmt.Errorf("keys: empirical: weight %d is %v, want a finite number of at least 0: change it", i, w)
		}
		sum += w
	}
	if sum == 0 || math.IsInf(sum, 1) {
		return nil, fmt.Errorf("keys: empirical: weights add up to %v, want a finite sum above 0: scale them", sum)
	}
	p := make([]float64, len(weights))
	for i, w := range weights {
		p[i] = w / sum
	}
	return newAlias(p), nil
}

func newAlias(p []float64) *alias {
	n := len(p)
	a := &alias{p: p, cut: make([]float64, n), other: make([]int32, n)}
	height := slices.Clone(p)
	var low, high []int32 // columns not yet full, and overfull
	for i := range height {
		height[i] *= float64(n)
		if height[i] < 1 {
			low = append(low, int32(i))
		} else {
			high = append(high, int32(i))
		}
	}
	for len(low) > 0 && len(high) > 0 {
		l, h := low[len(low)-1], high[len(high)-1]
		low = low[:len(low)-1]
		a.cut[l], a.other[l] = height[l], h // h fills the column of l
		if height[h] -= 1 - height[l]; height[h] < 1 {
			high = high[:len(high)-1]
			low = append(low, h)
		}
	}
	// What is left differs from a full column by rounding alone.
	for _, i := range append(low, high...) {
		a.cut[i], a.other[i] = 1, i
	}
	return a
}

func (a *alias) Sampler() Sampler { return a }

func (a *alias) Pick(_ time.Duration, rng *rand.Rand) uint64 {
	i := rng.IntN(len(a.cut))
	if rng.Float64() < a.cut[i] {
		return uint64(i)
	}
	return uint64(a.other[i])
}

func (a *alias) Probability(_ time.Duration, id uint64) float64 {
	if id >= uint64(len(a.p)) {
		return 0
	}
	return a.p[id]
}
