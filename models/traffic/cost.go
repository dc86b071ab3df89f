package traffic

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/quotalab/quotalab/models/portable"
)

// Cost is the law of the tokens that a request takes: whole numbers, at least 0.
// A Cost is immutable, so that goroutines may share it.
type Cost interface {
	// Draw draws the tokens of one request.
	Draw(rng *rand.Rand) int64
	// Bounds returns the fewest and the most tokens that may be drawn.
	Bounds() (least, most int64)
}

type fixedCost int64

// FixedCost is always n tokens, and draws nothing.
func FixedCost(n int64) Cost { return fixedCost(n) }

func (f fixedCost) Draw(*rand.Rand) int64  { return int64(f) }
func (f fixedCost) Bounds() (int64, int64) { return int64(f), int64(f) }

type uniformCost struct{ from, to int64 }

// UniformCost is each whole number from from to to, both included, equally likely.
func UniformCost(from, to int64) (Cost, error) {
	if from < 1 || to < from {
		return nil, fmt.Errorf("traffic: uniform cost: expected 1 ≤ from ≤ to, found %d and %d", from, to)
	}
	return uniformCost{from, to}, nil
}

func (u uniformCost) Draw(rng *rand.Rand) int64 { return u.from + rng.Int64N(u.to-u.from+1) }
func (u uniformCost) Bounds() (int64, int64)    { return u.from, u.to }

// CostChoice is one cost, and how likely it is beside the others.
type CostChoice struct{ Tokens, Weight int64 }

type choiceOfCosts struct {
	list        []CostChoice
	sum         int64
	least, most int64
}

// ChoiceOfCosts is one of several costs by their weights, which are whole numbers,
// so that probabilities are exact. The slice is not changed any more.
func ChoiceOfCosts(list []CostChoice) (Cost, error) {
	c := choiceOfCosts{list: list, least: math.MaxInt64}
	for _, one := range list {
		if one.Tokens < 1 || one.Weight < 1 || one.Weight > math.MaxInt64-c.sum {
			return nil, fmt.Errorf("traffic: choice of costs: expected a cost and a weight of at least 1 each, found %d with weight %d", one.Tokens, one.Weight)
		}
		c.sum += one.Weight
		c.least, c.most = min(c.least, one.Tokens), max(c.most, one.Tokens)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("traffic: choice of costs: expected at least one cost, found none")
	}
	return c, nil
}

func (c choiceOfCosts) Draw(rng *rand.Rand) int64 {
	n := rng.Int64N(c.sum)
	i := 0
	for ; n >= c.list[i].Weight; i++ {
		n -= c.list[i].Weight
	}
	return c.list[i].Tokens
}

func (c choiceOfCosts) Bounds() (int64, int64) { return c.least, c.most }

type lognormalCost struct {
	median, sigma float64
	most          int64
}

// LognormalCost is e^(μ + σZ), Z standard normal, rounded to a whole number, at
// least 1 and at most most: what is above most counts as most. It is given by its
// median e^μ and its 99th percentile median·e^(σ·z₀.₉₉).
func LognormalCost(median, p99, most int64) (Cost, error) {
	if median < 1 || p99 < median || most < p99 {
		return nil, fmt.Errorf("traffic: lognormal cost: expected 1 ≤ median ≤ p99 ≤ max, found %d, %d and %d", median, p99, most)
	}
	return lognormalCost{float64(median), portable.Log(float64(p99)/float64(median)) / portable.Z99, most}, nil
}

func (l lognormalCost) Draw(rng *rand.Rand) int64 {
	x := math.Round(float64(l.median * portable.Exp(float64(l.sigma*portable.Normal(rng)))))
	if x >= float64(l.most) {
		return l.most
	}
	return max(int64(x), 1)
}

func (l lognormalCost) Bounds() (int64, int64) {
	if l.sigma == 0 {
		return int64(l.median), int64(l.median)
	}
	return 1, l.most
}
