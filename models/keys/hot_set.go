package keys

import (
	"fmt"
	"math/rand/v2"
	"time"
)

type hotSet struct {
	n, hot uint64
	share  float64
}

// HotSet is n keys of which the first hot, ids 0 to hot−1, share the fraction
// share of all draws equally, and the others share the rest:
//
//	p(id) = share/hot            for id < hot
//	p(id) = (1 − share)/(n − hot)  for hot ≤ id < n
func HotSet(n, hot int64, share float64) (Population, error) {
	if err := checkCount("hot_set", n, maxKeys); err != nil {
		return nil, err
	}
	if hot < 1 || hot >= n {
		return nil, fmt.Errorf("keys: hot_set: hot is %d of n = %d keys, want at least 1 and less than n: change hot", hot, n)
	}
	if !(share >= 0 && share <= 1) {
		return nil, fmt.Errorf("keys: hot_set: share is %v, want a fraction from 0 to 1 (0%% to 100%%): change share", share)
	}
	return hotSet{uint64(n), uint64(hot), share}, nil
}

func (h hotSet) Sampler() Sampler { return h }

func (h hotSet) Pick(_ time.Duration, rng *rand.Rand) uint64 {
	if rng.Float64() < h.share {
		return rng.Uint64N(h.hot)
	}
	return h.hot + rng.Uint64N(h.n-h.hot)
}

func (h hotSet) Probability(_ time.Duration, id uint64) float64 {
	switch {
	case id < h.hot:
		return h.share / float64(h.hot)
	case id < h.n:
		return (1 - h.share) / float64(h.n-h.hot)
	}
	return 0
}
