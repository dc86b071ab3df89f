package network

import (
	"math"
	"math/rand/v2"
	"time"

	"gonum.org/v1/gonum/stat/distuv"
)

type lognormal struct{ median, ratio, sigma float64 } // ns, p99/median, of ln X

// z99 is the 99th percentile of the standard normal distribution, 2.326….
var z99 = distuv.UnitNormal.Quantile(0.99)

// Lognormal is e^(μ + σZ), Z standard normal, given by its median e^μ (above 0)
// and its 99th percentile median·e^(σ·z₀.₉₉), at least the median:
//
//	σ = ln(p99/median)/z₀.₉₉, mean = median·e^(σ²/2)
//
// Quantile(0.5) and Quantile(0.99) are exactly what was given.
func Lognormal(median, p99 time.Duration) (Distribution, error) {
	c := check{of: "lognormal"}
	c.positive("median", median)
	c.positive("p99", p99)
	if median > 0 && p99 > 0 && p99 < median {
		c.fail("p99", "at least the median, "+median.String(), p99)
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	ratio := float64(p99) / float64(median)
	l := lognormal{median: float64(median), ratio: ratio, sigma: math.Log(ratio) / z99}
	if l.Mean() == longest {
		c.fail("p99", "a p99 near enough to the median ("+median.String()+") for the mean to be a duration", p99)
		return nil, c.err()
	}
	return l, nil
}

func (l lognormal) Sample(rng *rand.Rand) time.Duration {
	return rounded(l.median * math.Exp(l.sigma*rng.NormFloat64()))
}

func (l lognormal) Mean() time.Duration {
	return rounded(l.median * math.Exp(l.sigma*l.sigma/2))
}

// Quantile is median·(p99/median)^(z/z₀.₉₉): a power of exactly 0 or 1 at the
// two given quantiles.
func (l lognormal) Quantile(p float64) time.Duration {
	if l.ratio == 1 {
		return rounded(l.median)
	}
	return rounded(l.median * math.Pow(l.ratio, distuv.UnitNormal.Quantile(probability(p))/z99))
}
