package traffic

import (
	"math"
	"time"

	"github.com/quotalab/quotalab/models/portable"
)

// Spike is a flash crowd: base until at, linear growth to peak during rise,
// peak during hold, then λ = base + (peak − base)·e^(−s/decay), s seconds after
// the hold. Rates are in events per second, peak ≥ base ≥ 0; every duration may be
// 0, decay 0 meaning a fall at once.
func Spike(base, peak float64, at, rise, hold, decay time.Duration) (Curve, error) {
	c := check{of: "spike"}
	c.rate("base", base)
	if !finite(peak) || peak < base {
		c.fail("peak", "a finite rate of at least the base", peak)
	}
	c.duration("at", at)
	c.duration("rise", rise)
	c.duration("hold", hold)
	c.duration("decay", decay)
	if at+rise < 0 || at+rise+hold < 0 {
		c.fail("at + rise + hold", "together less than 292 years", "more")
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	var parts []Part
	if at > 0 {
		parts = append(parts, Part{constant{base}, at})
	}
	if rise > 0 {
		up, err := Ramp(base, peak, rise)
		if err != nil {
			return nil, err
		}
		parts = append(parts, Part{up, rise})
	}
	if hold > 0 {
		parts = append(parts, Part{constant{peak}, hold})
	}
	if decay > 0 {
		return compose(append(parts, Part{decline{base, peak - base, seconds(decay)}, 0})), nil
	}
	return compose(append(parts, Part{constant{base}, 0})), nil
}

// decline is λ(t) = base + extra·e^(−t/tau).
type decline struct{ base, extra, tau float64 }

func (d decline) Rate(t float64) float64 { return d.base + float64(d.extra*portable.Exp(-t/d.tau)) }

func (d decline) Cumulative(t float64) float64 {
	return float64(d.base*t) - float64(d.extra*d.tau*portable.Expm1(-t/d.tau))
}

// Inverse is −tau·ln(1 − n/(extra·tau)) without a base. With one it is
// a Lambert W, found by Newton between the asymptote and the base alone: Λ is
// concave, so that the iteration from the left never overshoots.
func (d decline) Inverse(n float64) float64 {
	switch burst := float64(d.extra * d.tau); {
	case n <= 0:
		return 0
	case d.base == 0 && n > burst:
		return math.Inf(1)
	case d.base == 0:
		return min(-d.tau*portable.Log1p(-n/burst), settled*d.tau) // n = burst is reached in float64
	default:
		lo, hi := max(0, (n-burst)/d.base), n/d.base
		bend := d.extra / d.tau * portable.Exp(-lo/d.tau)
		return root(n, lo, hi, max(lo, n/(d.base+d.extra)), bend, func(t float64) (float64, float64) {
			e := portable.Expm1(-t / d.tau)
			return float64(d.base*t) - float64(burst*e), d.base + float64(d.extra*(1+e))
		})
	}
}

func (d decline) Next(t float64) float64 { return firstAfter(t, settled*d.tau) }
func (d decline) Mass(float64) float64   { return 0 }
