package compare

import (
	"cmp"
	"math"
	"slices"
	"sort"

	"github.com/aclements/go-moremath/stats"
	"golang.org/x/perf/benchmath"

	"github.com/quotalab/quotalab/results/summary"
)

// MinRuns of each side that a figure of real time must have to be judged: with
// five of each the least p-value there can be is 0.8 %, which hardly leaves room
// for more than one figure.
const MinRuns = 6

// level of the tests of Compare, and of their confidence intervals: of figures
// that do not differ, this share looks different by chance.
const level = 0.05

// sampleTest is what the statistics say of two samples.
type sampleTest struct {
	p         float64 // two-sided
	shift     float64 // Hodges-Lehmann: how much more the new ones are
	low, high float64 // confidence interval of the shift
}

// test needs values on both sides.
func (r ranks) test(base, next []float64) sampleTest {
	t := sampleTest{p: mannWhitney(base, next)}
	d := differences(base, next)
	t.shift = summary.Median(d)
	k := r.of(len(base), len(next))
	if k < 1 {
		t.low, t.high = math.Inf(-1), math.Inf(1)
		return t
	}
	t.low, t.high = d[k-1], d[len(d)-k]
	return t
}

// mannWhitney is 1 where all values are the same: nothing can be told.
func mannWhitney(base, next []float64) float64 {
	sample := func(v []float64) *benchmath.Sample {
		return benchmath.NewSample(slices.Clone(v), &benchmath.DefaultThresholds)
	}
	return min(1, benchmath.AssumeNothing.Compare(sample(base), sample(next)).P)
}

// differences returns new − base of all pairs, in ascending order.
func differences(base, next []float64) []float64 {
	d := make([]float64, 0, len(base)*len(next))
	for _, b := range base {
		for _, n := range next {
			d = append(d, n-b)
		}
	}
	slices.Sort(d)
	return d
}

// mostExact runs of a side for which the distribution of U is computed; above,
// the normal distribution is as good. It is benchmath's limit.
const mostExact = 50

// ranks remembers intervalRank, which takes milliseconds for many runs and is
// the same for every figure of as many.
type ranks map[[2]int]int

func (r ranks) of(n1, n2 int) int {
	at := [2]int{n1, n2}
	k, ok := r[at]
	if !ok {
		k = intervalRank(n1, n2)
		r[at] = k
	}
	return k
}

// intervalRank is the greatest k for which the kth smallest and kth greatest
// difference enclose the shift with a confidence of 1 − level or more:
// P(U ≤ k−1) ≤ level/2. 0: there are too few.
func intervalRank(n1, n2 int) int {
	if n1 > mostExact || n2 > mostExact {
		mean, sd := float64(n1*n2)/2, math.Sqrt(float64(n1*n2*(n1+n2+1))/12)
		return int(math.Floor(mean + stats.InvCDF(stats.StdNormal)(level/2)*sd))
	}
	u := stats.UDist{N1: n1, N2: n2}
	return sort.Search(n1*n2/2, func(k int) bool { return u.CDF(float64(k)) > level/2 })
}

// leastP is the least one-sided p-value that n1 and n2 runs can come to: of
// the orders of n1+n2 runs, one has all of one side first.
func leastP(n1, n2 int) float64 {
	p := 1.0
	for i := 1; i <= n1; i++ {
		p *= float64(i) / float64(n2+i)
	}
	return p
}

// holm adjusts p-values for being many (Holm 1979): those below alpha may be
// told of, and the probability that any of these is so by chance is at most
// alpha.
func holm(ps []float64) []float64 {
	order := make([]int, len(ps))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(ps[a], ps[b]) })
	adjusted := make([]float64, len(ps))
	most := 0.0
	for rank, i := range order {
		most = max(most, min(1, ps[i]*float64(len(ps)-rank)))
		adjusted[i] = most
	}
	return adjusted
}
