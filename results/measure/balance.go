package measure

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// EvenAt is the p-value at and above which a distribution over shards is
// called even.
const EvenAt = 0.01

// Balance says how evenly counts fall on shards.
type Balance struct {
	Total      int64
	Chi2       float64 // Pearson's χ² against equal shares
	P          float64 // that chance alone gives this χ² or more
	PeakToMean float64 // fullest shard over the mean
	CV         float64 // standard deviation over the mean
	Gini       float64 // 0 all equal, 1 − 1/N all on one
}

// BalanceOf computes the Balance of counts; false if there are fewer than
// two shards or nothing to count. P is meaningful where the things counted
// fall on shards independently, as distinct keys do; commands follow their
// keys, so theirs says only how far they are from equal.
func BalanceOf(counts []int64) (Balance, bool) {
	total := int64(0)
	for _, c := range counts {
		total += c
	}
	if len(counts) < 2 || total == 0 {
		return Balance{}, false
	}
	n := float64(len(counts))
	mean := float64(total) / n
	b := Balance{Total: total, PeakToMean: float64(slices.Max(counts)) / mean}
	squares := 0.0
	for _, c := range counts {
		squares += (float64(c) - mean) * (float64(c) - mean)
	}
	b.Chi2 = squares / mean
	b.CV = math.Sqrt(squares/n) / mean
	b.P = distuv.ChiSquared{K: n - 1}.Survival(b.Chi2)
	b.Gini = gini(counts, float64(total))
	return b, true
}

// gini is Σ(2i − n − 1)·xᵢ / (n·Σx) over the counts in rising order.
func gini(counts []int64, total float64) float64 {
	sorted := slices.Sorted(slices.Values(counts))
	sum, n := 0.0, len(sorted)
	for i, c := range sorted {
		sum += float64(2*(i+1)-n-1) * float64(c)
	}
	return sum / (float64(n) * total)
}

// Even tells whether chance explains the distribution.
func (b Balance) Even() bool { return b.P >= EvenAt }

func (b Balance) metrics(limiter, of string) []Metric {
	stat := func(name string, v float64) Metric {
		return value("shard_balance", tags("limiter", limiter, "of", of, "stat", name), b.Total, v)
	}
	return []Metric{stat("chi2", b.Chi2), stat("p_value", b.P), stat("peak_to_mean", b.PeakToMean), stat("cv", b.CV), stat("gini", b.Gini)}
}
