package series

import (
	"math"
	"slices"
	"testing"
)

func TestPercentiles(t *testing.T) {
	for _, n := range []int64{1, 2, 3, 399, 400, 401, 1000, 12_345, 1_000_000, 10_000_000, 1e15} {
		ps := percentiles(n)
		if len(ps) > MaxPoints || len(ps) < int(min(n, 300)) {
			t.Errorf("of %d values %d percentiles", n, len(ps))
		}
		if ps[0] != 0 || ps[len(ps)-1] != 100 || !slices.IsSorted(ps) || len(slices.Compact(slices.Clone(ps))) != len(ps) {
			t.Errorf("of %d values they do not rise from 0 to 100: %v", n, ps)
		}
		if last, most := ps[len(ps)-2], 100*(1-1/float64(n)); n > 1 && last > most+1e-12 || n > 400 && n <= 1e12 && most-last > 100-most {
			t.Errorf("of %d values the last but 100 is %v, expected nearly %v", n, last, most)
		}
		for _, p := range []float64{25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.9, 99.99, 99.999, 99.9999} {
			if n > 400 && p <= 100*(1-1/float64(n)) && !slices.ContainsFunc(ps, func(q float64) bool { return math.Abs(p-q) < 1e-12 }) {
				t.Errorf("of %d values there is no p%v", n, p)
			}
		}
	}
}
