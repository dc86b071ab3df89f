// Package keys holds key populations: which key a request carries.
//
// In flow a population's parameters and, for each request, its instant and a
// random stream; out flows the key's id, a uint64. How an id is written out (a
// name, an address) and what it is derived into (a range, an organisation) is
// the caller's business.
//
// A Population is immutable and may be shared. Its Sampler has the state of
// one run: a counter, the keys that are alive. Every sampler also tells the
// exact probability of each key on the next draw, which is what its tests
// check its draws against, by chi-squared.
//
// The package imports the standard library and gonum; sim/plan imports it.
package keys

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Population is a set of keys and the law by which requests pick from it.
type Population interface {
	// Sampler returns a sampler in its initial state.
	Sampler() Sampler
}

// Sampler draws keys for the requests of one run.
type Sampler interface {
	// Pick draws the key of a request at t after the run's start, an id below
	// 2⁵⁶ (2⁶⁴ for a Mix). Calls come with t not decreasing. The draws are a function of the calls and of
	// rng alone.
	Pick(t time.Duration, rng *rand.Rand) uint64
	// Probability is that of the next Pick giving id, were it at t, given all
	// that was drawn so far; 0 if it cannot. The t of these calls and of those
	// to Pick together must not decrease.
	Probability(t time.Duration, id uint64) float64
}

// maxKeys bounds the size of a population: a Mix keeps the top byte of the id
// for itself.
const maxKeys = 1 << 56

// checkCount reports a number of keys that is not in [1, most].
func checkCount(population string, n, most int64) error {
	if n < 1 {
		return fmt.Errorf("keys: %s: n is %d, want at least 1 key: raise n", population, n)
	}
	if n > most {
		return fmt.Errorf("keys: %s: n is %d, want at most %d: lower n", population, n, most)
	}
	return nil
}

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
