package traffic

import "math"

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
