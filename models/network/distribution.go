package network

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Distribution of a duration, never negative. Results are rounded to the nanosecond, and
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
	c.problems = append(c.problems, fmt.Errorf("network: %s: %s: expected %s, found %v", c.of, parameter, expected, found))
}

func (c *check) positive(parameter string, d time.Duration) {
	if d <= 0 {
		c.fail(parameter, "a duration above 0", d)
	}
}

func (c *check) err() error { return errors.Join(c.problems...) }
