package series

import (
	"math"
	"time"

	"github.com/quotalab/quotalab/results/measure"
)

// steps that people count longer times in, in seconds. Below a second a step
// is 1, 2 or 5 times a power of ten.
var steps = [...]int64{
	1, 2, 5, 10, 15, 30, 60, 2 * 60, 5 * 60, 10 * 60, 15 * 60, 30 * 60, 3600, 2 * 3600, 3 * 3600, 6 * 3600, 12 * 3600,
	86400, 2 * 86400, 7 * 86400, 14 * 86400, 28 * 86400, 91 * 86400, 364 * 86400, 5 * 364 * 86400, 15 * 364 * 86400,
}

// intervals cut the measured time at multiples of a round step. Those at its
// ends take in what is left over, so each is at least half a step long.
type intervals struct {
	begin, end int64 // of the measured time, ns after the epoch
	step, from int64 // from: where the first would begin if it were as long as the others
	n          int   // 0: no time was measured
}

// A timeline of few observations has fewer intervals, down to fewIntervals, so
// that one holds about perInterval of them and rates are more than noise.
const (
	fewIntervals = 24
	perInterval  = 20
)

// measured is the time that the summary is of.
func measured(s *measure.Summary) intervals {
	begin := int64(math.Round(s.WarmupSeconds * 1e9))
	most := min(max(fewIntervals, s.Observations/perInterval), MaxIntervals)
	return cut(begin, begin+int64(math.Round(s.MeasuredSeconds*1e9)), int(most))
}

// cut a time into so many intervals at most. A time without length is one.
func cut(begin, end int64, most int) intervals {
	if begin == end {
		return intervals{begin: begin, end: end, from: begin, step: int64(time.Second), n: 1}
	}
	for power := int64(1); power < 1e9; power *= 10 {
		for _, m := range [...]int64{1, 2, 5} {
			if c := cutBy(begin, end, m*power); c.n <= most {
				return c
			}
		}
	}
	i := 0
	for cutBy(begin, end, steps[i]*1e9).n > most { // an int64 holds 292 years, twenty times the longest
		i++
	}
	return cutBy(begin, end, steps[i]*1e9)
}

func cutBy(begin, end, step int64) intervals {
	first, last := nearest(begin, step), nearest(end, step)
	return intervals{begin: begin, end: end, step: step, from: first * step, n: int(max(1, last-first))}
}

// nearest multiple of the step, in steps; from the middle between two it is
// the later.
func nearest(t, step int64) int64 {
	n := t / step
	if 2*(t%step) >= step {
		n++
	}
	return n
}

// of an instant that counts.
func (c *intervals) of(at int64) int {
	return int(min(max(0, (at-c.from)/c.step), int64(c.n-1)))
}

// start of interval i, ns after the epoch.
func (c *intervals) start(i int) int64 {
	if i == 0 {
		return c.begin
	}
	return c.from + int64(i)*c.step
}

// seconds that interval i covers. A time without length counts as a step.
func (c *intervals) seconds(i int) float64 {
	until := c.end
	if i < c.n-1 {
		until = c.start(i + 1)
	}
	if length := until - c.start(i); length > 0 {
		return float64(length) / 1e9
	}
	return float64(c.step) / 1e9
}

// rates by second of what was counted by interval.
func (c *intervals) rates(counts []int64) []float64 {
	out := make([]float64, len(counts))
	for i, n := range counts {
		out[i] = float64(n) / c.seconds(i)
	}
	return out
}
