package traffic

import (
	"math"
	"time"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/models/portable"
)

type exponential struct {
	from, growth   float64 // events/s, 1/s
	over, area, to float64 // seconds, Λ(over), λ(over)
}

// settled is the number of time constants after which an exponential is gone
// to rounding: e⁻⁴⁰ ≈ 4·10⁻¹⁸.
const settled = 40

// Exponential is λ(t) = from·e^(g·t) up to over, then it stays. from is in
// events per second, above 0; growthPerSecond is g in 1/s, below 0 for decay
// (a doubling time d is g = ln 2/d). Λ(t) = from·(e^(g·t) − 1)/g.
func Exponential(from, growthPerSecond float64, over time.Duration) (Curve, error) {
	c := check{of: "exponential"}
	c.positiveRate("from", from)
	if !finite(growthPerSecond) {
		c.fail("growth", "a finite growth per second", growthPerSecond)
	}
	c.period("over", over)
	if err := c.err(); err != nil {
		return nil, err
	}
	e := exponential{from: from, growth: growthPerSecond, over: seconds(over)}
	e.to = from * portable.Exp(growthPerSecond*e.over)
	e.area = whole(e.grown(e.over))
	if math.IsInf(e.area, 1) || math.IsInf(e.to, 1) {
		c.fail("growth", "growth that stays finite over "+unit.Time(over), growthPerSecond)
		return nil, c.err()
	}
	return e, nil
}

// grown is from·expm1(g·t)/g, written so that g → 0 gives from·t.
func (e exponential) grown(t float64) float64 {
	x := e.growth * t
	if math.Abs(x) < 0x1p-54 {
		return float64(e.from * t)
	}
	return float64(e.from * t * (portable.Expm1(x) / x))
}

func (e exponential) Rate(t float64) float64 {
	if t >= e.over {
		return e.to
	}
	return float64(e.from * portable.Exp(e.growth*t))
}

func (e exponential) Cumulative(t float64) float64 {
	if t >= e.over {
		return e.area + float64(e.to*(t-e.over))
	}
	return e.grown(t)
}

// Inverse is ln(1 + g·n/from)/g while the curve grows.
func (e exponential) Inverse(n float64) float64 {
	if n <= 0 {
		return 0
	}
	if n > e.area {
		return e.over + (n-e.area)/e.to
	}
	x, t := e.growth*n/e.from, n/e.from
	if math.Abs(x) >= 0x1p-54 {
		t *= portable.Log1p(max(x, -1)) / x
	}
	return min(t, e.over)
}

// Next adds to over the instant at which a steep exponential becomes visible
// or has died away, so that a combination looks there.
func (e exponential) Next(t float64) float64 {
	visible := settled / math.Abs(e.growth)
	if e.growth > 0 {
		visible = e.over - visible
	}
	if visible > e.over {
		visible = e.over
	}
	return firstAfter(t, visible, e.over)
}

func (e exponential) Mass(float64) float64 { return 0 }

type ramp struct {
	from, to, slope float64 // events/s, events/s, events/s²
	over, area      float64 // seconds, Λ(over)
}

// Ramp grows or falls linearly from one rate to another (events per second,
// ≥ 0) and then stays: λ(t) = from + (to−from)·t/over up to over, to afterwards.
func Ramp(from, to float64, over time.Duration) (Curve, error) {
	c := check{of: "ramp"}
	c.rate("from", from)
	c.rate("to", to)
	c.period("over", over)
	if err := c.err(); err != nil {
		return nil, err
	}
	s := seconds(over)
	return ramp{from: from, to: to, slope: (to - from) / s, over: s, area: whole((from + to) / 2 * s)}, nil
}

func (r ramp) Rate(t float64) float64 {
	if t >= r.over {
		return r.to
	}
	return r.from + float64(r.slope*t)
}

func (r ramp) Cumulative(t float64) float64 {
	if t >= r.over {
		return r.area + float64(r.to*(t-r.over))
	}
	return float64((r.from + r.slope*t/2) * t)
}

// Inverse solves from·t + slope·t²/2 = n. The root is written as
// 2n/(from + √(from² + 2·slope·n)) because the textbook form subtracts two
// nearly equal numbers (Press et al., Numerical Recipes, §5.6).
func (r ramp) Inverse(n float64) float64 {
	if n <= 0 {
		return 0
	}
	if n > r.area {
		return r.over + (n-r.area)/r.to
	}
	root := r.from + math.Sqrt(max(0, float64(r.from*r.from)+float64(2*r.slope*n)))
	if root == 0 { // n is so small that its square root vanished
		return 0
	}
	return min(2*n/root, r.over)
}

func (r ramp) Next(t float64) float64 { return firstAfter(t, r.over) }
func (r ramp) Mass(float64) float64   { return 0 }

type logistic struct {
	to, k, a, logA1, midpoint float64 // events/s, 1/s, to/from−1, ln(1+a), seconds
}

// Logistic is S-shaped growth (Verhulst 1838):
//
//	λ(t) = to/(1 + A·e^(−k·t)), A = to/from − 1, k = ln(A)/midpoint
//	Λ(t) = to/k · ln((A + e^(k·t))/(A + 1))
//
// so that λ(0) = from and λ(midpoint) = to/2. Rates are in events per second;
// from must be above 0 and below half of to, which is approached and not reached.
func Logistic(from, to float64, midpoint time.Duration) (Curve, error) {
	c := check{of: "logistic"}
	c.positiveRate("from", from)
	c.positiveRate("to", to)
	c.period("midpoint", midpoint)
	if err := c.err(); err != nil {
		return nil, err
	}
	a := to/from - 1
	if !(a > 1) || !finite(a) {
		c.fail("from", "a rate below half of to and not vanishingly smaller", from)
		return nil, c.err()
	}
	m := seconds(midpoint)
	return logistic{to: to, k: portable.Log(a) / m, a: a, logA1: portable.Log1p(a), midpoint: m}, nil
}

func (l logistic) Rate(t float64) float64 { return l.to / (1 + float64(l.a*portable.Exp(-l.k*t))) }

// tooBig is where e^x is about to overflow.
const tooBig = 700

// Cumulative is written as ln(1 + (e^(k·t) − 1)/(A + 1)), which loses nothing
// near 0; where e^(k·t) would overflow, it is taken out of the logarithm.
func (l logistic) Cumulative(t float64) float64 {
	x := float64(l.k * t)
	if x < tooBig {
		return float64(l.to / l.k * portable.Log1p(portable.Expm1(x)/(1+l.a)))
	}
	return float64(l.to / l.k * (x + portable.Log1p(l.a*portable.Exp(-x)) - l.logA1))
}

// Inverse solves e^(k·t) = (A + 1)·e^(k·n/to) − A.
func (l logistic) Inverse(n float64) float64 {
	if n <= 0 {
		return 0
	}
	y := l.k * n / l.to
	if y+l.logA1 < tooBig {
		return portable.Log1p((1+l.a)*portable.Expm1(y)) / l.k
	}
	return (y + l.logA1 + portable.Log1p(-l.a/(1+l.a)*portable.Exp(-y))) / l.k
}

// Next names the region of growth, which may be narrow.
func (l logistic) Next(t float64) float64 {
	return firstAfter(t, l.midpoint-settled/l.k, l.midpoint, l.midpoint+settled/l.k)
}

func (l logistic) Mass(float64) float64 { return 0 }
