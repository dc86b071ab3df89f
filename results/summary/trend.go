package summary

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/quotalab/quotalab/models/metric"
)

// trend is a distribution of non-negative integers: exact count, minimum,
// maximum and mean. Percentiles are exact as long as there are few distinct
// values, as under the constant delays of many virtual runs; from then on
// they come from an HDR histogram with three digits, within 0.1 %. As JSON
// nothing of it is lost.
type trend struct {
	N    int64      `json:"count"`
	Min  int64      `json:"min,omitempty"`
	Max  int64      `json:"max,omitempty"`
	Sum  float64    `json:"sum,omitempty"`
	Few  []sample   `json:"values,omitempty"` // sorted by value, while Hist is nil
	Hist *histogram `json:"hdr,omitempty"`    // nil: Few holds everything
}

// sample is a value and how often it came.
type sample [2]int64

// histogram is an HDR histogram that is written as V2, compressed, in base64.
type histogram struct{ *hdrhistogram.Histogram }

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
	if t.N == 0 {
		t.Min, t.Max = v, v
	}
	t.Min, t.Max = min(t.Min, v), max(t.Max, v)
	t.N += n
	t.Sum += float64(v) * float64(n)
	if t.Hist == nil && t.keep(v, n) {
		return
	}
	t.record(v, n)
}

// keep adds to the exact values; false if there are too many of them, and
// then they have moved to the histogram.
func (t *trend) keep(v, n int64) bool {
	i, found := slices.BinarySearchFunc(t.Few, v, func(s sample, v int64) int { return cmp.Compare(s[0], v) })
	switch {
	case found:
		t.Few[i][1] += n
	case len(t.Few) < mostExact:
		t.Few = slices.Insert(t.Few, i, sample{v, n})
	default:
		t.estimate()
		return false
	}
	return true
}

// estimate moves the exact values to the histogram.
func (t *trend) estimate() {
	few := t.Few
	t.Few = nil
	t.grow(t.Max)
	for _, s := range few {
		t.record(s[0], s[1])
	}
}

func (t *trend) record(v, n int64) {
	t.grow(v)
	_ = t.Hist.RecordValues(v, n) // fails above the highest value only, and grow saw to that
}

// grow makes sure that the histogram reaches to v ≤ infinitely.
func (t *trend) grow(v int64) {
	if t.Hist != nil && v <= t.Hist.HighestTrackableValue() {
		return
	}
	i := 0
	for v > ranges[i] {
		i++
	}
	wider := hdrhistogram.New(1, ranges[i], digits)
	if t.Hist != nil {
		wider.Merge(t.Hist.Histogram)
	}
	t.Hist = &histogram{wider}
}

func (t *trend) merge(u *trend) {
	if u.N == 0 {
		return
	}
	if u.Hist == nil {
		sum := t.Sum + u.Sum
		for _, s := range u.Few {
			t.addN(s[0], s[1])
		}
		t.Sum = sum
		return
	}
	if t.Hist == nil && t.N > 0 {
		t.estimate()
	}
	t.grow(u.Hist.HighestTrackableValue())
	t.Hist.Merge(u.Hist.Histogram)
	if t.N == 0 {
		t.Min = u.Min
	}
	t.Min, t.Max = min(t.Min, u.Min), max(t.Max, u.Max)
	t.N += u.N
	t.Sum += u.Sum
}

// percentile returns, of a trend with samples, the smallest value that at least p
// percent of them do not exceed.
func (t *trend) percentile(p float64) float64 {
	if t.Hist != nil {
		return t.within(t.Hist.ValueAtPercentile(t.nearest(p)))
	}
	rank := rankOf(p, t.N)
	for _, s := range t.Few {
		if rank -= s[1]; rank <= 0 {
			return float64(s[0])
		}
	}
	return float64(t.Max)
}

// percentiles is percentile of each of ps.
func (t *trend) percentiles(ps []float64) []float64 {
	out := make([]float64, len(ps))
	if t.Hist == nil {
		for i, p := range ps {
			out[i] = t.percentile(p)
		}
		return out
	}
	for i, p := range ps {
		out[i] = t.nearest(p)
	}
	for i, v := range t.Hist.ValueAtPercentilesSlice(out) {
		out[i] = t.within(v)
	}
	return out
}

// nearest is the percentile for which the histogram, which rounds ranks, takes
// the sample that percentile asks for: among few samples the one below may be far
// away.
func (t *trend) nearest(p float64) float64 {
	return 100 * float64(rankOf(p, t.N)) / float64(t.N)
}

// within keeps a value within the samples: a bucket's edge may lie outside.
func (t *trend) within(v int64) float64 { return float64(min(max(v, t.Min), t.Max)) }

// aggregate returns what a condition looks at, in a metric's unit, but for percentiles; what
// a counter counted needs none. seconds is what a rate is over.
func (t *trend) aggregate(c metric.Condition, unit string, seconds float64) float64 {
	scale := Metric{Unit: unit}.scale()
	switch c.Agg {
	case "count":
		return float64(t.N)
	case "rate":
		return float64(t.N) / seconds
	case "min":
		return float64(t.Min) / scale
	case "max":
		return float64(t.Max) / scale
	case "avg":
		return t.mean() / scale
	}
	return math.NaN()
}

// rankOf returns the rank of the p-th percentile among n samples, from 1 (nearest rank).
func rankOf(p float64, n int64) int64 {
	return min(max(int64(math.Ceil(p/100*float64(n)-1e-9)), 1), n)
}

func (t *trend) mean() float64 {
	return math.Min(math.Max(t.Sum/float64(t.N), float64(t.Min)), float64(t.Max))
}

// MarshalText returns the histogram's encoding.
func (h *histogram) MarshalText() ([]byte, error) {
	return h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
}

// UnmarshalText reads what MarshalText wrote.
func (h *histogram) UnmarshalText(text []byte) (err error) {
	if h.Histogram, err = hdrhistogram.Decode(text); err != nil {
		return fmt.Errorf("a histogram: %w", err)
	}
	if !slices.Contains(ranges[:], h.HighestTrackableValue()) || h.SignificantFigures() != digits {
		return fmt.Errorf("a histogram of %d digits up to %d, expected another kind", h.SignificantFigures(), h.HighestTrackableValue())
	}
	return nil
}

// UnmarshalJSON checks what percentiles and merging rely on.
func (t *trend) UnmarshalJSON(data []byte) error {
	type plain trend
	if err := json.Unmarshal(data, (*plain)(t)); err != nil {
		return err
	}
	n := int64(0)
	for i, s := range t.Few {
		if i > 0 && s[0] <= t.Few[i-1][0] || s[1] <= 0 {
			return errors.New("a distribution's values are not in order, or not counted")
		}
		n += s[1]
	}
	if t.Hist != nil {
		n += t.Hist.TotalCount()
	}
	if n != t.N || n > 0 && (t.Min < 0 || t.Min > t.Max) || t.Hist != nil && t.Few != nil {
		return fmt.Errorf("a distribution of %d samples from %d to %d holds %d", t.N, t.Min, t.Max, n)
	}
	return nil
}

// Median returns the median of values in any order; NaN of none.
func Median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(n-1)/2] + (sorted[n/2]-sorted[(n-1)/2])/2
}
