package compare

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Critical values of the Mann-Whitney U test at 5 % two-sided, of Hollander,
// Wolfe and Chicken's table: the interval begins one above.
func TestIntervalRank(t *testing.T) {
	for n, critical := range map[[2]int]int{{5, 5}: 2, {6, 6}: 5, {7, 7}: 8, {8, 8}: 13, {10, 10}: 23, {20, 20}: 127, {6, 10}: 11} {
		if got := (ranks{}).of(n[0], n[1]); got != critical+1 {
			t.Errorf("%v runs: got rank %d, expected %d", n, got, critical+1)
		}
	}
	exact, normal := intervalRank(50, 50), intervalRank(51, 51)
	if normal < exact || normal > exact+60 {
		t.Errorf("the normal distribution gives rank %d of 51 runs, the exact one %d of 50", normal, exact)
	}
}

func TestLeastP(t *testing.T) {
	for n, want := range map[[2]int]float64{{1, 1}: 1. / 2, {6, 6}: 1. / 924, {10, 10}: 1. / 184756, {2, 3}: 1. / 10, {3, 2}: 1. / 10} {
		if got := leastP(n[0], n[1]); math.Abs(got/want-1) > 1e-12 {
			t.Errorf("%v runs: got %v, expected %v", n, got, want)
		}
	}
}

// The example of Holm's procedure: each p-value times how many are left, and
// none smaller than the one before it.
func TestHolm(t *testing.T) {
	got := holm([]float64{0.04, 0.01, 0.03, 0.005})
	want := []float64{0.06, 0.03, 0.06, 0.02}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-12)); diff != "" {
		t.Errorf("adjusted (−want +got):\n%s", diff)
	}
}

// The interval holds the true shift as often as it says: 95 % of the time or
// more.
func TestConfidenceInterval(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 1))
	known, holds := ranks{}, 0
	const trials, shift = 2000, 0.7
	for range trials {
		base, next := make([]float64, 10), make([]float64, 10)
		for i := range base {
			base[i], next[i] = math.Exp(rng.NormFloat64()), shift+math.Exp(rng.NormFloat64())
		}
		if r := known.test(base, next); r.low <= shift && shift <= r.high {
			holds++
		}
	}
	t.Logf("the 95 %% interval holds the shift in %.1f %% of %d trials", 100*float64(holds)/trials, trials)
	if share := float64(holds) / trials; share < 0.94 || share > 0.98 {
		t.Errorf("the interval holds the shift in %.3f of the trials, expected 0.95 or a little more", share)
	}
}
