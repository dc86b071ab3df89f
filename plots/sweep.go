package plots

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/results/sweep"
)

// SweepFigures returns the figures of every metric of a sweep that is drawn.
func SweepFigures(r *sweep.Result, o Options) (all []draw.Figure, err error) {
	for _, g := range r.Drawn() {
		figures, err := gridFigures(g, o)
		if err != nil {
			return nil, err
		}
		all = append(all, figures...)
	}
	return all, nil
}

// gridFigures returns the figures of one metric of a sweep: heat maps of two axes,
// lines along a numeric one.
func gridFigures(sweep *sweep.Grid, o Options) ([]draw.Figure, error) {
	with, err := o.kit()
	if err == nil {
		err = sweep.Check()
	}
	if err != nil {
		return nil, err
	}
	k := &sweepKit{kit: with, Grid: sweep}
	all := k.figures()
	for i := range all {
		all[i].Name += "-" + sweep.Metric
		all[i].Subtitle = k.subtitle()
		all[i].Note(meaning(sweep.Metric))
	}
	return k.finished("sweep", all), nil
}

// meaning says what a metric of admission is: its name alone does not.
func meaning(column string) string {
	name, _, _ := strings.Cut(column, " ")
	name, _, _ = strings.Cut(name, "{")
	m, _ := metric.Find(name)
	if !slices.Contains(m.Tags, "limit") {
		return ""
	}
	return m.Name + ": " + m.About + "."
}

// sweepKit draws one sweep.
type sweepKit struct {
	*kit
	*sweep.Grid
}

func (k *sweepKit) figures() (all []draw.Figure) {
	if len(k.known(nil)) == 0 {
		return []draw.Figure{without("sweep", k.Metric+" is not known of any run", "no run of the sweep showed the metric.")}
	}
	if len(k.Axes) > 1 {
		all = append(all, k.mapFigure())
	}
	if x := k.longestNumeric(); x >= 0 {
		all = append(all, k.lineFigure(x))
	} else if len(k.Axes) < 2 {
		all = append(all, k.barFigure())
	}
	return all
}

func (k *sweepKit) subtitle() string {
	var parts []string
	if k.Scenario != "" {
		parts = append(parts, k.Scenario)
	}
	for _, a := range k.Axes {
		parts = append(parts, fmt.Sprintf("%s of %s", unit.Counted(int64(len(a.Values)), "value"), a.Name))
	}
	parts = append(parts, unit.Counted(int64(len(k.Cells)), "run"))
	if len(k.AutoPipelined) > 0 {
		parts = append(parts, "auto-pipelined: "+and(k.AutoPipelined))
	}
	return strings.Join(parts, " · ")
}

// longestNumeric axis: the one with most values, of several the last; −1 there
// is none.
func (k *sweepKit) longestNumeric() int {
	best := -1
	for i, a := range k.Axes {
		if a.Numeric != nil && len(a.Values) > 0 && (best < 0 || len(a.Values) >= len(k.Axes[best].Values)) {
			best = i
		}
	}
	return best
}

// known values of the cells that a condition holds for; nil: of all.
func (k *sweepKit) known(of func(sweep.GridCell) bool) (values []float64) {
	for _, c := range k.Cells {
		if !math.IsNaN(c.Value) && !math.IsInf(c.Value, 0) && (of == nil || of(c)) {
			values = append(values, c.Value)
		}
	}
	return values
}

// title tells how many runs pass, and what the metric is in those and in the
// others.
func (k *sweepKit) title() string {
	pass := k.known(func(c sweep.GridCell) bool { return c.OK })
	fail := k.known(func(c sweep.GridCell) bool { return !c.OK })
	passed := 0
	for _, c := range k.Cells {
		if c.OK {
			passed++
		}
	}
	switch n := len(k.Cells); {
	case n == 1 && passed == 1:
		return fmt.Sprintf("The only run passes; %s is %s", k.Metric, k.spanOf(pass))
	case n == 1:
		return fmt.Sprintf("The only run fails; %s is %s", k.Metric, k.spanOf(fail))
	case passed == n:
		return fmt.Sprintf("All %s runs pass; %s is %s", spell(n), k.Metric, k.spanOf(pass))
	case passed == 0:
		return fmt.Sprintf("None of %s runs passes; %s is %s", spell(n), k.Metric, k.spanOf(fail))
	default:
		title := fmt.Sprintf("%s of %s runs pass", sentence(spell(passed)), spell(n))
		if passed == 1 {
			title += "es"
		}
		if len(pass) > 0 {
			title += fmt.Sprintf(", with %s of %s", k.Metric, k.spanOf(pass))
		}
		if len(fail) > 0 {
			title += "; the others have " + k.spanOf(fail)
		}
		return title
	}
}

// spanOf values in words.
func (k *sweepKit) spanOf(values []float64) string {
	lo, hi := k.say(slices.Min(values)), k.say(slices.Max(values))
	if lo == hi {
		return lo
	}
	return lo + " to " + hi
}

// say writes a value of the metric with its unit.
func (k *sweepKit) say(v float64) string { return k.digits(v, 3) }

func (k *sweepKit) digits(v float64, digits int) string {
	switch k.Unit {
	case "s":
		return unit.Amount(v, digits)
	case "ratio":
		return unit.Significant(100*v, digits) + " %"
	}
	if v == math.Trunc(v) {
		return draw.Number(v)
	}
	return unit.Significant(v, digits)
}

// metricLabel is of an axis with values of the metric.
func (k *sweepKit) metricLabel() string {
	switch k.Unit {
	case "", "s", "ratio": // ticks have it
		return k.Metric
	}
	return k.Metric + " (" + k.Unit + ")"
}

// setting writes that of some axes, as in "limiter = lua, rate = 100/s".
func (k *sweepKit) setting(axes, index []int) string {
	var words []string
	for i, a := range axes {
		words = append(words, settingOf(&k.Axes[a], index[i]))
	}
	return strings.Join(words, ", ")
}

// settingOf writes that of one axis. A unit in the axis's name goes to the value.
func settingOf(a *sweep.Parameter, i int) string {
	name, unit, found := strings.Cut(strings.TrimSuffix(a.Name, ")"), " (")
	switch {
	case !found:
		return a.Name + " = " + a.Values[i]
	case strings.HasPrefix(unit, "1/"):
		return name + " = " + a.Values[i] + unit[1:]
	}
	return name + " = " + a.Values[i] + " " + unit
}

// settings are all places on some axes, the last varying fastest.
func (k *sweepKit) settings(axes []int) [][]int {
	all := [][]int{nil}
	for _, a := range axes {
		var longer [][]int
		for _, index := range all {
			for v := range k.Axes[a].Values {
				longer = append(longer, append(slices.Clone(index), v))
			}
		}
		all = longer
	}
	return all
}

// some settings, evenly chosen, and in words how many are left out.
func (k *sweepKit) some(axes []int, most int) (settings [][]int, left string) {
	all := k.settings(axes)
	if len(all) <= most {
		return all, ""
	}
	for i := range most {
		settings = append(settings, all[i*(len(all)-1)/(most-1)])
	}
	var names []string
	for _, a := range axes {
		names = append(names, k.Axes[a].Name)
	}
	return settings, fmt.Sprintf("Not drawn: %s of %s.", unit.Counted(int64(len(all)-most), "other setting"), and(names))
}

func (k *sweepKit) others(but ...int) (axes []int) {
	for i := range k.Axes {
		if !slices.Contains(but, i) {
			axes = append(axes, i)
		}
	}
	return axes
}

func (k *sweepKit) byPlace() map[string]sweep.GridCell {
	m := map[string]sweep.GridCell{}
	for _, c := range k.Cells {
		m[fmt.Sprint(c.Index)] = c
	}
	return m
}

// place returns that of a cell from that on some axes and on the others.
func (k *sweepKit) place(axes, index []int, at map[int]int) string {
	whole := make([]int, len(k.Axes))
	for i, a := range axes {
		whole[a] = index[i]
	}
	for a, v := range at {
		whole[a] = v
	}
	return fmt.Sprint(whole)
}

// mostLines of one figure; of more settings the note says how many.
const mostLines = 7

// lineFigure shows one axis: a line for each setting of the others.
func (k *sweepKit) lineFigure(x int) draw.Figure {
	f := draw.Figure{Name: "sweep-line", Columns: 1}
	others := k.others(x)
	settings, left := k.some(others, mostLines)
	f.Note(left)
	var lines []sweepLine
	cellsOf := k.byPlace()
	for i, setting := range settings {
		l := sweepLine{name: k.lineName(others, setting), look: k.Nth(i)}
		for v, number := range k.Axes[x].Numeric {
			c, ok := cellsOf[k.place(others, setting, map[int]int{x: v})]
			if ok && !math.IsNaN(c.Value) && !math.IsInf(c.Value, 0) {
				l.points = append(l.points, sweepPoint{draw.Point{X: number, Y: c.Value}, c.OK})
			}
		}
		slices.SortStableFunc(l.points, func(a, b sweepPoint) int { return cmp.Compare(a.X, b.X) })
		lines = append(lines, l)
	}
	f.Title = k.lineTitle(x, lines)
	f.Panels = []draw.Panel{k.linePanel(x, lines)}
	return f
}

// lineName is short if it can be.
func (k *sweepKit) lineName(others, setting []int) string {
	if len(others) == 1 && k.Axes[others[0]].Numeric == nil {
		return k.Axes[others[0]].Values[setting[0]]
	}
	return k.setting(others, setting)
}

// sweepLine is one setting of the other axes.
type sweepLine struct {
	name   string
	look   draw.Look
	points []sweepPoint
}

type sweepPoint struct {
	draw.Point
	ok bool
}

func (k *sweepKit) linePanel(x int, lines []sweepLine) draw.Panel {
	p := draw.Panel{X: k.valueAxis(x), Y: k.metricAxis(), Direct: true}
	if len(lines) == 1 {
		p.Layers = append(p.Layers, k.passing(lines[0], p.X, p.Y))
	}
	radius := vg.Length(3)
	if len(k.Axes[x].Values) > 15 {
		radius = 1.8
	}
	for _, l := range lines {
		var all, pass, fail []draw.Point
		for _, one := range l.points {
			all = append(all, one.Point)
			if one.ok {
				pass = append(pass, one.Point)
			} else {
				fail = append(fail, one.Point)
			}
		}
		p.Layers = append(p.Layers, draw.Line{Name: l.name, Points: all, Look: l.look}, draw.Dots{Points: pass, Look: l.look, Radius: radius},
			draw.Dots{Points: fail, Look: draw.Look{Color: k.Background}, Radius: radius + 0.4}, draw.Dots{Points: fail, Look: l.look, Shape: draw.Cross, Radius: radius})
	}
	p.Layers = append(p.Layers, draw.Dots{Name: "passes", Look: k.Plain(), Radius: 3}, draw.Dots{Name: "fails", Look: k.Plain(), Shape: draw.Cross, Radius: 3})
	return p
}

// passing is where a single line passes: half way to its neighbours.
func (k *sweepKit) passing(l sweepLine, x, y draw.Axis) draw.Rects {
	out := draw.Rects{Name: "passing region", Look: draw.Look{Color: draw.Mix(k.Background, k.Series[2], 0.18), Ink: k.Muted}}
	between := func(a, b float64) float64 {
		if _, log := x.Scale.(draw.LogScale); log {
			return math.Sqrt(a * b)
		}
		return (a + b) / 2
	}
	for i, one := range l.points {
		if !one.ok {
			continue
		}
		from, until := x.Min, x.Max
		if i > 0 {
			from = between(l.points[i-1].X, one.X)
		}
		if i+1 < len(l.points) {
			until = between(one.X, l.points[i+1].X)
		}
		if last := len(out.Rects) - 1; last >= 0 && out.Rects[last].X1 == from {
			out.Rects[last].X1 = until
			continue
		}
		out.Rects = append(out.Rects, draw.Rect{X0: from, Y0: y.Min, X1: until, Y1: y.Max})
	}
	if out.Rects == nil {
		out.Name = ""
	}
	return out
}

// lineTitle tells the ends of a single line, or how far lines are apart where
// they are furthest apart.
func (k *sweepKit) lineTitle(x int, lines []sweepLine) string {
	axis := &k.Axes[x]
	value := func(v float64) string { return settingOf(axis, slices.Index(axis.Numeric, v)) }
	if len(lines) == 1 {
		points := lines[0].points
		first, last := points[0], points[len(points)-1]
		if len(points) == 1 {
			return k.title()
		}
		return fmt.Sprintf("%s is %s at %s and %s at %s%s", k.Metric, k.say(first.Y), value(first.X), k.say(last.Y), value(last.X), passWords(points, value))
	}
	var at, lo, hi float64
	var low, high string
	apart := -1.0
	for _, v := range axis.Numeric {
		least, most, leastName, mostName := math.Inf(1), math.Inf(-1), "", ""
		for _, l := range lines {
			for _, p := range l.points {
				if p.X == v && p.Y < least {
					least, leastName = p.Y, l.name
				}
				if p.X == v && p.Y > most {
					most, mostName = p.Y, l.name
				}
			}
		}
		if most-least > apart {
			apart, at, lo, hi, low, high = most-least, v, least, most, leastName, mostName
		}
	}
	if apart <= 0 {
		return fmt.Sprintf("%s is %s with every setting", k.Metric, k.spanOf(k.known(nil)))
	}
	return fmt.Sprintf("At %s %s is %s with %s and %s with %s", value(at), k.Metric, k.say(lo), low, k.say(hi), high)
}

// passWords returns up to where a line passes, if it does so from one of its ends on.
func passWords(points []sweepPoint, value func(float64) string) string {
	changes := 0
	for i := 1; i < len(points); i++ {
		if points[i].ok != points[i-1].ok {
			changes++
		}
	}
	first, last := points[0].ok, points[len(points)-1].ok
	switch {
	case changes == 0 && first:
		return "; all pass"
	case changes == 0:
		return "; none passes"
	case changes == 1 && first:
		i := slices.IndexFunc(points, func(p sweepPoint) bool { return !p.ok })
		return "; it passes up to " + value(points[i-1].X)
	case changes == 1 && last:
		i := slices.IndexFunc(points, func(p sweepPoint) bool { return p.ok })
		return "; it passes from " + value(points[i].X) + " on"
	}
	return ""
}

// barFigure shows one axis of words, or one run.
func (k *sweepKit) barFigure() draw.Figure {
	f := draw.Figure{Name: "sweep-bars", Title: k.title(), Columns: 1}
	names := []string{"the run"}
	if len(k.Axes) == 1 {
		names = k.Axes[0].Values
	}
	b := draw.Bars{Look: k.Nth(0)}
	cellsOf := k.byPlace()
	n := len(names)
	var none draw.Absent
	for i, name := range names {
		index := []int{i}
		if len(k.Axes) == 0 {
			index = nil
		}
		one := draw.Bar{Name: name}
		if c, ok := cellsOf[fmt.Sprint(index)]; !ok || math.IsNaN(c.Value) || math.IsInf(c.Value, 0) {
			none = append(none, draw.Says{Y: draw.MiddleOf(i, n), Word: "no run, or the metric is not known"})
		} else {
			one.Value, one.Label, one.Strong = c.Value, k.say(c.Value)+passMark(c.OK), c.OK
		}
		b.List = append(b.List, one)
	}
	label := ""
	if len(k.Axes) == 1 {
		label = k.Axes[0].Name
	}
	x := k.BarAxis(k.label(k.metricLabel(), 1), b, 1)
	x.Ticks = k.saidTicks
	f.Panels = []draw.Panel{{X: x, Y: draw.RowAxis(label, k.Names(names, 1)), Layers: append(b.Layers(nil, nil), none), Height: k.RowsHeight(n)}}
	return f
}

func passMark(ok bool) string {
	if ok {
		return " (passes)"
	}
	return " (fails)"
}
