package traffic

import (
	"math"
	"time"
)

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
