// Package network holds distributions of durations: the delay of a link and the
// time a server takes for a command.
//
// In flow a few parameters, out flow draws. The package is pure: no clock,
// no I/O, no randomness but the *rand.Rand it is given. It imports gonum and
// the standard library, and anyone may import it.
package network

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/models/portable"
)

// Distribution is the law of a duration, never negative. Results are rounded to the nanosecond, and
// what is longer than a time.Duration can be is the longest duration. A
// Distribution is immutable, so that goroutines may share it.
type Distribution interface {
	// Sample draws one duration.
	Sample(rng *rand.Rand) time.Duration
	// Mean is the expected duration.
	Mean() time.Duration
	// Quantile is the smallest duration d with P(X ≤ d) ≥ p. p below 0 counts as 0,
	// above 1 as 1, where an unbounded distribution has the longest duration.
	Quantile(p float64) time.Duration
}

const longest = time.Duration(math.MaxInt64)

// rounded is the duration of ns nanoseconds, ns ≥ 0.
func rounded(ns float64) time.Duration {
	if ns < float64(longest) {
		return time.Duration(math.Round(ns))
	}
	return longest
}

func probability(p float64) float64 {
	if p > 0 { // also for NaN
		return min(p, 1)
	}
	return 0
}

type constant time.Duration

// Constant is always d. A negative d counts as 0.
func Constant(d time.Duration) Distribution { return constant(max(d, 0)) }

func (c constant) Sample(*rand.Rand) time.Duration { return time.Duration(c) }
func (c constant) Mean() time.Duration             { return time.Duration(c) }
func (c constant) Quantile(float64) time.Duration  { return time.Duration(c) }

// check collects everything that is wrong with a constructor's parameters.
type check struct {
	of       string
	problems []error
}

func (c *check) fail(parameter, expected string, found any) {
	if d, ok := found.(time.Duration); ok {
		found = unit.Time(d)
	}
	c.problems = append(c.problems, fmt.Errorf("network: %s: %s: expected %s, found %v", c.of, parameter, expected, found))
}

func (c *check) positive(parameter string, d time.Duration) {
	if d <= 0 {
		c.fail(parameter, "a duration above 0", d)
	}
}

func (c *check) err() error { return errors.Join(c.problems...) }

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
	return rounded(float64(e.mean) * portable.Exponential(rng))
}

func (e exponential) Mean() time.Duration { return e.mean }

func (e exponential) Quantile(p float64) time.Duration {
	return rounded(-float64(e.mean) * portable.Log1p(-probability(p)))
}

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
	return rounded(g.scale * portable.Gamma(g.shape, rng))
}

func (g gamma) Mean() time.Duration { return g.mean }

func (g gamma) Quantile(p float64) time.Duration {
	return rounded(distuv.Gamma{Alpha: g.shape, Beta: 1}.Quantile(probability(p)) * g.scale)
}

type lognormal struct{ median, ratio, sigma float64 } // ns, p99/median, of ln X

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
		c.fail("p99", "at least the median, "+unit.Time(median), p99)
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	ratio := float64(p99) / float64(median)
	l := lognormal{median: float64(median), ratio: ratio, sigma: portable.Log(ratio) / portable.Z99}
	if l.Mean() == longest {
		c.fail("p99", "a p99 near enough to the median ("+unit.Time(median)+") for the mean to be a duration", p99)
		return nil, c.err()
	}
	return l, nil
}

func (l lognormal) Sample(rng *rand.Rand) time.Duration {
	return rounded(l.median * portable.Exp(l.sigma*portable.Normal(rng)))
}

func (l lognormal) Mean() time.Duration {
	return rounded(l.median * portable.Exp(l.sigma*l.sigma/2))
}

// Quantile is median·(p99/median)^(z/z₀.₉₉): a power of exactly 0 or 1 at the
// two given quantiles.
func (l lognormal) Quantile(p float64) time.Duration {
	if l.ratio == 1 {
		return rounded(l.median)
	}
	return rounded(l.median * portable.Pow(l.ratio, distuv.UnitNormal.Quantile(probability(p))/distuv.UnitNormal.Quantile(0.99)))
}

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
	return rounded(p.min * portable.Exp(portable.Exponential(rng)/p.alpha))
}

func (p pareto) Mean() time.Duration { return rounded(p.min * p.alpha / (p.alpha - 1)) }

func (p pareto) Quantile(q float64) time.Duration {
	return rounded(p.min * portable.Pow(1-probability(q), -1/p.alpha))
}

type empirical struct {
	sorted []time.Duration
	mean   time.Duration
}

// Empirical draws one of the measured durations, each equally likely. There must be at
// least one and none may be negative. The slice is copied.
func Empirical(measured []time.Duration) (Distribution, error) {
	c := check{of: "empirical"}
	if len(measured) == 0 {
		c.fail("durations", "at least one", "none")
	}
	var sum float64
	for i, d := range measured {
		if d < 0 {
			c.fail(fmt.Sprintf("duration %d", i+1), "a duration of at least 0", d)
		}
		sum += float64(d)
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	sorted := slices.Clone(measured)
	slices.Sort(sorted)
	return &empirical{sorted, rounded(sum / float64(len(sorted)))}, nil
}

func (e *empirical) Sample(rng *rand.Rand) time.Duration {
	return e.sorted[rng.IntN(len(e.sorted))]
}

func (e *empirical) Mean() time.Duration { return e.mean }

// Quantile is the inverse of the empirical distribution function, type 1 of
// Hyndman and Fan (1996). 0.07·100 is above 7 by rounding, hence the slack.
func (e *empirical) Quantile(p float64) time.Duration {
	rank := math.Ceil(float64(probability(p)*float64(len(e.sorted))) - 1e-9)
	return e.sorted[max(int(rank), 1)-1]
}

// CommandTime is the time that a server takes to execute commands of one name:
// Time, and PerKey and PerByte for each key and byte of one.
type CommandTime struct {
	Time            Distribution
	PerKey, PerByte time.Duration
}

// Sample draws the time of one command; what is longer than 146 years is the longest
// duration.
func (c CommandTime) Sample(rng *rand.Rand, keys int, bytes int64) time.Duration {
	t := c.Time.Sample(rng)
	about := float64(t) + float64(float64(keys)*float64(c.PerKey)) + float64(float64(bytes)*float64(c.PerByte))
	if about >= float64(longest/2) { // far from where integers overflow
		return longest
	}
	return t + time.Duration(keys)*c.PerKey + time.Duration(bytes)*c.PerByte
}
