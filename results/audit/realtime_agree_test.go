package audit_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/quotalab/quotalab/results/record"
)

// apart draws requests that do not overlap, each under way for as long as
// width says, and the same as virtual time would have recorded them.
func apart(rt *rapid.T, width *rapid.Generator[int64], takes func() []record.Take) (real, virtual []record.Observation) {
	now := int64(0)
	for range rapid.IntRange(1, 30).Draw(rt, "requests") {
		sent := now + rapid.Int64Range(1, 6).Draw(rt, "gap")
		now = sent + width.Draw(rt, "under way")
		o := spell(sent, now, rapid.SampledFrom([]record.Decision{record.Allowed, record.Allowed, record.Denied}).Draw(rt, "decision"), takes()...)
		if rapid.Bool().Draw(rt, "told when to retry") && o.Decision == record.Denied {
			o.RetryAfter = rapid.Int64Range(0, 9).Draw(rt, "retry after")
		}
		real = append(real, o)
		o.Effect = rapid.Int64Range(sent, now).Draw(rt, "effect")
		o.Judged = o.Effect
		virtual = append(virtual, o)
	}
	return real, virtual
}

func drawLimiter(rt *rapid.T) record.Manifest {
	if rapid.Bool().Draw(rt, "exact clock") { // a token bucket has no margin before its last change
		return tiny("token_bucket", rapid.Int64Range(1, 3).Draw(rt, "count"), time.Duration(rapid.Int64Range(3, 20).Draw(rt, "period")), 0,
			rapid.Int64Range(1, 4).Draw(rt, "burst"), rapid.Int64Range(1, 3).Draw(rt, "other burst"))
	}
	return tiny(rapid.SampledFrom([]string{"gcra", "gcra_float"}).Draw(rt, "algorithm"),
		rapid.Int64Range(1, 3).Draw(rt, "count"), time.Duration(rapid.Int64Range(3, 20).Draw(rt, "period")),
		time.Duration(rapid.Int64Range(0, 2).Draw(rt, "resolution")), rapid.Int64Range(1, 4).Draw(rt, "burst"), rapid.Int64Range(1, 3).Draw(rt, "other burst"))
}

// Requests that take no time leave one order: then everything that the
// replay of virtual time finds is certain. (What only spends is left out: whether
// it found room is not taken back from the bound from above.)
func TestInstantRequestsAsInVirtualTime(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := drawLimiter(rt)
		m.Limiters[0].Resolution = 0
		real, virtual := apart(rt, rapid.Just(int64(0)), func() []record.Take {
			return drawBatch(rt, rapid.SampledFrom([]record.Mode{record.TakeMode, record.CheckMode}).Draw(rt, "mode"), rapid.Int64Range(1, 5).Draw(rt, "cost"))
		})
		want, got := numbers(replaySequence(rt, m, virtual)), numbers(replayReal(rt, m, real))
		several := slices.ContainsFunc(real, func(o record.Observation) bool { return len(o.Takes) > 1 })
		if several && got.Over <= want.Over { // several keys may have another least number in common
			got.Over = want.Over
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-9), cmpopts.IgnoreFields(found{}, "Divergence", "Ambiguous")); diff != "" {
			rt.Fatalf("-virtual +real:\n%s", diff)
		}
	})
}

// Requests that do not overlap leave open only when each took effect. No fault
// is counted that virtual time does not count, and where nothing is ambiguous
// all but the least number to take away, which may lie in another order, is the
// same.
func TestSeparateRequestsAsInVirtualTime(t *testing.T) {
	clear := 0
	rapid.Check(t, func(rt *rapid.T) {
		m, cost := drawLimiter(rt), rapid.Int64Range(1, 2).Draw(rt, "cost")
		real, virtual := apart(rt, rapid.Int64Range(0, 3), func() []record.Take {
			return []record.Take{with(take("a", "k"), rapid.SampledFrom([]record.Mode{record.TakeMode, record.TakeMode, record.CheckMode}).Draw(rt, "mode"), cost)}
		})
		want, got := replaySequence(rt, m, virtual), replayReal(rt, m, real)
		if got.Over > want.Over || got.Under > want.Under || got.Worst.Excess > want.Worst.Excess+1e-9 || got.Compared != want.Compared || got.Keys != want.Keys {
			rt.Fatalf("more than is true:\nvirtual %+v\nreal    %+v", want, got)
		}
		if got.Ambiguous > 0 || want.Ambiguous > 0 {
			return
		}
		clear++
		ignore := cmpopts.IgnoreFields(found{}, "Excess", "Limit", "Key", "Divergence", "Over")
		if diff := cmp.Diff(numbers(want), numbers(got), ignore); diff != "" {
			rt.Fatalf("nothing is ambiguous, but (-virtual +real):\n%s", diff)
		}
	})
	if clear < 10 {
		t.Errorf("only %d cases without ambiguity: the test shows too little", clear)
	}
}
