package keys

import (
	"math/rand/v2"
	"time"
)

type uniform struct{ n uint64 }

// Uniform is n keys, 0 to n−1, each with probability 1/n.
func Uniform(n int64) (Population, error) {
	if err := checkCount("uniform", n, maxKeys); err != nil {
		return nil, err
	}
	return uniform{uint64(n)}, nil
}

func (u uniform) Sampler() Sampler { return u }

func (u uniform) Pick(_ time.Duration, rng *rand.Rand) uint64 { return rng.Uint64N(u.n) }

func (u uniform) Probability(_ time.Duration, id uint64) float64 {
	if id >= u.n {
		return 0
	}
	return 1 / float64(u.n)
}
