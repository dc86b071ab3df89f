package traffic

import (
	"math"
	"time"
)

// OnOff alternates the rate on for onFor and the rate off for offFor, for ever,
// beginning with on. Rates are in events per second, ≥ 0.
func OnOff(on, off float64, onFor, offFor time.Duration) (Curve, error) {
	c := check{of: "on_off"}
	c.rate("on", on)
	c.rate("off", off)
	c.period("on_for", onFor)
	c.period("off_for", offFor)
	if onFor > 0 && offFor > 0 && onFor+offFor < 0 {
		c.fail("on_for + off_for", "together less than 292 years", "more")
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	shape := compose([]Part{{constant{on}, onFor}, {constant{off}, offFor}})
	return periodic{shape: shape, period: seconds(onFor + offFor), area: shape[1].after}, nil
}

// periodic repeats the shape on [0, period) for ever; area is Λ(period).
type periodic struct {
	shape        pieces
	period, area float64
}

func (p periodic) Rate(t float64) float64 {
	_, rest := phase(t, p.period)
	return p.shape.Rate(rest)
}

func (p periodic) Cumulative(t float64) float64 {
	k, rest := phase(t, p.period)
	return float64(k*p.area) + p.shape.Cumulative(rest)
}

func (p periodic) Inverse(n float64) float64 {
	if n <= 0 {
		return 0
	}
	if p.area == 0 {
		return math.Inf(1)
	}
	k, rest := turn(n, p.area)
	return float64(k*p.period) + p.shape.Inverse(rest)
}

// turn says in which repetition, from 0, the number n > 0 falls when each
// holds area, and how far into it, in (0, area]. A number within rounding of a
// repetition's end belongs to that repetition.
func turn(n, area float64) (k, rest float64) {
	k = math.Ceil(n/area) - 1
	rest = n - float64(k*area)
	if k > 0 && rest <= n*rounding {
		return k - 1, area
	}
	return k, min(rest, area)
}

func (p periodic) Next(t float64) float64 {
	k, rest := phase(t, p.period)
	inner := min(p.shape.Next(rest), p.period)
	if at := float64(k*p.period) + inner; at > t {
		return at
	}
	return math.Nextafter(t, math.Inf(1))
}

func (p periodic) Mass(float64) float64 { return 0 }
