package network

import (
	"math"
	"math/rand/v2"
	"time"
)

type exponential struct{ mean time.Duration }

// Exponential is memoryless: P(X > x) = e^(−x/mean). mean is above 0.
func Exponential(mean time.Duration) (Distribution, error) {
	c := check{of: "exponential"}
	if c.positive("mean", mean); c.err() != nil {
		return nil, c.err()
	}
	return exponential{mean}, nil
}

func (e exponential) Sample(rng *rand.Rand) time.Duration {
	return rounded(float64(e.mean) * rng.ExpFloat64())
}

func (e exponential) Mean() time.Duration { return e.mean }

func (e exponential) Quantile(p float64) time.Duration {
	return rounded(-float64(e.mean) * math.Log1p(-probability(p)))
}
