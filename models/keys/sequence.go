package keys

import (
	"math/rand/v2"
	"time"
)

// counter gives 0, 1, …, n−1 in turn and begins again.
type counter struct{ next, n uint64 }

func (c *counter) Pick(time.Duration, *rand.Rand) uint64 {
	id := c.next
	c.next = (c.next + 1) % c.n
	return id
}

func (c *counter) Probability(_ time.Duration, id uint64) float64 {
	if id == c.next {
		return 1
	}
	return 0
}

type sequence struct{ n uint64 }

func (s sequence) Sampler() Sampler { return &counter{n: s.n} }

// Sequence is n keys in turn: 0, 1, …, n−1, 0, 1, …
func Sequence(n int64) (Population, error) {
	if err := checkCount("sequence", n, maxKeys); err != nil {
		return nil, err
	}
	return sequence{uint64(n)}, nil
}

// Fresh is a new key each time: 0, 1, 2, …
func Fresh() Population { return sequence{maxKeys} }
