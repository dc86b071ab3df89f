package unit

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestSpellings(t *testing.T) {
	rows := []struct {
		read string
		in   string
		want float64
	}{
		{"number", "5", 5}, {"number", "-0.5", -0.5}, {"number", "+3", 3}, {"number", ".5", 0.5}, {"number", "1_000_000", 1e6}, {"number", "1e6", 1e6}, {"number", "1.5E-3", 0.0015},
		{"count", "0", 0}, {"count", "1_000_000", 1e6}, {"count", "1e6", 1e6}, {"count", "1.5e3", 1500}, {"count", "100e-2", 1}, {"count", "0e999999999", 0},
		{"duration", "90s", 90e9}, {"duration", "5ms", 5e6}, {"duration", "12h", 12 * 3600e9}, {"duration", "30d", 30 * 86400e9}, {"duration", "1h30m", 5400e9},
		{"duration", "0.1s", 1e8}, {"duration", "-5ms", -5e6}, {"duration", "1_000us", 1e6}, {"duration", "3µs", 3e3}, {"duration", "1.5d", 36 * 3600e9}, {"duration", "0s", 0}, {"duration", "1e3ms", 1e9},
		{"rate", "500/s", 500}, {"rate", "12/h", 12. / 3600}, {"rate", "3/m", 0.05}, {"rate", "1/d", 1. / 86400}, {"rate", "1.5e3/s", 1500}, {"rate", "2/ms", 2000}, {"rate", "-0.05/h", -0.05 / 3600},
		{"fraction", "2%", 0.02}, {"fraction", "0.02", 0.02}, {"fraction", "100%", 1}, {"fraction", "0", 0}, {"fraction", "0.1%", 0.001},
		{"ratio", "150%", 1.5}, {"ratio", "-0.5", -0.5},
	}
	for _, r := range rows {
		got, err := readers[r.read](r.in)
		if err != nil || math.Abs(got-r.want) > 1e-15*math.Abs(r.want) {
			t.Errorf("%s %q: got %v, %v, want %v", r.read, r.in, got, err, r.want)
		}
	}
}

var readers = map[string]func(string) (float64, error){
	"number":   Number,
	"count":    func(s string) (float64, error) { n, err := Count(s); return float64(n), err },
	"duration": func(s string) (float64, error) { d, err := Duration(s); return float64(d), err },
	"rate":     Rate, "fraction": Fraction, "ratio": Ratio,
}

func TestMistakes(t *testing.T) {
	for _, r := range []struct{ read, in, want string }{
		{"number", "5s", "without a unit"}, {"number", "", "expected a number"}, {"number", "NaN", "expected a number"},
		{"number", "0x10", "without a unit"}, {"number", "1__0", "without a unit"}, {"number", "1e999", "too large"},
		{"count", "1.5", "whole number"}, {"count", "-1", "at least 0"}, {"count", "1e19", "too large"}, {"count", "1e999999999", "out of range"}, {"count", "many", "whole number"},
		{"duration", "90", "has no unit"}, {"duration", "5 ms", `" ms" is not a unit`}, {"duration", "5min", `"min" is not a unit`}, {"duration", "soon", "expected a duration"}, {"duration", "", "expected a duration"},
		{"duration", "-", "expected a duration"}, {"duration", "1h-30m", "expected a duration"}, {"duration", "1.5ns", "whole number of nanoseconds"}, {"duration", "1e6d", "too long: at most 106751d"},
		{"rate", "500", "has no unit"}, {"rate", "500/x", `"/x" is not a unit`}, {"rate", "fast", "expected a rate"}, {"rate", "/s", "expected a rate"}, {"rate", "1e308/ms", "too large"},
		{"fraction", "150%", "from 0 to 1"}, {"fraction", "-1%", "from 0 to 1"}, {"fraction", "half", "expected a fraction"}, {"fraction", "2 %", "expected a fraction"},
	} {
		if _, err := readers[r.read](r.in); err == nil || !strings.Contains(err.Error(), r.want) {
			t.Errorf("%s %q: got %v, want an error with %q", r.read, r.in, err, r.want)
		}
	}
}

func TestFormatsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ns := rapid.Int64().Draw(t, "ns")
		if ns == math.MinInt64 {
			ns++ // its magnitude has no int64
		}
		if got, err := Duration(FormatDuration(ns)); err != nil || int64(got) != ns {
			t.Fatalf("%d is written %s and read %d, %v", ns, FormatDuration(ns), got, err)
		}
		f := rapid.Float64Range(-1e300, 1e300).Draw(t, "f")
		if got, err := Number(FormatNumber(f)); err != nil || got != f {
			t.Fatalf("%v is written %s and read %v, %v", f, FormatNumber(f), got, err)
		}
		p := rapid.Float64Range(0, 1).Draw(t, "p")
		if got, err := Fraction(FormatFraction(p)); err != nil || got != p {
			t.Fatalf("%v is written %s and read %v, %v", p, FormatFraction(p), got, err)
		}
		if got, err := Rate(FormatRate(f)); err != nil || got != f {
			t.Fatalf("%v/s is written %s and read %v, %v", f, FormatRate(f), got, err)
		}
	})
}

func TestFormats(t *testing.T) {
	for want, got := range map[string]string{
		"1h30m": FormatDuration(int64(90 * time.Minute)), "30d": FormatDuration(int64(30 * Day)), "5ms": FormatDuration(5e6), "0s": FormatDuration(0), "-5ms": FormatDuration(-5e6),
		"500/s": FormatRate(500), "12/h": FormatRate(12. / 3600), "2%": FormatFraction(0.02), "1000000": FormatNumber(1e6), "0/s": FormatRate(0),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func FuzzUnits(f *testing.F) {
	for _, s := range []string{"1_000", "1e6", "90s", "1h30m", "500/s", "2%", "1e-999999999", "-0.0ns"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for name, read := range readers {
			if v, err := read(s); err == nil && (math.IsNaN(v) || math.IsInf(v, 0)) {
				t.Errorf("%s %q: %v", name, s, v)
			}
		}
	})
}
