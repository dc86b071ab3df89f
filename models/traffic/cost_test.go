package traffic

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Every draw of every law is a whole number within its bounds, the same from
// the same stream.
func TestCostsStayWithinTheirBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := rapid.Int64Range(1, 1e6).Draw(t, "a"), rapid.Int64Range(0, 1e6).Draw(t, "b"), rapid.Int64Range(0, 1e6).Draw(t, "c")
		uniform, err1 := UniformCost(a, a+b)
		choice, err2 := ChoiceOfCosts([]CostChoice{{a, 1 + b}, {a + b, 1 + c}, {a + c, 1}})
		lognormal, err3 := LognormalCost(a, a+b, a+b+c)
		if err1 != nil || err2 != nil || err3 != nil {
			t.Fatal(err1, err2, err3)
		}
		for _, law := range []Cost{FixedCost(a), uniform, choice, lognormal} {
			least, most := law.Bounds()
			one, two := rand.New(rand.NewPCG(1, uint64(a))), rand.New(rand.NewPCG(1, uint64(a)))
			for range 20 {
				n := law.Draw(one)
				if n < least || n > most || least < 1 || n != law.Draw(two) {
					t.Fatalf("%T drew %d, want the same twice, in [%d, %d]", law, n, least, most)
				}
			}
		}
	})
}

// The shares of what is drawn are those that are asked for, by chi-squared.
func TestCostsAreDrawnAsAskedFor(t *testing.T) {
	rng, n := rand.New(rand.NewPCG(7, 7)), 60_000
	uniform, _ := UniformCost(3, 8)
	choice, _ := ChoiceOfCosts([]CostChoice{{1, 6}, {10, 3}, {100, 1}})
	for _, c := range []struct {
		law  Cost
		want map[int64]float64
		most float64 // 99.9 % of chi-squared
	}{
		{uniform, map[int64]float64{3: 1. / 6, 4: 1. / 6, 5: 1. / 6, 6: 1. / 6, 7: 1. / 6, 8: 1. / 6}, 20.5},
		{choice, map[int64]float64{1: .6, 10: .3, 100: .1}, 13.8},
	} {
		seen := map[int64]int{}
		for range n {
			seen[c.law.Draw(rng)]++
		}
		chi := 0.0
		for tokens, share := range c.want {
			want := share * float64(n)
			chi += math.Pow(float64(seen[tokens])-want, 2) / want
		}
		if len(seen) != len(c.want) || chi > c.most {
			t.Errorf("%T: %v, chi-squared %.1f, want at most %.1f", c.law, seen, chi, c.most)
		}
	}
	law, _ := LognormalCost(200, 4000, 20_000)
	drawn := make([]int64, n)
	for i := range drawn {
		drawn[i] = law.Draw(rng)
	}
	slices.Sort(drawn)
	if median, p99 := drawn[n/2], drawn[n*99/100]; median < 190 || median > 210 || p99 < 3600 || p99 > 4400 {
		t.Errorf("median %d and p99 %d, want about 200 and 4000", median, p99)
	}
}

func TestCostsThatCannotBe(t *testing.T) {
	for _, make := range []func() (Cost, error){
		func() (Cost, error) { return UniformCost(0, 3) },
		func() (Cost, error) { return UniformCost(4, 3) },
		func() (Cost, error) { return ChoiceOfCosts(nil) },
		func() (Cost, error) { return ChoiceOfCosts([]CostChoice{{1, 0}}) },
		func() (Cost, error) { return LognormalCost(10, 9, 20) },
		func() (Cost, error) { return LognormalCost(10, 20, 19) },
	} {
		if law, err := make(); err == nil {
			t.Errorf("%+v was made", law)
		}
	}
}
