package limits

import (
	"strings"
	"testing"
	"time"
)

// TestWindowsBeginWhereTheLimiterPromises: a run that begins at 10:00 with
// windows of a day sees the edge at midnight, not at 10:00 the next day.
func TestWindowsBeginWhereTheLimiterPromises(t *testing.T) {
	ten := time.Date(2026, 3, 28, 10, 0, 0, 0, time.UTC)
	day := Limit{1, 24 * time.Hour, 1}
	tests := []struct {
		algorithm string
		limit     Limit
		first     time.Time // is admitted
		want      time.Time // the next one is
	}{
		{"fixed_window", day, ten, time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC)},
		{"fixed_window", Limit{1, 7 * time.Hour, 1}, ten, time.Unix(0, (ten.UnixNano()/int64(7*time.Hour)+1)*int64(7*time.Hour))},
		{"fixed_window_first_hit", day, ten.Add(time.Minute), ten.Add(24*time.Hour + time.Minute)},
		{"fixed_window_daily", day, ten, time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC)},
		{"fixed_window_daily:Europe/Berlin", day, ten, time.Date(2026, 3, 28, 23, 0, 0, 0, time.UTC)},
		{"fixed_window_daily:Europe/Berlin", day, ten.Add(14 * time.Hour), time.Date(2026, 3, 29, 22, 0, 0, 0, time.UTC)}, // the day has 23 hours
		{"fixed_window_monthly:America/New_York", Limit{1, 30 * 24 * time.Hour, 1}, ten, time.Date(2026, 4, 1, 4, 0, 0, 0, time.UTC)},
	}
	for _, tt := range tests {
		full, err := Maker(tt.algorithm, tt.limit, ten.UnixNano())
		if err != nil {
			t.Fatal(err)
		}
		b, at := full(), tt.first.Sub(ten)
		b.Spend(int64(at), 1)
		d := b.Peek(int64(at), 1)
		if got := tt.first.Add(d.RetryAfter); d.Allowed || !got.Equal(tt.want) {
			t.Errorf("%s: after %v allowed again at %v, expected %v", tt.algorithm, tt.first, got, tt.want)
		}
	}
	if _, err := Maker("fixed_window_daily:Europe/Atlantis", day, 0); err == nil || !strings.Contains(err.Error(), "Europe/Atlantis") || !strings.Contains(err.Error(), "IANA") {
		t.Errorf("an unknown zone: %v", err)
	}
}

// TestSlidingCounterCutsUnixTime: the same as for fixed windows.
func TestSlidingCounterCutsUnixTime(t *testing.T) {
	half := time.Date(2026, 1, 1, 0, 30, 0, 0, time.UTC)
	full, err := Maker("sliding_counter", Limit{2, time.Hour, 2}, half.UnixNano())
	if err != nil {
		t.Fatal(err)
	}
	b := full()
	b.Spend(0, 2)
	if d := b.Peek(0, 1); d.RetryAfter != time.Hour { // half of the window of 1:00 has to pass
		t.Errorf("retry after %v, expected 1h", d.RetryAfter)
	}
}
