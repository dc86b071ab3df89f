package plots

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/record"
)

// latencyFigures returns those of one record: for each limiter how long decisions took, by
// outcome. Where requests were not sent when they were due there is a second
// figure of the time since then.
func latencyFigures(k *kit, set *series.Set) (all []draw.Figure) {
	names := limiters(set)
	if len(names) == 0 {
		names = []string{""}
	}
	by := latencyBy(set)
	if len(names) > ownFigures {
		all = k.latencyPages(set, serviceView)
		if slices.ContainsFunc(names, func(name string) bool { return differ(by[name]) }) {
			return append(all, k.latencyPages(set, sojournView)...)
		}
		all[len(all)-1].Note(noLag)
		return all
	}
	for _, name := range names {
		f := k.latencyFigure(set, name, by[name], serviceView)
		switch {
		case len(by[name]) == 0:
		case differ(by[name]):
			all = append(all, f)
			f = k.latencyFigure(set, name, by[name], sojournView)
		default:
			f.Note(noLag)
		}
		all = append(all, f)
	}
	return all
}

const noLag = "From sent to done; from due to done is the same: requests were sent when they were due."

// latencyBy returns latencies by limiter, of outcomes that have one.
func latencyBy(set *series.Set) map[string][]series.OutcomeLatency {
	by := map[string][]series.OutcomeLatency{}
	for _, o := range set.Latency {
		if o.Service.N > 0 && len(o.Service.Grid) > 0 && len(o.Sojourn.Grid) > 0 {
			by[o.Limiter] = append(by[o.Limiter], o)
		}
	}
	return by
}

// view says from when a latency is counted.
type view struct {
	name, label, since string
	of                 func(series.OutcomeLatency) series.Distribution
}

var (
	serviceView = view{"latency", "latency, sent to done", "", func(o series.OutcomeLatency) series.Distribution { return o.Service }}
	sojournView = view{"latency-intended", "latency, due to done", ", counted from when they were due", func(o series.OutcomeLatency) series.Distribution { return o.Sojourn }}
)

// differ tells whether any outcome's two views do.
func differ(of []series.OutcomeLatency) bool {
	return slices.ContainsFunc(of, func(o series.OutcomeLatency) bool { return !slices.Equal(o.Service.Grid, o.Sojourn.Grid) })
}

func (k *kit) latencyFigure(set *series.Set, limiter string, of []series.OutcomeLatency, v view) draw.Figure {
	f := draw.Figure{Name: v.name + "-" + limiter, Columns: 2}
	if len(of) == 0 {
		f.Title = "No latency was measured" + onlyOf(set, limiter)
		f.Panels = []draw.Panel{{Empty: "no request was sent and answered after the warm-up."}}
		return f
	}
	times, shares := latencyAxes(of, v)
	told := byClient(of)
	for i := range told {
		panels := k.latencyPanels(told[i].of, v, times, shares)
		if len(told) > 1 {
			told[i].entitle(k, set, v, panels, i == 0, i == len(told)-1)
		}
		f.Panels = append(f.Panels, panels...)
	}
	f.Title = latencyTitle(set, limiter, of, v)
	if len(told) > 1 {
		f.Title = clientsTitle(set, limiter, told, v)
		f.Note("A share beside a name is of the client's decisions.")
	}
	if slices.ContainsFunc(of, func(o series.OutcomeLatency) bool { return v.of(o).Min <= 0 }) && times.Max > 0 {
		f.Note("Latencies of 0 are drawn where the axis begins.")
	}
	f.Note(togetherNote(set, []string{limiter}))
	f.Note(pipelinedNote(set))
	return f
}

// latencyAxes hold all of some latencies, and all their percentiles.
func latencyAxes(of []series.OutcomeLatency, v view) (times, percentiles draw.Axis) {
	lo, hi, most := math.Inf(1), 0.0, int64(0)
	for _, o := range of {
		d := v.of(o)
		lo, hi, most = min(lo, positive(d)), max(hi, d.Max), max(most, d.N)
	}
	return draw.LatencyAxis(v.label, lo, hi), draw.PercentileAxis(most)
}

// latencyPanels are the share of the decisions done within a time, and percentiles.
func (k *kit) latencyPanels(of []series.OutcomeLatency, v view, times, percentiles draw.Axis) []draw.Panel {
	shares := draw.Panel{X: times, Y: draw.PercentAxis("decisions done within a time (%)")}
	tails := draw.Panel{X: percentiles, Y: times, Direct: true}
	for i, o := range of {
		d := v.of(o)
		look, name := k.outcome(o.Outcome), outcomeName(o.OfAll())
		width := k.Nested(i, len(of))
		shares.Layers = append(shares.Layers, draw.Line{Name: name, Points: ecdf(d), Look: look, Width: width, Step: true})
		tails.Layers = append(tails.Layers, draw.Line{Name: name, Points: quantiles(d), Look: look, Width: width})
	}
	return []draw.Panel{shares, tails}
}

// onlyOf returns words that name a limiter, if there are several.
func onlyOf(set *series.Set, limiter string) string {
	if len(limiters(set)) < 2 {
		return ""
	}
	return " of " + limiter
}

// positive is the smallest value above 0, or +Inf if there is none.
func positive(d series.Distribution) float64 {
	for _, q := range d.Grid {
		if q.V > 0 {
			return q.V
		}
	}
	return math.Inf(1)
}

// ecdf returns the distribution: the percentage of the values that are at most x.
func ecdf(d series.Distribution) []draw.Point {
	points := []draw.Point{{X: d.Min, Y: 0}}
	for _, q := range d.Grid {
		points = append(points, draw.Point{X: q.V, Y: q.P})
	}
	return append(points, draw.Point{X: d.Max, Y: 100})
}

// quantiles returns those up to the last percentile that the number of values gives.
func quantiles(d series.Distribution) []draw.Point {
	last := 100 * (1 - 1/float64(d.N))
	var points []draw.Point
	for _, q := range d.Grid {
		points = append(points, draw.Point{X: min(q.P, last), Y: q.V})
	}
	return points
}

// latencyTitle compares decisions by their median, the fastest first.
func latencyTitle(set *series.Set, limiter string, of []series.OutcomeLatency, v view) string {
	by, order := headline(of, v)
	median := func(decision string) float64 { return mixtureQuantile(by[decision], 50) }
	tail := func(decision string) float64 { return mixtureQuantile(by[decision], 99) }
	ranked := slices.Clone(order)
	slices.SortStableFunc(ranked, func(a, b string) int { return cmp.Compare(median(a), median(b)) })
	fastest, slowest := ranked[0], ranked[len(ranked)-1]
	whose := onlyOf(set, limiter)
	switch {
	case len(order) == 1:
		return sentence(decisionsOf(fastest) + whose + " take " + middleAndTail(median(fastest), unit.Amount(tail(fastest), 3)) + v.since)
	case alike(median(fastest), median(slowest)):
		return sentence(alikeNames(order, whose) + " take " + middleAndTail(median(fastest), tails(order, tail)) + v.since)
	}
	var others []string
	for _, d := range ranked[1:] {
		others = append(others, strings.TrimSuffix(decisionsOf(d), " decisions")+" "+unit.Amount(median(d), 3))
	}
	trips := ""
	if n := roundTrips(set.Summary, limiter, fastest); n > 0 {
		trips = " " + unit.Counted(int64(n), "round trip") + ":"
	}
	return sentence(fmt.Sprintf("%s%s take%s %s at the median, %s%s", decisionsOf(fastest), whose, trips, unit.Amount(median(fastest), 3), and(others), v.since))
}

// alikeNames returns names of decisions: allowed and denied decisions both.
func alikeNames(order []string, whose string) string {
	var names []string
	for _, d := range order {
		names = append(names, decisionName(d))
	}
	all := " all"
	if len(order) == 2 {
		all = " both"
	}
	return and(names) + " decisions" + whose + all
}

// middleAndTail writes a latency in words.
func middleAndTail(median float64, tail string) string {
	if unit.Amount(median, 3) == tail {
		return tail + ", at the median and at the 99th percentile"
	}
	return unit.Amount(median, 3) + " at the median, " + tail + " at the 99th percentile"
}

// tails writes those of decisions, one value if they are alike.
func tails(order []string, tail func(string) float64) string {
	least, most := math.Inf(1), 0.0
	var each []string
	for _, d := range order {
		least, most = min(least, tail(d)), max(most, tail(d))
		each = append(each, unit.Amount(tail(d), 3))
	}
	if alike(least, most) {
		return unit.Amount(most, 3)
	}
	return and(each)
}

// headline decisions with their distributions: allowed and denied, and others
// that are not rare or are slow.
func headline(of []series.OutcomeLatency, v view) (by map[string][]series.Distribution, order []string) {
	by = map[string][]series.Distribution{}
	counts := map[string]int64{}
	var all int64
	for _, o := range of {
		if by[o.Decision] == nil {
			order = append(order, o.Decision)
		}
		d := v.of(o)
		by[o.Decision] = append(by[o.Decision], d)
		counts[o.Decision] += d.N
		all += d.N
	}
	slowest := 0.0
	isMain := func(d string) bool { return d == string(record.Allowed) || d == string(record.Denied) }
	for _, d := range order {
		if isMain(d) {
			slowest = max(slowest, mixtureQuantile(by[d], 50))
		}
	}
	order = slices.DeleteFunc(order, func(d string) bool {
		return !isMain(d) && slowest > 0 && 100*counts[d] < all && mixtureQuantile(by[d], 50) < 2*slowest
	})
	return by, order
}

// alike are times that differ by less than 5 %.
func alike(a, b float64) bool { return b <= 1.05*a }

// mixtureQuantile is the percentile of all values of some distributions, as near as
// their grids are dense.
func mixtureQuantile(ds []series.Distribution, p float64) float64 {
	type mass struct{ v, n float64 }
	var all []mass
	total := 0.0
	for _, d := range ds {
		before := 0.0
		for _, q := range d.Grid {
			all = append(all, mass{q.V, (q.P - before) / 100 * float64(d.N)})
			before = q.P
		}
		total += float64(d.N)
	}
	slices.SortStableFunc(all, func(a, b mass) int { return cmp.Compare(a.v, b.v) })
	sum := 0.0
	for _, m := range all {
		if sum += m.n; sum >= total*p/100*(1-1e-9) {
			return m.v
		}
	}
	return math.NaN()
}

// clientLatency is what one client of a limiter waited.
type clientLatency struct {
	source
	of []series.OutcomeLatency
}

// byClient tells latencies apart as far as series do.
func byClient(of []series.OutcomeLatency) (list []clientLatency) {
	for _, o := range of {
		s := source{o.Limiter, o.Client}
		if len(list) == 0 || list[len(list)-1].source != s {
			list = append(list, clientLatency{source: s})
		}
		last := &list[len(list)-1]
		last.of = append(last.of, o)
	}
	return list
}

// median returns that of all that a client waited.
func (c *clientLatency) median(v view) string {
	var all []series.Distribution
	for _, o := range c.of {
		all = append(all, v.of(o))
	}
	return unit.Amount(mixtureQuantile(all, 50), 3)
}

// n decisions that were timed.
func (c *clientLatency) n() (n int64) {
	for _, o := range c.of {
		n += o.Service.N
	}
	return n
}

// entitle writes the titles of the panels of one of several clients: whose they are, how often it finds no
// key, what share each outcome has and how long it waits. What the panels above and below say of the axes is not
// repeated, unless all stand in one column.
func (c *clientLatency) entitle(k *kit, set *series.Set, v view, panels []draw.Panel, first, last bool) {
	panels[0].Title = c.client
	if lost := lostShare(set, c.source); lost > 0 {
		panels[0].Title += ": " + percent(lost) + " of keys not found"
	}
	panels[1].Title = c.client + ": " + c.median(v) + " at the median"
	for i, l := range panels[1].Layers {
		one := l.(draw.Line)
		one.More = wholePercent(c.of[i].Service.N, c.n()) + " %"
		panels[1].Layers[i] = one
	}
	for i := range panels {
		panels[i].Height = k.FrameHeight * 0.62
		if !first && !k.Small {
			panels[i].Y.Label = ""
		}
		if !last && !k.Small {
			panels[i].X.Label = ""
		}
	}
}

// clientsTitle compares what clients of a limiter waited, and what they found.
func clientsTitle(set *series.Set, limiter string, told []clientLatency, v view) string {
	medians := map[string]bool{}
	var parts, names []string
	var of []source
	for i := range told {
		c := &told[i]
		median := c.median(v)
		medians[median] = true
		parts, names, of = append(parts, median+" for "+c.client), append(names, c.client), append(of, c.source)
		if i == 0 {
			parts[0] = median + " at the median for " + c.client
		}
	}
	title := "Decisions" + onlyOf(set, limiter) + " take "
	if len(medians) == 1 {
		title += told[0].median(v) + " at the median for " + and(names) + " alike"
	} else {
		title += strings.Join(parts, ", ")
	}
	return title + v.since + lostWords(set, of)
}

// Of many limiters not each has figures of its own: it has a panel of a page.
const (
	ownFigures = 4 // limiters, at most, that have
	pagePanels = 6
)

// latencyPages returns the percentiles of some limiters, a panel each or, where clients
// are told apart, each of these, all with the same axes.
func (k *kit) latencyPages(set *series.Set, v view) (pages []draw.Figure) {
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
		f := draw.Figure{Name: v.name, Columns: 2, Shared: true}
		for _, s := range some {
			p := draw.Panel{Empty: "no request was sent and answered after the warm-up."}
			if of := by[s]; len(of) > 0 {
				p = k.latencyPanels(of, v, times, percentiles)[1]
				p.Direct = false
			}
			p.Title, p.Height = s.among(true), k.FrameHeight*0.6
			f.Panels = append(f.Panels, p)
		}
		f.Title = pageTitle(by, some, v)
		f.Note(togetherNote(set, limitersOf(some)))
		f.Note(pipelinedNote(set))
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
		return "Decisions of all limiters take " + unit.Amount(most, 3) + " at the median" + v.since
	}
	return "Decisions take from " + unit.Amount(least, 3) + first + " to " + unit.Amount(most, 3) + last + " at the median" + v.since
}
