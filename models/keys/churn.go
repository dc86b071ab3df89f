package keys

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/quotalab/quotalab/models/heap"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/models/portable"
)

// Equilibrium as Churn's start: as many keys as a long past would have left.
const Equilibrium = -1

type churn struct {
	rate     float64 // births per second
	lifetime func(*rand.Rand) time.Duration
	mean     time.Duration
	start    int
}

// Churn is a population of mortal keys, an M/G/∞ queue: keys are born at the
// instants of a Poisson process of rate arrivals per second, live a lifetime
// drawn independently (meanLifetime is its mean), and a request picks one of
// the keys alive, each equally likely. Ids are 0, 1, 2, … in the order of birth.
// In equilibrium the number alive is Poisson with mean arrivals·meanLifetime
// (Little's law gives the mean, Takács 1962 the distribution).
//
// At time 0 start keys are alive, or with Equilibrium a Poisson number of that
// mean. They are of all ages: what is left of their lives is drawn from the
// equilibrium's law of residual lives, density (1 − F(x))/mean.
//
// If a request finds no key alive, one is born to it.
func Churn(arrivals float64, lifetime func(*rand.Rand) time.Duration, meanLifetime time.Duration, start int) (Population, error) {
	switch {
	case !(arrivals > 0) || math.IsInf(arrivals, 1):
		return nil, fmt.Errorf("keys: churn: arrivals is %v per second, want a finite rate above 0: change arrivals", arrivals)
	case lifetime == nil:
		return nil, fmt.Errorf("keys: churn: no lifetime, want a distribution: give one")
	case meanLifetime <= 0:
		return nil, fmt.Errorf("keys: churn: mean lifetime is %v, want more than 0: change lifetime", unit.Time(meanLifetime))
	case start < Equilibrium:
		return nil, fmt.Errorf("keys: churn: start is %d keys, want at least 0 (or Equilibrium, %d): change start", start, Equilibrium)
	}
	if alive := arrivals * meanLifetime.Seconds(); start == Equilibrium && alive > maxAlive {
		return nil, fmt.Errorf("keys: churn: arrivals %v/s × mean lifetime %v is %.3g keys alive at once, want at most %.3g: lower one of them, or set start", arrivals, unit.Time(meanLifetime), alive, float64(maxAlive))
	}
	return &churn{arrivals, lifetime, meanLifetime, start}, nil
}

// maxAlive bounds the keys that Equilibrium creates at once: each takes 16
// bytes and a few draws.
const maxAlive = 1e8

func (c *churn) Sampler() Sampler { return &churnSampler{churn: c} }

// churnSampler keeps the living in a heap by instant of death: to pick one of
// them is to pick an element of the heap's array.
//
// Births and lifetimes come from a stream of its own, seeded by the first
// draw from the caller's: so the process has gone the same way whether it is
// looked at by Pick or by Probability, and however often.
type churnSampler struct {
	*churn
	own   *rand.Rand
	alive heap.Heap[[1]int64, uint64] // by the nanosecond of death
	born  uint64
	next  float64 // instant of the next birth, seconds
}

func (c *churnSampler) begin(rng *rand.Rand) {
	c.own = rand.New(rand.NewPCG(rng.Uint64(), rng.Uint64()))
	start := c.start
	if start == Equilibrium {
		mean := c.rate * c.mean.Seconds()
		start = portable.Poisson(mean, c.own)
	}
	walk := residuals{lifetime: c.lifetime, mean: float64(c.mean), rng: c.own}
	for range start {
		c.birth(walk.next())
	}
	c.next = portable.Exponential(c.own) / c.rate
}

// birth adds a key that dies at the given instant.
func (c *churnSampler) birth(dies time.Duration) {
	c.alive.Push([1]int64{int64(dies)}, c.born)
	c.born++
}

// advance plays births and deaths up to t, included. A key is alive from its
// birth to just before its death. Events happen strictly in the order of
// their instants, those of keys that nobody sees too: the heap's order, which
// picks depend on, is then the same however often it is looked at.
func (c *churnSampler) advance(t time.Duration) {
	for now := t.Seconds(); c.next <= now; c.next += portable.Exponential(c.own) / c.rate {
		born := time.Duration(c.next * float64(time.Second))
		c.bury(born)
		c.birth(after(born, c.lifetime(c.own)))
	}
	c.bury(t)
}

// bury takes out the keys that have died by t.
func (c *churnSampler) bury(t time.Duration) {
	for len(c.alive) > 0 && c.alive[0].Key[0] <= int64(t) {
		c.alive.Pop()
	}
}

// after is t + d, d ≥ 0, or the end of time.
func after(t, d time.Duration) time.Duration {
	if d > math.MaxInt64-t {
		return math.MaxInt64
	}
	return t + d
}

func (c *churnSampler) Pick(t time.Duration, rng *rand.Rand) uint64 {
	if c.own == nil {
		c.begin(rng)
	}
	c.advance(t)
	if len(c.alive) == 0 {
		c.birth(after(t, max(1, c.lifetime(c.own))))
	}
	return c.alive[rng.IntN(len(c.alive))].Value
}

// Probability is 1/(number alive at t) for a key alive at t, in a time
// proportional to that number. Before the first Pick nothing is drawn, not
// even the stream of births: then it is not known, NaN.
func (c *churnSampler) Probability(t time.Duration, id uint64) float64 {
	if c.own == nil {
		return math.NaN()
	}
	c.advance(t)
	if len(c.alive) == 0 && id == c.born {
		return 1
	}
	for _, m := range c.alive {
		if m.Value == id {
			return 1 / float64(len(c.alive))
		}
	}
	return 0
}

// residuals draws what is left of a life that is looked at at a random instant.
// Such an instant falls into long lives more often than into short ones, so
// the lives themselves have to be laid end to end (a renewal process) and
// looked at: at instants with exponential gaps of several mean lives, which
// makes the draws nearly independent, and after a longer first one, which lets
// the process forget that it began with a birth.
type residuals struct {
	lifetime func(*rand.Rand) time.Duration
	mean     float64 // nanoseconds
	rng      *rand.Rand
	left     float64 // of the life being looked at
	warm     bool
}

// Mean gaps between looks, in mean lives.
const (
	firstLook = 64
	nextLook  = 4
	// mostLives bounds the work of one look, for a lifetime whose draws are
	// far below its mean.
	mostLives = 100_000
)

// next is one residual life, at least 1 ns.
func (r *residuals) next() time.Duration {
	gap := float64(nextLook * r.mean * portable.Exponential(r.rng))
	if !r.warm {
		// Spread out, or lives of equal length would all be whole.
		gap, r.warm = float64(firstLook*r.mean*(1+r.rng.Float64())), true
	}
	for range mostLives {
		if r.left > gap {
			break
		}
		gap -= r.left
		r.left = float64(r.lifetime(r.rng))
	}
	if r.left > gap {
		r.left -= gap
	} else {
		r.left = float64(r.left * r.rng.Float64())
	}
	return time.Duration(max(1, r.left))
}

type growing struct{ k, b float64 }

// Growing follows Heaps' law (H. S. Heaps, "Information Retrieval", 1978): after
// n draws about k·n^b distinct keys have been seen, k > 0 and 0 < b ≤ 1.
//
// Draw n is a new key with probability f(n) − f(n−1), independently of the
// rest, where f(n) = min(n, max(1, k·n^b)), because n draws give at most n keys
// and at least one; otherwise it is one of the keys seen so far, each equally
// likely. So the number of distinct keys V(n) is a sum of independent yes-or-no
// draws with mean f(n) exactly and variance below f(n): it stays within
// 5·√f(n) of f(n) but in one of a million runs. The ids are 0, 1, 2, … in the
// order of first appearance. Memory is constant.
func Growing(k, b float64) (Population, error) {
	if !(k > 0) || math.IsInf(k, 1) {
		return nil, fmt.Errorf("keys: growing: k is %v, want a finite factor above 0: change k", k)
	}
	if !(b > 0 && b <= 1) {
		return nil, fmt.Errorf("keys: growing: b is %v, want an exponent above 0 and at most 1: change b", b)
	}
	return growing{k, b}, nil
}

// distinct is f(n), the expected number of distinct keys after n draws.
func (g growing) distinct(n float64) float64 {
	if n == 0 {
		return 0
	}
	return min(n, max(1, g.k*portable.Pow(n, g.b)))
}

func (g growing) Sampler() Sampler {
	s := &growingSampler{growing: g}
	s.step()
	return s
}

type growingSampler struct {
	growing
	n        float64 // number of the next draw, from 1
	expected float64 // f(n)
	fresh    float64 // f(n) − f(n−1)
	seen     uint64  // V(n−1)
}

// step goes on to the next draw.
func (g *growingSampler) step() {
	g.n++
	next := g.distinct(g.n)
	g.fresh, g.expected = max(0, next-g.expected), next // max against rounding
}

func (g *growingSampler) Pick(_ time.Duration, rng *rand.Rand) uint64 {
	id := g.seen
	if rng.Float64() < g.fresh {
		g.seen++
	} else {
		id = rng.Uint64N(g.seen)
	}
	g.step()
	return id
}

func (g *growingSampler) Probability(_ time.Duration, id uint64) float64 {
	switch {
	case id < g.seen:
		return (1 - g.fresh) / float64(g.seen)
	case id == g.seen:
		return g.fresh
	}
	return 0
}
