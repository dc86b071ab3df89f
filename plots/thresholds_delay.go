package plots

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot/vg"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/plots/series"
)

// mostBounds that have a line each; of more only the dots on the curves show where
// they are.
const mostBounds = 3

// delayFigure shows, of all crossings, the share that was reported within a time. A
// curve that does not reach 100 % is of an engine that missed the rest.
func (k *kit) delayFigure(t *series.Thresholds) draw.Figure {
	f := draw.Figure{Name: "thresholds-delay", Columns: 1, Title: "How late notices were is not known"}
	if !slices.ContainsFunc(t.Delays, func(d series.EngineDelay) bool { return d.Crossings > 0 }) {
		f.Panels = []draw.Panel{{Empty: "no engine has a crossing whose notice was timed."}}
		return f
	}
	f.Title = delayTitle(t)
	p := draw.Panel{X: delayAxis(t), Y: draw.PercentAxis("crossings reported within a time (%)"), Direct: true}
	p.Layers = k.boundRules(t)
	var at []draw.Layer
	for i, d := range t.Delays {
		if d.Crossings == 0 {
			continue
		}
		look := k.Nth(i)
		name := d.Engine + " " + percent(share(d.Delays.N, d.Crossings))
		p.Layers = append(p.Layers, draw.Line{Name: name, Points: told(d, p.X), Look: look, Width: k.Nested(i, len(t.Delays)), Step: true})
		if d.Bound > 0 {
			at = append(at, draw.Dots{Points: []draw.Point{{X: d.Bound, Y: 100 * share(d.OnTime, d.Crossings)}}, Look: look, Radius: 2.6})
		}
	}
	p.Layers = append(p.Layers, at...)
	p.Height = k.FrameHeight * 1.15
	f.Panels = []draw.Panel{p}
	f.Notes = append(f.Notes, "From a crossing to the first notice that was delivered, of all crossings: what is missing from 100 % was never reported. D is the time within which an engine can promise a notice; the dots are the shares told within it.")
	return f
}

// boundRules are lines at the bounds D, each named with its engines.
func (k *kit) boundRules(t *series.Thresholds) (layers []draw.Layer) {
	var bounds []float64
	names := map[float64][]string{}
	for _, d := range t.Delays {
		if d.Bound <= 0 || d.Crossings == 0 {
			continue
		}
		if names[d.Bound] == nil {
			bounds = append(bounds, d.Bound)
		}
		names[d.Bound] = append(names[d.Bound], d.Engine)
	}
	if len(bounds) > mostBounds {
		return nil
	}
	for i, b := range bounds {
		look := k.Plain(draw.Dashed...)
		if i > 0 {
			look = k.Plain(1.5, 1.5+2*vg.Length(i-1))
		}
		layers = append(layers, draw.Rule{Name: fmt.Sprintf("D of %s: %s", and(fewNames(names[b])), unit.Amount(b, 4)), At: b, Vertical: true, Look: look})
	}
	return layers
}

// told is the curve of an engine, to the end of the axis.
func told(d series.EngineDelay, x draw.Axis) []draw.Point {
	of := share(d.Delays.N, d.Crossings)
	points := []draw.Point{{X: x.Min, Y: 0}}
	if d.Delays.N > 0 {
		points[0].X = d.Delays.Min
	}
	for _, q := range d.Delays.Grid {
		points = append(points, draw.Point{X: q.V, Y: q.P * of})
	}
	return append(points, draw.Point{X: x.Max, Y: 100 * of})
}

// delayAxis holds all delays and bounds.
func delayAxis(t *series.Thresholds) draw.Axis {
	lo, hi := math.Inf(1), 0.0
	for _, d := range t.Delays {
		if d.Crossings == 0 {
			continue
		}
		lo, hi = min(lo, positive(d.Delays)), max(hi, d.Delays.Max, d.Bound)
		if d.Bound > 0 {
			lo = min(lo, d.Bound)
		}
	}
	return draw.DelayTicked(draw.LatencyAxis("delay of the notice", lo, hi))
}

// delayTitle tells who reports how much in time, and how fast; at least one engine has
// a crossing.
func delayTitle(t *series.Thresholds) string {
	list := slices.DeleteFunc(slices.Clone(t.Delays), func(d series.EngineDelay) bool { return d.Crossings == 0 })
	slices.SortStableFunc(list, func(a, b series.EngineDelay) int {
		switch x, y := share(a.OnTime, a.Crossings), share(b.OnTime, b.Crossings); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	worst := list[0]
	part := share(worst.OnTime, worst.Crossings)
	var all []string
	for _, d := range t.Delays {
		if d.OnTime == d.Crossings && d.Crossings > 0 {
			all = append(all, d.Engine)
		}
	}
	switch {
	case part == 1 && len(list) == 1:
		return fmt.Sprintf("%s reports every crossing in time, after %s at the median", worst.Engine, unit.Amount(middleDelay(worst), 2))
	case part == 1:
		return "Every engine reports every crossing in time" + pace(list)
	}
	title := fmt.Sprintf("%s reports %s of the crossings in time", worst.Engine, percent(part))
	if part == 0 {
		title = fmt.Sprintf("%s reports none of %s in time", worst.Engine, unit.Counted(worst.Crossings, "crossing"))
	}
	switch {
	case len(all) > 0:
		title += "; " + and(fewNames(all)) + " all" + pace(list)
	case len(list) > 1 && list[len(list)-1].OnTime > 0:
		best := list[len(list)-1]
		title += fmt.Sprintf("; %s %s", best.Engine, percent(share(best.OnTime, best.Crossings)))
	}
	return title
}

// pace compares the medians of the fastest and the slowest of those that report all.
func pace(list []series.EngineDelay) string {
	var fast, slow *series.EngineDelay
	for i := range list {
		d := &list[i]
		if d.OnTime != d.Crossings {
			continue
		}
		if fast == nil || middleDelay(*d) < middleDelay(*fast) {
			fast = d
		}
		if slow == nil || middleDelay(*d) > middleDelay(*slow) {
			slow = d
		}
	}
	switch {
	case fast == nil:
		return ""
	case middleDelay(*slow) < 1.5*middleDelay(*fast):
		return ", after " + unit.Amount(middleDelay(*slow), 2) + " at the median"
	}
	return fmt.Sprintf(": %s after %s at the median, %s after %s", fast.Engine, unit.Amount(middleDelay(*fast), 2), slow.Engine, unit.Amount(middleDelay(*slow), 2))
}

func middleDelay(d series.EngineDelay) float64 {
	return mixtureQuantile([]series.Distribution{d.Delays}, 50)
}

// mostBars is how many bars there are for the engines by threshold, in all of
// their panels.
const mostBars = 50

// missedFigure shows misses by engine, and of the worst by threshold, both by cause.
func (k *kit) missedFigure(t *series.Thresholds, of []tally) draw.Figure {
	f := draw.Figure{Name: "thresholds-missed", Columns: 1, Title: missedTitle(t, of)}
	all, worst := engineRows(of), missers(of)
	shown := 0
	if len(t.Levels) > 1 {
		shown = min(len(worst), max(1, mostBars/len(t.Levels)))
	}
	if shown > 0 {
		f.Columns = 2
	}
	f.Panels = []draw.Panel{k.stackPanel("All engines", t.Causes, all, f.Columns, all)}
	for _, e := range of {
		if slices.ContainsFunc(worst[:shown], func(w tally) bool { return w.engine == e.engine }) {
			f.Panels = append(f.Panels, k.stackPanel("By threshold: "+e.engine, t.Causes, levelRows(t, e.engine), f.Columns, all))
		}
	}
	note := "A crossing is an account's usage reaching a threshold in a period; it is missed if no notice of it was delivered."
	if shown > 0 {
		note += " The scales of the panels differ."
	}
	f.Notes = append(f.Notes, note)
	if shown > 0 && shown < len(worst) {
		f.Notes = append(f.Notes, fmt.Sprintf("By threshold: those that missed most, %d of the %d engines that missed any.", shown, len(worst)))
	}
	return f
}

// stackRow is a bar of parts.
type stackRow struct {
	name          string
	parts         []int64 // by cause
	missed, among int64
}

func engineRows(of []tally) (rows []stackRow) {
	for _, e := range of {
		rows = append(rows, stackRow{name: e.engine, parts: e.causes, missed: e.missed, among: e.crossings})
	}
	return rows
}

func levelRows(t *series.Thresholds, engine string) (rows []stackRow) {
	for _, level := range t.Levels {
		row := stackRow{name: strconv.FormatInt(level, 10) + " %", parts: make([]int64, len(t.Causes))}
		for _, b := range t.Missed {
			if b.Engine != engine || b.Level != level {
				continue
			}
			row.among = b.Crossings
			row.missed += b.Count
			if c := slices.Index(t.Causes, b.Cause); c >= 0 {
				row.parts[c] += b.Count
			}
		}
		if row.among > 0 {
			rows = append(rows, row)
		}
	}
	return rows
}

// stackPanel has bars, one a row, with how many were missed of how many at
// their ends. Beside are the rows of all panels in the column, whose names take
// room.
func (k *kit) stackPanel(title string, causes []string, rows []stackRow, columns int, beside []stackRow) draw.Panel {
	names, ends := make([]string, len(rows)), draw.Bars{}
	for i, r := range rows {
		names[i] = r.name
		ends.List = append(ends.List, draw.Bar{Name: r.name, Value: float64(r.missed), Label: missedOf(r)})
	}
	layers := []draw.Layer{draw.Upright{}}
	for c, cause := range causes {
		part := draw.Rects{Name: causeWords(cause), Look: k.causeLook(c, cause)}
		for i, r := range rows {
			if r.parts[c] > 0 {
				part.Rects = append(part.Rects, stackRect(r, i, c, len(rows)))
			}
		}
		if len(part.Rects) > 0 {
			layers = append(layers, draw.StackParts{Rects: part})
		}
	}
	names = k.Names(names, columns)
	room := ends
	for _, r := range beside {
		room.List = append(room.List[:len(room.List):len(room.List)], draw.Bar{Name: r.name})
	}
	x := k.BarAxis("notices missed", room, columns)
	return draw.Panel{Title: title, X: x, Y: draw.RowAxis("", names), Layers: append(layers, draw.BarLabels{Bars: ends}), Height: k.RowsHeight(len(rows))}
}

// thick is the share of a row that its bar has.
const thick = 0.62

// stackRect is the part of one cause in the bar of a row.
func stackRect(r stackRow, row, cause, rows int) draw.Rect {
	from := float64(total(r.parts[:cause]))
	y := draw.MiddleOf(row, rows)
	return draw.Rect{X0: from, Y0: y - thick/2, X1: from + float64(r.parts[cause]), Y1: y + thick/2}
}

func missedOf(r stackRow) string {
	switch {
	case r.among == 0:
		return "nothing to tell"
	case r.missed == 0:
		return "none of " + unit.Thousands(r.among)
	}
	return unit.Thousands(r.missed) + " of " + unit.Thousands(r.among)
}

// causeLook returns the look of the nth cause: that of a bound for what has no name of its own.
func (k *kit) causeLook(n int, cause string) draw.Look {
	if cause == series.OtherCauses {
		return k.Quiet()
	}
	return k.Nth(n + 1) // the first hue is left to engines; the second is that of warnings
}

// missedTitle tells how much the worst engine missed, why, and who missed nothing.
func missedTitle(t *series.Thresholds, of []tally) string {
	worst, good := missers(of), faultless(of)
	if len(worst) == 0 {
		sum := int64(0)
		for _, e := range of {
			sum += e.crossings
		}
		switch len(of) {
		case 1:
			return fmt.Sprintf("%s misses none of %s", of[0].engine, unit.Counted(sum, "notice"))
		case 2:
			return fmt.Sprintf("Neither %s nor %s misses a notice, of %s together", of[0].engine, of[1].engine, unit.Thousands(sum))
		}
		return fmt.Sprintf("None of the %s engines misses a notice, of %s together", spell(len(of)), unit.Thousands(sum))
	}
	e := worst[0]
	title := fmt.Sprintf("%s misses %s of %s", e.engine, unit.Thousands(e.missed), unit.Counted(e.crossings, "notice"))
	if why := mostly(t, e); why != "" {
		title += " (" + why + ")"
	}
	switch {
	case len(good) > 0:
		title += "; " + verb(good, "miss") + " none"
	case len(worst) > 1 && share(worst[len(worst)-1].missed, worst[len(worst)-1].crossings) < share(e.missed, e.crossings):
		last := worst[len(worst)-1]
		title += fmt.Sprintf("; %s, the least bad, %s of %s", last.engine, unit.Thousands(last.missed), unit.Thousands(last.crossings))
	}
	return title
}

// mostly is the cause of at least half of an engine's misses; "" if there is none.
func mostly(t *series.Thresholds, e tally) string {
	for i, n := range e.causes {
		if t.Causes[i] == series.OtherCauses || 2*n < e.missed {
			continue
		}
		words := causeWords(t.Causes[i])
		if n == e.missed {
			return words
		}
		return percent(share(n, e.missed)) + " " + words
	}
	return ""
}
