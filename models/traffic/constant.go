package traffic

import "math"

type constant struct{ rate float64 }

// Constant is λ(t) = rate (events per second, ≥ 0), so Λ(t) = rate·t.
// Inside a [Product] it is a plain factor.
func Constant(rate float64) (Curve, error) {
	c := check{of: "constant"}
	c.rate("rate", rate)
	if err := c.err(); err != nil {
		return nil, err
	}
	return constant{rate}, nil
}

func (c constant) Rate(float64) float64         { return c.rate }
func (c constant) Cumulative(t float64) float64 { return c.rate * t }
func (c constant) Next(float64) float64         { return math.Inf(1) }
func (c constant) Mass(float64) float64         { return 0 }

func (c constant) Inverse(n float64) float64 {
	if n <= 0 {
		return 0
	}
	return n / c.rate // +Inf at rate 0
}
