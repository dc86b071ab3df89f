package traffic

import (
	"time"

	"github.com/quotalab/quotalab/models/metric/unit"
)

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
