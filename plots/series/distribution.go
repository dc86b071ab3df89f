package series

import (
	"maps"
	"math"
	"slices"
	"sort"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/summary"
)

// tails are the shares of the values, in units of a power of ten, that a grid
// leaves above it: rising percentiles run through 90, 95, 97.5, 98, 99 of each.
var tails = [...]float64{10, 9, 8, 7, 6, 5, 4, 3, 2.5, 2, 1.5}

// percentiles returns those of a grid over n values: each value's own if there are few;
// else a quarter percent apart, and from 90 on in steps that shrink by ten
// from each nine to the next, up to what n values can tell.
func percentiles(n int64) []float64 {
	ps := []float64{0}
	if n <= 400 {
		for i := range n {
			ps = append(ps, 100*float64(i+1)/float64(n))
		}
		return ps
	}
	for i := range 4*90 - 1 {
		ps = append(ps, float64(i+1)/4)
	}
	last := 100 * (1 - 1/float64(min(n, 1e12))) // float64 has no more nines
	for unit := 1.0; ; unit /= 10 {
		for _, t := range tails {
			p := 100 - t*unit
			if p > last {
				return append(ps, 100)
			}
			ps = append(ps, p)
		}
	}
}

func grid(n int64, ps, values []float64) Distribution {
	d := Distribution{N: n, Min: values[0], Max: values[len(values)-1], Grid: make([]Quantile, len(ps))}
	for i, p := range ps {
		d.Grid[i] = Quantile{p, values[i]}
	}
	return d
}

// latencies returns those of each outcome that has any. What the metrics tell apart by traffic and
// phase, and by clients that are not told apart, is joined.
func latencies(c *clients, s *summary.Measured) (out []OutcomeLatency) {
	byOutcome := func(name string) map[Outcome][]summary.Series {
		of := map[Outcome][]summary.Series{}
		for _, m := range s.Series(metric.Selector{Metric: name}) {
			o := c.tagged(m.Metric)
			of[o] = append(of[o], m)
		}
		return of
	}
	service, sojourn := byOutcome("latency"), byOutcome("sojourn")
	for _, o := range slices.SortedFunc(maps.Keys(service), newOrder(c.manifest).compare) {
		out = append(out, OutcomeLatency{o, together(service[o]), together(sojourn[o])})
	}
	return out
}

func together(list []summary.Series) Distribution {
	m, _ := summary.Sum(list)
	ps := percentiles(m.Count)
	values, ok := m.Percentiles(ps...)
	if !ok {
		return Distribution{}
	}
	return grid(m.Count, ps, values)
}

// LTTB picks n of the points such that the line through them looks as the line
// through all does: Largest-Triangle-Three-Buckets (S. Steinarsson, Downsampling
// Time Series for Visual Representation, University of Iceland 2013, §4.2). The first and
// the last point are kept; the others are cut into n − 2 buckets of equal count,
// and of each bucket the point is kept that spans the largest triangle with the
// point kept before and the mean of the next bucket. Of equals the first is.
//
// X must not fall, and no coordinate may be NaN. With n or fewer points (and
// with n < 2, where no line is left) they are returned as they are, but n = 1 of more
// than one is the first, and n < 1 none.
func LTTB(points []Point, n int) []Point {
	switch {
	case n < 1:
		return nil
	case len(points) <= n:
		return points
	case n == 1:
		return points[:1:1]
	}
	out := append(make([]Point, 0, n), points[0])
	for b := range n - 2 {
		from, until := 1+b*(len(points)-2)/(n-2), bucketEnd(b, n, len(points))
		next := mean(points[until:bucketEnd(b+1, n, len(points))])
		out = append(out, points[from+widest(out[len(out)-1], points[from:until], next)])
	}
	return append(out, points[len(points)-1])
}

// bucketEnd is where bucket b ends: the bucket after the last one is the last point.
func bucketEnd(b, n, count int) int {
	return min(1+(b+1)*(count-2)/(n-2), count)
}

func mean(points []Point) (m Point) {
	for _, p := range points {
		m.X += p.X
		m.Y += p.Y
	}
	return Point{m.X / float64(len(points)), m.Y / float64(len(points))}
}

// widest is the candidate that spans the largest triangle with a and c.
func widest(a Point, candidates []Point, c Point) (best int) {
	largest := -1.0
	for i, b := range candidates {
		if area := math.Abs((a.X-c.X)*(b.Y-a.Y)-(a.X-b.X)*(c.Y-a.Y)) / 2; area > largest {
			largest, best = area, i
		}
	}
	return best
}

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
