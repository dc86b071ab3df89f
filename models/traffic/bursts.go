package traffic

import (
	"math"
	"time"

	"github.com/quotalab/quotalab/models/metric/unit"
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

type herd struct{ size, every, jitter float64 } // events, seconds, seconds

// Herd is everyone at once: size events at 0, every, 2·every, …, spread evenly
// over the jitter that follows (0: all at that instant, so that Λ jumps by size;
// at most every). With Even gaps there are exactly size arrivals each time, with others
// size on average.
func Herd(size int, every, jitter time.Duration) (Curve, error) {
	c := check{of: "herd"}
	if size < 1 {
		c.fail("size", "at least 1 arrival", size)
	}
	c.period("every", every)
	if jitter < 0 || jitter > every {
		c.fail("jitter", "a duration from 0 to every ("+unit.Time(every)+")", jitter)
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	return herd{float64(size), seconds(every), seconds(jitter)}, nil
}

func (h herd) Rate(t float64) float64 {
	if _, rest := phase(t, h.every); rest < h.jitter {
		return h.size / h.jitter
	}
	return 0
}

func (h herd) Cumulative(t float64) float64 {
	k, rest := phase(t, h.every)
	if rest >= h.jitter { // also without jitter
		return float64((k + 1) * h.size)
	}
	return float64(k*h.size) + float64(h.size*(rest/h.jitter))
}

func (h herd) Inverse(n float64) float64 {
	if n <= 0 {
		return 0
	}
	k, rest := turn(n, h.size)
	return float64(k*h.every) + float64(rest/h.size*h.jitter)
}

func (h herd) Next(t float64) float64 {
	k, rest := phase(t, h.every)
	if at := float64(k*h.every) + h.jitter; rest < h.jitter && at > t {
		return at
	}
	return float64((k + 1) * h.every)
}

func (h herd) Mass(t float64) float64 {
	if _, rest := phase(t, h.every); rest == 0 && h.jitter == 0 {
		return h.size
	}
	return 0
}

func (h herd) jumps() bool { return h.jitter == 0 }

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
