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
