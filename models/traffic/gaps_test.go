package traffic_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/quotalab/quotalab/models/traffic"
)

func TestGapsHaveUnitMeanAndTheirCV(t *testing.T) {
	const draws = 1_000_000
	for _, row := range []struct {
		name     string
		gaps     traffic.Gaps
		cv       float64
		kurtosis float64 // E(X−1)⁴/σ⁴: how far the sample's variance may stray
	}{
		{"even", traffic.Even(), 0, 0},
		{"poisson", traffic.Poisson(), 1, 9},
		{"gamma 0.1", must(traffic.Gamma(0.1))(t), 0.1, 3 + 6*0.01},
		{"gamma 1 is poisson", must(traffic.Gamma(1))(t), 1, 9},
		{"gamma 1.5", must(traffic.Gamma(1.5))(t), 1.5, 3 + 6*2.25},
		{"gamma 4, shape 1/16", must(traffic.Gamma(4))(t), 4, 3 + 6*16},
		{"pareto 6", must(traffic.Pareto(6))(t), 1 / math.Sqrt(24), 38.67},
	} {
		rng := rand.New(rand.NewPCG(11, 13))
		x := make([]float64, draws)
		for i := range x {
			x[i] = row.gaps.Next(rng)
		}
		mean, sd := stat.MeanStdDev(x, nil)
		if slack := 4 * row.cv / math.Sqrt(draws); math.Abs(mean-1) > slack {
			t.Errorf("%s: mean gap %g, want 1 within %g", row.name, mean, slack)
		}
		// The standard error of a variance is σ²·√((kurtosis − 1)/n); of σ half of that.
		if slack := 4 * row.cv * math.Sqrt(max(row.kurtosis-1, 0)/draws) / 2; math.Abs(sd-row.cv) > slack {
			t.Errorf("%s: CV %g, want %g within %g", row.name, sd, row.cv, slack)
		}
	}
}

// TestGapsHaveTheirDistribution compares with the distribution function by Kolmogorov
// and Smirnov; 1.95/√n is the bound at P = 0.001.
func TestGapsHaveTheirDistribution(t *testing.T) {
	const draws = 200_000
	for _, row := range []struct {
		name string
		gaps traffic.Gaps
		cdf  func(float64) float64
	}{
		{"poisson", traffic.Poisson(), distuv.Exponential{Rate: 1}.CDF},
		{"gamma 0.5", must(traffic.Gamma(0.5))(t), distuv.Gamma{Alpha: 4, Beta: 4}.CDF},
		{"gamma 3", must(traffic.Gamma(3))(t), distuv.Gamma{Alpha: 1.0 / 9, Beta: 1.0 / 9}.CDF},
		{"pareto 1.5, of infinite variance", must(traffic.Pareto(1.5))(t), distuv.Pareto{Xm: 1.0 / 3, Alpha: 1.5}.CDF},
		{"pareto 1.01", must(traffic.Pareto(1.01))(t), distuv.Pareto{Xm: 0.01 / 1.01, Alpha: 1.01}.CDF},
	} {
		rng := rand.New(rand.NewPCG(5, 8))
		x := make([]float64, draws)
		for i := range x {
			x[i] = row.gaps.Next(rng)
		}
		slices.Sort(x)
		worst := 0.0
		for i, v := range x {
			f := row.cdf(v)
			worst = max(worst, f-float64(i)/draws, float64(i+1)/draws-f)
		}
		if bound := 1.95 / math.Sqrt(draws); worst > bound {
			t.Errorf("%s: %g away from its distribution function, at most %g by chance", row.name, worst, bound)
		}
	}
}
