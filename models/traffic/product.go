package traffic

import "slices"

type product struct {
	curves []Curve
	atlas
}

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
	return &product{curves: curves}, nil
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

func (p *product) Next(t float64) float64 { return nextOf(p.curves, t) }

// settle takes an area that is whole within the error of the quadrature as whole.
func (p *product) settle(_, estimate, slack float64) float64 {
	return snap(estimate, slack+1e-12*estimate)
}

// idle waits for the factor that is zero for longest.
func (p *product) idle(t float64) float64 {
	last := t
	for _, c := range p.curves {
		last = max(last, quiet(c, t))
	}
	return last
}

func (p *product) jumps() bool { return slices.ContainsFunc(p.curves, jumps) }
