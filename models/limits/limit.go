package limits

import (
	"fmt"
	"math"
	"math/bits"
	"time"

	"github.com/quotalab/quotalab/models/metric/unit"
)

// Limit is Count tokens per Period with a Burst: a full bucket holds Burst
// tokens, and tokens come back at the rate Count/Period.
//
// The window algorithms (fixed_window, sliding_log, sliding_counter) have no
// burst apart from the window's Count, so they want Burst equal to Count.
type Limit struct {
	Count  int64         // tokens per period, at least 1
	Period time.Duration // at least 1 ns
	Burst  int64         // tokens of a full bucket, at least 1
}

// EmissionInterval is T, the time in which one token comes back: Period/Count
// in whole nanoseconds, rounded down as Boulder does (ratelimits/limit.go,
// precompute). It is 0 when Count exceeds the period's nanoseconds or is
// not positive.
func (l Limit) EmissionInterval() time.Duration {
	if l.Count <= 0 {
		return 0
	}
	return l.Period / time.Duration(l.Count)
}

// BurstOffset is EmissionInterval·Burst, the time in which an empty bucket
// becomes full; the longest time that 64 bits can say when it is longer.
func (l Limit) BurstOffset() time.Duration {
	return time.Duration(satMul(int64(l.EmissionInterval()), l.Burst))
}

// longestRefill bounds the time from empty to full: instants and refill
// times together then stay within 64 bits of nanoseconds.
const longestRefill = 1 << 60 // 36 years

// check reports what makes l unusable by any algorithm.
func (l Limit) check() error {
	switch {
	case l.Count < 1:
		return fmt.Errorf("count is %d, want at least 1 token per period: raise count", l.Count)
	case l.Period < 1:
		return fmt.Errorf("period is %v, want more than 0: raise period", unit.Time(l.Period))
	case l.Burst < 1:
		return fmt.Errorf("burst is %d, want at least 1 token: raise burst (it is usually the count)", l.Burst)
	}
	if q, _ := mulDiv(uint64(l.Burst), uint64(l.Period), 0, uint64(l.Count)); q > longestRefill {
		return fmt.Errorf("burst %d at %d per %v takes longer than 36 years to refill, more than this clock can count: lower burst or raise count",
			l.Burst, l.Count, unit.Time(l.Period))
	}
	return nil
}

// checkWindow is check for the algorithms that count in windows.
func (l Limit) checkWindow() error {
	if err := l.check(); err != nil {
		return err
	}
	if l.Burst != l.Count {
		return fmt.Errorf("burst is %d and count %d, but a window has no burst of its own: leave burst out or set it to %d", l.Burst, l.Count, l.Count)
	}
	if l.Period > longestRefill {
		return fmt.Errorf("period is %v, want at most 36 years: lower period", unit.Time(l.Period))
	}
	return nil
}

// satAdd is a + b, held within int64: an instant that far away is as good
// as always or never.
func satAdd(a, b int64) int64 {
	c := a + b
	if (c > a) == (b > 0) {
		return c
	}
	if b > 0 {
		return math.MaxInt64
	}
	return math.MinInt64
}

// satSub is a − b, held within int64.
func satSub(a, b int64) int64 {
	if b == math.MinInt64 {
		return satAdd(satAdd(a, math.MaxInt64), 1)
	}
	return satAdd(a, -b)
}

// satMul is a·b for a, b ≥ 0, held within int64.
func satMul(a, b int64) int64 {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if hi != 0 || lo > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(lo)
}

// mulDiv is (a·b + add) divided by c, in 128 bits: quotient and remainder. A
// quotient beyond int64 is held there, with remainder 0.
func mulDiv(a, b, add, c uint64) (q, r int64) {
	hi, lo := bits.Mul64(a, b)
	lo, carry := bits.Add64(lo, add, 0)
	hi += carry
	if hi >= c {
		return math.MaxInt64, 0
	}
	quo, rem := bits.Div64(hi, lo, c)
	if quo > math.MaxInt64 {
		return math.MaxInt64, 0
	}
	return int64(quo), int64(rem)
}

// up rounds a quotient with a remainder up.
func up(q, r int64) int64 {
	if r > 0 {
		return satAdd(q, 1)
	}
	return q
}

// floorDiv is ⌊a/b⌋ for b > 0: the number of the window of length b that a
// is in, also before the epoch.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// exact is the rational number whole + part/den, 0 ≤ part < den. The
// denominator is kept by its owner, which has one for all its numbers.
type exact struct{ whole, part int64 }

func (x exact) less(y exact) bool {
	return x.whole < y.whole || x.whole == y.whole && x.part < y.part
}

func (x exact) plus(y exact, den int64) exact {
	part := x.part - den + y.part // in [−den, den)
	if part >= 0 {
		return exact{satAdd(satAdd(x.whole, y.whole), 1), part}
	}
	return exact{satAdd(x.whole, y.whole), part + den}
}

func (x exact) minus(y exact, den int64) exact {
	part := x.part - y.part
	if part < 0 {
		return exact{satSub(satSub(x.whole, y.whole), 1), part + den}
	}
	return exact{satSub(x.whole, y.whole), part}
}

// ceil is the least integer ≥ x.
func (x exact) ceil() int64 { return up(x.whole, x.part) }
