package unit_test

import (
	"testing"
	"time"

	"github.com/quotalab/quotalab/models/metric/unit"
)

func TestForPeople(t *testing.T) {
	for _, c := range []struct{ got, want, why string }{
		{unit.Thousands(999), "999", "no group"},
		{unit.Thousands(1_234_567), "1,234,567", "two groups"},
		{unit.Thousands(-1000), "-1,000", "the sign stays in front"},
		{unit.Counted(1, "key"), "1 key", "one"},
		{unit.Counted(2000, "key"), "2,000 keys", "many"},
		{unit.Counted(0, "key"), "0 keys", "none"},
		{unit.Percent(0), "0.0 %", "nothing is nothing"},
		{unit.Percent(0.0004), "<0.1 %", "something is not nothing"},
		{unit.Percent(0.9999), ">99.9 %", "not all"},
		{unit.Percent(1), "100.0 %", "all"},
		{unit.Quantity(0.0072, "s"), "7.2ms", "a time"},
		{unit.Quantity(90, "s"), "1m30s", "a long one"},
		{unit.Quantity(12.5, "/s"), "12.5/s", "a rate"},
		{unit.Quantity(12_345, "count"), "12,345", "a count"},
		{unit.Quantity(1.5, "count"), "1.5", "the mean of counts"},
		{unit.Quantity(0.25, "ratio"), "25.0 %", "a share"},
		{unit.Quantity(1e7, ""), "1e+07", "a plain number"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.why, c.got, c.want)
		}
	}
}

func TestLasting(t *testing.T) {
	for want, seconds := range map[string]float64{"0s": 0, "250µs": 0.00025, "1.5ms": 0.0015, "12.35s": 12.346, "5m": 300, "1m40s": 100, "10m1s": 601.2, "1h": 3600, "1h30m": 5400, "1h0m5s": 3605,
		"47h": 47 * 3600, "2d": 48 * 3600, "2d1h": 49 * 3600, "90d": 90 * 86400, "10d10h": 250 * 3600, "10d10h10m": 250*3600 + 600, "-5s": -5} {
		if got := unit.Lasting(seconds); got != want {
			t.Errorf("%g s: got %s, expected %s", seconds, got, want)
		}
	}
}

// A duration is written exactly, without parts that say nothing.
func TestTime(t *testing.T) {
	for want, d := range map[string]time.Duration{"0s": 0, "672.643µs": 672643, "1.5s": 1500 * time.Millisecond, "10m": 10 * time.Minute, "3h": 3 * time.Hour, "1h10m": 70 * time.Minute, "1h0m5s": time.Hour + 5*time.Second,
		"62d": 1488 * time.Hour, "1h10m0.14s": 4_200_140 * time.Millisecond, "-5m": -5 * time.Minute} {
		if got := unit.Time(d); got != want {
			t.Errorf("%d ns: got %s, expected %s", d, got, want)
		}
	}
	if got := unit.Quantity(5_356_800, "s"); got != "62d" {
		t.Errorf("a quantity of 62 days: got %s", got)
	}
}

// Instants that are a step apart do not look alike.
func TestLastingTo(t *testing.T) {
	for _, tt := range []struct {
		seconds, step float64
		want          string
	}{{60.2, 0.2, "1m0.2s"}, {60, 0.2, "1m"}, {3661.5, 0.5, "1h1m1.5s"}, {1.005, 0.005, "1.005s"}, {300, 5, "5m"}, {90000, 3600, "25h"}, {0.0000002, 0.0000001, "200ns"}} {
		if got := unit.LastingTo(tt.seconds, tt.step); got != tt.want {
			t.Errorf("%g s in steps of %g s: got %s, expected %s", tt.seconds, tt.step, got, tt.want)
		}
	}
}

// A share is never rounded to nothing or to all.
func TestPercentText(t *testing.T) {
	for want, share := range map[string]float64{"0.0 %": 0, "<0.1 %": 0.0004, "0.1 %": 0.001, "49.6 %": 0.49567, "99.9 %": 0.999, ">99.9 %": 0.9991, "100.0 %": 1} {
		if got := unit.Percent(share); got != want {
			t.Errorf("%g: got %s, expected %s", share, got, want)
		}
	}
}
