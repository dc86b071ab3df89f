package series

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestCut(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		why              string
		begin, end       time.Duration
		from, step       time.Duration
		n                int
		firstSec, endSec float64
	}{
		{"no length", 5 * s, 5 * s, 5 * s, s, 1, 1, 1},
		{"a nanosecond", 0, 1, 0, 1, 1, 1e-9, 1e-9},
		{"240 fit", 0, 240 * s, 0, s, 240, 1, 1},
		{"241 do not", 0, 241 * s, 0, 2 * s, 121, 2, 1},
		{"less than half a step at the end goes to the one before", 0, 240*s + s/4, 0, s, 240, 1, 1.25},
		{"and so at the beginning", s / 4, 240 * s, 0, s, 240, 0.75, 1},
		{"more is one of its own", s / 2, 240 * s, s, s, 239, 1.5, 1},
		{"a minute by quarters of a second is by halves", 0, time.Minute, 0, s / 2, 120, 0.5, 0.5},
		{"ten minutes", 0, 10 * time.Minute, 0, 5 * s, 120, 5, 5},
		{"an hour", 0, time.Hour, 0, 15 * s, 240, 15, 15},
		{"a day", 0, 24 * time.Hour, 0, 10 * time.Minute, 144, 600, 600},
		{"a month", 0, 30 * 24 * time.Hour, 0, 3 * time.Hour, 240, 10800, 10800},
		{"a year", 0, 365 * 24 * time.Hour, 0, 2 * 24 * time.Hour, 183, 172800, 86400},
		{"the longest that there is", 0, math.MaxInt64, 0, 5 * 364 * 24 * time.Hour, 59, 157248000, 102988036.854775807},
	} {
		got := cut(int64(c.begin), int64(c.end), MaxIntervals)
		if time.Duration(got.from) != c.from || time.Duration(got.step) != c.step || got.n != c.n {
			t.Errorf("%s: %d of %v from %v, want %d of %v from %v", c.why, got.n, time.Duration(got.step), time.Duration(got.from), c.n, c.step, c.from)
			continue
		}
		if first, last := got.seconds(0), got.seconds(got.n-1); math.Abs(first-c.firstSec) > 1e-9 || math.Abs(last-c.endSec) > 1e-6 {
			t.Errorf("%s: the first covers %v s and the last %v s, want %v and %v", c.why, first, last, c.firstSec, c.endSec)
		}
	}
}

// Intervals cover the time once, whatever it is, and an instant lies in the
// one that covers it.
func TestCutCovers(t *testing.T) {
	if n := cut(0, math.MaxInt64, fewIntervals).n; n != 20 {
		t.Errorf("the longest time that there is has %d intervals, want 20 of 14.96 years", n)
	}
	rapid.Check(t, func(t *rapid.T) {
		begin := rapid.Int64Range(0, int64(100*24*time.Hour)).Draw(t, "begin")
		end := begin + rapid.Int64Range(1, 1<<rapid.IntRange(1, 60).Draw(t, "magnitude")).Draw(t, "length")
		most := rapid.IntRange(fewIntervals, MaxIntervals).Draw(t, "most")
		c := cut(begin, end, most)
		if c.n < 1 || c.n > most {
			t.Fatalf("%d intervals", c.n)
		}
		total := 0.0
		for i := range c.n {
			total += c.seconds(i)
			if i > 0 && c.start(i)%c.step != 0 {
				t.Errorf("interval %d begins at %d, no multiple of %d", i, c.start(i), c.step)
			}
			if least := float64(c.step) / 2e9; c.n > 1 && c.seconds(i) < least {
				t.Errorf("interval %d covers %v s, less than %v", i, c.seconds(i), least)
			}
		}
		if want := float64(end-begin) / 1e9; math.Abs(total-want) > 1e-9*want {
			t.Errorf("they cover %v s, want %v", total, want)
		}
		at := rapid.Int64Range(begin, end-1).Draw(t, "at")
		i := c.of(at)
		if at < c.start(i) || i < c.n-1 && at >= c.start(i+1) {
			t.Errorf("%d is in interval %d, which begins at %d", at, i, c.start(i))
		}
	})
}
