package plots

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// admissionFigures returns those of one record: for each limiter what its worst keys were given,
// against burst + t/T, and when.
func admissionFigures(k *kit, set *series.Set) (all []draw.Figure) {
	if len(set.Admission) == 0 {
		return []draw.Figure{without("admission", "What should have been admitted is not known", unjudged(set))}
	}
	for i := range set.Admission {
		a := &set.Admission[i]
		all = append(all, k.admissionFigure(set, a))
		if most, _ := peakOf(a.ExcessOverTime); most > 0 {
			all = append(all, k.excessFigure(set, a))
		}
	}
	return all
}

// unjudged says why nothing was compared with a reference.
func unjudged(set *series.Set) string {
	for _, l := range set.Manifest.Limiters {
		switch {
		case l.Algorithm == "":
		case len(l.Changes) > 0:
			return "limits change during the run, which this figure does not show."
		case !set.Manifest.Whole():
			return "the record does not hold the observations that an audit needs."
		default:
			return "no decision could be compared with the reference."
		}
	}
	return "no limiter has a reference algorithm."
}

func (k *kit) admissionFigure(set *series.Set, a *series.Admission) draw.Figure {
	f := draw.Figure{Name: "admission-" + a.Limiter, Columns: 2, Title: admissionTitle(set, a)}
	if len(a.Keys) == 0 {
		f.Panels = []draw.Panel{{Empty: "the limiter admitted nothing after the warm-up."}}
		return f
	}
	level := isLevelled(&a.Keys[0])
	for i := range a.Keys {
		f.Panels = append(f.Panels, k.keyPanel(&a.Keys[i], level, min(len(a.Keys), 2)))
	}
	f.Columns = min(len(f.Panels), 2)
	note := "Time is from the start of each key's worst window, the one in which it was given most above burst + t/T, which is what its limit allows in any window of length t."
	if a.Keys[0].Excess == 0 && a.Keys[0].Over == 0 {
		note = "The keys with most decisions; time is from the start of the window in which they came nearest to burst + t/T, which is what their limit allows in any window of length t."
	}
	if level {
		note += " What comes back with time, t/T, is taken off, so that burst is level."
	}
	f.Notes = []string{note}
	return f
}

func (k *kit) keyPanel(a *series.KeyAdmission, level bool, columns int) draw.Panel {
	title := a.Key
	if a.Excess > 0 {
		title += ": " + unit.Significant(a.Excess, 3) + " tokens above the promise"
	}
	if k.Strong.Width(title) > k.PanelWidth(columns) {
		title = strings.Replace(title, a.Key, k.Clip(a.Key, 0.4*k.PanelWidth(columns)), 1)
	}
	c := newKeyCurve(a, level)
	x := draw.TimeAxis(0, c.until)
	x.Label = strings.Replace(x.Label, " since the start", "", 1)
	label, bound := "tokens", "burst + t/T"
	if level {
		label, bound = "tokens less t/T", "burst"
	}
	label += fmt.Sprintf(" (limit: %s in %s, burst %s)", unit.Thousands(a.Count), unit.Amount(a.Period, 3), unit.Thousands(a.Burst))
	return draw.Panel{
		Title: title, X: x, Y: draw.AmountAxis(label, c.most), Direct: true, Height: k.FrameHeight * 0.8,
		Layers: []draw.Layer{
			draw.Band{X: c.x, Lo: c.bound, Hi: c.above, Look: k.Nth(1), Opacity: 0.45},
			draw.Line{Name: bound, Points: draw.Pair(c.x, c.bound), Look: k.Plain(4, 2)},
			draw.Line{Name: "admitted", Points: draw.Pair(c.x, c.given), Look: Outcome(k.Palette, record.Allowed, "")},
		},
	}
}

// admissionTitle says how far the limiter broke its promise.
func admissionTitle(set *series.Set, a *series.Admission) string {
	over, worst, named := overAdmitted(set, a), 0.0, "Limiter "+a.Limiter
	for _, key := range a.Keys {
		worst = max(worst, key.Excess)
	}
	on, of := "", overUnit(set.Summary, a.Limiter)
	if !set.Manifest.Whole() {
		on = " on the recorded keys"
	}
	switch {
	case len(a.Keys) == 0:
		return named + " admitted nothing"
	case over == 0 && worst == 0:
		return fmt.Sprintf("%s keeps its promise%s: over-admission is 0", named, on)
	case worst == 0:
		return fmt.Sprintf("%s has an over-admission of %s%s", named, unit.Counted(over, of), on)
	case over == 0:
		return fmt.Sprintf("%s gives a key %s tokens more than burst + t/T", named, unit.Significant(worst, 3))
	}
	return fmt.Sprintf("%s has an over-admission of %s%s, at worst %s tokens above burst + t/T on a key", named, unit.Counted(over, of), on, unit.Significant(worst, 3))
}

// overAdmitted returns the over-admission of a limiter, as the summary has it; of a sample, as its
// audit has it.
func overAdmitted(set *series.Set, a *series.Admission) int64 {
	if s := set.Summary; s != nil {
		for _, one := range s.SampledAudit {
			if one.Limiter == a.Limiter {
				return one.Over
			}
		}
		if m, ok := ofLimiterMetric(s, "over_admission", a.Limiter); ok {
			return m.Count
		}
	}
	over := int64(0)
	for _, key := range a.Keys {
		over += key.Over
	}
	return over
}

// overUnit is what over-admission of a limiter counts: request, or token where
// requests cost differently.
func overUnit(s *summary.Measured, limiter string) string {
	if s != nil && slices.ContainsFunc(s.Audit, func(a summary.Audit) bool { return a.Limiter == limiter && a.Tokens }) {
		return "token"
	}
	return "request"
}

// ofLimiterMetric is a metric of one limiter, over all other tags.
func ofLimiterMetric(s *summary.Measured, name, limiter string) (summary.Metric, bool) {
	m, ok := summary.Sum(s.Series(metric.Selector{Metric: name, Tags: []metric.Tag{{Name: "limiter", Value: limiter}}}))
	return m.Metric, ok
}

// peakOf returns the first of the highest points of a line.
func peakOf(points []series.Point) (most, at float64) {
	most = math.Inf(-1)
	for _, p := range points {
		if p.Y > most {
			most, at = p.Y, p.X
		}
	}
	return most, at
}

// keyCurve is what a key was given in its worst window and what its limit
// allows, at the same instants. A step is two points at one instant.
type keyCurve struct {
	x, given, bound, above []float64 // above: given where that is more than the bound, else the bound
	until, most            float64
}

// isLevelled tells whether t/T is to be taken off: where most of what was given is
// what came back with time, an excess would be a hair.
func isLevelled(a *series.KeyAdmission) bool {
	back := float64(a.Count) / a.Period * spanOf(a)
	return back > 2*float64(a.Burst) && back > 4*a.Excess
}

// spanOf returns the length of the window. A limit that comes back in months says nothing of a run of
// seconds, so the envelope may be longer than what is shown.
func spanOf(a *series.KeyAdmission) float64 {
	if last := a.Admitted[len(a.Admitted)-1].X; last > 0 {
		return last
	}
	return a.Envelope[len(a.Envelope)-1].X
}

func newKeyCurve(a *series.KeyAdmission, level bool) *keyCurve {
	first, last := a.Envelope[0], a.Envelope[len(a.Envelope)-1]
	slope := 0.0
	if last.X > first.X {
		slope = (last.Y - first.Y) / (last.X - first.X)
	}
	c := &keyCurve{until: spanOf(a)}
	add := func(x, given float64) {
		bound, back := first.Y+slope*(x-first.X), 0.0
		if level {
			back = slope * (x - first.X)
		}
		c.x, c.bound, c.given = append(c.x, x), append(c.bound, bound-back), append(c.given, given-back)
		c.above = append(c.above, max(given, bound)-back)
		c.most = max(c.most, max(given, bound)-back)
	}
	add(a.Admitted[0].X, 0)
	for i, p := range a.Admitted {
		until := c.until
		if i+1 < len(a.Admitted) {
			until = a.Admitted[i+1].X
		}
		add(p.X, p.Y)
		if cross := first.X + (p.Y-first.Y)/slope; cross > p.X && cross < until { // never of a NaN or an infinity
			add(cross, p.Y)
		}
		if until > p.X {
			add(until, p.Y)
		}
	}
	if !(c.until > 0) || math.IsInf(c.until, 0) {
		c.until = 1
	}
	return c
}

// excessFigure shows when a limiter gave any key more than its limit.
func (k *kit) excessFigure(set *series.Set, a *series.Admission) draw.Figure {
	t := &set.Timeline
	points := points(a.ExcessOverTime)
	most, at := peakOf(a.ExcessOverTime)
	from, until := points[0].X, points[len(points)-1].X+t.Step
	if t.N > 0 {
		from, until = t.From, t.From+t.Step*float64(t.N)
	}
	if !(until > from) {
		until = from + 1
	}
	points = append(points, draw.Point{X: until, Y: points[len(points)-1].Y})
	x, zero, y := make([]float64, len(points)), make([]float64, len(points)), make([]float64, len(points))
	for i, p := range points {
		x[i], y[i] = p.X, p.Y
	}
	look := k.Nth(1)
	f := draw.Figure{Name: "excess-" + a.Limiter, Columns: 1, Title: excessTitle(a, t, most, at)}
	f.Panels = []draw.Panel{{
		X: draw.TimeAxis(from, until), Y: draw.AmountAxis("tokens above burst + t/T, of the key that is worst then", most), Shades: shades(t.Faults),
		Layers: []draw.Layer{draw.Band{X: x, Lo: zero, Hi: y, Look: look, Opacity: 0.45, Step: true}, draw.Line{Points: points, Look: look, Step: true}},
	}}
	f.Note(draw.ShadesNote(shades(t.Faults)))
	f.Note(fmt.Sprintf("In intervals of %s: the most tokens that any key was given above burst + t/T in a window that ends there.%s", unit.Amount(t.Step, 3), warmupNote(t)))
	return f
}

// excessTitle tells how long and when most was given.
func excessTitle(a *series.Admission, t *series.Timeline, most, at float64) string {
	n := 0
	for _, p := range a.ExcessOverTime {
		if p.Y > 0 {
			n++
		}
	}
	title := fmt.Sprintf("A key of %s is above burst + t/T in %s of the intervals, by %s tokens at %s", a.Limiter, percent(float64(n)/float64(len(a.ExcessOverTime))), unit.Significant(most, 3), draw.Instant(at))
	return title + duringFault(t, at)
}
