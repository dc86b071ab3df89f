package traffic_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/models/traffic"
)

func TestTimesInTheSmall(t *testing.T) {
	ms := time.Millisecond
	rows := []struct {
		reason  string
		curve   traffic.Curve
		horizon time.Duration
		want    []time.Duration
	}{
		{"k6's convention: the first after a gap, the one at the horizon left out", must(traffic.Constant(4))(t), time.Second, []time.Duration{250 * ms, 500 * ms, 750 * ms}},
		{"a third of a second is rounded to the nanosecond", must(traffic.Constant(3))(t), 700 * ms, []time.Duration{333_333_333, 666_666_667}},
		{"a ramp from 0 follows the square root", must(traffic.Ramp(0, 8, time.Second))(t), 800 * ms, []time.Duration{500 * ms, 707_106_781}},
		{"nothing comes", must(traffic.Constant(0))(t), time.Hour, nil},
		{"no time", must(traffic.Herd(1, 1, 0))(t), 0, nil},
		{"a herd at the start is within the shortest horizon", must(traffic.Herd(2, time.Hour, 0))(t), 1, []time.Duration{0, 0}},
		{"negative horizon", must(traffic.Constant(4))(t), -time.Second, nil},
	}
	for _, row := range rows {
		got := slices.Collect(traffic.Times(row.curve, traffic.Even(), nil, row.horizon))
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s:\n%s", row.reason, diff)
		}
	}
}

// TestNoDrift plays ten million even arrivals and compares with arithmetic that
// does not round.
func TestNoDrift(t *testing.T) {
	const count = 10 * million
	third, slope := big.NewFloat(3), new(big.Float).Quo(big.NewFloat(2e18*3600), big.NewFloat(10_000))
	rows := []struct {
		reason string
		curve  traffic.Curve
		exact  func(n int64) time.Duration
		slack  time.Duration
	}{
		{"a millisecond is a millisecond", must(traffic.Constant(1000))(t), func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }, 0},
		{"thirds", must(traffic.Constant(3))(t), func(n int64) time.Duration {
			return nearest(new(big.Float).Quo(big.NewFloat(float64(n)*1e9), third))
		}, 1},
		{"√(2·n·over/to)", must(traffic.Ramp(0, 10_000, time.Hour))(t), func(n int64) time.Duration {
			x := new(big.Float).SetPrec(200).Mul(big.NewFloat(float64(n)), slope)
			return nearest(x.Sqrt(x))
		}, 1},
	}
	for _, row := range rows {
		var n int64
		for at := range traffic.Times(row.curve, traffic.Even(), nil, math.MaxInt64) {
			if n++; n%9973 == 0 || n == count {
				if want := row.exact(n); (at - want).Abs() > row.slack {
					t.Fatalf("%s: arrival %d at %v, want %v", row.reason, n, at, want)
				}
			}
			if n == count {
				break
			}
		}
		if n != count {
			t.Errorf("%s: %d arrivals, want %d", row.reason, n, count)
		}
	}
}

func nearest(ns *big.Float) time.Duration {
	i, _ := new(big.Float).SetPrec(200).Add(ns, big.NewFloat(0.5)).Int64()
	return time.Duration(i)
}

// TestEvenIsTheInverse holds the quick forward inversion against Inverse, bit for bit.
func TestEvenIsTheInverse(t *testing.T) {
	for _, row := range append(examples(t), jumping(t)...) {
		t.Run(row.name, func(t *testing.T) {
			n := 0
			for at := range traffic.Times(row.curve, traffic.Even(), nil, span*time.Second) {
				if n++; n > 2000 && n%101 != 0 {
					continue
				}
				if want := time.Duration(row.curve.Inverse(float64(n))*1e9 + 0.5); at != want {
					t.Fatalf("arrival %d at %d ns, Λ⁻¹ says %d ns", n, at, want)
				}
			}
			// What falls on the horizon itself is left out.
			if want := row.curve.Cumulative(span - 1e-9); float64(n) > want || float64(n) < want-1.000001 {
				t.Errorf("%d arrivals, Λ(%g−) = %g", n, span, want)
			}
		})
	}
}

// TestTenMillionOfACombination repeats that deep into a long run.
func TestTenMillionOfACombination(t *testing.T) {
	diurnal := must(traffic.Diurnal(100, 0.9, 14, 0.4, sunday))(t)
	growth := must(traffic.Exponential(1, 1e-6, 1000*time.Hour))(t)
	for _, row := range []struct {
		name  string
		curve traffic.Curve
	}{
		{"diurnal", diurnal},
		{"sum", must(traffic.Sum(diurnal, growth))(t)},
		{"product", must(traffic.Product(diurnal, growth))(t)},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			tenMillion(t, row.curve)
		})
	}
}

func tenMillion(t *testing.T, c traffic.Curve) {
	count := testkit.Full(10*million, million)
	n := 0
	var last time.Duration
	for at := range traffic.Times(c, traffic.Even(), nil, math.MaxInt64) {
		if at < last {
			t.Fatalf("arrival %d at %v, before %v", n, at, last)
		}
		last = at
		if n++; n%100_003 == 0 || n == count {
			if want := time.Duration(c.Inverse(float64(n))*1e9 + 0.5); at != want {
				t.Fatalf("arrival %d at %d, Λ⁻¹ says %d", n, at, want)
			}
		}
		if n == count {
			break
		}
	}
	// A nanosecond at 200/s is 2e-7 arrivals.
	if got := c.Cumulative(last.Seconds()); math.Abs(got-float64(count)) > 1e-6 {
		t.Errorf("Λ at the last arrival is %.9f", got)
	}
}

// TestPoissonCounts holds the arrivals of each curve against Λ: in 40 stretches of
// equal expectation the counts' chi-squared has about 40 degrees of freedom, and is
// suspicious when too large (wrong rate) or too small (too even).
func TestPoissonCounts(t *testing.T) {
	const bins = 40
	theory := distuv.ChiSquared{K: bins}
	for i, row := range examples(t) {
		t.Run(row.name, func(t *testing.T) {
			expected := row.curve.Cumulative(span) / bins
			var counts [bins]float64
			for at := range traffic.Times(row.curve, traffic.Poisson(), rand.New(rand.NewPCG(7, uint64(i))), span*time.Second) {
				counts[min(int(row.curve.Cumulative(at.Seconds())/expected), bins-1)]++
			}
			chi2 := 0.0
			for _, n := range counts {
				chi2 += (n - expected) * (n - expected) / expected
			}
			if p := theory.CDF(chi2); expected < 100 || p < 1e-4 || p > 1-1e-4 {
				t.Errorf("chi-squared %.1f over %d stretches of %.0f arrivals: P = %g", chi2, bins, expected, p)
			}
		})
	}
}

func TestTheSeedDecides(t *testing.T) {
	c := examples(t)[12].curve
	draw := func(seed uint64) []time.Duration {
		return slices.Collect(traffic.Times(c, must(traffic.Gamma(2))(t), rand.New(rand.NewPCG(seed, 0)), span*time.Second))
	}
	if !slices.Equal(draw(3), draw(3)) {
		t.Error("one seed gave different arrivals")
	}
	if slices.Equal(draw(3), draw(4)) {
		t.Error("two seeds gave the same arrivals")
	}
}
