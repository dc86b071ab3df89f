package plots

import (
	"math"
	"strings"
	"testing"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"pgregory.net/rapid"

	"github.com/quotalab/quotalab/models/metric/unit"
)

// labels of ticks; minor ones are left out.
func labels(ticks []plot.Tick) string {
	var all []string
	for _, t := range ticks {
		if !t.IsMinor() {
			all = append(all, t.Label)
		}
	}
	return strings.Join(all, " ")
}

func TestTicks(t *testing.T) {
	s, err := newStyle(Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		why    string
		axis   axis
		length vg.Length
		want   string
	}{
		{"percent", percentAxis(""), 400, "0 20 40 60 80 100"},
		{"little room", percentAxis(""), 30, "0 100"},
		{"rates", amountAxis("", 11_111), 400, "0 2,000 4,000 6,000 8,000 10,000 12,000"},
		{"small rates", amountAxis("", 0.031), 400, "0 0.005 0.01 0.015 0.02 0.025 0.03 0.035"},
		{"nothing", amountAxis("", 0), 400, "0 0.2 0.4 0.6 0.8 1"},
		{"latency in decades", latencyAxis("", 0.0011, 0.9), 200, "1 ms 10 ms 100 ms"},
		{"latency with room", latencyAxis("", 0.0011, 0.02), 300, "1 ms 2 ms 5 ms 10 ms 20 ms"},
		{"one latency", latencyAxis("", 0.001, 0.001), 300, "500 µs 1 ms 2 ms"},
		{"latencies of 0", latencyAxis("", math.Inf(1), 0), 300, "0 500 µs 1 ms"},
		{"from µs to minutes", latencyAxis("", 2e-6, 500), 200, "100 µs 10 ms 1 s 100 s"},
		{"nines", percentileAxis(20_000), 200, "0 50 90 99 99.9 99.99"},
		{"few nines", percentileAxis(100), 200, "0 50 90 99"},
		{"one value", percentileAxis(1), 200, "0 50 90"},
		{"nines without room", percentileAxis(10_000_000), 100, "50 99.9 99.9999"},
		{"seconds", timeAxis(0, 60), 300, "0 10 20 30 40 50 60"},
		{"minutes, after the warm-up", timeAxis(60, 300), 300, "1 1.5 2 2.5 3 3.5 4 4.5 5"},
		{"hours", timeAxis(0, 86400), 300, "0 3 6 9 12 15 18 21 24"},
		{"days", timeAxis(0, 31*86400), 300, "0 7 14 21 28"},
		{"years", timeAxis(0, 3*365*86400), 300, "0 182 364 546 728 910 1,092"},
		{"milliseconds", timeAxis(0, 0.1), 300, "0 0.02 0.04 0.06 0.08 0.1"},
	} {
		got := labels(tt.axis.normal().fit(tt.length, 6, s.fine.Width))
		if got != tt.want {
			t.Errorf("%s: got ticks %q, expected %q", tt.why, got, tt.want)
		}
	}
}

// Labels of any axis never touch, and there is always one.
func TestTicksFit(t *testing.T) {
	s, err := newStyle(Options{})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		lo := math.Exp(rapid.Float64Range(-20, 15).Draw(t, "log lo"))
		hi := lo * math.Exp(rapid.Float64Range(0, 25).Draw(t, "log ratio"))
		a := rapid.SampledFrom([]axis{latencyAxis("", lo, hi), timeAxis(0, hi), timeAxis(lo, lo+hi), amountAxis("", hi),
			percentileAxis(int64(min(hi+1, 1e15))), percentAxis("")}).Draw(t, "axis").normal()
		length := vg.Length(rapid.Float64Range(90, 800).Draw(t, "length"))
		ticks := a.fit(length, 6, s.fine.Width)
		end, n := vg.Length(math.Inf(-1)), 0
		for _, tick := range ticks {
			at := vg.Length(a.scale.Normalize(a.min, a.max, tick.Value))
			if math.IsNaN(float64(at)) || at < -1e-6 || at > 1+1e-6 {
				t.Fatalf("tick %v is at %v of the axis %v to %v", tick, at, a.min, a.max)
			}
			if tick.IsMinor() {
				continue
			}
			n++
			half := s.fine.Width(tick.Label) / 2
			if at*length-half < end+5.9 {
				t.Fatalf("label %q touches the one before", tick.Label)
			}
			end = at*length + half
		}
		if n == 0 || len(ticks) > 500 {
			t.Fatalf("%d labels, %d ticks on an axis from %v to %v", n, len(ticks), a.min, a.max)
		}
	})
}

func TestNumbersInWords(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{unit.Amount(0, 3), "0 s"}, {unit.Amount(1e-9, 3), "1 ns"}, {unit.Amount(2.5e-7, 3), "250 ns"}, {unit.Amount(0.00025, 3), "250 µs"}, {unit.Amount(0.001, 3), "1 ms"},
		{unit.Amount(0.0105, 3), "10.5 ms"}, {unit.Amount(0.99999, 3), "1 s"}, {unit.Amount(90, 3), "90 s"}, {unit.Amount(120, 3), "2 min"}, {unit.Amount(7200, 3), "2 h"},
		{unit.Amount(86400*31, 3), "31 days"}, {unit.Amount(math.NaN(), 3), "unknown"},
		{instant(0), "0 s"}, {instant(33), "33 s"}, {instant(90), "1m30s"}, {instant(3600), "1h0m0s"}, {instant(86400 * 12.5), "12.5 days"},
		{number(0.25), "0.25"}, {number(12000), "12,000"}, {number(-3), "−3"}, {number(1e21), "1e+21"},
		{percent(0), "0 %"}, {percent(1), "100 %"}, {percent(0.131), "13.1 %"}, {percent(0.0061), "0.61 %"}, {percent(1e-6), "<0.05 %"}, {percent(1 - 1e-6), ">99.9 %"},
		{and(nil), ""}, {and([]string{"a"}), "a"}, {and([]string{"a", "b"}), "a and b"}, {and([]string{"a", "b", "c"}), "a, b and c"},
		{unit.Counted(1, "decision"), "1 decision"}, {unit.Counted(2000, "decision"), "2,000 decisions"},
		{slug("Latency of A/b"), "latency-of-a-b"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, expected %q", tt.got, tt.want)
		}
	}
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
