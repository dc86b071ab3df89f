package plots

import (
	"math"

	"github.com/quotalab/quotalab/results/series"
)

// keyCurve is what a key was given in its worst window and what its limit
// allows, at the same instants. A step is two points at one instant.
type keyCurve struct {
	x, given, bound, above []float64 // above: given where that is more than the bound, else the bound
	until, most            float64
}

// isLevelled tells whether t/T is to be taken off: where most of what was given is
// what came back with time, an excess would be a hair.
func isLevelled(a *series.KeyAdmission) bool {
	back := float64(a.Count) / a.Period * spanOf(a)
	return back > 2*float64(a.Burst) && back > 4*a.Excess
}

// spanOf the window. A limit that comes back in months says nothing of a run of
// seconds, so the envelope may be longer than what is shown.
func spanOf(a *series.KeyAdmission) float64 {
	if last := a.Admitted[len(a.Admitted)-1].X; last > 0 {
		return last
	}
	return a.Envelope[len(a.Envelope)-1].X
}

func newKeyCurve(a *series.KeyAdmission, level bool) *keyCurve {
	first, last := a.Envelope[0], a.Envelope[len(a.Envelope)-1]
	slope := 0.0
	if last.X > first.X {
		slope = (last.Y - first.Y) / (last.X - first.X)
	}
	c := &keyCurve{until: spanOf(a)}
	add := func(x, given float64) {
		bound, back := first.Y+slope*(x-first.X), 0.0
		if level {
			back = slope * (x - first.X)
		}
		c.x, c.bound, c.given = append(c.x, x), append(c.bound, bound-back), append(c.given, given-back)
		c.above = append(c.above, max(given, bound)-back)
		c.most = max(c.most, max(given, bound)-back)
	}
	add(a.Admitted[0].X, 0)
	for i, p := range a.Admitted {
		until := c.until
		if i+1 < len(a.Admitted) {
			until = a.Admitted[i+1].X
		}
		add(p.X, p.Y)
		if cross := first.X + (p.Y-first.Y)/slope; cross > p.X && cross < until { // never of a NaN or an infinity
			add(cross, p.Y)
		}
		if until > p.X {
			add(until, p.Y)
		}
	}
	if !(c.until > 0) || math.IsInf(c.until, 0) {
		c.until = 1
	}
	return c
}
