package plan

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/quotalab/quotalab/scenarios"
)

// TestPoisson compares the frequencies of draws with their probabilities by
// Pearson's chi-squared, and the moments of what has too many values.
func TestPoisson(t *testing.T) {
	for _, mean := range []float64{0.7, 3, 10.7, 23.9, 24, 37, 400} {
		p := poisson{pcg: *rand.NewPCG(1, uint64(mean*10))}
		const draws = 400_000
		law := distuv.Poisson{Lambda: mean}
		width := 12*int(math.Sqrt(mean)) + 20
		low := max(0, int(mean)-width)
		counts := make([]float64, 2*width+int(mean))
		for range draws {
			counts[min(max(int(p.draw(mean))-low, 0), len(counts)-1)]++
		}
		chi, cells, rest, expected := 0., -1., 0., 0.
		for i, n := range counts {
			rest, expected = rest+n, expected+draws*law.Prob(float64(low+i))
			if expected >= 10 {
				chi += (rest - expected) * (rest - expected) / expected
				cells, rest, expected = cells+1, 0, 0
			}
		}
		if z := (chi - cells) / math.Sqrt(2*cells); math.Abs(z) > 5 || cells < 4 {
			t.Errorf("mean %v: chi-squared %v of %v degrees of freedom", mean, chi, cells)
		}
	}
	for _, mean := range []float64{1e4, 1e9, 1e15} {
		p := poisson{pcg: *rand.NewPCG(2, uint64(mean))}
		const draws = 200_000
		sum, square := 0., 0.
		for range draws {
			d := (float64(p.draw(mean)) - mean) / math.Sqrt(mean)
			sum, square = sum+d, square+d*d
		}
		if z, v := sum/math.Sqrt(draws), (square/draws-1)/math.Sqrt(2./draws); math.Abs(z) > 5 || math.Abs(v) > 5 {
			t.Errorf("mean %v: mean and variance are off by %.1f and %.1f standard deviations", mean, z, v)
		}
	}
}

// TestPoissonByInversion: the values at both ends of a uniform draw, and
// rejection has the same law where both apply.
func TestPoissonByInversion(t *testing.T) {
	for _, c := range []struct {
		u, mean float64
		want    int64
	}{{0, 0, 0}, {1 - 0x1p-53, 0, 0}, {0, 1, 0}, {0.3678, 1, 0}, {0.3679, 1, 1}, {0, many, 0}} {
		if got := invert(c.u, c.mean, math.Exp(-c.mean)); got != c.want {
			t.Errorf("u %v, mean %v: got %d, want %d", c.u, c.mean, got, c.want)
		}
	}
	if n := invert(1-0x1p-53, many, math.Exp(-many)); n < 70 || int(n) >= len(inverse) {
		t.Errorf("the largest value is %d of a table of %d", n, len(inverse))
	}
	beyond := 0.
	for n := len(inverse); n < 2*len(inverse); n++ {
		beyond += distuv.Poisson{Lambda: many}.Prob(float64(n))
	}
	if beyond > 0x1p-53 {
		t.Errorf("beyond the table lies %v", beyond)
	}
	p := poisson{pcg: *rand.NewPCG(3, 3)}
	const draws = 200_000
	var counts [2][60]float64
	for range draws {
		counts[0][min(invert(p.uniform(), 16, p.none(16)), 59)]++
		counts[1][min(p.reject(16), 59)]++
	}
	chi, cells := 0., 0.
	for i := range 60 {
		if a, b := counts[0][i], counts[1][i]; a+b >= 20 {
			chi, cells = chi+(a-b)*(a-b)/(a+b), cells+1
		}
	}
	if z := (chi - cells) / math.Sqrt(2*cells); math.Abs(z) > 5 {
		t.Errorf("chi-squared %v of %v degrees of freedom between the methods", chi, cells)
	}
}

// TestNone: e^(−mean) by way of a mean nearby is as good as directly.
func TestNone(t *testing.T) {
	p := poisson{}
	for i := range 20_000 {
		mean := 30 * math.Abs(math.Sin(float64(i)/1e4))
		if got, want := p.none(mean), math.Exp(-mean); math.Abs(got-want) > 4e-16*want {
			t.Fatalf("mean %v: got %v, want %v", mean, got, want)
		}
	}
}

func TestLogPoisson(t *testing.T) {
	for _, mean := range []float64{10, 12.5, 400, 1e5} {
		for _, z := range []float64{-3, -1, -0.01, 0, 0.5, 4, 8} {
			k := math.Floor(max(0, mean+z*math.Sqrt(mean)))
			want := distuv.Poisson{Lambda: mean}.LogProb(k)
			if got := logPoisson(k, mean); math.Abs(got-want) > 1e-9*math.Max(1, mean/100) {
				t.Errorf("mean %v, k %v: got %v, want %v", mean, k, got, want)
			}
		}
	}
	// At the mode of a large mean it is −½·ln(2π·mean).
	if got, want := logPoisson(1e15, 1e15), -0.5*math.Log(2*math.Pi*1e15); math.Abs(got-want) > 1e-12 {
		t.Errorf("at the mode: got %v, want %v", got, want)
	}
}

func TestScales(t *testing.T) {
	const n = 20_000
	p := accountsOf(t, "horizon: 1h", "l: {count: 20_000, limit: 1, usage: {of_limit: 1%, scale: {lognormal: {median: 2, p99: 8}}}}",
		"p: {count: 20_000, limit: 1, usage: {of_limit: 1%, scale: {pareto: {min: 0.5, alpha: 1.5}}}}", "c: {count: 20_000, limit: 1, usage: {of_limit: 1%, scale: 3}}",
		"d: {count: 20_000, limit: 1, usage: {of_limit: 1%}}")
	for i, c := range []struct {
		reason string
		level  float64
		want   float64 // quantile
	}{
		{"lognormal: median", 0.5, 2}, {"lognormal: 99th percentile", 0.99, 8}, {"pareto: median", 0.5, 0.5 * math.Pow(0.5, -1/1.5)}, {"pareto: tail", 0.95, 0.5 * math.Pow(0.05, -1/1.5)},
	} {
		below := 0
		for k := range n {
			if p.Accounts.Account(i/2*n+k).Scale <= c.want {
				below++
			}
		}
		if z := (float64(below) - n*c.level) / math.Sqrt(n*c.level*(1-c.level)); math.Abs(z) > 5 {
			t.Errorf("%s: %d of %d are at most %v", c.reason, below, n, c.want)
		}
	}
	if c, d := p.Accounts.Account(2*n).Scale, p.Accounts.Account(3*n).Scale; c != 3 || d != 1 {
		t.Errorf("constant 3 is %v, and nothing is %v", c, d)
	}
}

func TestAnchors(t *testing.T) {
	const accounts = 3000
	for _, c := range []struct{ epoch, anchor, from, to, reason string }{
		{"2025-04-30T12:00:00Z", "anchor: {at: 2025-03-31T09:00:00Z}, ", "2025-03-31T09:00:00Z", "2025-03-31T09:00:00Z", "one for all"},
		{"2025-04-30T12:00:00Z", "", "2025-03-30T12:00:00Z", "2025-04-30T12:00:00Z", "by default the month before"},
		{"2025-04-30T12:00:00.5Z", "anchor: {spread: {from: 2025-03-01T00:00:00.25Z, to: 2025-03-01T00:01:00Z}}, ", "2025-03-01T00:00:00.25Z", "2025-03-01T00:01:00Z", "whole seconds from the start"},
		{"2025-04-30T12:00:00Z", "anchor: {month_ends: {months: 1}}, ", "2025-03-29T00:00:00Z", "2025-04-01T00:00:00Z", "the month before has a 31st"},
		{"2025-04-30T12:00:00Z", "anchor: {month_ends: {months: 2}}, ", "2025-01-29T00:00:00Z", "2025-02-01T00:00:00Z", "February has not"},
		{"2025-04-30T12:00:00Z", "anchor: {month_ends: {months: 14}}, ", "2024-01-29T00:00:00Z", "2024-02-01T00:00:00Z", "nor in a leap year; a term older than a year"},
		{"2026-01-01T00:00:00Z", "anchor: {month_ends: {months: 2}}, ", "2025-10-29T00:00:00Z", "2025-11-01T00:00:00Z", "November has not"},
	} {
		p := accountsOf(t, "horizon: 1h\nepoch: "+c.epoch, "g: {count: 3000, "+c.anchor+"limit: 1, usage: {of_limit: 1%}}")
		var all []int64
		for i := range accounts {
			all = append(all, p.Accounts.Account(i).Anchor)
		}
		slices.Sort(all)
		from, to := at(t, c.from), at(t, c.to)
		if from == to {
			if all[0] != from || all[accounts-1] != from {
				t.Errorf("%s: from %v to %v", c.reason, time.Unix(0, all[0]).UTC(), time.Unix(0, all[accounts-1]).UTC())
			}
			continue
		}
		mean := 0.
		for _, a := range all {
			if (a-from)%1e9 != 0 || a < from || a >= to {
				t.Fatalf("%s: %v", c.reason, time.Unix(0, a).UTC())
			}
			mean += float64(a-from) / float64(to-from) / accounts
		}
		// uniform: the mean of n has standard deviation 1/√12n; half a second of rounding
		if z := (mean - 0.5) * math.Sqrt(12*accounts); math.Abs(z) > 6 {
			t.Errorf("%s: the mean is at %v of the interval", c.reason, mean)
		}
	}
}

// TestMonthEnds: every epoch and number of months leads to a month with a 31st,
// this or the one before.
func TestMonthEnds(t *testing.T) {
	for d := range 800 {
		epoch := time.Date(2023, 12, 1+d, 7, 0, 0, 0, time.UTC)
		for months := range 30 {
			from, to := monthEnd(epoch, months)
			apart := (epoch.Year()-from.Year())*12 + int(epoch.Month()-from.Month())
			if from.Day() != 29 || to.Sub(from) != 72*time.Hour || to.Day() != 1 || apart < months || apart > months+1 {
				t.Fatalf("%d months before %v: %v to %v", months, epoch, from, to)
			}
		}
	}
	if f := anchors(scenarios.Anchor{}, time.Time{}); f(7) != 0 {
		t.Error("no anchor is one")
	}
}
