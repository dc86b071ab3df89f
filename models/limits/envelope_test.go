package limits

import (
	"math/bits"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestEnvelope checks by brute force over all windows that no schedule makes
// an algorithm admit more than burst + t/T in any window of length t.
func TestEnvelope(t *testing.T) {
	for _, algorithm := range []string{"gcra", "gcra_float", "token_bucket", "leaky_bucket"} {
		t.Run(algorithm, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { envelopeHolds(t, algorithm) })
		})
	}
}

func envelopeHolds(t *rapid.T, algorithm string) {
	l := drawLimit(t, algorithm)
	b := mustNew(t, algorithm, l)
	var admitted []spent
	now, last := int64(0), Decision{}
	for range rapid.IntRange(1, 120).Draw(t, "steps") {
		now = max(now, now+drawGap(t, l, last))
		cost := rapid.OneOf(rapid.Just(int64(1)), rapid.Int64Range(0, l.Burst)).Draw(t, "cost")
		if last = b.Peek(now, cost); last.Allowed {
			b.Spend(now, cost)
			admitted = append(admitted, spent{now, cost})
		}
	}
	for i := range admitted {
		sum := int64(0)
		for _, e := range admitted[i:] {
			sum += e.cost
			if length := e.at - admitted[i].at; !within(algorithm, l, sum, length) {
				t.Fatalf("%d tokens in the window [%d, %d], more than the %.3f of Envelope", sum, admitted[i].at, e.at, Envelope(l, time.Duration(length)))
			}
		}
	}
}

// within says exactly, without floats, whether sum ≤ Burst + length/T, with
// T = Period/Count, rounded down for gcra.
func within(algorithm string, l Limit, sum, length int64) bool {
	over := sum - l.Burst
	if over <= 0 {
		return true
	}
	num, den := uint64(l.Period), uint64(l.Count)
	if algorithm == "gcra" {
		num, den = uint64(l.EmissionInterval()), 1
	}
	ahi, alo := bits.Mul64(uint64(over), num)
	bhi, blo := bits.Mul64(uint64(length), den)
	return ahi < bhi || ahi == bhi && alo <= blo
}

// TestEnvelopeIsReached checks that a greedy client gets all of the envelope,
// so that it is the least bound.
func TestEnvelopeIsReached(t *testing.T) {
	l := Limit{Count: 10, Period: 1000, Burst: 5}
	for _, algorithm := range []string{"gcra", "gcra_float", "token_bucket", "leaky_bucket"} {
		b, got := mustNew(t, algorithm, l), 0
		for now := int64(0); now <= 730; now++ {
			for b.Peek(now, 1).Allowed {
				b.Spend(now, 1)
				got++
			}
		}
		if want := int(Envelope(l, 730)); got != want || want != 12 {
			t.Errorf("%s: greedy client got %d tokens in 730 ns, want 12 = 5 + ⌊7.3⌋ (Envelope says %d)", algorithm, got, want)
		}
	}
}

// TestWindowBound checks that no window of one period holds more than Count
// admissions of the sliding log, and that the fixed window can hold twice as many.
func TestWindowBound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLimit(t, "sliding_log")
		b := mustNew(t, "sliding_log", l)
		var admitted []int64
		now, last := int64(0), Decision{}
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			now = max(now, now+drawGap(t, l, last))
			if last = b.Peek(now, 1); last.Allowed {
				b.Spend(now, 1)
				admitted = append(admitted, now)
			}
		}
		for i := int(l.Count); i < len(admitted); i++ {
			if span := admitted[i] - admitted[i-int(l.Count)]; span < int64(l.Period) {
				t.Fatalf("%d admissions within %d ns, less than the period", l.Count+1, span)
			}
		}
	})
	l := Limit{Count: 10, Period: 100, Burst: 10}
	b, got := mustNew(t, "fixed_window", l), 0
	for _, now := range []int64{99, 100} {
		for b.Peek(now, 1).Allowed {
			b.Spend(now, 1)
			got++
		}
	}
	if got != 20 {
		t.Errorf("fixed window admitted %d around an edge, want 20", got)
	}
}
