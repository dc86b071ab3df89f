package traffic

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"time"
)

// combined is what a sum and a product have in common.
type combined struct {
	curves []Curve
	atlas
}

func (c *combined) Next(t float64) float64 {
	first := math.Inf(1)
	for _, part := range c.curves {
		first = min(first, next(part, t))
	}
	return first
}

func (c *combined) jumps() bool { return slices.ContainsFunc(c.curves, jumps) }

type sum struct{ combined }

// Sum adds rates. Λ is the sum of the parts' Λ, as exact as they are; the inverse is
// found on polynomials between the breakpoints, each laid between exact
// values of Λ.
func Sum(curves ...Curve) (Curve, error) {
	c := check{of: "sum"}
	c.curves(curves)
	if err := c.err(); err != nil {
		return nil, err
	}
	return &sum{combined{curves: curves}}, nil
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

type product struct{ combined }

// Product multiplies rates: the first is a rate in events per second, every
// further one a factor. A jump (a [Herd] without jitter) is multiplied by the other factors'
// values at its instant; two factors with jumps have no product.
//
// Λ has no closed form. It is integrated by polynomials of degree 10 between the
// breakpoints, adaptively, to a relative error below 1e-9 (from a millionth of an
// event on), besides what the rounding of instants is worth: a burst of 20 ms after a
// week is known to a nanosecond at either end.
func Product(curves ...Curve) (Curve, error) {
	c := check{of: "product"}
	c.curves(curves)
	if err := c.err(); err != nil {
		return nil, err
	}
	jumping := 0
	for _, curve := range curves {
		if jumps(curve) {
			jumping++
		}
	}
	if jumping > 1 {
		c.fail("curves", "at most one factor whose arrivals fall on one instant (give the others a jitter)", jumping)
		return nil, c.err()
	}
	return &product{combined{curves: curves}}, nil
}

func (p *product) Rate(t float64) float64 {
	rate := 1.0
	for _, c := range p.curves {
		rate *= c.Rate(t)
	}
	return rate
}

func (p *product) Mass(t float64) float64 {
	for j, c := range p.curves {
		if m := mass(c, t); m > 0 {
			for i, other := range p.curves {
				if i != j {
					m *= other.Rate(t)
				}
			}
			return m
		}
	}
	return 0
}

func (p *product) Cumulative(t float64) float64 { return p.atlas.cumulative(p, t) }

func (p *product) Inverse(n float64) float64 { return p.atlas.inverse(p, n) }

func (p *product) forward(horizon float64) func(n float64) float64 { return walker(p, horizon) }

// settle takes an area that is whole within the error of the quadrature as whole.
func (p *product) settle(_, estimate, slack float64) float64 {
	return snap(estimate, slack+float64(1e-12*estimate))
}

// idle waits for the factor that is zero for longest.
func (p *product) idle(t float64) float64 {
	last := t
	for _, c := range p.curves {
		last = max(last, quiet(c, t))
	}
	return last
}

// Part is a curve for a time. The curve's own clock starts at 0 with the part.
type Part struct {
	Curve Curve
	For   time.Duration // above 0; 0 for the last part means to the end
}

// Step is a rate in events per second, held for a time.
type Step struct {
	Rate float64
	For  time.Duration // above 0; 0 for the last step means to the end
}

type piece struct {
	curve         Curve
	start, end    float64 // seconds
	before, after float64 // Λ(start−), Λ(end−) of the whole
}

type pieces []piece

// Then plays one curve after another. When the last part has an end, the rate
// is 0 after it. A jump of a part at the very end of its time is not played:
// a part covers [start, start + For).
func Then(parts []Part) (Curve, error) {
	c := check{of: "then"}
	if len(parts) == 0 {
		c.fail("parts", "at least one part", "none")
	}
	var total time.Duration
	for i, p := range parts {
		name := fmt.Sprintf("part %d", i+1)
		if p.Curve == nil {
			c.fail(name, "a curve", "nil")
		}
		if p.For < 0 || (p.For == 0 && i < len(parts)-1) {
			c.fail(name, "a duration above 0 (0 in the last part alone: to the end)", p.For)
		}
		if total += p.For; total < 0 {
			c.fail(name, "parts of together less than 292 years", "more")
		}
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	return compose(parts), nil
}

func compose(parts []Part) pieces {
	var all pieces
	var at time.Duration
	var before float64
	for _, p := range parts {
		next := piece{curve: p.Curve, start: seconds(at), before: before, end: math.Inf(1), after: math.Inf(1)}
		if p.For > 0 {
			at += p.For
			length := seconds(p.For)
			before = whole(before + p.Curve.Cumulative(length) - mass(p.Curve, length))
			next.end, next.after = seconds(at), before
		}
		all = append(all, next)
	}
	return all
}

// Steps holds one rate after another; see [Then] for what follows the last.
func Steps(steps []Step) (Curve, error) {
	var parts []Part
	var problems []error
	for i, s := range steps {
		c := check{of: "steps"}
		c.rate(fmt.Sprintf("rate of step %d", i+1), s.Rate)
		problems = append(problems, c.err())
		parts = append(parts, Part{constant{s.Rate}, s.For})
	}
	curve, err := Then(parts)
	if err := errors.Join(append(problems, err)...); err != nil {
		return nil, err
	}
	return curve, nil
}

// at is the part that plays at t.
func (p pieces) at(t float64) *piece {
	i := sort.Search(len(p), func(i int) bool { return p[i].start > t })
	return &p[max(i-1, 0)]
}

// local is t on the part's own clock. The subtraction rounds, so an instant next
// to a breakpoint of the part is taken as the breakpoint: its jump counts.
func (p *piece) local(t float64) float64 {
	t, slack := t-p.start, p.start*rounding
	if near := next(p.curve, t-slack); near <= t+slack && t > slack {
		return near
	}
	return t
}

func (p pieces) Rate(t float64) float64 {
	if part := p.at(t); t < part.end {
		return part.curve.Rate(t - part.start)
	}
	return 0
}

func (p pieces) Cumulative(t float64) float64 {
	part := p.at(t)
	if t >= part.end {
		return part.after
	}
	return min(part.before+part.curve.Cumulative(part.local(t)), part.after)
}

func (p pieces) Inverse(n float64) float64 {
	return p.invert(n, func(i int, n float64) float64 { return p[i].curve.Inverse(n) })
}

func (p pieces) invert(n float64, inverse func(i int, n float64) float64) float64 {
	if n <= 0 {
		return 0
	}
	i := sort.Search(len(p), func(i int) bool { return p[i].after >= n })
	if i == len(p) {
		return math.Inf(1)
	}
	t := inverse(i, n-p[i].before)
	if math.IsInf(t, 1) { // all that there is, but for the rounding of the difference?
		t = inverse(i, n-p[i].before-rounding*n)
	}
	return min(p[i].start+t, p[i].end)
}

func (p pieces) forward(horizon float64) func(n float64) float64 {
	inverses := make([]func(float64) float64, len(p))
	for i := range p {
		inverses[i] = forward(p[i].curve, min(horizon, p[i].end)-p[i].start)
	}
	inverse := func(i int, n float64) float64 { return inverses[i](n) }
	return func(n float64) float64 { return p.invert(n, inverse) }
}

func (p pieces) Next(t float64) float64 {
	part := p.at(t)
	if t >= part.end {
		return math.Inf(1)
	}
	inner := part.start + next(part.curve, part.local(t))
	if inner <= t { // rounding of the part's clock
		inner = math.Nextafter(t, math.Inf(1))
	}
	return min(inner, part.end)
}

func (p pieces) Mass(t float64) float64 {
	if part := p.at(t); t < part.end {
		return mass(part.curve, part.local(t))
	}
	return 0
}

func (p pieces) jumps() bool {
	return slices.ContainsFunc(p, func(part piece) bool { return jumps(part.curve) })
}
