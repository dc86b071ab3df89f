package plots

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot/vg/draw"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/series"
)

// latencyFigure compares medians and 99th percentiles by outcome: a panel a
// decision, a line a state of the key.
func (c *comparison) latencyFigure() Figure {
	lo, hi, lines := math.Inf(1), 0.0, 1
	var decided, labels []string
	for _, d := range decisionOrder {
		any := false
		for _, r := range c.rows {
			timed := r.timed(string(d))
			any, lines = any || len(timed) > 0, max(lines, len(timed))
			for _, o := range timed {
				p99 := quantile(99, o.all...)
				hi, labels = max(hi, p99), append(labels, amount(p99, 2))
				for _, d := range o.all {
					lo = min(lo, positive(d))
				}
			}
		}
		if any {
			decided = append(decided, string(d))
		}
	}
	if len(decided) == 0 {
		return c.figure("compare-latency", "No latency was measured", panel{empty: "no request of any record was sent and answered after the warm-up."})
	}
	var panels []panel
	for i, d := range decided {
		of := *c
		if i == len(decided)-1 && i%c.columns == 0 { // no panel beside it has the same rows
			of = c.deciding(d)
		}
		names := c.namedAt(i, of.shown)
		x := c.roomFor(latencyAxis("latency, sent to done", lo/dotRoom, hi), labels, names, c.columns)
		panels = append(panels, of.latencyPanel(d, x, names, lines))
	}
	f := c.figure("compare-latency", c.latencyTitle(decided[0]), panels...)
	f.note("Dot: median. Cross-line and number: 99th percentile.")
	f.note(c.pipelinedNote())
	return f
}

// dotRoom is how much further down an axis goes than the dots on it.
const dotRoom = 1.15

// deciding are the rows that have a decision.
func (c *comparison) deciding(decision string) comparison {
	some := *c
	some.rows, some.shown = nil, nil
	for i, r := range c.rows {
		if len(r.timed(decision)) > 0 {
			some.rows, some.shown = append(some.rows, r), append(some.shown, c.shown[i])
		}
	}
	return some
}

// quantile of all values of some distributions.
func quantile(p float64, of ...series.Distribution) float64 { return mixtureQuantile(of, p) }

// timedOutcome is how long decisions of an outcome took, of all clients.
type timedOutcome struct {
	series.Outcome
	all []series.Distribution
}

// timed outcomes of a decision.
func (s *subject) timed(decision string) (of []timedOutcome) {
	for _, o := range s.set.Latency {
		if o.Limiter != s.limiter || o.Decision != decision || o.Service.N == 0 || len(o.Service.Grid) == 0 {
			continue
		}
		i := slices.IndexFunc(of, func(t timedOutcome) bool { return t.Outcome == o.OfAll() })
		if i < 0 {
			i = len(of)
			of = append(of, timedOutcome{Outcome: o.OfAll()})
		}
		of[i].all = append(of[i].all, o.Service)
	}
	return of
}

// latencyPanel of a decision; each row has room for as many lines.
func (c *comparison) latencyPanel(decision string, x axis, names []string, lines int) panel {
	if c.columns == 1 { // rows are not level with those of another panel
		lines = 1
		for _, r := range c.rows {
			lines = max(lines, len(r.timed(decision)))
		}
	}
	n := len(c.rows)
	var kinds []reaches
	var none absent
	for i, r := range c.rows {
		timed := r.timed(decision)
		if len(timed) == 0 {
			none = append(none, says{middleOf(i, n), "none"})
		}
		for j, o := range timed {
			y := middleOf(i, n) + (float64(len(timed)-1)/2-float64(j))/float64(lines)*0.9
			p99 := quantile(99, o.all...)
			kinds = c.addReach(kinds, o.Outcome, reach{y, quantile(50, o.all...), p99, amount(p99, 2)})
		}
	}
	p := panel{title: sentence(decisionsOf(decision)), x: x, y: rowAxis("", names), height: c.compareHeight(lines), layers: []layer{upright{}, rowLines(n)}}
	for _, l := range kinds {
		p.layers = append(p.layers, l)
	}
	p.layers = append(p.layers, none)
	return p
}

// addReach to those of its outcome.
func (c *comparison) addReach(kinds []reaches, o series.Outcome, one reach) []reaches {
	name := outcomeName(o)
	i := slices.IndexFunc(kinds, func(l reaches) bool { return l.name == name })
	if i < 0 {
		i = len(kinds)
		kinds = append(kinds, reaches{name: name, look: c.Outcome(record.Decision(o.Decision), record.KeyState(o.Key)), shape: keyShape(o.Key)})
	}
	kinds[i].list = append(kinds[i].list, one)
	return kinds
}

// latencyTitle tells the range of the 99th percentile of a decision.
func (c *comparison) latencyTitle(decision string) string {
	var fast, slow string
	lo, hi, n := math.Inf(1), 0.0, 0
	for _, r := range c.rows {
		var ds []series.Distribution
		for _, o := range r.timed(decision) {
			ds = append(ds, o.all...)
		}
		if len(ds) == 0 {
			continue
		}
		n++
		p99 := quantile(99, ds...)
		if p99 < lo {
			lo, fast = p99, r.name
		}
		if p99 > hi {
			hi, slow = p99, r.name
		}
	}
	words := sentence(decisionsOf(decision))
	switch {
	case n == 1:
		return fmt.Sprintf("%s take %s at the 99th percentile with %s; others have none", words, amount(hi, 2), slow)
	case hi <= lo*1.02:
		return fmt.Sprintf("%s take %s at the 99th percentile with all %s", words, amount(hi, 2), spell(n))
	}
	return fmt.Sprintf("%s take %s at the 99th percentile with %s, %s with %s", words, amount(lo, 2), fast, amount(hi, 2), slow)
}

// keyShape tells states of the key apart where colours cannot.
func keyShape(key string) draw.GlyphDrawer {
	switch record.KeyState(key) {
	case record.NotFound:
		return draw.BoxGlyph{}
	case record.Stale:
		return draw.PyramidGlyph{}
	case record.Mixed:
		return draw.SquareGlyph{}
	case record.Unread:
		return draw.RingGlyph{}
	}
	return draw.CircleGlyph{}
}
