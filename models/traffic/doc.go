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
