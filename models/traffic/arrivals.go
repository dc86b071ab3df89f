// Package traffic says when requests arrive.
//
// In flow a rate curve and a kind of gap, out flow arrival instants:
//
//  1. A [Curve] is the rate λ(t) with its cumulative intensity Λ(t) = ∫₀ᵗ λ and the
//     inverse Λ⁻¹. Constructors ([Constant], [Ramp], [Diurnal], [Herd], …) check
//     their parameters; [Sum], [Product] and [Then] combine curves.
//  2. [Gaps] is a renewal process of unit mean in operational time, the time in
//     which the load is one arrival per unit: [Poisson], [Even], [Gamma], [Pareto].
//  3. [Times] adds the gaps up to n₁ ≤ n₂ ≤ … and maps each to Λ⁻¹(nᵢ). By the
//     time-rescaling theorem Poisson gaps give a Poisson process of rate λ(t)
//     (Çinlar, Introduction to Stochastic Processes, 1975, §4.7).
//
// An arrival is a function of its number and never of the arrival before it, so
// nothing drifts and no tick quantises the load.
//
// Times are seconds after the run's start in float64: exact to a nanosecond for
// runs of up to 48 days, to 4 ns for a year.
//
// The package is pure: no clock, no I/O, no randomness but the *rand.Rand it is
// given. It imports gonum and the standard library, and anyone may import it.
package traffic

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/quotalab/quotalab/models/portable"
)

// Times yields the arrival instants before horizon, nondecreasing, rounded to
// the nanosecond. The gaps drawn from rng add up to the arrival's number n in
// operational time, and the arrival is due at Λ⁻¹(n).
//
// With [Even] gaps n is the exact integer 1, 2, 3, …, which is k6's convention:
// at a constant 10/s the first arrival is due after 100 ms and a horizon of 1 s holds 9
// arrivals, the tenth being due at its end. (A sum of ones is exact in float64 up to 2⁵³;
// random gaps carry the rounding of their sum, below 1e-8 of a gap after 10⁸.)
//
// The sequence goes on drawing from rng when it is ranged over a second time.
func Times(c Curve, g Gaps, rng *rand.Rand, horizon time.Duration) iter.Seq[time.Duration] {
	return func(yield func(time.Duration) bool) {
		end := seconds(horizon)
		inverse := forward(c, end)
		var n float64
		var last time.Duration
		for {
			n += g.Next(rng)
			t := inverse(n)
			if !(t < end) { // a NaN ends the sequence too
				return
			}
			// Two numbers closer than rounding may map to instants the wrong way round.
			last = max(last, time.Duration(float64(t*1e9)+0.5))
			if last >= horizon || !yield(last) {
				return
			}
		}
	}
}

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

func (poisson) Next(rng *rand.Rand) float64 { return portable.Exponential(rng) }
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
	return float64(g.scale * portable.Gamma(g.shape, rng))
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
	return float64(p.min * portable.Exp(p.tail*portable.Exponential(rng)))
}
