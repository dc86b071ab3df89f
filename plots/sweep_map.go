package plots

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/plots/draw"
	"github.com/quotalab/quotalab/results/sweep"
)

// mostMaps of one figure; of more settings the note says how many.
const mostMaps = 8

// mapFigure has the last axis across, the one before upwards, and a panel for
// each setting of the others.
func (k *sweepKit) mapFigure() draw.Figure {
	across, down := len(k.Axes)-1, len(k.Axes)-2
	f := draw.Figure{Name: "sweep-map", Title: k.title(), Columns: 2}
	others := k.others(across, down)
	settings, left := k.some(others, mostMaps)
	f.Note(left)
	if len(settings) == 1 {
		f.Columns = 1
	}
	scale, missing := k.metricAxis(), false
	cellsOf := k.byPlace()
	for _, setting := range settings {
		m, passed := k.grid(across, down, func(x, y int) (sweep.GridCell, bool) {
			c, ok := cellsOf[k.place(others, setting, map[int]int{across: x, down: y})]
			return c, ok
		}, scale)
		f.Panels = append(f.Panels, k.mapPanel(across, down, k.setting(others, setting), m, passed, f.Columns))
		missing = missing || m.Gaps()
	}
	scale.Label = k.label(k.metricLabel(), f.Columns)
	f.Panels = append(f.Panels, k.mapKey(scale))
	f.Note(k.mapNote(missing))
	return f
}

func (k *sweepKit) mapNote(missing bool) string {
	note := "Runs within the outline pass: they are valid and all assertions hold."
	if missing {
		note += " Crossed out: not run, or the metric is not known."
	}
	return note
}

// rowOrder returns the values of an axis from above: numbers rise upwards.
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

func (k *sweepKit) grid(across, down int, cell func(x, y int) (sweep.GridCell, bool), scale draw.Axis) (draw.Cells, [][]bool) {
	m := draw.Cells{Lo: 0, Hi: 1}
	var passed [][]bool
	for x := 0; x <= len(k.Axes[across].Values); x++ {
		m.X = append(m.X, float64(x))
	}
	for _, y := range k.rowOrder(down) {
		var row []float64
		var labels []string
		var pass []bool
		for x := range k.Axes[across].Values {
			c, ok := cell(x, y)
			v, label := math.NaN(), ""
			if ok && !math.IsNaN(c.Value) && !math.IsInf(c.Value, 0) {
				v, label = scale.Share(c.Value), k.digits(c.Value, 2)
			}
			row, labels, pass = append(row, v), append(labels, label), append(pass, ok && c.OK)
		}
		m.Rows, m.Labels, passed = append(m.Rows, row), append(m.Labels, labels), append(passed, pass)
	}
	return m, passed
}

func (k *sweepKit) mapPanel(across, down int, title string, m draw.Cells, passed [][]bool, columns int) draw.Panel {
	var rows []string
	for _, y := range k.rowOrder(down) {
		rows = append(rows, k.Axes[down].Values[y])
	}
	width := k.PanelWidth(columns)
	each := width * (1 - draw.NameShare) / vg.Length(len(k.Axes[across].Values))
	names := k.ClipAll(k.Axes[across].Values, max(each, width/8))
	x := draw.ColumnAxis(k.label(k.Axes[across].Name, columns), names)
	return draw.Panel{Title: title, X: x, Y: draw.RowAxis(k.Axes[down].Name, k.Names(rows, columns)), Height: k.RowsHeight(len(rows)), Layers: []draw.Layer{m, draw.Outline{Passed: passed}}}
}

// mapKey says which colour is how much.
func (k *sweepKit) mapKey(scale draw.Axis) draw.Panel {
	key := k.RampKey(scale.Label, scale.Min, scale.Max)
	key.X = scale
	return key
}

// logFrom is from what ratio of the largest to the smallest value on a scale
// is logarithmic.
const logFrom = 50

// metricAxis holds all values of the metric.
func (k *sweepKit) metricAxis() draw.Axis {
	values := k.known(nil)
	lo, hi := slices.Min(values), slices.Max(values)
	a := draw.Axis{Label: k.label(k.metricLabel(), 1), Min: min(lo, 0), Max: hi, Ticks: k.saidTicks}
	switch {
	case lo > 0 && hi/lo >= logFrom:
		a.Min, a.Max, a.Scale, a.Ticks = lo/1.2, hi*1.2, draw.LogScale{}, k.decadeTicks
	case hi <= 0 && lo < 0:
		a.Max = 0
	case hi > 0:
		a.Max = draw.RoundTop(hi * 1.04)
	default: // all are 0
		a.Max = 1
	}
	if a.Min < 0 {
		a.Min = -draw.RoundTop(-a.Min)
	}
	return a
}

// label returns that of an axis so that it fits below a frame.
func (k *sweepKit) label(words string, columns int) string {
	return draw.Shorten(k.Fine, words, 0.55*k.PanelWidth(columns), "…")
}

// saidTicks are round numbers with the metric's unit.
func (k *sweepKit) saidTicks(lo, hi float64) [][]draw.Tick {
	factor := 1.0
	if k.Unit == "ratio" {
		factor = 100
	}
	all := draw.RoundTicks(lo*factor, hi*factor)
	if k.whole() {
		return draw.WholeTicks(lo, hi)
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
func (k *sweepKit) decadeTicks(lo, hi float64) [][]draw.Tick {
	if k.Unit == "s" {
		return draw.LatencyTicks(lo, hi)
	}
	all := draw.LatencyTicks(lo, hi)
	for i := range all {
		for j := range all[i] {
			if t := &all[i][j]; t.Label != "" {
				t.Label = k.say(t.Value)
			}
		}
	}
	return all
}

// valueAxis returns that of a parameter with numbers: ticks are at the values that were run.
func (k *sweepKit) valueAxis(a int) draw.Axis {
	numbers := k.Axes[a].Numeric
	lo, hi := slices.Min(numbers), slices.Max(numbers)
	x := draw.Axis{Label: k.label(k.Axes[a].Name, 1), Min: lo, Max: hi, Ticks: func(_, _ float64) [][]draw.Tick { return k.ranTicks(a) }}
	switch {
	case lo == hi:
		x.Min, x.Max = lo-1, hi+1
	case geometric(numbers):
		edge := math.Pow(hi/lo, 0.04)
		x.Min, x.Max, x.Scale = lo/edge, hi*edge, draw.LogScale{}
	default:
		x.Min, x.Max = lo-(hi-lo)*0.04, hi+(hi-lo)*0.04
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
func (k *sweepKit) ranTicks(a int) [][]draw.Tick {
	axis := &k.Axes[a]
	ticks := make([]draw.Tick, len(axis.Values))
	for i := range ticks {
		ticks[i] = draw.Tick{Value: axis.Numeric[i], Label: axis.Values[i]}
	}
	slices.SortStableFunc(ticks, func(a, b draw.Tick) int { return cmp.Compare(a.Value, b.Value) })
	return [][]draw.Tick{ticks}
}
