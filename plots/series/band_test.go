package series

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Of binomial(20, 1/2) the textbook's tails: P(≤ 4) = 0.0059, P(≤ 5) = 0.0207;
// two shards, so α/2 = 0.0125.
func TestBandByHand(t *testing.T) {
	low, high := band(20, 2)
	if low != 5 || high != 15 {
		t.Errorf("20 on two shards: %v to %v, want 5 to 15", low, high)
	}
	if low, high := band(7, 1); low != 7 || high != 7 {
		t.Errorf("all are on the only shard: %v to %v", low, high)
	}
	if low, high := band(1, 64); low != 0 || high != 1 {
		t.Errorf("one key: %v to %v, want 0 to 1", low, high)
	}
	low, high = band(100_000_000, 4) // as the normal distribution: 1 − 0.00625 is at 2.4977 σ
	sigma := math.Sqrt(1e8 / 4 * 3 / 4)
	if math.Abs((25e6-low)/sigma-2.4977) > 1e-3 || math.Abs((high-25e6)/sigma-2.4977) > 1e-3 {
		t.Errorf("a hundred million: %v σ below and %v σ above, want 2.4977", (25e6-low)/sigma, (high-25e6)/sigma)
	}
}

// All shards lie in the band in 95 of 100 runs or a little more.
func TestBandHolds(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, c := range []struct {
		keys, shards int
	}{{100, 2}, {1000, 4}, {500, 16}, {20_000, 64}} {
		low, high := band(int64(c.keys), c.shards)
		const runs = 2000
		within := 0
		for range runs {
			counts := make([]float64, c.shards)
			for range c.keys {
				counts[rng.IntN(c.shards)]++
			}
			all := true
			for _, n := range counts {
				all = all && low <= n && n <= high
			}
			if all {
				within++
			}
		}
		share := float64(within) / runs
		if share < confidence-3*math.Sqrt(confidence*(1-confidence)/runs) || share > 0.985 {
			t.Errorf("%d keys on %d shards are all within %v and %v in %.1f %% of runs", c.keys, c.shards, low, high, 100*share)
		}
	}
}
