package traffic_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/quotalab/quotalab/models/traffic"
)

const minute = time.Minute

// jumping are curves with arrivals that fall on one instant.
func jumping(tb testing.TB) []example {
	herd := must(traffic.Herd(5, minute, 0))(tb)
	ramp := must(traffic.Ramp(0, 60, time.Hour))(tb)
	part := must(traffic.Then([]traffic.Part{{must(traffic.Constant(0.1))(tb), 100 * time.Millisecond}, {herd, 2 * minute}, {ramp, 0}}))(tb)
	return []example{
		{"herd", herd, nil},
		{"then_herd", part, nil},
		{"sum_herd", must(traffic.Sum(ramp, herd))(tb), nil},
		{"sum_then_herd", must(traffic.Sum(part, ramp))(tb), nil},
		{"product_herd", must(traffic.Product(ramp, herd))(tb), nil},
	}
}

func TestJumps(t *testing.T) {
	herd := must(traffic.Herd(5, minute, 0))(t)
	ramp := must(traffic.Ramp(0, 60, time.Hour))(t) // 1/s after a minute
	delayed := must(traffic.Then([]traffic.Part{{must(traffic.Constant(0))(t), 100 * time.Millisecond}, {herd, 2 * minute}, {herd, 0}}))(t)
	rows := []struct {
		reason  string
		curve   traffic.Curve
		at      float64
		sum     float64 // Λ at that instant
		n       float64
		instant float64 // Λ⁻¹(n)
	}{
		{"the first herd is there at the start", herd, 0, 5, 5, 0},
		{"the sixth comes with the second herd", herd, 59.999, 5, 6, 60},
		{"a herd counts at its very instant", herd, 60, 10, 10, 60},
		{"no herd at the end of its part: the next part's begins", delayed, 120.1, 15, 15, 120.1},
		{"a herd on the shifted clock", delayed, 60.1, 10, 6, 60.1},
		{"nothing before the shifted clock begins", delayed, 0.05, 0, 1, 0.1},
		{"in a sum the ramp goes on below", must(traffic.Sum(ramp, herd))(t), 60, 40, 35.5, 60},
		{"and above the jump", must(traffic.Sum(ramp, herd))(t), 60, 40, 40, 60},
		{"a product multiplies the jump by the rate then", must(traffic.Product(ramp, herd))(t), 120, 15, 6, 120},
		{"a product's jump at rate 0 is none", must(traffic.Product(ramp, herd))(t), 0, 0, 1, 60},
		{"jumps of a sum inside a product", must(traffic.Product(must(traffic.Sum(delayed, ramp))(t), must(traffic.Constant(2))(t)))(t), 0.1, 10 + 2*0.1*0.1/120, 9, 0.1},
	}
	for _, row := range rows {
		if got := row.curve.Cumulative(row.at); abs(got-row.sum) > 1e-9 {
			t.Errorf("%s: Λ(%g) = %.12g, want %g", row.reason, row.at, got, row.sum)
		}
		if got := row.curve.Inverse(row.n); abs(got-row.instant) > 1e-9 {
			t.Errorf("%s: Λ⁻¹(%g) = %.12g, want %g", row.reason, row.n, got, row.instant)
		}
	}
}

func abs(x float64) float64 { return max(x, -x) }

func TestAHerdArrivesTogether(t *testing.T) {
	got := slices.Collect(traffic.Times(must(traffic.Herd(3, minute, 0))(t), traffic.Even(), nil, 2*minute+1))
	want := []time.Duration{0, 0, 0, minute, minute, minute, 2 * minute, 2 * minute, 2 * minute}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got = slices.Collect(traffic.Times(must(traffic.Herd(3, minute, 30*time.Second))(t), traffic.Even(), nil, 91*time.Second))
	want = []time.Duration{10 * time.Second, 20 * time.Second, 30 * time.Second, 70 * time.Second, 80 * time.Second, 90 * time.Second}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestBurstsKeepTheirArrivals is the property that rounding most likely breaks: bursts
// that hold a whole number of arrivals hold it every time, whatever the numbers are, and
// the last one does not slip to the next burst.
func TestBurstsKeepTheirArrivals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 50).Draw(t, "size")
		on := time.Duration(rapid.Int64Range(1_000, 10_000_000_000).Draw(t, "on"))
		off := time.Duration(rapid.Int64Range(1_000, 10_000_000_000).Draw(t, "off"))
		bursts, err := traffic.OnOff(float64(size)/on.Seconds(), 0, on, off)
		if err != nil {
			t.Fatal(err)
		}
		herd, err := traffic.Herd(size, on+off, on)
		if err != nil {
			t.Fatal(err)
		}
		curves := []traffic.Curve{bursts, herd}
		for _, combine := range []func(...traffic.Curve) (traffic.Curve, error){traffic.Sum, traffic.Product} {
			c, err := combine(bursts)
			if err != nil {
				t.Fatal(err)
			}
			curves = append(curves, c)
		}
		const periods = 40
		for i, c := range curves {
			counts := make([]int, periods)
			for at := range traffic.Times(c, traffic.Even(), rand.New(rand.NewPCG(0, 0)), periods*(on+off)) {
				period := at / (on + off)
				if within := at - period*(on+off); within > on+1 {
					t.Fatalf("curve %d: an arrival %v after the beginning of a burst of %v", i, within, on)
				}
				counts[period]++
			}
			for k, n := range counts {
				if n != size {
					t.Fatalf("curve %d: burst %d has %d arrivals, want %d", i, k, n, size)
				}
			}
		}
	})
}
