package limits

import (
	"math"
	"math/bits"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// admitAll gives every admission to a promise and returns the requests and
// tokens that must be taken away, and the worst excess seen.
func admitAll(b Bucket, admitted []spent) (requests, tokens int64, worst float64) {
	p := NewPromise(b, 0)
	for _, a := range admitted {
		j := p.Judge(a.at, a.cost)
		if !j.Kept.Allowed {
			requests++
		}
		tokens += a.cost - j.Fits
		p.Settle(a.at, a.cost, j.Free.Allowed, true, j.Kept.Allowed, j.Fits)
		if excess, _, _ := p.Excess(); excess > worst {
			worst = excess
		}
	}
	return requests, tokens, worst
}

// leastAway tries all subsets: the least number of admissions without which
// keeps holds for the others.
func leastAway(admitted []spent, keeps func([]spent) bool) int64 {
	least := len(admitted)
	for set := range uint(1) << len(admitted) {
		if away := bits.OnesCount(set); away < least {
			var rest []spent
			for i, a := range admitted {
				if set>>i&1 == 0 {
					rest = append(rest, a)
				}
			}
			if keeps(rest) {
				least = away
			}
		}
	}
	return int64(least)
}

func allowsAll(t rapid.TB, algorithm string, l Limit) func([]spent) bool {
	return func(admitted []spent) bool {
		b := mustNew(t, algorithm, l)
		for _, a := range admitted {
			if !b.Peek(a.at, a.cost).Allowed {
				return false
			}
			b.Spend(a.at, a.cost)
		}
		return true
	}
}

// everyWindowFits is the promise of GCRA and token buckets said directly.
func everyWindowFits(algorithm string, l Limit) func([]spent) bool {
	return func(admitted []spent) bool {
		for i := range admitted {
			sum := int64(0)
			for _, e := range admitted[i:] {
				if sum += e.cost; !within(algorithm, l, sum, e.at-admitted[i].at) {
					return false
				}
			}
		}
		return true
	}
}

func drawAdmitted(t *rapid.T, period int64, most int, cost func() int64) (admitted []spent) {
	now := rapid.Int64Range(0, 3*period).Draw(t, "start")
	left := int64(most)
	for range rapid.IntRange(1, most).Draw(t, "admissions") {
		c := min(cost(), left)
		if left -= c; c == 0 {
			break
		}
		admitted = append(admitted, spent{now, c})
		now += rapid.OneOf(rapid.Int64Range(0, 3), rapid.Int64Range(0, 2*period)).Draw(t, "gap")
	}
	return admitted
}

// TestOverAdmissionIsTheLeastToTakeAway compares the one pass with all subsets.
func TestOverAdmissionIsTheLeastToTakeAway(t *testing.T) {
	everyAlgorithm(t, func(t *rapid.T, algorithm string) {
		l := Limit{Count: rapid.Int64Range(1, 4).Draw(t, "count"), Period: time.Duration(rapid.Int64Range(4, 40).Draw(t, "period"))}
		if l.Burst = l.Count; !windowed(algorithm) {
			l.Burst = rapid.Int64Range(1, 4).Draw(t, "burst")
		}
		one := drawAdmitted(t, int64(l.Period), 9, func() int64 { return 1 })
		requests, tokens, worst := admitAll(mustNew(t, algorithm, l), one)
		if requests != tokens {
			t.Fatalf("%d requests of one token are %d tokens", requests, tokens)
		}
		if want := leastAway(one, allowsAll(t, algorithm, l)); requests != want {
			t.Fatalf("%v: %d of %v are too many, all subsets say %d", l, requests, one, want)
		}
		if (worst > 1e-9) != (requests > 0) {
			t.Fatalf("%v: worst excess %v with %d too many of %v", l, worst, requests, one)
		}
		if windowless(algorithm) {
			if want := leastAway(one, everyWindowFits(algorithm, l)); requests != want {
				t.Fatalf("%v: %d of %v are too many, all windows say %d", l, requests, one, want)
			}
		}
		mixed := drawAdmitted(t, int64(l.Period), 9, func() int64 { return rapid.Int64Range(1, 3).Draw(t, "cost") })
		var single []spent
		for _, a := range mixed {
			for range a.cost {
				single = append(single, spent{a.at, 1})
			}
		}
		_, tokens, _ = admitAll(mustNew(t, algorithm, l), mixed)
		if want := leastAway(single, allowsAll(t, algorithm, l)); tokens != want {
			t.Fatalf("%v: %d tokens of %v are too many, all subsets say %d", l, tokens, mixed, want)
		}
	})
}

// windowless are the algorithms whose promise the envelope says in full.
func windowless(algorithm string) bool {
	return !windowed(algorithm) && algorithm != "token_bucket_interval"
}

// TestPromiseInClosedForm states cases whose answer is known without a pass.
func TestPromiseInClosedForm(t *testing.T) {
	hour := int64(time.Hour)
	tests := []struct {
		why       string
		algorithm string
		limit     Limit
		admitted  []spent
		over      int64
		worst     float64
		from      int64
	}{
		{"512 at once on a burst of 100", "gcra", Limit{100, time.Hour, 100}, repeat(512, 5, 0), 412, 412, 5},
		{"a shard loses 100 tokens spent: the burst again", "gcra", Limit{100, time.Hour, 100}, append(repeat(100, 0, 0), repeat(100, 1, 0)...), 100, 100 - 100/3.6e12, 0},
		{"one more every half interval", "gcra", Limit{1, time.Second, 1}, repeat(11, 0, int64(time.Second)/2), 5, 5, 0},
		{"a day's windows that both fill", "fixed_window", Limit{10, 24 * time.Hour, 10}, append(repeat(10, 23*hour, 0), repeat(12, 25*hour, 0)...), 2, 2, 25 * hour},
		{"at intervals: a burst of 3, 2 a second later, and 2 more after that", "token_bucket_interval", Limit{2, time.Second, 3}, append(append(repeat(4, 0, 0), repeat(3, 1e9, 0)...), repeat(3, 2e9-1, 1)...), 3, 3, 0},
		{"a sliding log's window", "sliding_log", Limit{3, time.Second, 3}, repeat(5, 0, 1), 2, 2, 0},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			p := NewPromise(mustNew(t, tt.algorithm, tt.limit), 0)
			over, worst, from := int64(0), 0.0, int64(0)
			for _, a := range tt.admitted {
				j := p.Judge(a.at, a.cost)
				if !j.Kept.Allowed {
					over++
				}
				p.Settle(a.at, a.cost, j.Free.Allowed, true, j.Kept.Allowed, j.Fits)
				if excess, begin, _ := p.Excess(); excess > worst {
					worst, from = excess, begin
				}
			}
			if over != tt.over || math.Abs(worst-tt.worst) > 1e-9 || from != tt.from {
				t.Errorf("%d too many, worst excess %v from %d; expected %d, %v, %d", over, worst, from, tt.over, tt.worst, tt.from)
			}
		})
	}
}

func repeat(n int, at, gap int64) (list []spent) {
	for i := range n {
		list = append(list, spent{at + int64(i)*gap, 1})
	}
	return list
}

// TestAPhaseShiftIsNoOverAdmission: a limiter that admits one token a second,
// half a second later than a free reference would, breaks no promise.
func TestAPhaseShiftIsNoOverAdmission(t *testing.T) {
	p := NewPromise(mustNew(t, "gcra", Limit{1, time.Second, 1}), 0)
	over, under, divergent := 0, 0, 0
	for i := range int64(40) {
		now, allowed := i*int64(time.Second)/2, i%2 == 1
		j := p.Judge(now, 1)
		switch {
		case allowed && !j.Kept.Allowed:
			over++
		case !allowed && j.Given.Allowed:
			under++
		}
		if j.Free.Allowed != allowed {
			divergent++
		}
		p.Settle(now, 1, j.Free.Allowed, allowed, j.Kept.Allowed, j.Fits)
	}
	if over != 0 || under != 1 || divergent != 40 {
		t.Errorf("over %d, under %d, divergent %d; expected none over, the first denial under, all 40 divergent", over, under, divergent)
	}
}
