package traffic_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"gonum.org/v1/gonum/integrate/quad"

	"github.com/quotalab/quotalab/models/traffic"
)

const span = 7200.0 // seconds that the tests look at

// slow is ∫λ from a to b by Gauss and Legendre in cells of at most a second, none
// across a break: the reference that knows nothing of closed forms.
func slow(c traffic.Curve, breaks []float64, a, b float64) float64 {
	cuts := []float64{a, b}
	for at := math.Ceil(a); at < b; at++ {
		cuts = append(cuts, at)
	}
	for _, at := range breaks {
		if a < at && at < b {
			cuts = append(cuts, at)
		}
	}
	slices.Sort(cuts)
	area := 0.0
	for i := range cuts[1:] {
		area += quad.Fixed(c.Rate, cuts[i], cuts[i+1], 7, nil, 0)
	}
	return area
}

func TestCumulativeIsTheIntegralOfTheRate(t *testing.T) {
	for _, row := range examples(t) {
		t.Run(row.name, func(t *testing.T) {
			if got := row.curve.Cumulative(0); got != 0 {
				t.Errorf("Λ(0) = %g, want 0", got)
			}
			want, from := 0.0, 0.0
			for _, at := range []float64{0.001, 1, 2.5, 59.9, 60, 75, 119, 121, 200, 1799, 3599, 3600, 3630, 3700, span} {
				want, from = want+slow(row.curve, row.breaks, from, at), at
				if got := row.curve.Cumulative(at); math.Abs(got-want) > 1e-11*want+1e-9 {
					t.Errorf("Λ(%g) = %.15g, the slow integral says %.15g", at, got, want)
				}
			}
		})
	}
}

func TestInverseUndoesCumulative(t *testing.T) {
	for _, row := range examples(t) {
		t.Run(row.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 1))
			for range 2000 {
				at := rng.Float64() * span
				n := row.curve.Cumulative(at)
				back := row.curve.Inverse(n)
				// Where λ = 0 the inverse is the beginning of the stretch.
				if rate := row.curve.Rate(at); rate > 0 {
					if slack := 1e-9 + n*1e-14/rate; math.Abs(back-at) > slack {
						t.Fatalf("Λ⁻¹(Λ(%.12g)) = %.12g, off by more than %g s", at, back, slack)
					}
				}
				if got := row.curve.Cumulative(back); math.Abs(got-n) > 1e-12*n+1e-9*row.curve.Rate(back) {
					t.Fatalf("Λ(Λ⁻¹(%.15g)) = %.15g", n, got)
				}
			}
		})
	}
}

func TestInverseIsTheSmallestInstantAndNeverFalls(t *testing.T) {
	for _, row := range append(examples(t), jumping(t)...) {
		t.Run(row.name, func(t *testing.T) {
			total := row.curve.Cumulative(span)
			last := 0.0
			for i := range 5000 {
				n := total * float64(i) / 5000
				at := row.curve.Inverse(n)
				if at < last-1e-10 {
					t.Fatalf("Λ⁻¹(%g) = %.12g, before %.12g of a smaller number", n, at, last)
				}
				last = at
				// A microsecond earlier Λ is below n, but for what a microsecond's rate is worth in rounding.
				if early := at - 1e-6; early > 0 && row.curve.Cumulative(early) >= n+n*1e-12 {
					t.Fatalf("Λ⁻¹(%g) = %.12g, but Λ(%.12g) is %g already", n, at, early, row.curve.Cumulative(early))
				}
			}
		})
	}
}

func TestEdgesOfTheInverse(t *testing.T) {
	inf := math.Inf(1)
	steps := func(s ...traffic.Step) traffic.Curve { return must(traffic.Steps(s))(t) }
	rows := []struct {
		reason string
		curve  traffic.Curve
		n      float64
		want   float64
	}{
		{"nothing is awaited at the start", must(traffic.Constant(5))(t), 0, 0},
		{"a negative number was reached before the start", must(traffic.Diurnal(5, 0, 0, 1, sunday))(t), -1, 0},
		{"rate 0 never gets anywhere", must(traffic.Constant(0))(t), 1e-9, inf},
		{"a ramp to 0 holds 300 in a minute", must(traffic.Ramp(10, 0, minute))(t), 300, 60},
		{"and not one more", must(traffic.Ramp(10, 0, minute))(t), 301, inf},
		{"growth 0 is constant", must(traffic.Exponential(4, 0, minute))(t), 8, 2},
		{"nearly no growth is nearly constant", must(traffic.Exponential(4, 1e-300, minute))(t), 8, 2},
		{"a decay holds from/g", must(traffic.Exponential(4, -1, 1000*minute))(t), 4.001, inf},
		{"the end of the first step, not of the pause", steps(traffic.Step{Rate: 10, For: minute}, traffic.Step{Rate: 0, For: minute}, traffic.Step{Rate: 1}), 600, 60},
		{"just after the pause", steps(traffic.Step{Rate: 10, For: minute}, traffic.Step{Rate: 0, For: minute}, traffic.Step{Rate: 1}), 601, 121},
		{"nothing after the last step's end", steps(traffic.Step{Rate: 10, For: minute}), 601, inf},
		{"a pause at the start", steps(traffic.Step{Rate: 0, For: minute}, traffic.Step{Rate: 1}), 1e-300, 60},
		{"a spike without base ends", must(traffic.Spike(0, 10, 0, 0, 0, minute))(t), 601, inf},
		{"a spike that falls at once", must(traffic.Spike(0, 10, minute, 0, minute, 0))(t), 600, 120},
		{"a whole number of bursts ends with the burst", must(traffic.OnOff(10, 0, minute, minute))(t), 1200, 180},
		{"no weekends: Monday's first arrival", must(traffic.Diurnal(1, 0, 0, 0, sunday))(t), 10, 9000 - 0.5 + 10},
		{"no days at all", must(traffic.Diurnal(0, 0.5, 0, 1, sunday))(t), 1, inf},
		{"bursts of rate 0", must(traffic.OnOff(0, 0, minute, minute))(t), 1, inf},
	}
	for _, row := range rows {
		for _, c := range []struct {
			how   string
			curve traffic.Curve
		}{{"alone", row.curve}, {"in a sum", must(traffic.Sum(row.curve))(t)}, {"in a product", must(traffic.Product(row.curve))(t)}} {
			got := c.curve.Inverse(row.n)
			if got != row.want && !(math.Abs(got-row.want) <= 1e-9) {
				t.Errorf("%s, %s: Λ⁻¹(%g) = %.12g, want %g", row.reason, c.how, row.n, got, row.want)
			}
		}
	}
}

func TestACurveIsSharedByGoroutines(t *testing.T) {
	c := must(traffic.Product(examples(t)[5].curve, examples(t)[9].curve))(t)
	want := make([]float64, 50)
	for i := range want {
		want[i] = must(traffic.Product(examples(t)[5].curve, examples(t)[9].curve))(t).Inverse(float64(1000 * i))
	}
	var wait sync.WaitGroup
	for g := range 8 {
		wait.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(g), 0))
			for _, i := range rng.Perm(len(want)) {
				if got := c.Inverse(float64(1000 * i)); got != want[i] {
					t.Errorf("Λ⁻¹(%d) = %v, alone %v", 1000*i, got, want[i])
				}
			}
		})
	}
	wait.Wait()
}
