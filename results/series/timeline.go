package series

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/quotalab/quotalab/results/measure"
	"github.com/quotalab/quotalab/results/record"
)

// timeline counts and times what came of requests by interval.
type timeline struct {
	at       intervals
	clients  *clients
	outcomes map[Outcome][]cell
	last     Outcome // that of the observation before: often the same
	cells    []cell
	due      due
}

// cell is one outcome in one interval. Its times, in ns, are exact as long as
// they are few, and from then on within 0.1 %.
type cell struct {
	count    int64
	few      []int64
	min, max int64
	many     *hdrhistogram.PackedHistogram // nil: few holds all
}

const (
	mostExact = 16
	longest   = 1 << 62 // time that a histogram can tell from longer ones: 146 years
)

func newTimeline(at intervals, of *clients) *timeline {
	return &timeline{at: at, clients: of, outcomes: map[Outcome][]cell{}, due: due{tries: map[sent][]int64{}}}
}

func (t *timeline) observe(o *record.Observation) error {
	i, outcome := t.at.of(o.Intended), t.clients.outcome(o)
	if o.Attempt == 0 && o.Step == 0 {
		t.due.of(sent{o.Traffic, outcome.Limiter, outcome.Client}, t.at.n)[i]++
	}
	c := &t.of(outcome)[i]
	c.count++
	if o.Decision == record.Dropped || o.Sent < 0 || o.Done < 0 {
		return nil // it was not sent: there is nothing to time
	}
	if err := c.add(min(max(0, o.Done-o.Sent), longest)); err != nil {
		return fmt.Errorf("the latency of observation %d: %w", o.Seq, err)
	}
	return nil
}

func (t *timeline) of(o Outcome) []cell {
	if t.cells == nil || o != t.last {
		if t.outcomes[o] == nil {
			t.outcomes[o] = make([]cell, t.at.n)
		}
		t.last, t.cells = o, t.outcomes[o]
	}
	return t.cells
}

func (c *cell) add(ns int64) error {
	if c.many == nil && len(c.few) < mostExact {
		c.few = append(c.few, ns)
		return nil
	}
	if c.many == nil {
		c.many, c.min, c.max = hdrhistogram.NewPacked(1, longest, 3), ns, ns
		few := c.few
		c.few = nil
		for _, v := range few {
			if err := c.add(v); err != nil {
				return err
			}
		}
	}
	c.min, c.max = min(c.min, ns), max(c.max, ns)
	return c.many.RecordValue(ns)
}

// percentile in seconds: the smallest time that at least p percent do not
// exceed.
func (c *cell) percentile(p float64) float64 {
	switch {
	case c.many != nil:
		return float64(min(max(c.many.ValueAtPercentile(p), c.min), c.max)) / 1e9
	case len(c.few) == 0:
		return math.NaN()
	}
	slices.Sort(c.few)
	rank := math.Ceil(p / 100 * float64(len(c.few)))
	return float64(c.few[int(max(rank, 1))-1]) / 1e9
}

// series of the timeline. Nothing seen: no lines.
func (t *timeline) series(s *measure.Summary) Timeline {
	out := Timeline{From: float64(t.at.from) / 1e9, Step: float64(t.at.step) / 1e9, N: t.at.n, Faults: faults(s), Warmup: s.WarmupSeconds}
	for _, o := range slices.SortedFunc(maps.Keys(t.outcomes), newOrder(t.clients.manifest).compare) {
		out.Outcomes = append(out.Outcomes, t.line(o))
	}
	t.due.series(t, &out)
	return out
}

func (t *timeline) line(o Outcome) OutcomeTimeline {
	line := OutcomeTimeline{Outcome: o}
	for i := range t.outcomes[o] {
		c := &t.outcomes[o][i]
		line.Count = append(line.Count, c.count)
		line.P50, line.P99 = append(line.P50, c.percentile(50)), append(line.P99, c.percentile(99))
	}
	line.Rate = t.at.rates(line.Count)
	return line
}

func faults(s *measure.Summary) (out []Span) {
	for _, f := range s.Faults {
		out = append(out, Span{From: f.At, Until: f.Until, Label: f.What})
	}
	return out
}
