package draw

import (
	"math"
	"strings"
	"testing"

	"gonum.org/v1/plot/vg"
	"pgregory.net/rapid"
)

// labels of ticks; minor ones are left out.
func labels(ticks []Tick) string {
	var all []string
	for _, t := range ticks {
		if !t.IsMinor() {
			all = append(all, t.Label)
		}
	}
	return strings.Join(all, " ")
}

func TestTicks(t *testing.T) {
	s, err := NewStyle("", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		why    string
		axis   Axis
		length vg.Length
		want   string
	}{
		{"percent", PercentAxis(""), 400, "0 20 40 60 80 100"},
		{"little room", PercentAxis(""), 30, "0 100"},
		{"rates", AmountAxis("", 11_111), 400, "0 2,000 4,000 6,000 8,000 10,000 12,000"},
		{"small rates", AmountAxis("", 0.031), 400, "0 0.005 0.01 0.015 0.02 0.025 0.03 0.035"},
		{"nothing", AmountAxis("", 0), 400, "0 0.2 0.4 0.6 0.8 1"},
		{"latency in decades", LatencyAxis("", 0.0011, 0.9), 200, "1 ms 10 ms 100 ms"},
		{"latency with room", LatencyAxis("", 0.0011, 0.02), 300, "1 ms 2 ms 5 ms 10 ms 20 ms"},
		{"one latency", LatencyAxis("", 0.001, 0.001), 300, "500 µs 1 ms 2 ms"},
		{"latencies of 0", LatencyAxis("", math.Inf(1), 0), 300, "0 500 µs 1 ms"},
		{"from µs to minutes", LatencyAxis("", 2e-6, 500), 200, "100 µs 10 ms 1 s 100 s"},
		{"nines", PercentileAxis(20_000), 200, "0 50 90 99 99.9 99.99"},
		{"few nines", PercentileAxis(100), 200, "0 50 90 99"},
		{"one value", PercentileAxis(1), 200, "0 50 90"},
		{"nines without room", PercentileAxis(10_000_000), 100, "50 99.9 99.9999"},
		{"seconds", TimeAxis(0, 60), 300, "0 10 20 30 40 50 60"},
		{"minutes, after the warm-up", TimeAxis(60, 300), 300, "1 1.5 2 2.5 3 3.5 4 4.5 5"},
		{"hours", TimeAxis(0, 86400), 300, "0 3 6 9 12 15 18 21 24"},
		{"days", TimeAxis(0, 31*86400), 300, "0 7 14 21 28"},
		{"years", TimeAxis(0, 3*365*86400), 300, "0 182 364 546 728 910 1,092"},
		{"milliseconds", TimeAxis(0, 0.1), 300, "0 0.02 0.04 0.06 0.08 0.1"},
	} {
		got := labels(tt.axis.normal().fit(tt.length, 6, s.Fine.Width))
		if got != tt.want {
			t.Errorf("%s: got ticks %q, expected %q", tt.why, got, tt.want)
		}
	}
}

// Labels of any axis never touch, and there is always one.
func TestTicksFit(t *testing.T) {
	s, err := NewStyle("", 0)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		lo := math.Exp(rapid.Float64Range(-20, 15).Draw(t, "log lo"))
		hi := lo * math.Exp(rapid.Float64Range(0, 25).Draw(t, "log ratio"))
		a := rapid.SampledFrom([]Axis{LatencyAxis("", lo, hi), TimeAxis(0, hi), TimeAxis(lo, lo+hi), AmountAxis("", hi),
			PercentileAxis(int64(min(hi+1, 1e15))), PercentAxis("")}).Draw(t, "axis").normal()
		length := vg.Length(rapid.Float64Range(90, 800).Draw(t, "length"))
		ticks := a.fit(length, 6, s.Fine.Width)
		end, n := vg.Length(math.Inf(-1)), 0
		for _, tick := range ticks {
			at := vg.Length(a.Scale.Normalize(a.Min, a.Max, tick.Value))
			if math.IsNaN(float64(at)) || at < -1e-6 || at > 1+1e-6 {
				t.Fatalf("tick %v is at %v of the axis %v to %v", tick, at, a.Min, a.Max)
			}
			if tick.IsMinor() {
				continue
			}
			n++
			half := s.Fine.Width(tick.Label) / 2
			if at*length-half < end+5.9 {
				t.Fatalf("label %q touches the one before", tick.Label)
			}
			end = at*length + half
		}
		if n == 0 || len(ticks) > 500 {
			t.Fatalf("%d labels, %d ticks on an axis from %v to %v", n, len(ticks), a.Min, a.Max)
		}
	})
}

func TestNines(t *testing.T) {
	for want, p := range map[float64]float64{0: 0, 1: 90, 2: 99, 3: 99.9, 5: 99.999} {
		if got := nines(p); math.Abs(got-want) > 1e-9 {
			t.Errorf("%g has %g nines, expected %g", p, got, want)
		}
		if got := percentile(want); math.Abs(got-p) > 1e-9 {
			t.Errorf("%g nines are %g, expected %g", want, got, p)
		}
	}
	if got := nines(100); got != mostNines {
		t.Errorf("100 has %g nines, expected the most, %d", got, mostNines)
	}
}
