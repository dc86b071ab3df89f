package plots

import (
	"fmt"
	"math"
	"slices"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/series"
)

// What is drawn of latency over time.
const (
	mostPanels = 8   // of one figure
	lowFrom    = 7   // from this number of panels on they are lower than usual
	fewest     = 10  // decisions of an outcome that has a panel, if others have one
	dense      = 8   // decisions in an interval, on average, that make a line and not dots
	telling    = 20  // decisions in an interval whose 99th percentile makes a headline
	notable    = 1.1 // times what is usual is not steady
)

// overTimeFigures returns those of one record: for each limiter the median and the 99th
// percentile of latency by interval, an outcome a panel.
func overTimeFigures(k *kit, set *series.Set) (all []draw.Figure) {
	names := limiters(set)
	if len(names) == 0 {
		names = []string{""}
	}
	if len(names) > ownFigures {
		return k.overTimePages(set)
	}
	for _, name := range names {
		all = append(all, k.overTimeFigure(set, name))
	}
	return all
}

func (k *kit) overTimeFigure(set *series.Set, limiter string) draw.Figure {
	f := draw.Figure{Name: "latency-over-time-" + limiter, Columns: 2, Shared: true}
	t := &set.Timeline
	timed, rare := timedOutcomes(t, source{limiter, ""})
	if len(timed) == 0 {
		f.Title = "No latency was measured" + onlyOf(set, limiter)
		f.Panels = []draw.Panel{{Empty: "no request was sent and answered after the warm-up."}}
		return f
	}
	lo, hi := span(timed)
	for _, o := range timed {
		p := k.overTimePanel(t, o, "", lo, hi)
		if len(timed) >= lowFrom {
			p.Height *= 0.75
		}
		f.Panels = append(f.Panels, p)
	}
	f.Title = overTimeTitle(set, timed)
	overTimeNotes(&f, set, rare)
	f.Note(togetherNote(set, []string{limiter}))
	return f
}

func (k *kit) overTimePanel(t *series.Timeline, o series.OutcomeTimeline, whose string, lo, hi float64) draw.Panel {
	return draw.Panel{
		Title:  fmt.Sprintf("%s%s (%s)", whose, outcomeName(o.Outcome), draw.Number(float64(total(o.Count)))),
		X:      runAxis(t),
		Y:      draw.LatencyAxis("latency, sent to done", lo, hi),
		Layers: k.quantileBand(t, o),
		Shades: shades(t.Faults),
		Height: k.FrameHeight * 0.55,
	}
}

func overTimeNotes(f *draw.Figure, set *series.Set, more string) {
	t := &set.Timeline
	f.Note(draw.ShadesNote(shades(t.Faults)))
	f.Note(fmt.Sprintf("Line or dot: median; band: up to the 99th percentile; of requests due in an interval of %s.%s%s", unit.Amount(t.Step, 3), more, warmupNote(t)))
	f.Note(pipelinedNote(set))
}

func warmupNote(t *series.Timeline) string {
	if t.Warmup <= 0 {
		return ""
	}
	return " The warm-up, " + draw.Instant(t.Warmup) + ", is left out."
}

// span returns that of all medians and 99th percentiles above 0.
func span(timed []series.OutcomeTimeline) (lo, hi float64) {
	lo = math.Inf(1)
	for _, o := range timed {
		for i := range o.P99 {
			if o.P50[i] > 0 {
				lo = min(lo, o.P50[i])
			}
			if o.P99[i] > hi {
				hi = o.P99[i]
			}
		}
	}
	return lo, hi
}

// runAxis is the time that the timeline covers.
func runAxis(t *series.Timeline) draw.Axis {
	return draw.TimeAxis(t.From, t.From+t.Step*float64(t.N))
}

// timedOutcomes returns those of a source that have a panel, in order, and a sentence on the
// rarer ones.
func timedOutcomes(t *series.Timeline, s source) (timed []series.OutcomeTimeline, rare string) {
	isTimed := func(v float64) bool { return !math.IsNaN(v) }
	var counts []int64
	for _, o := range t.Outcomes {
		if s.has(o.Outcome) && slices.ContainsFunc(o.P99, isTimed) {
			timed, counts = append(timed, o), append(counts, total(o.Count))
		}
	}
	if len(timed) < 2 {
		return timed, ""
	}
	slices.SortFunc(counts, func(a, b int64) int { return int(b - a) })
	least := min(fewest, counts[0])
	if len(counts) > mostPanels {
		least = max(least, counts[mostPanels]+1) // of equals at the end none has one
	}
	var left int64
	var names []string
	timed = slices.DeleteFunc(timed, func(o series.OutcomeTimeline) bool {
		n := total(o.Count)
		if n < least {
			left, names = left+n, append(names, outcomeName(o.Outcome))
		}
		return n < least
	})
	if left > 0 {
		rare = fmt.Sprintf(" Rare and not drawn: %s (%s).", and(names), unit.Counted(left, "decision"))
	}
	return timed, rare
}

// quantileBand returns layers from the median to the 99th percentile; where only few
// decisions are in an interval, a dot and a line for each.
func (k *kit) quantileBand(t *series.Timeline, o series.OutcomeTimeline) []draw.Layer {
	look := k.outcome(o.Outcome)
	look.Dashes = nil // each outcome has a panel of its own
	filled := 0
	for _, n := range o.Count {
		if n > 0 {
			filled++
		}
	}
	x := edges(t)
	if total(o.Count) < int64(dense*filled) || filled < t.N/30 {
		middles := make([]float64, t.N)
		for i := range middles {
			middles[i] = (x[i] + x[i+1]) / 2
		}
		return []draw.Layer{draw.Whiskers{X: middles, Lo: o.P50, Hi: o.P99, Look: look}}
	}
	p50, p99 := held(o.P50), held(o.P99)
	return []draw.Layer{
		draw.Band{X: x, Lo: p50, Hi: p99, Look: look, Opacity: 0.3, Step: true},
		draw.Line{Points: draw.Pair(x, p99), Look: look, Step: true, Width: k.Line * 0.5},
		draw.Line{Points: draw.Pair(x, p50), Look: look, Step: true},
	}
}

// edges returns those of the timeline's intervals: one more than there are.
func edges(t *series.Timeline) []float64 {
	x := make([]float64, t.N+1)
	for i := range x {
		x[i] = t.From + t.Step*float64(i)
	}
	return x
}

// held returns values until the end of their interval: the last value twice, for edges.
func held(v []float64) []float64 {
	if len(v) == 0 {
		return nil
	}
	return append(slices.Clone(v), v[len(v)-1])
}

// peak is that of the 99th percentile of an outcome.
type peak struct {
	of       series.OutcomeTimeline
	at       int // interval
	v, usual float64
}

// overTimeTitle tells where the 99th percentile is furthest above what is
// usual for the outcome.
func overTimeTitle(set *series.Set, timed []series.OutcomeTimeline) string {
	t := &set.Timeline
	of := ""
	if timed[0].Limiter == timed[len(timed)-1].Limiter {
		of = onlyOf(set, timed[0].Limiter)
	}
	_, highest := span(timed)
	p, few := worst(timed, telling), worst(timed, 1)
	start := func(p peak) float64 { return t.From + t.Step*float64(p.at) }
	if p.v == 0 { // nowhere are there many decisions
		p = few
	}
	switch {
	case few.v < notable*few.usual || few.v == 0:
		return fmt.Sprintf("Latency%s is steady: the 99th percentile never exceeds %s", of, unit.Amount(highest, 3))
	case p.v < notable*p.usual:
		return fmt.Sprintf("Latency%s is steady but where decisions are few: the 99th percentile of “%s” is %s at %s, usually %s",
			of, outcomeName(few.of.Outcome), unit.Amount(few.v, 3), draw.Instant(start(few)), unit.Amount(few.usual, 3))
	}
	title := fmt.Sprintf("The 99th percentile of “%s”%s reaches %s at %s, usually %s",
		outcomeName(p.of.Outcome), onlyOf(set, p.of.Limiter), unit.Amount(p.v, 3), draw.Instant(start(p)), unit.Amount(p.usual, 3))
	return title + duringFault(t, start(p))
}

// duringFault returns the first fault in the interval that begins at an instant, as the end
// of a title; "" if there is none.
func duringFault(t *series.Timeline, at float64) string {
	for _, f := range t.Faults {
		if at < max(f.Until, f.From+t.Step) && at+t.Step > f.From {
			return ": " + f.Label
		}
	}
	return ""
}

// worst returns that interval of those with enough decisions.
func worst(timed []series.OutcomeTimeline, enough int64) (p peak) {
	for _, o := range timed {
		usual := middle(o.P99)
		for i, v := range o.P99 {
			if o.Count[i] >= enough && v*p.usual > p.v*usual*(1+1e-9) || p.v == 0 && o.Count[i] >= enough && v > 0 {
				p = peak{of: o, at: i, v: v, usual: usual}
			}
		}
	}
	return p
}

// middle returns the median of the values that are known.
func middle(v []float64) float64 {
	known := slices.DeleteFunc(slices.Clone(v), math.IsNaN)
	slices.Sort(known)
	if len(known) == 0 {
		return math.NaN()
	}
	return known[(len(known)-1)/2]
}

// overTimePages returns, for each of the limiters, or client that is told apart, the
// outcome with most decisions.
func (k *kit) overTimePages(set *series.Set) (pages []draw.Figure) {
	t := &set.Timeline
	var main []series.OutcomeTimeline
	for _, s := range sources(set) {
		timed, _ := timedOutcomes(t, s)
		if len(timed) > 0 {
			main = append(main, slices.MaxFunc(timed, func(a, b series.OutcomeTimeline) int { return int(total(a.Count) - total(b.Count)) }))
		}
	}
	if len(main) == 0 {
		return []draw.Figure{k.overTimeFigure(set, limiters(set)[0])}
	}
	lo, hi := span(main)
	for some := range slices.Chunk(main, pagePanels) {
		f := draw.Figure{Name: "latency-over-time", Columns: 2, Shared: true}
		for _, o := range some {
			whose := o.Limiter + ": "
			if o.Client != "" {
				whose = o.Limiter + ", "
			}
			f.Panels = append(f.Panels, k.overTimePanel(t, o, whose, lo, hi))
		}
		f.Title = overTimeTitle(set, some)
		overTimeNotes(&f, set, " Of each the outcome with most decisions.")
		var names []string
		for _, o := range some {
			names = append(names, o.Limiter)
		}
		f.Note(togetherNote(set, names))
		pages = append(pages, f)
	}
	return pages
}
