package plots

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/plot"
)

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
				t.Label = seconds(t.Value)
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
