package keys

import (
	"math/rand/v2"
	"time"
)

// mortal is a living key.
type mortal struct {
	dies time.Duration
	id   uint64
}

// deaths is a binary heap of living keys, the next to die at the root. It is
// container/heap without the boxing of each key.
type deaths []mortal

func (h *deaths) push(m mortal) {
	a := append(*h, m)
	i := len(a) - 1
	for i > 0 && a[i].dies < a[(i-1)/2].dies {
		a[i], a[(i-1)/2] = a[(i-1)/2], a[i]
		i = (i - 1) / 2
	}
	*h = a
}

func (h *deaths) pop() {
	a := *h
	last := len(a) - 1
	a[0] = a[last]
	a = a[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if a[child].dies < a[least].dies {
				least = child
			}
		}
		if least == i {
			break
		}
		a[i], a[least] = a[least], a[i]
		i = least
	}
	*h = a
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
	gap := nextLook * r.mean * r.rng.ExpFloat64()
	if !r.warm {
		// Spread out, or lives of equal length would all be whole.
		gap, r.warm = firstLook*r.mean*(1+r.rng.Float64()), true
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
		r.left *= r.rng.Float64()
	}
	return time.Duration(max(1, r.left))
}
