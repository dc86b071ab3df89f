package traffic

import (
	"time"

	"github.com/quotalab/quotalab/models/portable"
)

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
