package limits

import (
	"strings"
	"time"

	"pgregory.net/rapid"
)

// windowed are the algorithms that count in windows of Count tokens.
func windowed(algorithm string) bool {
	return strings.HasPrefix(algorithm, "fixed_window") || algorithm == "sliding_log" || algorithm == "concurrency" || algorithm == "sliding_counter"
}

// drawLimit draws a limit that the algorithm accepts. Short periods, of a few
// nanoseconds a token, make instants meet boundaries exactly and make
// Period/Count uneven; long ones are as in real use.
func drawLimit(t *rapid.T, algorithm string) Limit {
	l := Limit{Count: rapid.Int64Range(1, 40).Draw(t, "count")}
	l.Period = time.Duration(rapid.OneOf(
		rapid.Int64Range(l.Count, 2_000),
		rapid.Int64Range(int64(time.Second), int64(30*24*time.Hour)),
	).Draw(t, "period"))
	l.Burst = l.Count
	if !windowed(algorithm) {
		l.Burst = rapid.Int64Range(1, 60).Draw(t, "burst")
	}
	return l
}

// drawGap draws the time to the next request: nothing, about a token, about a
// period, exactly when the last decision turns, or one nanosecond beside it.
func drawGap(t *rapid.T, l Limit, last Decision) int64 {
	period := int64(l.Period)
	gap := func(most int64) *rapid.Generator[int64] { return rapid.Int64Range(0, most) }
	beside := rapid.Just(int64(0))
	if last.RetryAfter > 0 {
		beside = rapid.Map(rapid.Int64Range(-1, 1), func(d int64) int64 { return int64(last.RetryAfter) + d })
	}
	return rapid.OneOf(gap(0), gap(2*period/l.Count), gap(period), gap(3*period), beside, beside).Draw(t, "gap")
}

// drawCost draws costs around all that can be asked for, the impossible too.
func drawCost(t *rapid.T, l Limit) int64 {
	return rapid.OneOf(rapid.Just(int64(1)), rapid.Int64Range(-1, l.Burst+2)).Draw(t, "cost")
}

func mustNew(t rapid.TB, algorithm string, l Limit) Bucket {
	t.Helper()
	b, err := New(algorithm, l)
	if err != nil {
		t.Fatalf("New(%q, %+v): %v", algorithm, l, err)
	}
	return b
}
