package plots

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/sweep"
)

// mostMaps of one figure; of more settings the note says how many.
const mostMaps = 8

// mapFigure has the last axis across, the one before upwards, and a panel for
// each setting of the others.
func (k *sweepKit) mapFigure() Figure {
	across, down := len(k.Axes)-1, len(k.Axes)-2
	f := Figure{Name: "sweep-map", Title: k.title(), columns: 2}
	others := k.others(across, down)
	settings, left := k.some(others, mostMaps)
	f.note(left)
	if len(settings) == 1 {
		f.columns = 1
	}
	scale, missing := k.metricAxis(), false
	cellsOf := k.byPlace()
	for _, setting := range settings {
		m, passed := k.grid(across, down, func(x, y int) (sweep.GridCell, bool) {
			c, ok := cellsOf[k.place(others, setting, map[int]int{across: x, down: y})]
			return c, ok
		}, scale)
		f.panels = append(f.panels, k.mapPanel(across, down, k.setting(others, setting), m, passed, f.columns))
		for _, row := range m.rows {
			for _, v := range row {
				missing = missing || math.IsNaN(v)
			}
		}
	}
	scale.label = k.label(k.metricLabel(), f.columns)
	f.panels = append(f.panels, k.mapKey(scale))
	f.note(k.mapNote(missing))
	return f
}

func (k *sweepKit) mapNote(missing bool) string {
	note := "Runs within the outline pass: they are valid and all assertions hold."
	if missing {
		note += " Crossed out: not run, or the metric is not known."
	}
	return note
}

// rowOrder of an axis from above: numbers rise upwards.
func (k *sweepKit) rowOrder(a int) []int {
	order := make([]int, len(k.Axes[a].Values))
	for i := range order {
		order[i] = i
		if k.Axes[a].Numeric != nil {
			order[i] = len(order) - 1 - i
		}
	}
	return order
}

// grid of the cells in one panel.
func (k *sweepKit) grid(across, down int, cell func(x, y int) (sweep.GridCell, bool), scale axis) (cells, [][]bool) {
	m := cells{lo: 0, hi: 1}
	var passed [][]bool
	for x := 0; x <= len(k.Axes[across].Values); x++ {
		m.x = append(m.x, float64(x))
	}
	for _, y := range k.rowOrder(down) {
		var row []float64
		var labels []string
		var pass []bool
		for x := range k.Axes[across].Values {
			c, ok := cell(x, y)
			v, label := math.NaN(), ""
			if ok && !math.IsNaN(c.Value) && !math.IsInf(c.Value, 0) {
				v, label = scale.normal().scale.Normalize(scale.min, scale.max, c.Value), k.brief(c.Value)
			}
			row, labels, pass = append(row, v), append(labels, label), append(pass, ok && c.OK)
		}
		m.rows, m.labels, passed = append(m.rows, row), append(m.labels, labels), append(passed, pass)
	}
	return m, passed
}

func (k *sweepKit) mapPanel(across, down int, title string, m cells, passed [][]bool, columns int) panel {
	var rows []string
	for _, y := range k.rowOrder(down) {
		rows = append(rows, k.Axes[down].Values[y])
	}
	width := k.panelWidth(columns)
	each := width * (1 - nameShare) / vg.Length(len(k.Axes[across].Values))
	names := k.clipAll(k.Axes[across].Values, max(each, width/8))
	n := len(names)
	x := axis{label: k.label(k.Axes[across].Name, columns), max: float64(n), ticks: func(_, _ float64) (all [][]plot.Tick) {
		for every := 1; every < 2*n; every *= 2 {
			var ticks []plot.Tick
			for i := 0; i < n; i += every {
				ticks = append(ticks, plot.Tick{Value: float64(i) + 0.5, Label: names[i]})
			}
			all = append(all, ticks)
		}
		return all
	}}
	return panel{title: title, x: x, y: rowAxis(k.Axes[down].Name, k.names(rows, columns)), height: k.rowsHeight(len(rows)), layers: []layer{m, outline{passed}}}
}

// mapKey says which colour is how much.
func (k *sweepKit) mapKey(scale axis) panel {
	key := k.rampKey(scale.label, scale.min, scale.max)
	key.x = scale
	return key
}

// outline around the cells that pass.
type outline struct{ passed [][]bool }

func (l outline) draw(c *area) {
	for _, sty := range []draw.LineStyle{{Color: c.Background, Width: 3.4}, {Color: c.Text, Width: 1.7}} {
		c.SetLineStyle(sty)
		for _, e := range l.edges() {
			var p vg.Path
			p.Move(c.at(e.x0, e.y0))
			p.Line(c.at(e.x1, e.y1))
			c.Stroke(p)
		}
	}
}

// edges between what passes and what does not, joined where they go on.
func (l outline) edges() (edges []rect) {
	n := len(l.passed)
	pass := func(row, column int) bool {
		return row >= 0 && row < n && column >= 0 && column < len(l.passed[row]) && l.passed[row][column]
	}
	join := func(e rect) {
		if last := len(edges) - 1; last >= 0 && edges[last].x1 == e.x0 && edges[last].y1 == e.y0 && (edges[last].x0 == e.x1 || edges[last].y0 == e.y1) {
			edges[last].x1, edges[last].y1 = e.x1, e.y1
			return
		}
		edges = append(edges, e)
	}
	for row := 0; row <= n; row++ {
		for column := range l.passed[0] {
			if pass(row, column) != pass(row-1, column) {
				join(rect{float64(column), float64(n - row), float64(column + 1), float64(n - row)})
			}
		}
	}
	for column := 0; column <= len(l.passed[0]); column++ {
		for row := range n {
			if pass(row, column) != pass(row, column-1) {
				join(rect{float64(column), float64(n - row), float64(column), float64(n - row - 1)})
			}
		}
	}
	return edges
}

func (l outline) text(b *strings.Builder) {
	b.WriteString("passes\n")
	for _, row := range l.passed {
		b.WriteString("    ")
		for _, ok := range row {
			if ok {
				b.WriteString("#")
			} else {
				b.WriteString(".")
			}
		}
		b.WriteByte('\n')
	}
}

// logFrom is from what ratio of the largest to the smallest value on a scale
// is logarithmic.
const logFrom = 50

// metricAxis holds all values of the metric.
func (k *sweepKit) metricAxis() axis {
	values := k.known(nil)
	lo, hi := slices.Min(values), slices.Max(values)
	a := axis{label: k.label(k.metricLabel(), 1), min: min(lo, 0), max: hi, ticks: k.saidTicks}
	switch {
	case lo > 0 && hi/lo >= logFrom:
		a.min, a.max, a.scale, a.ticks = lo/1.2, hi*1.2, logScale{}, k.decadeTicks
	case hi <= 0 && lo < 0:
		a.max = 0
	case hi > 0:
		a.max = roundTop(hi * 1.04)
	default: // all are 0
		a.max = 1
	}
	if a.min < 0 {
		a.min = -roundTop(-a.min)
	}
	return a
}

// label of an axis that fits below a frame.
func (k *sweepKit) label(words string, columns int) string {
	return shorten(k.fine, words, 0.55*k.panelWidth(columns), "…")
}

// saidTicks are round numbers with the metric's unit.
func (k *sweepKit) saidTicks(lo, hi float64) [][]plot.Tick {
	factor := 1.0
	if k.Unit == "ratio" {
		factor = 100
	}
	all := roundTicks(lo*factor, hi*factor)
	if k.whole() {
		return wholeTicks(lo, hi)
	}
	for i := range all {
		for j := range all[i] {
			t := &all[i][j]
			t.Value /= factor
			switch k.Unit {
			case "s":
				t.Label = unit.Amount(t.Value, 3)
			case "ratio":
				t.Label += " %"
			}
		}
	}
	return all
}

// decadeTicks are at powers of ten, and between them as far as there is room.
func (k *sweepKit) decadeTicks(lo, hi float64) [][]plot.Tick {
	if k.Unit == "s" {
		return latencyTicks(lo, hi)
	}
	all := latencyTicks(lo, hi)
	for i := range all {
		for j := range all[i] {
			if t := &all[i][j]; t.Label != "" {
				t.Label = k.say(t.Value)
			}
		}
	}
	return all
}

// valueAxis of a parameter with numbers: ticks are at the values that were run.
func (k *sweepKit) valueAxis(a int) axis {
	numbers := k.Axes[a].Numeric
	lo, hi := slices.Min(numbers), slices.Max(numbers)
	x := axis{label: k.label(k.Axes[a].Name, 1), min: lo, max: hi, ticks: func(_, _ float64) [][]plot.Tick { return k.ranTicks(a) }}
	switch {
	case lo == hi:
		x.min, x.max = lo-1, hi+1
	case geometric(numbers):
		edge := math.Pow(hi/lo, 0.04)
		x.min, x.max, x.scale = lo/edge, hi*edge, logScale{}
	default:
		x.min, x.max = lo-(hi-lo)*0.04, hi+(hi-lo)*0.04
	}
	return x
}

// whole tells whether the metric counts things.
func (k *sweepKit) whole() bool {
	return k.Unit != "s" && k.Unit != "ratio" && !slices.ContainsFunc(k.known(nil), func(v float64) bool { return v != math.Trunc(v) })
}

// geometric tells whether ratios of neighbours are more alike than differences.
func geometric(numbers []float64) bool {
	sorted := slices.Sorted(slices.Values(numbers))
	sorted = slices.Compact(sorted)
	if len(sorted) < 3 || sorted[0] <= 0 {
		return false
	}
	logs := make([]float64, len(sorted))
	for i, v := range sorted {
		logs[i] = math.Log(v)
	}
	return evenness(logs) > evenness(sorted)
}

// evenness is the smallest gap over the largest.
func evenness(sorted []float64) float64 {
	least, most := math.Inf(1), 0.0
	for i := 1; i < len(sorted); i++ {
		gap := sorted[i] - sorted[i-1]
		least, most = min(least, gap), max(most, gap)
	}
	return least / most
}

// ranTicks are at the values, as far as there is room.
func (k *sweepKit) ranTicks(a int) [][]plot.Tick {
	axis := &k.Axes[a]
	ticks := make([]plot.Tick, len(axis.Values))
	for i := range ticks {
		ticks[i] = plot.Tick{Value: axis.Numeric[i], Label: axis.Values[i]}
	}
	slices.SortStableFunc(ticks, func(a, b plot.Tick) int { return cmp.Compare(a.Value, b.Value) })
	return [][]plot.Tick{ticks}
}
