package summary

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/quotalab/quotalab/models/metric"
)

// trend is a distribution of non-negative integers: exact count, minimum,
// maximum and mean. Percentiles are exact as long as there are few distinct
// values, as under the constant delays of many virtual runs; from then on
// they come from an HDR histogram with three digits, within 0.1 %.
type trend struct {
	n        int64
	min, max int64
	sum      float64
	few      []sample                // sorted by value, while hist is nil
	hist     *hdrhistogram.Histogram // nil: few holds everything
}

type sample struct{ v, n int64 }

const (
	digits     = 3
	mostExact  = 64 // distinct values
	infinitely = 1 << 62
)

// ranges are the highest values of the histogram as it grows, because one
// for the longest of runs takes 400 kB: of nanoseconds about 1 s, 1 h and 146
// years.
var ranges = [...]int64{1 << 30, 1 << 42, infinitely}

func (t *trend) add(v int64) { t.addN(v, 1) }

// addN adds n > 0 samples of the same value; a negative one counts as 0.
func (t *trend) addN(v, n int64) {
	v = min(max(v, 0), infinitely)
	if t.n == 0 {
		t.min, t.max = v, v
	}
	t.min, t.max = min(t.min, v), max(t.max, v)
	t.n += n
	t.sum += float64(v) * float64(n)
	if t.hist == nil && t.keep(v, n) {
		return
	}
	t.record(v, n)
}

// keep adds to the exact values; false if there are too many of them, and
// then they have moved to the histogram.
func (t *trend) keep(v, n int64) bool {
	i, found := slices.BinarySearchFunc(t.few, v, func(s sample, v int64) int { return cmp.Compare(s.v, v) })
	switch {
	case found:
		t.few[i].n += n
	case len(t.few) < mostExact:
		t.few = slices.Insert(t.few, i, sample{v, n})
	default:
		t.estimate()
		return false
	}
	return true
}

// estimate moves the exact values to the histogram.
func (t *trend) estimate() {
	few := t.few
	t.few = nil
	t.grow(t.max)
	for _, s := range few {
		t.record(s.v, s.n)
	}
}

func (t *trend) record(v, n int64) {
	t.grow(v)
	_ = t.hist.RecordValues(v, n) // fails above the highest value only, and grow saw to that
}

// grow makes sure that the histogram reaches to v ≤ infinitely.
func (t *trend) grow(v int64) {
	if t.hist != nil && v <= t.hist.HighestTrackableValue() {
		return
	}
	i := 0
	for v > ranges[i] {
		i++
	}
	wider := hdrhistogram.New(1, ranges[i], digits)
	if t.hist != nil {
		wider.Merge(t.hist)
	}
	t.hist = wider
}

// merge adds the samples of u.
func (t *trend) merge(u *trend) {
	if u.n == 0 {
		return
	}
	if u.hist == nil {
		sum := t.sum + u.sum
		for _, s := range u.few {
			t.addN(s.v, s.n)
		}
		t.sum = sum
		return
	}
	if t.hist == nil && t.n > 0 {
		t.estimate()
	}
	t.grow(u.hist.HighestTrackableValue())
	t.hist.Merge(u.hist)
	if t.n == 0 {
		t.min = u.min
	}
	t.min, t.max = min(t.min, u.min), max(t.max, u.max)
	t.n += u.n
	t.sum += u.sum
}

// percentile of a trend with samples: the smallest value that at least p
// percent of them do not exceed.
func (t *trend) percentile(p float64) float64 {
	if t.hist != nil {
		return t.within(t.hist.ValueAtPercentile(t.nearest(p)))
	}
	rank := rankOf(p, t.n)
	for _, s := range t.few {
		if rank -= s.n; rank <= 0 {
			return float64(s.v)
		}
	}
	return float64(t.max)
}

// percentiles is percentile of each of ps.
func (t *trend) percentiles(ps []float64) []float64 {
	out := make([]float64, len(ps))
	if t.hist == nil {
		for i, p := range ps {
			out[i] = t.percentile(p)
		}
		return out
	}
	for i, p := range ps {
		out[i] = t.nearest(p)
	}
	for i, v := range t.hist.ValueAtPercentilesSlice(out) {
		out[i] = t.within(v)
	}
	return out
}

// nearest is the percentile for which the histogram, which rounds ranks, takes
// the sample that percentile asks for: among few samples the one below may be far
// away.
func (t *trend) nearest(p float64) float64 {
	return 100 * float64(rankOf(p, t.n)) / float64(t.n)
}

// within the samples: a bucket's edge may lie outside.
func (t *trend) within(v int64) float64 { return float64(min(max(v, t.min), t.max)) }

// aggregate a trend with samples, in a metric's unit, but for percentiles; what
// a counter counted needs none. seconds is what a rate is over.
func (t *trend) aggregate(c metric.Condition, unit string, seconds float64) float64 {
	scale := Metric{Unit: unit}.scale()
	switch c.Agg {
	case "count":
		return float64(t.n)
	case "rate":
		return float64(t.n) / seconds
	case "min":
		return float64(t.min) / scale
	case "max":
		return float64(t.max) / scale
	case "avg":
		return t.mean() / scale
	}
	return math.NaN()
}

// rankOf the p-th percentile among n samples, from 1 (nearest rank).
func rankOf(p float64, n int64) int64 {
	return min(max(int64(math.Ceil(p/100*float64(n)-1e-9)), 1), n)
}

func (t *trend) mean() float64 {
	return math.Min(math.Max(t.sum/float64(t.n), float64(t.min)), float64(t.max))
}

// trendRow is a trend as a file: nothing of it is lost.
type trendRow struct {
	Count int64      `json:"count"`
	Min   int64      `json:"min,omitempty"`
	Max   int64      `json:"max,omitempty"`
	Sum   float64    `json:"sum,omitempty"`
	Few   [][2]int64 `json:"values,omitempty"` // each value and how often, if there are few
	Hist  string     `json:"hdr,omitempty"`    // else an HDR histogram, V2, compressed, base64
}

func storeTrends(rows []*trendRow, trends []*trend) error {
	for i, t := range trends {
		row, err := t.row()
		if err != nil {
			return err
		}
		*rows[i] = row
	}
	return nil
}

func loadTrends(trends []*trend, rows []*trendRow) error {
	for i, r := range rows {
		if err := trends[i].load(r); err != nil {
			return err
		}
	}
	return nil
}

func (t *trend) row() (trendRow, error) {
	r := trendRow{Count: t.n, Min: t.min, Max: t.max, Sum: t.sum}
	for _, s := range t.few {
		r.Few = append(r.Few, [2]int64{s.v, s.n})
	}
	if t.hist == nil {
		return r, nil
	}
	encoded, err := t.hist.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	r.Hist = string(encoded)
	return r, err
}

// load checks what percentiles and merging rely on.
func (t *trend) load(r *trendRow) error {
	*t = trend{n: r.Count, min: r.Min, max: r.Max, sum: r.Sum}
	n := int64(0)
	for i, s := range r.Few {
		if i > 0 && s[0] <= r.Few[i-1][0] || s[1] <= 0 {
			return fmt.Errorf("a distribution's values are not in order, or not counted")
		}
		t.few = append(t.few, sample{s[0], s[1]})
		n += s[1]
	}
	if r.Hist != "" {
		h, err := hdrhistogram.Decode([]byte(r.Hist))
		if err != nil {
			return fmt.Errorf("a histogram: %w", err)
		}
		if !slices.Contains(ranges[:], h.HighestTrackableValue()) || h.SignificantFigures() != digits || len(r.Few) > 0 {
			return fmt.Errorf("a histogram of %d digits up to %d, expected another kind", h.SignificantFigures(), h.HighestTrackableValue())
		}
		t.hist, n = h, h.TotalCount()
	}
	if n != r.Count || n > 0 && (r.Min < 0 || r.Min > r.Max) {
		return fmt.Errorf("a distribution of %d samples from %d to %d holds %d", r.Count, r.Min, r.Max, n)
	}
	return nil
}
