package usage_test

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/quotalab/quotalab/models/usage"
)

// utc is the instant of a date, with the time of day if given.
func utc(t testing.TB, text string) int64 {
	t.Helper()
	for _, layout := range []string{time.DateOnly, time.DateTime} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UnixNano()
		}
	}
	t.Fatalf("%q is neither a date nor a date and time", text)
	return 0
}

func TestAddMonths(t *testing.T) {
	for _, c := range []struct {
		why    string
		from   string
		months int64
		want   string
	}{
		{"the same day", "2024-03-15", 1, "2024-04-15"},
		{"clipped to a short month", "2023-01-31", 1, "2023-02-28"},
		{"clipped to a leap day", "2024-01-31", 1, "2024-02-29"},
		{"from the original anchor, not from the clipped day", "2023-01-31", 2, "2023-03-31"},
		{"a leap day a year on", "2024-02-29", 12, "2025-02-28"},
		{"a leap day four years on", "2024-02-29", 48, "2028-02-29"},
		{"a century that has no leap day", "2096-02-29", 48, "2100-02-28"},
		{"a century that has one", "1996-02-29", 48, "2000-02-29"},
		{"over the year's end", "2024-12-31", 2, "2025-02-28"},
		{"backwards over it", "2025-01-31", -2, "2024-11-30"},
		{"nothing", "2024-05-31 23:59:59", 0, "2024-05-31 23:59:59"},
		{"the time of day stays", "2024-05-31 23:59:59", 1, "2024-06-30 23:59:59"},
		{"across 1970", "1970-01-31 06:00:00", -11, "1969-02-28 06:00:00"},
	} {
		if got, want := usage.AddMonths(utc(t, c.from), c.months), utc(t, c.want); got != want {
			t.Errorf("%s: %s and %d months: got %v, expected %s", c.why, c.from, c.months, time.Unix(0, got).UTC(), c.want)
		}
	}
}

func TestAddMonthsStaysInRange(t *testing.T) {
	for _, c := range []struct {
		why                string
		from, months, want int64
	}{
		{"the last instant", math.MaxInt64, 0, math.MaxInt64},
		{"the first instant", math.MinInt64, 0, math.MinInt64},
		{"a month after the last", math.MaxInt64, 1, math.MaxInt64},
		{"a month before the first", math.MinInt64, -1, math.MinInt64},
		{"a thousand years", 0, 12_000, math.MaxInt64},
		{"a thousand years back", 0, -12_000, math.MinInt64},
	} {
		if got := usage.AddMonths(c.from, c.months); got != c.want {
			t.Errorf("%s: got %d, expected %d", c.why, got, c.want)
		}
	}
}

func TestMonthsBetween(t *testing.T) {
	for _, c := range []struct {
		why         string
		now, anchor string
		want        int64
	}{
		{"the anchor itself", "2024-01-31", "2024-01-31", 0},
		{"a second short of a month", "2024-02-28 23:59:59", "2024-01-31", 0},
		{"a clipped month", "2024-02-29", "2024-01-31", 1},
		{"not two before the 31st", "2024-03-30 23:59:59", "2024-01-31", 1},
		{"fourteen months", "2025-03-31", "2024-01-31", 14},
		{"the time of day counts", "2024-02-15 11:59:59", "2024-01-15 12:00:00", 0},
		{"a term of the future is 0 for the month before", "2023-12-31 00:00:01", "2024-01-31", 0},
		{"and −1 from a month before on backwards", "2023-12-31", "2024-01-31", -1},
		{"truncated towards zero", "2023-12-01", "2024-01-31", -1},
	} {
		if got := usage.MonthsBetween(utc(t, c.now), utc(t, c.anchor)); got != c.want {
			t.Errorf("%s: %s since %s: got %d, expected %d", c.why, c.now, c.anchor, got, c.want)
		}
	}
}

// slowAddMonths clips by trying days, and lets package time count.
func slowAddMonths(t, m int64) int64 {
	at := time.Unix(0, t).UTC()
	midnight := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
	first := time.Date(at.Year(), at.Month()+time.Month(m), 1, 0, 0, 0, 0, time.UTC)
	day := first.AddDate(0, 0, at.Day()-1)
	for day.Month() != first.Month() {
		day = day.AddDate(0, 0, -1)
	}
	return day.Add(at.Sub(midnight)).UnixNano()
}

// slowMonthsBetween counts months one by one.
func slowMonthsBetween(now, anchor int64) int64 {
	m := int64(0)
	for ; now >= anchor && slowAddMonths(anchor, m+1) <= now; m++ {
	}
	for ; now < anchor && slowAddMonths(anchor, m-1) >= now; m-- {
	}
	return m
}

// instants are of 1900 to 2100, often at the turn of a month or a day.
func instants() *rapid.Generator[int64] {
	return rapid.Custom(func(t *rapid.T) int64 {
		day := time.Date(rapid.IntRange(1900, 2100).Draw(t, "year"), time.Month(rapid.IntRange(1, 12).Draw(t, "month")), rapid.IntRange(1, 31).Draw(t, "day"), 0, 0, 0, 0, time.UTC).UnixNano()
		return day + rapid.SampledFrom([]int64{0, 1, -1, 3600e9, usage.Day / 2}).Draw(t, "rest")
	})
}

func TestMonthsAreThoseOfPackageTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		anchor, m := instants().Draw(t, "anchor"), rapid.Int64Range(-600, 600).Draw(t, "months")
		if got, want := usage.AddMonths(anchor, m), slowAddMonths(anchor, m); got != want {
			t.Fatalf("got %v, expected %v", time.Unix(0, got).UTC(), time.Unix(0, want).UTC())
		}
	})
}

func TestWholeMonthsAreCounted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		anchor := instants().Draw(t, "anchor")
		now := rapid.OneOf(
			rapid.Custom(func(t *rapid.T) int64 {
				return usage.AddMonths(anchor, rapid.Int64Range(-30, 30).Draw(t, "m")) + rapid.Int64Range(-1, 1).Draw(t, "off")
			}),
			rapid.Int64Range(anchor-800*usage.Day, anchor+800*usage.Day),
		).Draw(t, "now")
		if got, want := usage.MonthsBetween(now, anchor), slowMonthsBetween(now, anchor); got != want {
			t.Fatalf("%v since %v: got %d, expected %d", time.Unix(0, now).UTC(), time.Unix(0, anchor).UTC(), got, want)
		}
	})
}
