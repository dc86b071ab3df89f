package sweep_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/quotalab/quotalab/results/sweep"
)

func TestBisection(t *testing.T) {
	below := func(capacity float64) func(float64) bool { return func(x float64) bool { return x <= capacity } }
	for _, c := range []struct {
		why    string
		b      sweep.Bisection
		passes func(float64) bool
		want   sweep.Bisected
	}{
		{"the ends first, then the middle of what is left", sweep.Bisection{From: 0, To: 8, Tolerance: 0.2}, below(5.5),
			sweep.Bisected{Outcome: sweep.Capacity, Passes: 5, Fails: 6, Probes: []float64{0, 8, 4, 6, 5}}},
		{"all of the range passes: two probes say so", sweep.Bisection{From: 1, To: 8}, below(8),
			sweep.Bisected{Outcome: sweep.AllPass, Passes: 8, Probes: []float64{1, 8}}},
		{"none passes", sweep.Bisection{From: 1, To: 8}, below(0.5),
			sweep.Bisected{Outcome: sweep.NonePasses, Fails: 1, Probes: []float64{1, 8}}},
		{"what cannot be searched is told", sweep.Bisection{From: 1, To: 8}, func(x float64) bool { return x > 3 },
			sweep.Bisected{Outcome: sweep.NotMonotone, Fails: 1, Probes: []float64{1, 8}}},
		{"whole numbers end next to one another, whatever the tolerance", sweep.Bisection{From: 1, To: 10, Tolerance: 1e-6, Round: math.Floor}, below(7),
			sweep.Bisected{Outcome: sweep.Capacity, Passes: 7, Fails: 8, Probes: []float64{1, 10, 5, 7, 8}}},
		{"neighbours leave nothing to probe", sweep.Bisection{From: 1, To: 2, Tolerance: 1e-6, Round: math.Floor}, below(1),
			sweep.Bisected{Outcome: sweep.Capacity, Passes: 1, Fails: 2, Probes: []float64{1, 2}}},
	} {
		got, err := c.b.Find(func(x float64) (bool, error) { return c.passes(x), nil })
		if err != nil || got.Outcome != c.want.Outcome || got.Passes != c.want.Passes || got.Fails != c.want.Fails || !slices.Equal(got.Probes, c.want.Probes) {
			t.Errorf("%s: got %+v (%v), want %+v", c.why, got, err, c.want)
		}
	}
}

func TestBisectionEndsWithTheFirstError(t *testing.T) {
	broken := errors.New("broken")
	for fails := 1; fails <= 3; fails++ {
		n := 0
		got, err := sweep.Bisection{From: 0, To: 8, Tolerance: 0.01}.Find(func(x float64) (bool, error) {
			if n++; n == fails {
				return false, broken
			}
			return x < 5, nil
		})
		if !errors.Is(err, broken) || len(got.Probes) != fails {
			t.Errorf("probe %d is broken: got %v after %d probes", fails, err, len(got.Probes))
		}
	}
}

// Whatever the range, a capacity within it is found to within the tolerance,
// no number is probed twice, and there are no more probes than halving needs.
func TestBisectionProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.Float64Range(0, 1e6).Draw(t, "from")
		to := from + rapid.Float64Range(1e-3, 1e6).Draw(t, "length")
		capacity := from + (to-from)*rapid.Float64Range(0, 0.999).Draw(t, "capacity")
		b := sweep.Bisection{From: from, To: to, Tolerance: rapid.Float64Range(1e-6, 1).Draw(t, "tolerance")}
		if rapid.Bool().Draw(t, "whole") {
			b.From, b.To, b.Round = math.Floor(from), math.Floor(to)+1, math.Floor
			capacity = max(capacity, b.From)
		}
		got, err := b.Find(func(x float64) (bool, error) { return x <= capacity, nil })
		if err != nil || got.Outcome != sweep.Capacity {
			t.Fatalf("got %+v, %v", got, err)
		}
		if got.Passes > capacity || got.Fails <= capacity {
			t.Errorf("capacity %v is not from %v to below %v", capacity, got.Passes, got.Fails)
		}
		apart := max(b.Tolerance*got.Fails, 1e-9*(b.To-b.From))
		if b.Round != nil {
			apart = max(apart, 1)
		}
		if got.Fails-got.Passes > apart*(1+1e-9) {
			t.Errorf("%v and %v are further apart than %v", got.Passes, got.Fails, apart)
		}
		if most := 2 + 31; len(got.Probes) > most {
			t.Errorf("%d probes, at most %d halve the range to its finest part", len(got.Probes), most)
		}
		probed := slices.Clone(got.Probes)
		slices.Sort(probed)
		if len(slices.Compact(probed)) != len(got.Probes) {
			t.Errorf("a number was probed twice: %v", got.Probes)
		}
	})
}
