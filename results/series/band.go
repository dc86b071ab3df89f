package series

import (
	"math"
	"sort"

	"gonum.org/v1/gonum/stat/distuv"
)

// confidence that all shards lie in their band at once.
const confidence = 0.95

// band is where the counts of all shards lie at once in 95 of 100 runs if n
// things fall on each of them alike and independently. One shard's count is
// binomial(n, 1/shards). By Bonferroni's inequality all lie within their quantiles
// at α/2 and 1 − α/2, with α = 0.05/shards, in at least 95 of 100 runs; counts are
// whole and negatively dependent, so it is a little more.
func band(n int64, shards int) (low, high float64) {
	if shards == 1 {
		return float64(n), float64(n)
	}
	b := distuv.Binomial{N: float64(n), P: 1 / float64(shards)}
	alpha := (1 - confidence) / float64(shards)
	return quantile(b, alpha/2), quantile(b, 1-alpha/2)
}

// quantile is the least count that is not exceeded with probability p.
func quantile(b distuv.Binomial, p float64) float64 {
	return float64(sort.Search(int(math.Round(b.N)), func(k int) bool { return b.CDF(float64(k)) >= p }))
}
