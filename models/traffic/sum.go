package traffic

import (
	"fmt"
	"math"
	"slices"
)

type sum struct {
	curves []Curve
	atlas
}

// Sum adds rates. Λ is the sum of the parts' Λ, as exact as they are; the inverse is
// found on polynomials between the breakpoints, each laid between exact
// values of Λ.
func Sum(curves ...Curve) (Curve, error) {
	c := check{of: "sum"}
	c.curves(curves)
	if err := c.err(); err != nil {
		return nil, err
	}
	return &sum{curves: curves}, nil
}

func (c *check) curves(curves []Curve) {
	if len(curves) == 0 {
		c.fail("curves", "at least one curve", "none")
	}
	for i, curve := range curves {
		if curve == nil {
			c.fail(fmt.Sprintf("curve %d", i+1), "a curve", "nil")
		}
	}
}

func (s *sum) Rate(t float64) float64 { return total(s.curves, t, Curve.Rate) }

func (s *sum) Cumulative(t float64) float64 { return total(s.curves, t, Curve.Cumulative) }

func (s *sum) Mass(t float64) float64 { return total(s.curves, t, mass) }

func total(curves []Curve, t float64, of func(Curve, float64) float64) (sum float64) {
	for _, c := range curves {
		sum += of(c, t)
	}
	return sum
}

func (s *sum) Inverse(n float64) float64 { return s.atlas.inverse(s, n) }

func (s *sum) forward(horizon float64) func(n float64) float64 { return walker(s, horizon) }

func (s *sum) Next(t float64) float64 { return nextOf(s.curves, t) }

func nextOf(curves []Curve, t float64) float64 {
	first := math.Inf(1)
	for _, c := range curves {
		first = min(first, next(c, t))
	}
	return first
}

func (s *sum) settle(t, _, _ float64) float64 { return whole(s.Cumulative(t) - s.Mass(t)) }

func (s *sum) idle(t float64) float64 {
	first := math.Inf(1)
	for _, c := range s.curves {
		first = min(first, quiet(c, t))
	}
	return first
}

// quiet is an instant up to which the curve's Λ stays what it is at t: +Inf when
// what is left is rounding.
func quiet(c Curve, t float64) float64 {
	n := c.Cumulative(t)
	if math.IsInf(c.Inverse(max(n*(1+1e-11), 1e-200)), 1) {
		return math.Inf(1)
	}
	more := max(math.Nextafter(n, math.Inf(1)), 1e-200) // a square must not vanish
	return max(t, c.Inverse(more))
}

func (s *sum) jumps() bool { return slices.ContainsFunc(s.curves, jumps) }
