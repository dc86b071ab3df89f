package traffic_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/quotalab/quotalab/models/traffic"
)

// TestAnyCombination draws trees of curves and checks what holds for every curve,
// whatever it is made of: Λ is the slow integral of λ (where nothing jumps), never falls, and
// Λ⁻¹ is its inverse, the same in step as at random.
func TestAnyCombination(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := tree(t, 2)
		last := 0.0
		for range 10 {
			at := rapid.Float64Range(0, 400).Draw(t, "t")
			n := c.Cumulative(at)
			if n < 0 || math.IsNaN(n) {
				t.Fatalf("Λ(%g) = %g", at, n)
			}
			if back := c.Inverse(n); back > at+slack(c, n, at) {
				t.Fatalf("Λ⁻¹(Λ(%.15g)) = Λ⁻¹(%.15g) = %.15g, later", at, n, back)
			} else if got := c.Cumulative(back + 1e-9); got < n-1e-11*n-1e-9 {
				t.Fatalf("Λ(Λ⁻¹(%.15g)) = Λ(%.15g) = %.15g, less", n, back, got)
			}
		}
		arrival := 0.0
		for at := range traffic.Times(c, traffic.Even(), nil, 400*time.Second) {
			arrival++
			want := c.Inverse(arrival)
			if math.Abs(at.Seconds()-want) > 1e-9 || want < last {
				t.Fatalf("arrival %g at %v, Λ⁻¹ says %.12g after %.12g", arrival, at, want, last)
			}
			if last = want; arrival > 500 {
				return
			}
		}
		if n := c.Cumulative(399.9999); arrival < math.Floor(n-1e-6) {
			t.Fatalf("%g arrivals, but Λ(399.9999) = %g", arrival, n)
		}
	})
}

// slack is what the rounding of Λ is worth in time.
func slack(c traffic.Curve, n, at float64) float64 {
	return 1e-9 + 1e-11*n/max(c.Rate(at), 1e-300)
}

func tree(t *rapid.T, depth int) traffic.Curve {
	kind := rapid.IntRange(0, 8+3*min(depth, 1)).Draw(t, "kind")
	rate := func(name string) float64 { return float64(rapid.IntRange(0, 400).Draw(t, name)) / 10 }
	length := func(name string) time.Duration {
		return time.Duration(rapid.Int64Range(1e6, 120e9).Draw(t, name))
	}
	var c traffic.Curve
	var err error
	switch kind {
	case 0:
		c, err = traffic.Constant(rate("rate"))
	case 1:
		c, err = traffic.Ramp(rate("from"), rate("to"), length("over"))
	case 2:
		c, err = traffic.Exponential(0.1+rate("from"), rapid.Float64Range(-0.1, 0.02).Draw(t, "growth"), length("over"))
	case 3:
		c, err = traffic.Logistic(0.1, 1+rate("to"), length("midpoint"))
	case 4:
		c, err = traffic.Steps([]traffic.Step{{Rate: rate("a"), For: length("a for")}, {Rate: 0, For: length("pause")}, {Rate: rate("b")}})
	case 5:
		c, err = traffic.Diurnal(rate("mean"), rapid.Float64Range(0, 1).Draw(t, "amplitude"), 3, 0, sunday.Add(2*time.Hour+time.Duration(rapid.IntRange(0, 1800).Draw(t, "epoch"))*time.Second))
	case 6:
		c, err = traffic.Spike(rate("base"), 40+rate("peak"), length("at"), length("rise"), length("hold"), length("decay"))
	case 7:
		c, err = traffic.OnOff(rate("on"), rate("off"), length("on for")+5e8, length("off for"))
	case 8:
		every := length("every") + 5e8
		c, err = traffic.Herd(rapid.IntRange(1, 20).Draw(t, "size"), every, rapid.SampledFrom([]time.Duration{0, every / 3, every}).Draw(t, "jitter"))
	case 9:
		c, err = traffic.Sum(tree(t, depth-1), tree(t, depth-1))
	case 10:
		if c, err = traffic.Product(tree(t, depth-1), tree(t, depth-1)); err != nil {
			t.Skip(err) // two factors that jump
		}
	case 11:
		c, err = traffic.Then([]traffic.Part{{Curve: tree(t, depth-1), For: length("for")}, {Curve: tree(t, depth-1)}})
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}
