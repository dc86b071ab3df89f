package limits

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// everyAlgorithm runs the property for each algorithm.
func everyAlgorithm(t *testing.T, property func(t *rapid.T, algorithm string)) {
	t.Helper()
	for _, a := range Algorithms() {
		t.Run(a, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { property(t, a) })
		})
	}
}

// TestLaws plays a random history, with forced spends, refunds, resets and a
// clock that goes back, and checks at every step what each Decision promises.
func TestLaws(t *testing.T) {
	everyAlgorithm(t, func(t *rapid.T, algorithm string) {
		l := drawLimit(t, algorithm)
		b := mustNew(t, algorithm, l)
		now := rapid.Int64Range(-5*int64(l.Period), 5*int64(l.Period)).Draw(t, "start")
		var last Decision
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			now += drawGap(t, l, last)
			if rapid.IntRange(0, 9).Draw(t, "back") == 0 {
				now -= rapid.Int64Range(0, 2*int64(l.Period)).Draw(t, "by")
			}
			cost := drawCost(t, l)
			last = b.Peek(now, cost)
			checkDecision(t, l, b, now, cost, last)
			switch op := rapid.SampledFrom([]string{"take", "take", "take", "take", "check", "force", "refund", "reset"}).Draw(t, "op"); {
			case op == "take" && last.Allowed:
				b.Spend(now, cost)
				checkSpent(t, b, now, last)
			case op == "force":
				b.Spend(now, cost)
			case op == "refund":
				checkRefund(t, l, b, now, cost)
			case op == "reset":
				b.Reset()
				checkFull(t, l, b, now)
			}
		}
	})
}

// checkDecision checks that d is pure, and that its RetryAfter and Margin are
// exact.
func checkDecision(t *rapid.T, l Limit, b Bucket, now, cost int64, d Decision) {
	if diff := cmp.Diff(d, b.Peek(now, cost)); diff != "" {
		t.Fatalf("a second Peek says something else (-first +second):\n%s", diff)
	}
	if impossible := cost < 0 || cost > l.Burst; impossible != (d.RetryAfter == -1) {
		t.Fatalf("Peek(%d, %d) = %+v: RetryAfter −1 if and only if the cost cannot ever fit", now, cost, d)
	}
	margin := int64(d.Margin)
	switch {
	case margin < 0:
		t.Fatalf("Peek(%d, %d) = %+v: negative margin", now, cost, d)
	case margin == math.MaxInt64:
		return
	case d.Allowed:
		if d.RetryAfter != 0 {
			t.Fatalf("Peek(%d, %d) = %+v: allowed, but told to wait", now, cost, d)
		}
		wantAllowed(t, b, now-margin, cost, true, "allowed, set back by the margin")
		wantAllowed(t, b, now-margin-1, cost, false, "allowed, set back by more than the margin")
	default:
		if int64(d.RetryAfter) != margin || margin == 0 {
			t.Fatalf("Peek(%d, %d) = %+v: denied, so the margin is the wait", now, cost, d)
		}
		wantAllowed(t, b, now+margin-1, cost, false, "one nanosecond before RetryAfter")
		wantAllowed(t, b, now+margin, cost, true, "at RetryAfter")
	}
	if margin > 0 {
		shift := rapid.Int64Range(1-margin, margin-1).Draw(t, "shift")
		wantAllowed(t, b, now+shift, cost, d.Allowed, "off by less than the margin")
	}
}

func wantAllowed(t *rapid.T, b Bucket, now, cost int64, want bool, why string) {
	if d := b.Peek(now, cost); d.Allowed != want {
		t.Fatalf("Peek(%d, %d) = %+v, want allowed %v: %s", now, cost, d, want, why)
	}
}

// checkSpent checks that after the Spend the bucket is what Peek said it
// would be, and is full when Peek said so.
func checkSpent(t *rapid.T, b Bucket, now int64, d Decision) {
	after := b.Peek(now, 0)
	if after.Remaining != d.Remaining || after.ResetAfter != d.ResetAfter {
		t.Fatalf("allowed with %d left and full in %v, but after Spend it is %d and %v", d.Remaining, d.ResetAfter, after.Remaining, after.ResetAfter)
	}
}

// checkFull checks that the bucket holds Burst tokens at now and no more.
func checkFull(t *rapid.T, l Limit, b Bucket, now int64) {
	d := b.Peek(now, l.Burst)
	if full := b.Peek(now, 0); !d.Allowed || full.Remaining != l.Burst || full.ResetAfter != 0 {
		t.Fatalf("not full at %d: all: %+v, none: %+v", now, d, full)
	}
	if d := b.Peek(now, l.Burst+1); d.Allowed {
		t.Fatalf("overfull at %d: %+v", now, d)
	}
}

// checkRefund checks that a refund gives what it should and never overfills.
func checkRefund(t *rapid.T, l Limit, b Bucket, now, cost int64) {
	earlier := now - rapid.Int64Range(0, 2*int64(l.Period)).Draw(t, "earlier")
	before, past := b.Peek(now, 0), b.Peek(earlier, 0)
	b.Refund(now, cost)
	after := b.Peek(now, 0)
	if d := b.Peek(earlier, 0); d.Remaining < past.Remaining {
		t.Fatalf("refund of %d at %d took tokens from %d, should the clock go back: %+v, then %+v", cost, now, earlier, past, d)
	}
	if after.Remaining > l.Burst {
		t.Fatalf("refund of %d left %d of %d", cost, after.Remaining, l.Burst)
	}
	if after.Remaining < before.Remaining || after.ResetAfter > before.ResetAfter {
		t.Fatalf("refund of %d took tokens: %+v, then %+v", cost, before, after)
	}
	if cost < 0 && after != before {
		t.Fatalf("refund of %d did something: %+v, then %+v", cost, before, after)
	}
}

// TestResetAfter checks that a bucket left alone is full exactly then.
func TestResetAfter(t *testing.T) {
	everyAlgorithm(t, func(t *rapid.T, algorithm string) {
		l := drawLimit(t, algorithm)
		b := mustNew(t, algorithm, l)
		now := rapid.Int64Range(-5*int64(l.Period), 5*int64(l.Period)).Draw(t, "start")
		for range rapid.IntRange(1, 10).Draw(t, "steps") {
			now += drawGap(t, l, b.Peek(now, 1))
			b.Spend(now, drawCost(t, l))
		}
		reset := int64(b.Peek(now, 0).ResetAfter)
		checkFull(t, l, b, now+reset)
		if reset == 0 {
			return
		}
		if d := b.Peek(now+reset-1, 0); d.Remaining >= l.Burst || d.ResetAfter != 1 {
			t.Fatalf("full in %d ns, but one earlier %+v", reset, d)
		}
	})
}

// TestFullRefund checks that refunding all that is missing fills the bucket.
func TestFullRefund(t *testing.T) {
	everyAlgorithm(t, func(t *rapid.T, algorithm string) {
		l := drawLimit(t, algorithm)
		b := mustNew(t, algorithm, l)
		now := rapid.Int64Range(-5*int64(l.Period), 5*int64(l.Period)).Draw(t, "start")
		for range rapid.IntRange(1, 10).Draw(t, "steps") {
			now += drawGap(t, l, b.Peek(now, 1))
			b.Spend(now, drawCost(t, l))
		}
		b.Refund(now, 1_000_000)
		checkFull(t, l, b, now)
	})
}

// TestExtremes checks that the ends of 64 bits neither panic nor wrap round.
func TestExtremes(t *testing.T) {
	for _, algorithm := range Algorithms() {
		l := Limit{Count: 1_000_000, Period: longestRefill, Burst: 1_000_000}
		b := mustNew(t, algorithm, l)
		for range 3 {
			b.Spend(0, math.MaxInt64)
		}
		if d := b.Peek(1, 1); d.Allowed || d.RetryAfter == 0 || d.Remaining > 0 {
			t.Errorf("%s: after spending all there is, Peek = %+v, want denied for ages", algorithm, d)
		}
		b.Refund(1, -5)
		b.Spend(1, -5)
		b.Reset()
		for _, now := range []int64{-1 << 62, 1 << 62} {
			if d := b.Peek(now, l.Burst); !d.Allowed || d.Remaining != 0 {
				t.Errorf("%s: full bucket at %d: %+v, want all allowed", algorithm, now, d)
			}
		}
	}
}
