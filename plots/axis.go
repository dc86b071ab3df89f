package plots

import (
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
)

// axis of a panel.
type axis struct {
	label    string // what it is, with its unit unless ticks have it
	min, max float64
	scale    plot.Normalizer // nil: linear
	ticks    ticker          // nil: round numbers
}

// ticker proposes ticks, the most first; the first that fit are drawn.
type ticker func(lo, hi float64) [][]plot.Tick

// normal axis: with a scale and ticks, and longer than nothing.
func (a axis) normal() axis {
	if a.scale == nil {
		a.scale = plot.LinearScale{}
	}
	if a.ticks == nil {
		a.ticks = roundTicks
	}
	if !(a.max > a.min) {
		a.max = a.min + 1
	}
	return a
}

// fit ticks into an axis of a length. The size of a label is told by extent:
// its width on a horizontal axis, its height on a vertical one.
func (a axis) fit(length, gap vg.Length, extent func(label string) vg.Length) []plot.Tick {
	var thinnest []plot.Tick
	for _, ticks := range a.ticks(a.min, a.max) {
		ticks = a.within(ticks)
		if thinned := a.thin(ticks, length, gap, extent); len(thinned) == len(ticks) {
			return ticks
		}
		thinnest = ticks
	}
	return a.thin(thinnest, length, gap, extent)
}

// within the axis, with room for what rounding does.
func (a axis) within(ticks []plot.Tick) []plot.Tick {
	slack := (a.max - a.min) * 1e-9
	return slices.DeleteFunc(slices.Clone(ticks), func(t plot.Tick) bool { return t.Value < a.min-slack || t.Value > a.max+slack })
}

// thin leaves out ticks whose label would touch the one before.
func (a axis) thin(ticks []plot.Tick, length, gap vg.Length, extent func(string) vg.Length) []plot.Tick {
	var kept []plot.Tick
	end := vg.Length(math.Inf(-1))
	for _, t := range ticks {
		if t.IsMinor() {
			kept = append(kept, t)
			continue
		}
		at := vg.Length(a.scale.Normalize(a.min, a.max, t.Value)) * length
		half := extent(t.Label) / 2
		if at-half >= end {
			kept = append(kept, t)
			end = at + half + gap
		}
	}
	return kept
}

// logScale is logarithmic; what is below its beginning is at it.
type logScale struct{}

func (logScale) Normalize(lo, hi, v float64) float64 {
	return math.Log(max(v, lo)/lo) / math.Log(hi/lo)
}

// ninesScale is for percentiles: from 90 to 99 is as far as from 99 to 99.9.
type ninesScale struct{}

func (ninesScale) Normalize(lo, hi, p float64) float64 {
	return (nines(p) - nines(lo)) / (nines(hi) - nines(lo))
}

// mostNines that are told apart: float64 has no more of them.
const mostNines = 12

// nines of a percentile: 90 has 1, 99 has 2, 99.9 has 3.
func nines(percentile float64) float64 {
	return -math.Log10(max(1-percentile/100, math.Pow(10, -mostNines)))
}

// percentile with as many nines.
func percentile(nines float64) float64 { return 100 * (1 - math.Pow(10, -nines)) }

// latencyAxis holds all positive values. It is at least a factor of 4 long,
// so that equal values do not look like many and two labels fit.
func latencyAxis(label string, lo, hi float64) axis {
	if !(hi > 0) || math.IsInf(hi, 0) {
		return axis{label: label, max: 1e-3, ticks: latencyFromZero} // a logarithm has no place for 0 alone
	}
	lo = min(lo, hi)
	lo, hi = lo/1.1, hi*1.1
	if hi < 4*lo {
		middle := math.Sqrt(lo * hi)
		lo, hi = middle/2.1, middle*2.1
	}
	return axis{label: label, min: lo, max: hi, scale: logScale{}, ticks: latencyTicks}
}

// timeAxis of a run: seconds since its start, in a unit that makes short labels.
func timeAxis(from, until float64) axis {
	unit, name := 1.0, "s"
	switch length := until - from; {
	case length > 4*86400:
		unit, name = 86400, "days"
	case length > 3*3600:
		unit, name = 3600, "h"
	case length > 180:
		unit, name = 60, "min"
	}
	return axis{label: "time since the start (" + name + ")", min: from, max: until, ticks: timeTicks(unit)}
}

// amountAxis begins at 0 and ends with a round number not below the most.
func amountAxis(label string, most float64) axis {
	if !(most > 0) || math.IsInf(most, 0) {
		most = 1
	}
	return axis{label: label, max: roundTop(most)}
}

// percentAxis from 0 to 100.
func percentAxis(label string) axis { return axis{label: label, max: 100} }

// percentileAxis from 0 to as many nines as n values have.
func percentileAxis(n int64) axis {
	most := min(max(math.Log10(float64(n)), 1), mostNines)
	return axis{label: "percentile", max: percentile(most), scale: ninesScale{}, ticks: ninesTicks}
}
