package traffic_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/quotalab/quotalab/models/traffic"
)

// BenchmarkTimes prints arrivals/s for each curve with Poisson gaps, and for each
// kind of gap at a constant rate.
func BenchmarkTimes(b *testing.B) {
	for _, row := range examples(b) {
		b.Run("curve="+row.name, func(b *testing.B) { arrivals(b, row.curve, traffic.Poisson()) })
	}
	constant := must(traffic.Constant(50_000))(b)
	for _, row := range []struct {
		name string
		gaps traffic.Gaps
	}{
		{"even", traffic.Even()},
		{"gamma(0.5)", must(traffic.Gamma(0.5))(b)},
		{"gamma(3)", must(traffic.Gamma(3))(b)},
		{"pareto(2)", must(traffic.Pareto(2))(b)},
	} {
		b.Run("gaps="+row.name, func(b *testing.B) { arrivals(b, constant, row.gaps) })
	}
}

func arrivals(b *testing.B, c traffic.Curve, g traffic.Gaps) {
	b.ReportAllocs()
	rng := rand.New(rand.NewPCG(1, 2))
	n := 0
	for n < b.N { // a curve that ends is begun again
		before := n
		for range traffic.Times(c, g, rng, 1000*time.Hour) {
			if n++; n >= b.N {
				break
			}
		}
		if n == before {
			b.Fatal("no arrivals")
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "arrivals/s")
}
