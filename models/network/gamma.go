package network

import (
	"fmt"
	"math/rand/v2"
	"time"

	"gonum.org/v1/gonum/stat/distuv"
)

type gamma struct {
	mean         time.Duration
	shape, scale float64 // 1, ns
}

// Limits of a gamma distribution's coefficient of variation: a smaller one is
// constant to three digits, with a larger one nearly every draw is 0.
const minCV, maxCV = 1e-3, 1e2

// Gamma has the given mean, above 0, and coefficient of variation (standard deviation over
// mean, from 0.001 to 100): shape 1/cv², scale mean·cv². At cv = 1 it is exponential.
func Gamma(mean time.Duration, cv float64) (Distribution, error) {
	c := check{of: "gamma"}
	c.positive("mean", mean)
	if !(minCV <= cv && cv <= maxCV) {
		c.fail("cv", fmt.Sprintf("a coefficient of variation from %g to %g", minCV, maxCV), cv)
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	return gamma{mean: mean, shape: 1 / (cv * cv), scale: float64(mean) * cv * cv}, nil
}

func (g gamma) Sample(rng *rand.Rand) time.Duration {
	return rounded(distuv.Gamma{Alpha: g.shape, Beta: 1 / g.scale, Src: rng}.Rand())
}

func (g gamma) Mean() time.Duration { return g.mean }

func (g gamma) Quantile(p float64) time.Duration {
	return rounded(distuv.Gamma{Alpha: g.shape, Beta: 1}.Quantile(probability(p)) * g.scale)
}
