package series

import (
	"math"
	"sync"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// Live is what is drawn of a run while it goes on. It counts as summaries and
// timelines of records do, so that at the end of the run the numbers are theirs.
// Clients are not told apart: whether they differ is known at the end. It is safe for
// concurrent use.
type Live struct {
	manifest record.Manifest
	totals   *summary.Totals

	mu       sync.Mutex // of what follows
	timeline *timeline
	reached  int64 // ns: the latest instant at which anything was done
}

// NewLive begins with the manifest of a run from which that many observations are
// expected.
func NewLive(m record.Manifest, expected int64) (*Live, error) {
	totals, err := summary.NewTotals(m)
	if err != nil {
		return nil, err
	}
	l := &Live{manifest: m, totals: totals}
	at := cut(m.Warmup.Nanoseconds(), max(m.Warmup, m.Horizon).Nanoseconds(), intervalsOf(expected))
	l.timeline = newTimeline(at, &clients{manifest: &l.manifest})
	return l, nil
}

// Totals are those of all observations so far.
func (l *Live) Totals() *summary.Totals { return l.totals }

// Observe adds an observation. It keeps nothing of o.
func (l *Live) Observe(o *record.Observation) error {
	if err := l.totals.Observe(o); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reached = max(l.reached, o.Done, o.Intended)
	if o.Intended < l.manifest.Warmup.Nanoseconds() {
		return nil
	}
	return l.timeline.observe(o)
}

// Look shows what is known so far: a Set with a summary and a timeline;
// nothing of them may be kept when look returns. An interval that is not over is empty.
func (l *Live) Look(look func(s *Set)) {
	l.totals.Look(func(s *summary.Measured) {
		set := &Set{Manifest: l.manifest, Summary: s}
		l.mu.Lock()
		set.Timeline = l.timeline.series(s)
		over := l.timeline.at.over(l.reached)
		l.mu.Unlock()
		t := &set.Timeline
		empty(t.Offered, over)
		for _, o := range t.OfferedTo {
			empty(o.Rate, over)
		}
		for _, o := range t.Outcomes {
			empty(o.Rate, over)
			empty(o.P50, over)
			empty(o.P99, over)
		}
		look(set)
	})
}

// over returns how many of the intervals are over at an instant.
func (c *intervals) over(at int64) int {
	if at >= c.end {
		return c.n
	}
	return int(min(max(0, (at-c.from)/c.step), int64(c.n-1)))
}

func empty(values []float64, from int) {
	for i := min(from, len(values)); i < len(values); i++ {
		values[i] = math.NaN()
	}
}
