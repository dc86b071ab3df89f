package plots

import (
	"fmt"
	"math"
	"slices"

	"github.com/quotalab/quotalab/results/series"
)

// Of many limiters not each has figures of its own: it has a panel of a page.
const (
	ownFigures = 4 // limiters, at most, that have
	pagePanels = 6
)

// latencyPages show the percentiles of some limiters, a panel each or, where clients
// are told apart, each of these, all with the same axes.
func (k *kit) latencyPages(set *series.Set, v view) (pages []Figure) {
	by := map[source][]series.OutcomeLatency{}
	var all []series.OutcomeLatency
	for _, list := range latencyBy(set) {
		all = append(all, list...)
		for _, c := range byClient(list) {
			by[c.source] = c.of
		}
	}
	times, percentiles := latencyAxes(all, v)
	for some := range slices.Chunk(sources(set), pagePanels) {
		f := Figure{Name: v.name, columns: 2, shared: true}
		for _, s := range some {
			p := panel{empty: "no request was sent and answered after the warm-up."}
			if of := by[s]; len(of) > 0 {
				p = k.latencyPanels(of, v, times, percentiles)[1]
				p.direct = false
			}
			p.title, p.height = s.among(true), k.frameHeight*0.6
			f.panels = append(f.panels, p)
		}
		f.Title = pageTitle(by, some, v)
		f.note(togetherNote(set, limitersOf(some)))
		f.note(pipelinedNote(set))
		pages = append(pages, f)
	}
	return pages
}

// pageTitle tells the least and the highest median of any limiter's decisions.
func pageTitle(by map[source][]series.OutcomeLatency, of []source, v view) string {
	least, most := math.Inf(1), math.Inf(-1)
	var first, last string
	for _, s := range of {
		decisions := map[string][]series.Distribution{}
		for _, o := range by[s] {
			decisions[o.Decision] = append(decisions[o.Decision], v.of(o))
		}
		for _, o := range by[s] { // in order
			of := fmt.Sprintf(" (%s of %s)", decisionsOf(o.Decision), s.among(true))
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

// overTimePages show, for each of the limiters, or client that is told apart, the
// outcome with most decisions.
func (k *kit) overTimePages(set *series.Set) (pages []Figure) {
	t := &set.Timeline
	var main []series.OutcomeTimeline
	for _, s := range sources(set) {
		timed, _ := timedOutcomes(t, s)
		if len(timed) > 0 {
			main = append(main, slices.MaxFunc(timed, func(a, b series.OutcomeTimeline) int { return int(total(a.Count) - total(b.Count)) }))
		}
	}
	if len(main) == 0 {
		return []Figure{k.overTimeFigure(set, limiters(set)[0])}
	}
	lo, hi := span(main)
	for some := range slices.Chunk(main, pagePanels) {
		f := Figure{Name: "latency-over-time", columns: 2, shared: true}
		for _, o := range some {
			whose := o.Limiter + ": "
			if o.Client != "" {
				whose = o.Limiter + ", "
			}
			f.panels = append(f.panels, k.overTimePanel(t, o, whose, lo, hi))
		}
		f.Title = overTimeTitle(set, some)
		f.overTimeNotes(set, " Of each the outcome with most decisions.")
		var names []string
		for _, o := range some {
			names = append(names, o.Limiter)
		}
		f.note(togetherNote(set, names))
		pages = append(pages, f)
	}
	return pages
}
