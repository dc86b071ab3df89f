package portable

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
)

// TestDraws compares the distributions of 100,000 draws with those of gonum, by
// the greatest distance of the two distribution functions (Kolmogorov and Smirnov).
func TestDraws(t *testing.T) {
	const draws = 100_000
	const most = 2.0 / 316.2 // of 1/√draws: by chance once in 1,500 times
	for _, c := range []struct {
		name string
		draw func(*rand.Rand) float64
		cdf  func(float64) float64
	}{
		{"exponential", Exponential, distuv.Exponential{Rate: 1}.CDF},
		{"normal", Normal, distuv.UnitNormal.CDF},
		{"gamma 0.05", func(r *rand.Rand) float64 { return Gamma(0.05, r) }, distuv.Gamma{Alpha: 0.05, Beta: 1}.CDF},
		{"gamma 0.7", func(r *rand.Rand) float64 { return Gamma(0.7, r) }, distuv.Gamma{Alpha: 0.7, Beta: 1}.CDF},
		{"gamma 1", func(r *rand.Rand) float64 { return Gamma(1, r) }, distuv.Gamma{Alpha: 1, Beta: 1}.CDF},
		{"gamma 4", func(r *rand.Rand) float64 { return Gamma(4, r) }, distuv.Gamma{Alpha: 4, Beta: 1}.CDF},
		{"gamma 10000", func(r *rand.Rand) float64 { return Gamma(1e4, r) }, distuv.Gamma{Alpha: 1e4, Beta: 1}.CDF},
	} {
		rng := rand.New(rand.NewPCG(3, 4))
		drawn := make([]float64, draws)
		for i := range drawn {
			drawn[i] = c.draw(rng)
		}
		slices.Sort(drawn)
		worst := 0.0
		for i, x := range drawn {
			p := c.cdf(x)
			worst = max(worst, math.Abs(p-float64(i)/draws), math.Abs(p-float64(i+1)/draws))
		}
		if worst > most {
			t.Errorf("%s: the distribution functions are up to %.5f apart, want at most %.5f", c.name, worst, most)
		}
	}
	if want := distuv.UnitNormal.Quantile(0.99); math.Abs(Z99-want) > 1e-14 {
		t.Errorf("Z99 is %v, want %v", Z99, want)
	}
}

// TestPoisson compares the mean and the variance of draws with the parameter, which
// both are, and how often nothing comes.
func TestPoisson(t *testing.T) {
	const draws = 20_000
	rng := rand.New(rand.NewPCG(5, 6))
	for _, mean := range []float64{0, 0.3, 5, 80} {
		sum, squares, none := 0.0, 0.0, 0.0
		for range draws {
			n := float64(Poisson(mean, rng))
			sum, squares = sum+n, squares+n*n
			if n == 0 {
				none++
			}
		}
		m := sum / draws
		v := squares/draws - m*m
		if off := 4 * math.Sqrt(mean/draws); math.Abs(m-mean) > off {
			t.Errorf("mean %g of draws of mean %g", m, mean)
		}
		if off := 4 * math.Sqrt((mean+2*mean*mean)/draws); math.Abs(v-mean) > off {
			t.Errorf("variance %g of draws of mean %g", v, mean)
		}
		p := math.Exp(-mean)
		if off := 4*math.Sqrt(p*(1-p)/draws) + 1e-9; math.Abs(none/draws-p) > off {
			t.Errorf("nothing in %g of the draws of mean %g, want %g", none/draws, mean, p)
		}
	}
}

// TestDrawsAreTheSame on every processor: these bits were drawn on amd64.
func TestDrawsAreTheSame(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	sum := uint64(0)
	for range 1000 {
		for _, x := range []float64{Exponential(rng), Normal(rng), Gamma(0.4, rng), Gamma(3, rng)} {
			sum = sum*0x100000001b3 ^ math.Float64bits(x)
		}
	}
	if want := uint64(0xf54efb9d8bc88d); sum != want {
		t.Errorf("draws hash to %#x, want %#x", sum, want)
	}
}
