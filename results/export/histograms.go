package export

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/quotalab/quotalab/results/record"
)

// longest time that a histogram holds; one that is longer counts as this.
const longest = int64(365 * 24 * time.Hour)

// histograms of times (ns), one for each outcome of each limiter: denials
// are fast and errors slow, so outcomes are never mixed. They are packed: an
// interval has few values, and a dense one takes as long to encode and to empty
// as if it had many.
type histograms struct {
	byTag map[string]*hdrhistogram.PackedHistogram
	tags  map[outcome]string
	order []string // tags in the order of the manifest's limiters and the outcomes' names
}

type outcome struct {
	limiter  string
	decision record.Decision
	key      record.KeyState
}

func newHistograms() *histograms {
	return &histograms{byTag: map[string]*hdrhistogram.PackedHistogram{}, tags: map[outcome]string{}}
}

// timed tells whether the observation has a latency that counts.
func timed(o *record.Observation, m *record.Manifest) bool {
	return o.Decision != record.Dropped && o.Sent >= 0 && o.Done >= 0 && o.Intended >= m.Warmup.Nanoseconds()
}

// add a time of an observation.
func (h *histograms) add(o *record.Observation, ns int64) error {
	hist := h.of(outcome{o.Limiter, o.Decision, o.Key})
	if err := hist.RecordValue(min(max(0, ns), longest)); err != nil {
		return fmt.Errorf("a time of observation %d: %w", o.Seq, err)
	}
	return nil
}

func (h *histograms) of(o outcome) *hdrhistogram.PackedHistogram {
	tag, ok := h.tags[o]
	if !ok {
		tag = tagOf(o)
		h.tags[o] = tag
	}
	return h.tagged(tag)
}

func (h *histograms) tagged(tag string) *hdrhistogram.PackedHistogram {
	hist, ok := h.byTag[tag]
	if !ok {
		hist = hdrhistogram.NewPacked(1, longest, 3)
		hist.SetTag(tag)
		h.byTag[tag] = hist
		i, _ := slices.BinarySearch(h.order, tag)
		h.order = slices.Insert(h.order, i, tag)
	}
	return hist
}

// tagOf an outcome: boulder.denied.found. The log's format forbids commas
// and white space in tags.
func tagOf(o outcome) string {
	clean := func(r rune) rune {
		if r <= ' ' || r == ',' || r == 0x7f || r > 0x7f && strings.TrimSpace(string(r)) == "" {
			return '_'
		}
		return r
	}
	return strings.Map(clean, o.limiter+"."+string(o.decision)+"."+string(o.key))
}
