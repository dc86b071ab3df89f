package measure

import (
	"fmt"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"
)

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
