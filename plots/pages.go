package plots

import (
	"fmt"
	"math"
	"slices"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/series"
)

// Of many limiters not each has figures of its own: it has a panel of a page.
const (
	ownFigures = 4 // limiters, at most, that have
	pagePanels = 6
)

// latencyPages show the percentiles of some limiters, a panel each, all with the
// same axes.
func (k *kit) latencyPages(by map[string][]series.OutcomeLatency, names []string, v view) (pages []Figure) {
	lo, hi, most := math.Inf(1), 0.0, int64(0)
	for _, name := range names {
		for _, o := range by[name] {
			d := v.of(o)
			lo, hi, most = min(lo, positive(d)), max(hi, d.Max), max(most, d.N)
		}
	}
	for some := range slices.Chunk(names, pagePanels) {
		f := Figure{Name: v.name, columns: 2, shared: true}
		for _, name := range some {
			p := panel{title: name, x: percentileAxis(most), y: latencyAxis(v.label, lo, hi), height: k.frameHeight * 0.6}
			for i, o := range by[name] {
				p.layers = append(p.layers, line{name: outcomeName(o.Outcome), points: quantiles(v.of(o)), width: k.nested(i, len(by[name])),
					look: k.Outcome(record.Decision(o.Decision), record.KeyState(o.Key))})
			}
			if len(p.layers) == 0 {
				p.empty = "no request was sent and answered after the warm-up."
			}
			f.panels = append(f.panels, p)
		}
		f.Title = pageTitle(by, some, v)
		pages = append(pages, f)
	}
	return pages
}

// pageTitle tells the least and the highest median of any limiter's decisions.
func pageTitle(by map[string][]series.OutcomeLatency, names []string, v view) string {
	least, most := math.Inf(1), math.Inf(-1)
	var first, last string
	for _, name := range names {
		decisions := map[string][]series.Distribution{}
		for _, o := range by[name] {
			decisions[o.Decision] = append(decisions[o.Decision], v.of(o))
		}
		for _, o := range by[name] { // in order
			of := fmt.Sprintf(" (%s of %s)", decisionsOf(o.Decision), name)
			m := mixtureQuantile(decisions[o.Decision], 50)
			if m < least {
				least, first = m, of
			}
			if m > most {
				most, last = m, of
			}
		}
	}
	switch {
	case first == "":
		return "No latency was measured"
	case alike(least, most):
		return "Decisions of all limiters take " + amount(most, 3) + " at the median" + v.since
	}
	return "Decisions take from " + amount(least, 3) + first + " to " + amount(most, 3) + last + " at the median" + v.since
}

// overTimePages show, for each of some limiters, the outcome with most decisions.
func (k *kit) overTimePages(set *series.Set, names []string) (pages []Figure) {
	t := &set.Timeline
	var main []series.OutcomeTimeline
	for _, name := range names {
		timed, _ := timedOutcomes(t, name)
		if len(timed) > 0 {
			main = append(main, slices.MaxFunc(timed, func(a, b series.OutcomeTimeline) int { return int(total(a.Count) - total(b.Count)) }))
		}
	}
	if len(main) == 0 {
		return []Figure{k.overTimeFigure(set, names[0])}
	}
	lo, hi := span(main)
	for some := range slices.Chunk(main, pagePanels) {
		f := Figure{Name: "latency-over-time", columns: 2, shared: true}
		for _, o := range some {
			f.panels = append(f.panels, k.overTimePanel(t, o, o.Limiter+": ", lo, hi))
		}
		f.Title = overTimeTitle(set, some)
		f.overTimeNotes(t, " Of each limiter the outcome with most decisions.")
		pages = append(pages, f)
	}
	return pages
}
