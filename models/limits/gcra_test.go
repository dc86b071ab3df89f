package limits

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestGCRAByHand follows one bucket of 3 tokens, 3 per 10 s, so that T is
// rounded down to 3333333333 ns and a full bucket is 9999999999 ns of it. The
// numbers are worked out by hand from Boulder's gcra.go; TestBoulder plays the
// same steps on Boulder itself.
func TestGCRAByHand(t *testing.T) {
	const T, full, s = 3333333333, 9999999999, time.Second
	steps := handSteps()
	want := []Decision{
		{true, 2, 0, T, math.MaxInt64},
		{true, 1, 0, 2 * T, T},                      // b = T − 2T
		{true, 0, 0, full, 0},                       // b = 2T − 2T: exactly on the boundary
		{false, 0, T, full, T},                      // b = 3T − 2T
		{false, 0, 1, full - (T - 1), 1},            // a nanosecond early
		{true, 0, 0, full, 0},                       // at RetryAfter
		{false, 1, 2 * T, 2 * T, 2 * T},             // TAT 3T, now T: one token there, two lacking
		{true, 0, 0, full, 0},                       // the check before took nothing; TAT 4T
		{false, 0, 3*T - 5*s, 4*T - 5*s, 3*T - 5*s}, // TAT 4T: 2.5 tokens lack; b = 4T − T
		{true, 1, 0, full - 5*s, 5 * time.Second},   // TAT 3T after the refund; b = 3T − 3T = 0
		{true, 3, 0, 0, 9999999999},                 // TAT 5 s; b = 5 s − 3T
		{false, -2, 2 * T, 5 * T, 2 * T},            // TAT 5 s + 5T; b = 5 s + 2T
		{true, 0, 0, full, math.MaxInt64},           // full again
		{false, 3, -1, 0, math.MaxInt64},
		{false, 3, -1, 0, math.MaxInt64},
		{true, 2, 0, T, math.MaxInt64},                     // TAT 20 s + T
		{false, -2, 12666666667, 19333333333, 12666666667}, // b = 20 s + T − 2T
	}
	b := mustNew(t, "gcra", handLimit)
	for i, st := range steps {
		if diff := cmp.Diff(want[i], st.play(b)); diff != "" {
			t.Fatalf("step %d, %s (-want +got):\n%s", i, st.why, diff)
		}
	}
}

var handLimit = Limit{Count: 3, Period: 10 * time.Second, Burst: 3}

// step is one call on a bucket: do is take, check, force (spend-only), refund
// or reset; then the decision on what (take, check) or on spending what after it.
type step struct {
	why  string
	at   int64
	do   string
	cost int64
	then int64 // after force, refund and reset: the cost to peek at
}

func (s step) play(b Bucket) Decision {
	switch s.do {
	case "force":
		b.Spend(s.at, s.cost)
	case "refund":
		b.Refund(s.at, s.cost)
	case "reset":
		b.Reset()
	default:
		d := b.Peek(s.at, s.cost)
		if s.do == "take" && d.Allowed {
			b.Spend(s.at, s.cost)
		}
		return d
	}
	return b.Peek(s.at, s.then)
}

func handSteps() []step {
	const T, s = 3333333333, int64(time.Second)
	return []step{
		{"a new key is a full bucket", 0, "take", 1, 0},
		{"two left", 0, "take", 1, 0},
		{"the last token", 0, "take", 1, 0},
		{"the bucket is empty", 0, "take", 1, 0},
		{"one nanosecond before a token is back", T - 1, "take", 1, 0},
		{"a token is back: check only", T, "check", 1, 0},
		{"a cost of the whole burst needs a full bucket", T, "check", 3, 0},
		{"check-only took nothing, so it can be spent", T, "take", 1, 0},
		{"two tokens are not back at 5 s", 5 * s, "take", 2, 0},
		{"refund of one", 5 * s, "refund", 1, 0},
		{"refund of three where two lack: full, no more", 5 * s, "refund", 3, 0},
		{"spend-only of five leaves a debt of two; even a cost of 0 waits", 5 * s, "force", 5, 0},
		{"reset", 5 * s, "reset", 0, 3},
		{"more than the burst is never allowed", 5 * s, "reset", 0, 4},
		{"a negative cost is never allowed", 5 * s, "reset", 0, -1},
		{"spend at 20 s", 20 * s, "take", 1, 0},
		{"then the clock goes back to 4 s: the TAT stays, so there is a debt", 4 * s, "check", 1, 0},
	}
}
