package limits

import (
	"cmp"
	"math/bits"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

type holding struct{ from, until int64 }

// The least number of holds to take away is what trying all subsets finds.
func TestHoldsAreTheLeastOfAllSubsets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		permits := rapid.Int64Range(1, 3).Draw(t, "permits")
		list := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) holding {
			from := rapid.Int64Range(0, 12).Draw(t, "from")
			return holding{from, from + rapid.Int64Range(1, 8).Draw(t, "length")}
		}), 0, 9).Draw(t, "holds")
		slices.SortStableFunc(list, func(a, b holding) int { return cmp.Compare(a.until, b.until) })
		h, over := NewHolds(permits), 0
		for _, one := range list {
			if !h.End(one.from, one.until) {
				over++
			}
		}
		if want := leastHolds(list, permits); over != want {
			t.Fatalf("%d of %v are too many for %d permits, all subsets say %d", over, list, permits, want)
		}
	})
}

func leastHolds(list []holding, permits int64) int {
	least := len(list)
	for away := range 1 << len(list) {
		fits := true
		for at := int64(0); at < 20 && fits; at++ {
			n := int64(0)
			for i, h := range list {
				if away>>i&1 == 0 && h.from <= at && at < h.until {
					n++
				}
			}
			fits = n <= permits
		}
		if fits {
			least = min(least, bits.OnesCount(uint(away)))
		}
	}
	return least
}

// A concurrency limit is a count of what is held: acquired less than a lease
// ago, and not returned.
func TestConcurrencyIsACountOfWhatIsHeld(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := Limit{Count: rapid.Int64Range(1, 4).Draw(t, "count"), Period: time.Duration(rapid.Int64Range(1, 20).Draw(t, "lease"))}
		l.Burst = l.Count
		b, err := New("concurrency", l)
		if err != nil {
			t.Fatal(err)
		}
		var held []holding // until is when the lease ends
		now := int64(0)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now += rapid.Int64Range(0, 4).Draw(t, "gap")
			held = slices.DeleteFunc(held, func(h holding) bool { return h.until <= now })
			if len(held) > 0 && rapid.Bool().Draw(t, "returns") {
				i := rapid.IntRange(0, len(held)-1).Draw(t, "which")
				settled(b, now, held[i].from, 1, 0)
				held = slices.Delete(held, i, i+1)
				continue
			}
			d := b.Peek(now, 1)
			if want := int64(len(held)) < l.Count; d.Allowed != want {
				t.Fatalf("at %d with %v held of %d: allowed %t", now, held, l.Count, d.Allowed)
			}
			if d.Allowed {
				b.Spend(now, 1)
				held = append(held, holding{now, now + int64(l.Period)})
			} else if d.RetryAfter != time.Duration(held[0].until-now) {
				t.Fatalf("at %d with %v held: wait %d", now, held, d.RetryAfter)
			}
		}
	})
}

// A request that is settled leaves the bucket as if its real cost had been known
// from the start, as long as the bucket was neither full nor its window over in
// between. So it is for every algorithm that settles.
func TestSettlingIsAsIfTheCostHadBeenKnown(t *testing.T) {
	for _, algorithm := range []string{"gcra", "gcra_float", "token_bucket", "leaky_bucket", "fixed_window", "sliding_log"} {
		rapid.Check(t, func(t *rapid.T) {
			l := Limit{Count: 100, Period: time.Hour, Burst: 100}
			reserved, knew := mustNew(t, algorithm, l), mustNew(t, algorithm, l)
			reserved.Spend(0, 60) // so that it is not full when something comes back
			knew.Spend(0, 60)
			from, to := rapid.Int64Range(1, 30).Draw(t, "reserved"), rapid.Int64Range(0, 40).Draw(t, "real")
			at := rapid.Int64Range(0, 1e9).Draw(t, "at")
			later := at + rapid.Int64Range(0, 1e9).Draw(t, "after")
			reserved.Spend(at, from)
			settled(reserved, later, at, from, to)
			knew.Spend(at, to)
			for _, cost := range []int64{0, 1, 40} {
				if a, b := reserved.Peek(later+1, cost), knew.Peek(later+1, cost); a != b {
					t.Fatalf("%s: %d reserved and %d used at %d, settled at %d: %+v, known at once %+v", algorithm, from, to, at, later, a, b)
				}
			}
		})
	}
}

// What a window took that has ended is not settled in the next.
func TestAWindowThatEndedIsNotSettled(t *testing.T) {
	b := mustNew(t, "fixed_window", Limit{Count: 10, Period: 100, Burst: 10})
	b.Spend(90, 8)
	b.Spend(110, 5)
	settled(b, 120, 90, 8, 2)
	if left := b.Peek(120, 0).Remaining; left != 5 {
		t.Errorf("%d left, want the 5 of the new window", left)
	}
}
