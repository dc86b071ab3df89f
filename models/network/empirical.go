package network

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

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
	rank := math.Ceil(probability(p)*float64(len(e.sorted)) - 1e-9)
	return e.sorted[max(int(rank), 1)-1]
}
