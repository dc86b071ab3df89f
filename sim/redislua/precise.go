package redislua

import "math"

// The exponential and the logarithms, with twice the digits of a float64 and
// rounded once at the end: so they are those of the C library, which is right
// to the last digit but for one case in many thousands, and the same on every
// processor.

// double is an unevaluated sum; its first part is the nearest float64.
type double struct{ high, low float64 }

func sum(a, b float64) double {
	s := a + b
	v := s - a
	return double{s, (a - (s - v)) + (b - v)}
}

func product(a, b float64) double {
	p := float64(a * b)
	ah, al := halves(a)
	bh, bl := halves(b)
	e := float64(ah*bh) - p
	e += float64(ah * bl)
	e += float64(al * bh)
	return double{p, e + float64(al*bl)}
}

// halves splits a number into two of half the digits.
func halves(a float64) (high, low float64) {
	c := float64(134217729 * a)
	high = c - (c - a)
	return high, a - high
}

func (a double) plus(b double) double {
	s := sum(a.high, b.high)
	t := sum(a.low, b.low)
	s = sum(s.high, s.low+t.high)
	return sum(s.high, s.low+t.low)
}

func (a double) times(b double) double {
	p := product(a.high, b.high)
	cross := float64(a.high*b.low) + float64(a.low*b.high)
	return sum(p.high, p.low+cross)
}

func (a double) over(f float64) double {
	q := a.high / f
	p := product(q, f)
	return sum(q, ((a.high-p.high)-p.low+a.low)/f)
}

func (a double) scaled(f float64) double { return double{a.high * f, a.low * f} } // by a power of 2

var ln2 = double{0.6931471805599453, 2.3190468138462996e-17}

// expOf returns e to the power of x, as a number near 1 and a power of two.
func expOf(x double) (double, int) {
	k := math.Round(x.high / ln2.high)
	r := x.plus(ln2.times(double{-k, 0})).scaled(1.0 / 256)
	term, total := double{1, 0}, double{1, 0}
	for i := 1.0; i <= 12; i++ {
		term = term.times(r).over(i)
		total = total.plus(term)
	}
	for range 8 {
		total = total.times(total)
	}
	return total, int(k)
}

// logOf returns the natural logarithm of a positive, finite number.
func logOf(x float64) double {
	fraction, k := math.Frexp(x)
	if fraction < math.Sqrt2/2 {
		fraction *= 2
		k--
	}
	guess := double{math.Log(fraction), 0}
	for range 2 { // Newton's steps
		e, n := expOf(double{-guess.high, -guess.low})
		e = e.scaled(math.Ldexp(1, n)).times(double{fraction, 0})
		d := e.plus(double{-1, 0})
		square := d.times(d).scaled(0.5)
		guess = guess.plus(d).plus(double{-square.high, -square.low})
	}
	return guess.plus(ln2.times(double{float64(k), 0}))
}

func round(x double, power int) float64 { return math.Ldexp(x.high+x.low, power) }

func exp(x float64) float64 {
	switch {
	case x != x || x > 710 || x < -746 || x == 0:
		return math.Exp(x) // infinite, zero, one
	case math.Abs(x) < 0x1p-54:
		return 1
	}
	return round(expOf(double{x, 0}))
}

func logarithm(x float64) float64 {
	if !(x > 0) || math.IsInf(x, 1) || x == 1 {
		return math.Log(x) // without a value, infinite, zero
	}
	l := logOf(x)
	return l.high + l.low
}

// logarithm10 is that of the C library, which takes it from the natural one.
func logarithm10(x float64) float64 {
	const (
		ivln10 = 4.34294481903251816668e-01
		high   = 3.01029995663611771306e-01
		low    = 3.69423907715893078616e-13
	)
	if !(x > 0) || math.IsInf(x, 1) {
		return math.Log10(x)
	}
	f, k := math.Frexp(x)
	f *= 2
	k--
	if k < 0 {
		k++
		f /= 2
	}
	y := float64(k)
	z := float64(y*low) + float64(ivln10*logarithm(f))
	return z + float64(y*high)
}

// power is C's pow.
func power(a, b float64) float64 {
	switch {
	case b == 2:
		return a * a
	case b == 1:
		return a
	}
	r := math.Pow(a, b)
	x := math.Abs(a)
	if r != r || x == 0 || x == 1 || b == 0 || math.IsInf(x, 0) || math.IsInf(b, 0) {
		return settle(a, b, r)
	}
	l := logOf(x).times(double{b, 0})
	if l.high > 710 || l.high < -746 {
		return r
	}
	return math.Copysign(round(expOf(l)), r)
}

func hyperbolicSine(x float64) float64 {
	if x != x || math.Abs(x) > 700 || math.Abs(x) < 1 {
		return math.Sinh(x)
	}
	up, n := expOf(double{x, 0})
	down, m := expOf(double{-x, 0})
	d := up.scaled(math.Ldexp(0.5, n)).plus(down.scaled(-math.Ldexp(0.5, m)))
	return d.high + d.low
}

func hyperbolicCosine(x float64) float64 {
	if x != x || math.Abs(x) > 700 {
		return math.Cosh(x)
	}
	up, n := expOf(double{x, 0})
	down, m := expOf(double{-x, 0})
	d := up.scaled(math.Ldexp(0.5, n)).plus(down.scaled(math.Ldexp(0.5, m)))
	return d.high + d.low
}
