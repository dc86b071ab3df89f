package limits

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestIntervals(t *testing.T) {
	const hour = time.Hour
	tests := []struct {
		why              string
		limit            Limit
		interval, offset time.Duration
	}{
		{"Let's Encrypt's new accounts: 10 in 3 h", Limit{10, 3 * hour, 10}, 18 * time.Minute, 3 * hour},
		{"rounded down, and the offset from the rounded", Limit{7, 10, 7}, 1, 7},
		{"burst apart from count", Limit{100, hour, 20}, 36 * time.Second, 12 * time.Minute},
		{"more tokens than nanoseconds", Limit{11, 10, 1}, 0, 0},
		{"no count is no division by zero", Limit{0, hour, 1}, 0, 0},
		{"offset beyond 64 bits", Limit{1, hour, math.MaxInt64}, hour, math.MaxInt64},
	}
	for _, tt := range tests {
		if i, o := tt.limit.EmissionInterval(), tt.limit.BurstOffset(); i != tt.interval || o != tt.offset {
			t.Errorf("%s: interval %v offset %v, want %v and %v", tt.why, i, o, tt.interval, tt.offset)
		}
	}
}

func TestEnvelopeValues(t *testing.T) {
	tests := []struct {
		why   string
		limit Limit
		d     time.Duration
		want  float64
	}{
		{"an instant admits the burst", Limit{100, time.Hour, 20}, 0, 20},
		{"then one every 36 s", Limit{100, time.Hour, 20}, 90 * time.Second, 22.5},
		{"the rounded interval, 1 ns for 10/7", Limit{7, 10, 2}, 10, 12},
		{"no interval: the rate itself", Limit{20, 10, 2}, 10, 22},
	}
	for _, tt := range tests {
		if got := Envelope(tt.limit, tt.d); got != tt.want {
			t.Errorf("%s: Envelope = %v, want %v", tt.why, got, tt.want)
		}
	}
}

func TestNewErrors(t *testing.T) {
	tests := []struct {
		why, algorithm string
		limit          Limit
		want           string
	}{
		{"unknown algorithm", "gcrb", Limit{1, 1, 1}, `no algorithm "gcrb": use one of gcra, gcra_float, fixed_window`},
		{"no count", "gcra", Limit{0, 1, 1}, "gcra: count is 0, want at least 1"},
		{"no period", "token_bucket", Limit{1, 0, 1}, "period is 0s, want more than 0"},
		{"no burst", "leaky_bucket", Limit{1, 1, 0}, "burst is 0, want at least 1 token"},
		{"interval rounds to nothing", "gcra", Limit{11, 10, 1}, "rounds to 0: lower count, or use gcra_float"},
		{"refill beyond the clock", "gcra_float", Limit{1, time.Hour, 1 << 40}, "at 1 per 1h takes longer than 36 years"},
		{"a window with a burst", "fixed_window", Limit{10, 10, 20}, "a window has no burst of its own"},
		{"a log with a burst", "sliding_log", Limit{10, 10, 5}, "leave burst out or set it to 10"},
		{"a counter with a burst", "sliding_counter", Limit{10, 10, 5}, "no burst of its own"},
	}
	for _, tt := range tests {
		b, err := New(tt.algorithm, tt.limit)
		if b != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: New = %v, %v; want an error with %q", tt.why, b, err, tt.want)
		}
	}
	if b, err := New("gcra_float", Limit{11, 10, 1}); err != nil || !b.Peek(0, 1).Allowed {
		t.Errorf("gcra_float takes an interval below 1 ns: %v", err)
	}
}

func TestAlgorithms(t *testing.T) {
	want := []string{"gcra", "gcra_float", "fixed_window", "fixed_window_first_hit", "fixed_window_daily", "fixed_window_monthly", "sliding_log", "sliding_counter", "token_bucket", "token_bucket_interval", "leaky_bucket", "concurrency"}
	if diff := cmp.Diff(want, Algorithms()); diff != "" {
		t.Errorf("Algorithms (-want +got):\n%s", diff)
	}
}

// TestMakerKeepsKeysApart checks that buckets of one Maker share the limit
// and nothing else.
func TestMakerKeepsKeysApart(t *testing.T) {
	for _, algorithm := range Algorithms() {
		full, err := Maker(algorithm, Limit{2, time.Second, 2}, 0)
		if err != nil {
			t.Fatal(err)
		}
		a, b := full(), full()
		a.Spend(0, 2)
		if a.Peek(0, 1).Allowed || !b.Peek(0, 2).Allowed {
			t.Errorf("%s: a key's spend shows in another's bucket", algorithm)
		}
	}
}
