package network

import (
	"math"
	"math/rand/v2"
	"time"
)

type pareto struct{ min, alpha float64 } // ns, 1

// Pareto has a heavy tail: P(X > x) = (least/x)^alpha for x ≥ least, so that its mean is
// least·alpha/(alpha − 1). least is above 0, alpha above 1.
func Pareto(least time.Duration, alpha float64) (Distribution, error) {
	c := check{of: "pareto"}
	c.positive("min", least)
	if math.IsInf(alpha, 0) || !(alpha > 1) {
		c.fail("alpha", "a finite tail exponent above 1 (the mean is infinite at 1)", alpha)
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	p := pareto{float64(least), alpha}
	if p.Mean() == longest {
		c.fail("alpha", "a tail exponent with a mean that is a duration", alpha)
		return nil, c.err()
	}
	return p, nil
}

// Sample uses that the logarithm of a Pareto variable is exponential.
func (p pareto) Sample(rng *rand.Rand) time.Duration {
	return rounded(p.min * math.Exp(rng.ExpFloat64()/p.alpha))
}

func (p pareto) Mean() time.Duration { return rounded(p.min * p.alpha / (p.alpha - 1)) }

func (p pareto) Quantile(q float64) time.Duration {
	return rounded(p.min * math.Pow(1-probability(q), -1/p.alpha))
}
