package plots

import (
	"fmt"

	"github.com/quotalab/quotalab/results/series"
)

// excessFigure of when a limiter gave any key more than its limit.
func (k *kit) excessFigure(set *series.Set, a *series.Admission) Figure {
	t := &set.Timeline
	points := a.ExcessOverTime
	most, at := peakOf(points)
	from, until := points[0].X, points[len(points)-1].X+t.Step
	if t.N > 0 {
		from, until = t.From, t.From+t.Step*float64(t.N)
	}
	if !(until > from) {
		until = from + 1
	}
	points = append(points[:len(points):len(points)], series.Point{X: until, Y: points[len(points)-1].Y})
	x, zero, y := make([]float64, len(points)), make([]float64, len(points)), make([]float64, len(points))
	for i, p := range points {
		x[i], y[i] = p.X, p.Y
	}
	look := k.Nth(1)
	f := Figure{Name: "excess-" + a.Limiter, columns: 1, Title: excessTitle(a, t, most, at)}
	f.panels = []panel{{
		x: timeAxis(from, until), y: amountAxis("tokens above burst + t/T, of the key that is worst then", most), faults: t.Faults,
		layers: []layer{band{x: x, lo: zero, hi: y, look: look, opacity: 0.45, step: true}, line{points: points, look: look, step: true}},
	}}
	f.note(faultNote(t.Faults))
	f.note(fmt.Sprintf("In intervals of %s: the most tokens that any key was given above burst + t/T in a window that ends there.%s", seconds(t.Step), warmupNote(t)))
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
	title := fmt.Sprintf("A key of %s is above burst + t/T in %s of the intervals, by %s tokens at %s", a.Limiter, percent(float64(n)/float64(len(a.ExcessOverTime))), significant(most, 3), instant(at))
	for _, f := range t.Faults {
		if at < max(f.Until, f.From+t.Step) && at+t.Step > f.From {
			return title + ": " + f.Label
		}
	}
	return title
}
