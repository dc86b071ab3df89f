package portable

import (
	"math"
	"math/rand/v2"
	"testing"
)

// ulps returns how many floating-point numbers lie between two, about 0 in units
// of the last place of 1.
func ulps(got, want float64) float64 {
	if got == want || math.IsNaN(got) && math.IsNaN(want) {
		return 0
	}
	if math.IsNaN(got) || math.IsNaN(want) || math.IsInf(want, 0) || math.IsInf(got, 0) {
		return math.Inf(1)
	}
	size := math.Max(math.Abs(want), 0x1p-1022)
	return math.Abs(got-want) / (math.Nextafter(size, math.Inf(1)) - size)
}

// TestAgainstMath compares with Go's math package, whose functions are right to
// less than one unit in the last place.
func TestAgainstMath(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	wide := func(most float64) func() float64 {
		return func() float64 { return most * math.Pow(2, -40*rng.Float64()) * (2*rng.Float64() - 1) }
	}
	positive := func(most float64) func() float64 {
		return func() float64 { return most * math.Pow(2, -80*rng.Float64()) }
	}
	for _, c := range []struct {
		name     string
		of, math func(float64) float64
		draw     func() float64
		most     float64
	}{
		{"Exp", Exp, math.Exp, wide(700), 2},
		{"Log", Log, math.Log, positive(1e20), 1.01},
		{"Log of numbers near 1", Log, math.Log, func() float64 { return 1 + wide(0.5)() }, 1.01},
		{"Log1p", Log1p, math.Log1p, func() float64 { return max(-0.999, wide(100)()) }, 4},
		{"Expm1", Expm1, math.Expm1, wide(30), 4},
		{"Sin", Sin, math.Sin, wide(7), 1.01},
		{"Cos", Cos, math.Cos, wide(7), 1.01},
		{"Pow(x, 1.7)", func(x float64) float64 { return Pow(x, 1.7) }, func(x float64) float64 { return math.Pow(x, 1.7) }, positive(1e6), 4},
		{"Pow(x, −0.9)", func(x float64) float64 { return Pow(x, -0.9) }, func(x float64) float64 { return math.Pow(x, -0.9) }, positive(1e6), 4},
		{"Pow(3, y)", func(y float64) float64 { return Pow(3, y) }, func(y float64) float64 { return math.Pow(3, y) }, wide(30), 4},
	} {
		worst, at := 0.0, 0.0
		for range 200_000 {
			x := c.draw()
			if off := ulps(c.of(x), c.math(x)); off > worst {
				worst, at = off, x
			}
		}
		t.Logf("%s: off by %.2f ulp at the most", c.name, worst)
		if worst > c.most {
			t.Errorf("%s: off by %.3g ulp at %g: %g, want %g", c.name, worst, at, c.of(at), c.math(at))
		}
	}
}

// TestAtTheEdges of what the functions are defined for.
func TestAtTheEdges(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"Exp(∞)", Exp(inf), inf}, {"Exp(−∞)", Exp(-inf), 0}, {"Exp(NaN)", Exp(nan), nan}, {"Exp(0)", Exp(0), 1}, {"Exp(710)", Exp(710), inf}, {"Exp(−746)", Exp(-746), 0},
		{"Log(0)", Log(0), -inf}, {"Log(−1)", Log(-1), nan}, {"Log(∞)", Log(inf), inf}, {"Log(1)", Log(1), 0},
		{"Log1p(−1)", Log1p(-1), -inf}, {"Log1p(−2)", Log1p(-2), nan}, {"Log1p(0)", Log1p(0), 0}, {"Log1p(∞)", Log1p(inf), inf},
		{"Expm1(−∞)", Expm1(-inf), -1}, {"Expm1(∞)", Expm1(inf), inf}, {"Expm1(0)", Expm1(0), 0},
		{"Pow(0, 2)", Pow(0, 2), 0}, {"Pow(0, −1)", Pow(0, -1), inf}, {"Pow(0, 0)", Pow(0, 0), 1}, {"Pow(2, 10)", Pow(2, 10), 1024}, {"Pow(2, −1074)", Pow(2, -1074), 0x1p-1074},
		{"Pow(2, 1024)", Pow(2, 1024), inf}, {"Pow(−1, 2)", Pow(-1, 2), nan}, {"Pow(∞, −1)", Pow(inf, -1), 0},
		{"Sin(0)", Sin(0), 0}, {"Cos(0)", Cos(0), 1}, {"Sin(∞)", Sin(inf), nan},
	} {
		if ulps(c.got, c.want) != 0 {
			t.Errorf("%s is %g, want %g", c.name, c.got, c.want)
		}
	}
}
