package summary

import (
	"math"
	"testing"
)

// Percentiles of many distinct values are those of the nearest rank, too: of
// samples that each double, the one below is half as large.
func TestPercentileIsOfTheNearestRank(t *testing.T) {
	for _, n := range []int64{mostExact + 1, 100, 876, 1783} {
		var exact, counted trend
		counted.estimate()
		for i := range n {
			v := int64(math.Exp2(float64(i) * 40 / float64(n)))
			exact.Few, exact.N, exact.Max = append(exact.Few, sample{v, 1}), exact.N+1, v
			counted.add(v)
		}
		ps := []float64{0.1, 1, 50, 90, 95, 99, 99.9, 100}
		for i, got := range counted.percentiles(ps) {
			if want := exact.percentile(ps[i]); math.Abs(got-want) > want/1000 || got != counted.percentile(ps[i]) {
				t.Errorf("p(%v) of %d samples: %v, expected %v", ps[i], n, got, want)
			}
		}
	}
}
