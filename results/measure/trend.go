package measure

import (
	"math"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// trend is a distribution of non-negative integers: exact count, minimum,
// maximum and mean, and percentiles within 0.1 % (an HDR histogram with three
// digits). The histogram is not made before two samples differ, as many
// trends are constant in virtual time; and it grows with its values, because
// one for the longest of runs takes 400 kB.
type trend struct {
	n        int64
	min, max int64
	sum      float64
	hist     *hdrhistogram.Histogram // nil: all samples are min
}

const digits = 3

// ranges are the highest values of the histogram as it grows: of
// nanoseconds about 1 s, 1 h and 146 years.
var ranges = [...]int64{1 << 30, 1 << 42, 1 << 62}

func (t *trend) add(v int64) { t.addN(v, 1) }

func (t *trend) addN(v, n int64) {
	v = max(v, 0)
	switch {
	case t.n == 0:
		t.min, t.max = v, v
	case t.hist == nil && v != t.min:
		t.record(t.min, t.n)
	}
	t.min, t.max = min(t.min, v), max(t.max, v)
	t.n += n
	t.sum += float64(v) * float64(n)
	if t.hist != nil {
		t.record(v, n)
	}
}

func (t *trend) record(v, n int64) {
	v = min(v, ranges[len(ranges)-1])
	t.grow(v)
	_ = t.hist.RecordValues(v, n) // fails above the highest value only, and grow saw to that
}

func (t *trend) grow(v int64) {
	for _, highest := range ranges {
		if t.hist != nil && v <= t.hist.HighestTrackableValue() {
			return
		}
		if v > highest && highest != ranges[len(ranges)-1] {
			continue
		}
		wider := hdrhistogram.New(1, highest, digits)
		if t.hist != nil {
			wider.Merge(t.hist)
		}
		t.hist = wider
	}
}

// merge adds the samples of u.
func (t *trend) merge(u *trend) {
	switch {
	case u.n == 0:
		return
	case u.hist == nil:
		t.addN(u.min, u.n)
		return
	case t.n > 0 && t.hist == nil:
		t.record(t.min, t.n)
	}
	t.grow(max(u.max, u.hist.HighestTrackableValue()))
	t.hist.Merge(u.hist)
	if t.n == 0 {
		t.min = u.min
	}
	t.min, t.max = min(t.min, u.min), max(t.max, u.max)
	t.n += u.n
	t.sum += u.sum
}

// percentile of a trend with samples.
func (t *trend) percentile(p float64) float64 {
	if t.hist == nil {
		return float64(t.min)
	}
	v := t.hist.ValueAtPercentile(p)
	return float64(min(max(v, t.min), t.max)) // a bucket's edge may lie outside the samples
}

func (t *trend) mean() float64 {
	return math.Min(math.Max(t.sum/float64(t.n), float64(t.min)), float64(t.max))
}
