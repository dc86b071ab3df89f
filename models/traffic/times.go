package traffic

import (
	"iter"
	"math/rand/v2"
	"time"
)

// Times yields the arrival instants before horizon, nondecreasing, rounded to
// the nanosecond. The gaps drawn from rng add up to the arrival's number n in
// operational time, and the arrival is due at Λ⁻¹(n).
//
// With [Even] gaps n is the exact integer 1, 2, 3, …, which is k6's convention:
// at a constant 10/s the first arrival is due after 100 ms and a horizon of 1 s holds 9
// arrivals, the tenth being due at its end. (A sum of ones is exact in float64 up to 2⁵³;
// random gaps carry the rounding of their sum, below 1e-8 of a gap after 10⁸.)
//
// The sequence goes on drawing from rng when it is ranged over a second time.
func Times(c Curve, g Gaps, rng *rand.Rand, horizon time.Duration) iter.Seq[time.Duration] {
	return func(yield func(time.Duration) bool) {
		end := seconds(horizon)
		inverse := forward(c, end)
		var n float64
		var last time.Duration
		for {
			n += g.Next(rng)
			t := inverse(n)
			if !(t < end) { // a NaN ends the sequence too
				return
			}
			// Two numbers closer than rounding may map to instants the wrong way round.
			last = max(last, time.Duration(t*1e9+0.5))
			if last >= horizon || !yield(last) {
				return
			}
		}
	}
}
