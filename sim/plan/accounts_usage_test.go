package plan

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/quotalab/quotalab/models/usage"
)

// units sums up a stream by the batch of the given length.
func units(s *UsageStream, epoch int64, length time.Duration, n int) []int64 {
	out := make([]int64, n)
	for _, e := range s.Append(nil) {
		out[(e.At-epoch)/int64(length)] += e.Units
	}
	return out
}

func total(events []usage.Event) (sum int64) {
	for _, e := range events {
		sum += e.Units
	}
	return sum
}

// TestUsageTotals compares what many accounts use with what they should. The
// sum of Poisson variables is Poisson, so it is within five standard
// deviations, √mean, but once in two million times.
func TestUsageTotals(t *testing.T) {
	for _, c := range []struct {
		count, limit        int
		head, usage, reason string
		mean                float64 // of one account
	}{
		{2000, 100, "horizon: 30d", "of_limit: 110%", "a unit in many batches", 110},
		{200, 100_000, "horizon: 30d", "of_limit: 110%", "a dozen units in every batch", 110_000},
		{50, 1e9, "horizon: 90d", "of_limit: 50%", "large batches, three months", 1.5e9},
		{2000, 1000, "horizon: 1d", "of_limit: 300%", "a part of a month", 100},
		{2000, 1000, "horizon: 1d\nusage_batch: 7m", "of_limit: 300%", "a last batch that is shorter", 100},
		{2000, 1000, "horizon: 3d\nusage_batch: 30d", "of_limit: 100%", "one batch", 100},
		{300, 3000, "horizon: 30d", "of_limit: 100%, shape: {ramp: {from: 1/s, to: 9/s}}", "growth", 3000},
		{300, 3000, "horizon: 30d", "of_limit: 100%, shape: {on_off: {on: 5/s, on_for: 12h, off_for: 60h}}", "bursts", 3000},
		{300, 3000, "horizon: 30d", "of_limit: 100%, shape: {diurnal: {mean: 5/h}}", "the height of the shape does not count", 3000},
		{300, 3000, "horizon: 30d", "of_limit: 100%, shape: {herd: {size: 9, every: 24h}}", "jumps", 3000},
		{300, 3000, "horizon: 30d", "of_limit: 100%, scale: 2", "scaled", 6000},
	} {
		p := accountsOf(t, c.head, fmt.Sprintf("g: {count: %d, limit: %d, usage: {%s}}", c.count, c.limit, c.usage))
		sum := 0.
		for i := range c.count {
			sum += float64(total(p.Usage(i).Append(nil)))
		}
		mean := c.mean * float64(c.count)
		if z := (sum - mean) / math.Sqrt(mean); math.Abs(z) > 5 {
			t.Errorf("%s: %.0f units, expected %.0f (%.1f standard deviations)", c.reason, sum, mean, z)
		}
	}
}

// TestUsageIsAdditive: the sum of twelve batches of 5 minutes has the law of
// a batch of an hour, the Poisson distribution, also where the two are drawn
// by different methods. Of n such sums the mean has standard deviation
// √(m/n), and the variance about m·√((2+1/m)/n).
func TestUsageIsAdditive(t *testing.T) {
	const hours = 24 * 30
	for _, hourly := range []float64{0.05, 1, 6, 48, 118, 125, 1200, 1e6} {
		for _, batch := range []string{"5m", "1h"} {
			limit := int64(math.Ceil(hourly * hours))
			p := accountsOf(t, "horizon: 30d\nusage_batch: "+batch, fmt.Sprintf("g: {count: 20, limit: %d, usage: {of_limit: %v}}", limit, hourly*hours/float64(limit)))
			n, sum, square := 0., 0., 0.
			for i := range p.Accounts.Len() {
				for _, x := range units(p.Usage(i), p.Epoch.UnixNano(), time.Hour, hours) {
					d := float64(x) - hourly
					n, sum, square = n+1, sum+d, square+d*d
				}
			}
			if z := sum / math.Sqrt(n*hourly); math.Abs(z) > 5 {
				t.Errorf("%v an hour in batches of %s: the mean is off by %v (%.1f standard deviations)", hourly, batch, sum/n, z)
			}
			if z := (square/n - hourly) / (hourly * math.Sqrt((2+1/hourly)/n)); math.Abs(z) > 5 {
				t.Errorf("%v an hour in batches of %s: the variance is %v (%.1f standard deviations)", hourly, batch, square/n, z)
			}
		}
	}
}

// TestBatchesAreIndependent looks at the correlation of neighbouring batches,
// also where the method of drawing alternates: means of 3 and of 30, and of
// 0.03 and 0.3.
func TestBatchesAreIndependent(t *testing.T) {
	for _, scale := range []float64{1, 0.01} {
		p := accountsOf(t, "horizon: 30d\nusage_batch: 1h", fmt.Sprintf("g: {count: 40, limit: 11_880, usage: {of_limit: 100%%, scale: %v, shape: {on_off: {on: 10/h, off: 1/h, on_for: 1h, off_for: 1h}}}}", scale))
		n, product := 0., 0.
		for i := range p.Accounts.Len() {
			x := units(p.Usage(i), p.Epoch.UnixNano(), time.Hour, 720)
			for k := range 719 {
				mean := [2]float64{30 * scale, 3 * scale}
				a, b := mean[k%2], mean[(k+1)%2]
				n, product = n+1, product+(float64(x[k])-a)/math.Sqrt(a)*(float64(x[k+1])-b)/math.Sqrt(b)
			}
		}
		if z := product / math.Sqrt(n); math.Abs(z) > 5 {
			t.Errorf("scale %v: correlation %v (%.1f standard deviations)", scale, product/n, z)
		}
	}
}

func TestUsageHasItsShape(t *testing.T) {
	for _, c := range []struct {
		shape, reason string
		want          []int64 // by the hour, drawn evenly, of 240 units in 6 h
	}{
		{"1/s", "constant", []int64{40, 40, 40, 40, 40, 40}},
		{"{on_off: {on: 1/s, on_for: 1h, off_for: 2h}}", "bursts", []int64{120, 0, 0, 120, 0, 0}},
		{"{herd: {size: 5, every: 2h}}", "a jump at the beginning of a batch belongs to it", []int64{80, 0, 80, 0, 80, 0}},
		{"{herd: {size: 5, every: 6h}}", "one at the horizon is not played", []int64{240, 0, 0, 0, 0, 0}},
		{"{steps: [{rate: 1/s, for: 5h}, {rate: 7/s}]}", "steps", []int64{20, 20, 20, 20, 20, 140}},
		{"{spike: {peak: 1/s, at: 2h, hold: 1h}}", "a spike of nothing else", []int64{0, 0, 240, 0, 0, 0}},
	} {
		p := accountsOf(t, "horizon: 6h\nusage_batch: 10m", "g: {count: 1, limit: 28_800, usage: {of_limit: 100%, draw: even, shape: "+c.shape+"}}")
		if d := cmp.Diff(c.want, units(p.Usage(0), p.Epoch.UnixNano(), time.Hour, 6)); d != "" {
			t.Errorf("%s: %s", c.reason, d)
		}
	}
}

// TestEvenUsageIsExact: after every batch what was counted is what is
// expected, rounded down.
func TestEvenUsageIsExact(t *testing.T) {
	p := accountsOf(t, "horizon: 90d", "g: {count: 1, limit: 1000, usage: {of_limit: 110%, draw: even}}")
	sum := int64(0)
	for _, e := range p.Usage(0).Append(nil) {
		sum += e.Units
		batches := (e.At-p.Epoch.UnixNano())/int64(5*time.Minute) + 1
		if want := 3300 * batches / (90 * 288); sum != want {
			t.Fatalf("after %d batches %d units, want %d", batches, sum, want)
		}
	}
	if sum != 3300 {
		t.Errorf("%d units in all, want 3300", sum)
	}
}

func TestCorrections(t *testing.T) {
	const h = int64(time.Hour)
	for _, c := range []struct {
		corrections, reason string
		want                []usage.Event // At in nanoseconds after the epoch; 60 units in 6 h, evenly
	}{
		{"{every: 2h, share: 29%}", "before the batch of the same instant, of what came before",
			[]usage.Event{{At: 0, Units: 10}, {At: h, Units: 10}, {At: 2 * h, Units: -5}, {At: 2 * h, Units: 10}, {At: 3 * h, Units: 10}, {At: 4 * h, Units: -5}, {At: 4 * h, Units: 10}, {At: 5 * h, Units: 10}}},
		{"{every: 5h30m, share: 100%}", "all of it, within the last batch",
			[]usage.Event{{At: 0, Units: 10}, {At: h, Units: 10}, {At: 2 * h, Units: 10}, {At: 3 * h, Units: 10}, {At: 4 * h, Units: 10}, {At: 5 * h, Units: 10}, {At: 5*h + h/2, Units: -60}}},
		{"{every: 1h, share: 5%}", "half a unit is none",
			[]usage.Event{{At: 0, Units: 10}, {At: h, Units: 10}, {At: 2 * h, Units: 10}, {At: 3 * h, Units: 10}, {At: 4 * h, Units: 10}, {At: 5 * h, Units: 10}}},
	} {
		p := accountsOf(t, "horizon: 6h\nusage_batch: 1h", "g: {count: 1, limit: 7_200, usage: {of_limit: 100%, draw: even, corrections: "+c.corrections+"}}")
		got := p.Usage(0).Append(nil)
		for i := range got {
			got[i].At -= p.Epoch.UnixNano()
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", c.reason, d)
		}
	}
}

// TestAnyUsageIsInOrder holds of every scenario: instants are within the run
// and do not fall, batches begin where they should, no units are taken back
// that were not used, and the stream stays at its end.
func TestAnyUsageIsInOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		hours := rapid.IntRange(1, 200).Draw(rt, "hours")
		batch := rapid.IntRange(1, 5000).Draw(rt, "batch")
		share := rapid.IntRange(1, 100).Draw(rt, "share")
		every := rapid.IntRange(1, hours*60-1).Draw(rt, "every")
		shape := rapid.SampledFrom([]string{"1/s", "{herd: {size: 5, every: 7m}}", "{on_off: {on: 9/s, on_for: 1m, off_for: 1h}}", "{exponential: {from: 1/s, growth: 0.1/h}}"}).Draw(rt, "shape")
		limit := rapid.SampledFrom([]int64{1, 1000, 1e6, 1e15}).Draw(rt, "limit")
		draw := rapid.SampledFrom([]string{"poisson", "even"}).Draw(rt, "draw")
		p := accountsOf(t, fmt.Sprintf("horizon: %dh\nusage_batch: %ds\nseed: %d", hours, batch, rapid.Uint64().Draw(rt, "seed")),
			fmt.Sprintf("g: {count: 1, limit: %d, usage: {of_limit: 1000%%, draw: %s, shape: %s, scale: {pareto: {min: 1, alpha: 1.01}}, corrections: {every: %dm, share: %d%%}}}", limit, draw, shape, every, share))
		s, last, sum := p.Usage(0), int64(0), int64(0)
		for {
			at, units, ok := s.Next()
			if !ok {
				break
			}
			after := at - p.Epoch.UnixNano()
			if sum += units; sum < 0 || units == 0 || after < last || after >= int64(p.Horizon) {
				rt.Fatalf("%d units at %d, after %d: %d in all", units, after, last, sum)
			}
			if length := int64(time.Second) * int64(batch); units > 0 && after%length != 0 || units < 0 && after%(int64(time.Minute)*int64(every)) != 0 {
				rt.Fatalf("%d units at %d", units, after)
			}
			last = after
		}
		if _, _, ok := s.Next(); ok {
			rt.Fatal("more after the end")
		}
	})
}

func TestUsageDeterminism(t *testing.T) {
	const head = "horizon: 10d\n"
	a := "a: {count: 3, limit: 1_000, usage: {of_limit: 100%, scale: {lognormal: {p99: 4}}}}"
	b := "b: {count: 3, limit: 100_000, usage: {of_limit: 100%, scale: {pareto: {min: 1, alpha: 2}}, corrections: {every: 1d, share: 5%}}}"
	all := func(p *Plan, name string) string {
		var out strings.Builder
		for i := range p.Accounts.Len() {
			if x := p.Accounts.Account(i); x.Group.Name == name && x.N < 3 {
				fmt.Fprintln(&out, x.N, x.Scale, x.Anchor, p.Usage(i).Append(nil))
			}
		}
		return out.String()
	}
	p := accountsOf(t, head, b)
	want := all(p, "b")
	for _, c := range []struct {
		p      *Plan
		same   bool
		reason string
	}{
		{p, true, "the same plan again"},
		{accountsOf(t, head, b), true, "compiled again"},
		{accountsOf(t, head, a, b), true, "a group before it"},
		{accountsOf(t, head, b, a), true, "a group after it"},
		{accountsOf(t, head, strings.Replace(b, "count: 3", "count: 30", 1)), true, "more accounts"},
		{accountsOf(t, head+"seed: 2\n", b), false, "another seed"},
	} {
		if got := all(c.p, "b"); (got == want) != c.same {
			t.Errorf("%s: the same %v, want %v", c.reason, got == want, c.same)
		}
	}
	x, y := p.Usage(0), p.Usage(0) // two at once do not disturb each other
	for range 100 {
		xa, xu, _ := x.Next()
		p.Usage(1).Next()
		if ya, yu, _ := y.Next(); xa != ya || xu != yu {
			t.Fatal("two streams of one account differ")
		}
	}
	if cmp.Equal(p.Usage(0).Append(nil), p.Usage(1).Append(nil)) {
		t.Error("two accounts use the same")
	}
}

func TestWhole(t *testing.T) {
	for _, c := range []struct{ x, want float64 }{{0.29 * 100, 29}, {28.9, 28}, {0, 0}, {1.1 * 100_000 * 3, 330_000}, {329_999.999, 329_999}, {1 << 53, 1 << 53}} {
		if got := whole(c.x); got != c.want {
			t.Errorf("%v: got %v, want %v", c.x, got, c.want)
		}
	}
}
