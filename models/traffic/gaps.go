package traffic

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/stat/distuv"
)

// Gaps is a renewal process in operational time: independent gaps ≥ 0 of mean
// 1. The process is an ordinary one: the first gap counts from the run's start
// as if an arrival had been there.
type Gaps interface {
	// Next draws the gap to the next arrival.
	Next(rng *rand.Rand) float64
}

type (
	poisson struct{}
	even    struct{}
	gamma   struct{ shape, scale float64 }
	pareto  struct{ min, tail float64 }
)

// Poisson has exponential gaps of CV 1: arrivals that know nothing of each other.
func Poisson() Gaps { return poisson{} }

// Even has gaps of exactly 1: arrival n comes at Λ⁻¹(n), n = 1, 2, ….
func Even() Gaps { return even{} }

func (poisson) Next(rng *rand.Rand) float64 { return rng.ExpFloat64() }
func (even) Next(*rand.Rand) float64        { return 1 }

// Limits of burstiness. Beyond them a curve of a few events per second has
// millions of them at one instant (or a gap is 1 to nine digits, which is Even).
const (
	minCV, maxCV = 1e-6, 1e3
	minTail      = 1.01
)

// Gamma has gamma distributed gaps with the given coefficient of variation
// (standard deviation over mean, from 1e-6 to 1000): shape 1/cv², scale cv². Below 1 it is
// smoother than Poisson, at 1 it is Poisson, above 1 it is burstier.
func Gamma(cv float64) (Gaps, error) {
	c := check{of: "gamma gaps"}
	if c.between("cv", cv, minCV, maxCV); c.err() != nil {
		return nil, c.err()
	}
	return gamma{shape: 1 / (cv * cv), scale: cv * cv}, nil
}

func (g gamma) Next(rng *rand.Rand) float64 {
	return distuv.Gamma{Alpha: g.shape, Beta: 1 / g.scale, Src: rng}.Rand()
}

// Pareto has heavy-tailed gaps: P(gap > x) = (m/x)^alpha for x ≥ m, with
// m = (alpha−1)/alpha for a mean of 1. alpha is at least 1.01; up to 2 the gaps have no
// finite variance, above 2 their CV is 1/√(alpha·(alpha−2)).
func Pareto(alpha float64) (Gaps, error) {
	c := check{of: "pareto gaps"}
	if !finite(alpha) || alpha < minTail {
		c.fail("alpha", fmt.Sprintf("a finite tail exponent of at least %g (the mean is infinite at 1)", minTail), alpha)
		return nil, c.err()
	}
	return pareto{min: (alpha - 1) / alpha, tail: 1 / alpha}, nil
}

// Next uses that the logarithm of a Pareto variable is exponential.
func (p pareto) Next(rng *rand.Rand) float64 {
	return p.min * math.Exp(p.tail*rng.ExpFloat64())
}
