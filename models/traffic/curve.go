package traffic

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/quotalab/quotalab/models/metric/unit"
)

// Curve is a rate over time, t in seconds from the run's start, t ≥ 0.
// Every Curve of this package is immutable or locks for itself, so that
// goroutines may share it.
type Curve interface {
	// Rate is λ(t) in events per second, right-continuous. Where Λ jumps, Rate
	// tells nothing of the jump.
	Rate(t float64) float64
	// Cumulative is Λ(t) = ∫₀ᵗ λ, the events expected in [0, t], jumps at t
	// included. It is exact up to rounding where a closed form exists.
	Cumulative(t float64) float64
	// Inverse is the smallest t with Λ(t) ≥ n, so 0 for n ≤ 0 and +Inf when Λ
	// never reaches n.
	Inverse(n float64) float64
}

// Piecewise is a Curve that knows where it is not smooth. Sum, Product and
// Then ask for it; a curve without it counts as smooth everywhere, which costs
// them time at a hidden kink but no correctness.
type Piecewise interface {
	Curve
	// Next is the first instant after t at which λ or its scale of variation
	// changes abruptly, or Λ jumps; +Inf when there is none.
	Next(t float64) float64
	// Mass is the jump Λ(t) − Λ(t−), the events at exactly the instant t.
	Mass(t float64) float64
}

// forwarder is a Curve with a quicker inverse for numbers that never fall.
// It must return what Inverse returns, +Inf being allowed past the horizon.
type forwarder interface {
	forward(horizon float64) func(n float64) float64
}

func forward(c Curve, horizon float64) func(n float64) float64 {
	if f, ok := c.(forwarder); ok {
		return f.forward(horizon)
	}
	return c.Inverse
}

func next(c Curve, t float64) float64 {
	if p, ok := c.(Piecewise); ok {
		return p.Next(t)
	}
	return math.Inf(1)
}

func mass(c Curve, t float64) float64 {
	if p, ok := c.(Piecewise); ok {
		return p.Mass(t)
	}
	return 0
}

// jumps reports whether Λ of c has jumps at all.
func jumps(c Curve) bool {
	j, ok := c.(interface{ jumps() bool })
	return ok && j.jumps()
}

// firstAfter is the first of the given instants after t, +Inf without one.
func firstAfter(t float64, instants ...float64) float64 {
	first := math.Inf(1)
	for _, x := range instants {
		if x > t && x < first {
			first = x
		}
	}
	return first
}

// snap returns the whole number next to n when only rounding lies between
// them. Without it the last arrival of a burst of exactly 600 would slip to
// the next burst when the burst's area rounds to 599.9999999999999.
func snap(n, slack float64) float64 {
	if near := math.Round(n); math.Abs(n-near) <= slack {
		return near
	}
	return n
}

// whole is snap for a number with a closed form.
func whole(n float64) float64 { return snap(n, rounding*n) }

// rounding is the relative error a few additions and multiplications can have.
const rounding = 0x1p-50

// phase splits t into whole periods and the rest in [0, period). An instant
// within rounding of k·period is taken as that instant.
func phase(t, period float64) (k, rest float64) {
	k = math.Floor(t / period)
	rest = t - float64(k*period)
	switch slack := rounding * t; {
	case rest < slack:
		return k, max(rest, 0)
	case rest > period-slack:
		return k + 1, 0
	}
	return k, rest
}

func seconds(d time.Duration) float64 { return d.Seconds() }

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
func (c constant) Cumulative(t float64) float64 { return float64(c.rate * t) }
func (c constant) Next(float64) float64         { return math.Inf(1) }
func (c constant) Mass(float64) float64         { return 0 }

func (c constant) Inverse(n float64) float64 {
	if n <= 0 {
		return 0
	}
	return n / c.rate // +Inf at rate 0
}

// root returns the smallest t in [lo, hi] with f(t) ≥ n, for f nondecreasing
// with f(lo) < n ≤ f(hi). f returns its value and slope; bend bounds the change
// of slope per t in the bracket. It is Newton's method inside a shrinking
// bracket (rtsafe of Press et al., Numerical Recipes, §9.4), stopped by the
// error step²·|f″|/2f′ that a Newton step leaves, so that a good guess
// costs one evaluation. The result depends on nothing but the arguments: a
// cursor and a fresh search agree to the last bit.
func root(n, lo, hi, guess, bend float64, f func(t float64) (value, slope float64)) float64 {
	tolerance := hi * 0x1p-51
	t := min(max(guess, lo), hi)
	for range 200 {
		value, slope := f(t)
		if value < n {
			lo = t
		} else {
			hi = t
		}
		step := (n - value) / slope
		to := t + step
		switch {
		case slope > 0 && to >= lo && to <= hi:
			if step*step*bend <= slope*tolerance || math.Abs(step) <= tolerance {
				return to
			}
		case hi-lo <= tolerance:
			return hi
		default: // flat, steep or beyond the bracket
			to = lo + (hi-lo)/2
		}
		t = to
	}
	return hi
}

// check collects everything that is wrong with a constructor's parameters.
type check struct {
	of       string
	problems []error
}

func (c *check) fail(parameter, expected string, found any) {
	if d, ok := found.(time.Duration); ok {
		found = unit.Time(d)
	}
	c.problems = append(c.problems, fmt.Errorf("traffic: %s: %s: expected %s, found %v", c.of, parameter, expected, found))
}

func (c *check) err() error { return errors.Join(c.problems...) }

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

func (c *check) rate(parameter string, perSecond float64) {
	if !finite(perSecond) || perSecond < 0 {
		c.fail(parameter, "a finite rate of at least 0 per second", perSecond)
	}
}

func (c *check) positiveRate(parameter string, perSecond float64) {
	if !finite(perSecond) || perSecond <= 0 {
		c.fail(parameter, "a finite rate above 0 per second", perSecond)
	}
}

func (c *check) between(parameter string, x, low, high float64) {
	if !(low <= x && x <= high) {
		c.fail(parameter, fmt.Sprintf("a number from %g to %g", low, high), x)
	}
}

func (c *check) period(parameter string, d time.Duration) {
	if d <= 0 {
		c.fail(parameter, "a duration above 0", d)
	}
}

func (c *check) duration(parameter string, d time.Duration) {
	if d < 0 {
		c.fail(parameter, "a duration of at least 0", d)
	}
}
