package limits

import (
	"math"
	"math/bits"
)

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
