package draw

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"

	"github.com/quotalab/quotalab/models/metric/unit"
)

// Axis is an axis of a panel.
type Axis struct {
	Label    string // what it is, with its unit unless ticks have it
	Min, Max float64
	Scale    plot.Normalizer // nil: linear
	Ticks    ticker          // nil: round numbers
}

// Tick is a mark of an axis at a value; one without a label is a minor one.
type Tick = plot.Tick

// ticker proposes ticks, the most first; the first that fit are drawn.
type ticker func(lo, hi float64) [][]Tick

// normal axis: with a scale and ticks, and longer than nothing.
func (a Axis) normal() Axis {
	if a.Scale == nil {
		a.Scale = plot.LinearScale{}
	}
	if a.Ticks == nil {
		a.Ticks = RoundTicks
	}
	if !(a.Max > a.Min) {
		a.Max = a.Min + 1
	}
	return a
}

// Share returns how far along the axis a value is, from 0 to 1.
func (a Axis) Share(v float64) float64 {
	a = a.normal()
	return a.Scale.Normalize(a.Min, a.Max, v)
}

// fit ticks into an axis of a length. The size of a label is told by extent:
// its width on a horizontal axis, its height on a vertical one.
func (a Axis) fit(length, gap vg.Length, extent func(label string) vg.Length) []Tick {
	var thinnest []Tick
	for _, ticks := range a.Ticks(a.Min, a.Max) {
		ticks = a.within(ticks)
		if thinned := a.thin(ticks, length, gap, extent); len(thinned) == len(ticks) {
			return ticks
		}
		thinnest = ticks
	}
	return a.thin(thinnest, length, gap, extent)
}

// within returns the ticks that are on the axis, with room for what rounding does.
func (a Axis) within(ticks []Tick) []Tick {
	slack := (a.Max - a.Min) * 1e-9
	return slices.DeleteFunc(slices.Clone(ticks), func(t Tick) bool { return t.Value < a.Min-slack || t.Value > a.Max+slack })
}

// thin leaves out ticks whose label would touch the one before.
func (a Axis) thin(ticks []Tick, length, gap vg.Length, extent func(string) vg.Length) []Tick {
	var kept []Tick
	end := vg.Length(math.Inf(-1))
	for _, t := range ticks {
		if t.IsMinor() {
			kept = append(kept, t)
			continue
		}
		at := vg.Length(a.Scale.Normalize(a.Min, a.Max, t.Value)) * length
		half := extent(t.Label) / 2
		if at-half >= end {
			kept = append(kept, t)
			end = at + half + gap
		}
	}
	return kept
}

// LogScale is logarithmic; what is below its beginning is at it.
type LogScale struct{}

func (LogScale) Normalize(lo, hi, v float64) float64 {
	return math.Log(max(v, lo)/lo) / math.Log(hi/lo)
}

// ninesScale is for percentiles: from 90 to 99 is as far as from 99 to 99.9.
type ninesScale struct{}

func (ninesScale) Normalize(lo, hi, p float64) float64 {
	return (nines(p) - nines(lo)) / (nines(hi) - nines(lo))
}

// mostNines that are told apart: float64 has no more of them.
const mostNines = 12

// nines returns the nines of a percentile: 90 has 1, 99 has 2, 99.9 has 3.
func nines(percentile float64) float64 {
	return -math.Log10(max(1-percentile/100, math.Pow(10, -mostNines)))
}

// percentile returns the percentile with as many nines.
func percentile(nines float64) float64 { return 100 * (1 - math.Pow(10, -nines)) }

// LatencyAxis returns an axis that holds all positive values. It is at least a factor of 4 long,
// so that equal values do not look like many and two labels fit.
func LatencyAxis(label string, lo, hi float64) Axis {
	if !(hi > 0) || math.IsInf(hi, 0) {
		return Axis{Label: label, Max: 1e-3, Ticks: latencyFromZero} // a logarithm has no place for 0 alone
	}
	lo = min(lo, hi)
	lo, hi = lo/1.1, hi*1.1
	if hi < 4*lo {
		middle := math.Sqrt(lo * hi)
		lo, hi = middle/2.1, middle*2.1
	}
	return Axis{Label: label, Min: lo, Max: hi, Scale: LogScale{}, Ticks: LatencyTicks}
}

// TimeAxis returns an axis of seconds since the start, in a unit that makes short labels.
func TimeAxis(from, until float64) Axis {
	unit, name := 1.0, "s"
	switch length := until - from; {
	case length > 4*86400:
		unit, name = 86400, "days"
	case length > 3*3600:
		unit, name = 3600, "h"
	case length > 180:
		unit, name = 60, "min"
	}
	return Axis{Label: "time since the start (" + name + ")", Min: from, Max: until, Ticks: timeTicks(unit)}
}

// AmountAxis returns an axis that begins at 0 and ends with a round number not below the most.
func AmountAxis(label string, most float64) Axis {
	if !(most > 0) || math.IsInf(most, 0) {
		most = 1
	}
	return Axis{Label: label, Max: RoundTop(most)}
}

// PercentAxis returns an axis from 0 to 100.
func PercentAxis(label string) Axis { return Axis{Label: label, Max: 100} }

// PercentileAxis returns an axis from 0 to as many nines as n values have.
func PercentileAxis(n int64) Axis {
	most := min(max(math.Log10(float64(n)), 1), mostNines)
	return Axis{Label: "percentile", Max: percentile(most), Scale: ninesScale{}, Ticks: ninesTicks}
}

// UpTo leaves out ticks beyond a value: there is room for labels.
func UpTo(most float64, ticks func(lo, hi float64) [][]Tick) func(lo, hi float64) [][]Tick {
	return func(lo, hi float64) [][]Tick {
		var all [][]Tick
		for _, list := range ticks(lo, hi) {
			all = append(all, slices.DeleteFunc(list, func(t Tick) bool { return t.Value > most }))
		}
		return all
	}
}

// RoundTicks returns ticks at multiples of 1, 2 or 5 times a power of ten.
func RoundTicks(lo, hi float64) [][]Tick {
	return stepTicks(lo, hi, 1, oneTwoFive)
}

// timeTicks are at round times, with labels in a unit of that many seconds.
func timeTicks(unit float64) ticker {
	return func(lo, hi float64) [][]Tick {
		return stepTicks(lo, hi, unit, func(k int) float64 {
			switch { // below one unit people count in tenths
			case unit == 60 && k >= 0:
				return nth(minutes, k)
			case unit == 3600 && k >= 0:
				return nth(hours, k)
			case unit == 86400 && k >= 0:
				return nth(days, k)
			}
			return oneTwoFive(k)
		})
	}
}

// Steps of time that people count in, in their own unit.
var (
	minutes = []float64{1, 2, 5, 10, 15, 30, 60}
	hours   = []float64{1, 2, 3, 6, 12, 24}
	days    = []float64{1, 2, 7, 14, 28, 91}
)

// nth returns a step; beyond the last, that one doubled.
func nth(steps []float64, k int) float64 {
	if k < len(steps) {
		return steps[k]
	}
	return steps[len(steps)-1] * math.Pow(2, float64(k-len(steps)+1))
}

// oneTwoFive is …, 0.5, 1, 2, 5, 10, … with 1 at 0.
func oneTwoFive(k int) float64 {
	decade := math.Floor(float64(k) / 3)
	v := []float64{1, 2, 5}[k-3*int(decade)]
	if decade < 0 {
		return v / math.Pow(10, -decade)
	}
	return v * math.Pow(10, decade)
}

// stepTicks returns ticks at multiples of ever longer steps, from about eight ticks to one.
func stepTicks(lo, hi, unit float64, step func(k int) float64) (all [][]Tick) {
	lo, hi = lo/unit, hi/unit
	if !(hi > lo) || math.IsInf(hi-lo, 0) {
		return nil
	}
	k := int(math.Floor(3 * math.Log10((hi-lo)/24)))
	for ; (hi-lo)/step(k) > 8; k++ {
	}
	for ; len(all) < 12 && (len(all) == 0 || (hi-lo)/step(k) >= 1); k++ {
		var ticks []Tick
		for i := math.Ceil(lo/step(k) - 1e-9); i <= hi/step(k)+1e-9; i++ {
			ticks = append(ticks, Tick{Value: i * step(k) * unit, Label: Number(i * step(k))})
		}
		all = append(all, ticks)
	}
	return all
}

// LatencyTicks returns ticks that have labels with their unit, at 1, 2, 5 of each decade if they
// fit, else at decades.
func LatencyTicks(lo, hi float64) (all [][]Tick) {
	first, last := int(math.Floor(math.Log10(lo))), int(math.Ceil(math.Log10(hi)))
	for _, labelled := range []func(decade, digit int) bool{
		func(_, digit int) bool { return digit == 1 || digit == 2 || digit == 5 },
		func(decade, digit int) bool { return digit == 1 || digit == 3 && last-first <= 2 },
		func(_, digit int) bool { return digit == 1 },
		func(decade, digit int) bool { return digit == 1 && (decade-first)%2 == 0 },
		func(decade, digit int) bool { return digit == 1 && (decade-first)%3 == 0 },
	} {
		var ticks []Tick
		for decade := first; decade <= last; decade++ {
			for digit := 1; digit <= 9; digit++ {
				t := Tick{Value: float64(digit) * math.Pow10(decade)}
				if labelled(decade, digit) {
					t.Label = unit.Amount(t.Value, 3)
				} else if last-first > 6 && digit > 1 {
					continue // too many to be told apart
				}
				ticks = append(ticks, t)
			}
		}
		all = append(all, ticks)
	}
	return all
}

// latencyFromZero is for latencies that are all 0.
func latencyFromZero(_, hi float64) [][]Tick {
	return [][]Tick{{{Value: 0, Label: "0"}, {Value: hi / 2, Label: unit.Amount(hi/2, 3)}, {Value: hi, Label: unit.Amount(hi, 3)}}}
}

// ninesTicks returns ticks at 50, 90, 99, 99.9, …
func ninesTicks(_, hi float64) [][]Tick {
	ticks := []Tick{{Value: 0, Label: "0"}, {Value: 50, Label: "50"}, {Value: 90, Label: "90"}}
	for n := 2; n <= int(math.Round(nines(hi)*1e6)/1e6); n++ {
		label := "99"
		if n > 2 {
			label += "." + strings.Repeat("9", n-2)
		}
		ticks = append(ticks, Tick{Value: percentile(float64(n)), Label: label})
	}
	every := func(k int) (some []Tick) {
		for i, t := range ticks {
			if i%k != 1%k {
				t.Label = ""
			}
			some = append(some, t)
		}
		return some
	}
	return [][]Tick{ticks, ticks[1:], ticks[2:], every(2), every(3)}
}

// roundDown returns the next lower 1, 2 or 5 times a power of ten.
func roundDown(v float64) float64 {
	k := int(math.Floor(3*math.Log10(v))) + 3
	for ; oneTwoFive(k) > v*(1+1e-9); k-- {
	}
	return oneTwoFive(k)
}

// RoundTop returns a round number a little above.
func RoundTop(v float64) float64 {
	step := roundDown(v / 4)
	return math.Ceil(v*(1-1e-9)/step) * step
}

// DelayTicked returns the axis with ticks at times that people know.
func DelayTicked(a Axis) Axis {
	if a.Min > 0 { // else all are 0
		a.Ticks = delayTicks
	}
	return a
}

// moments that people know, from the smallest.
var moments = []struct {
	at     float64
	label  string
	common bool // labelled where there is little room too
}{
	{1e-9, "1 ns", true}, {1e-8, "10 ns", false}, {1e-7, "100 ns", false}, {1e-6, "1 µs", true}, {1e-5, "10 µs", false}, {1e-4, "100 µs", false},
	{1e-3, "1 ms", true}, {1e-2, "10 ms", false}, {1e-1, "100 ms", false}, {1, "1 s", true}, {10, "10 s", false},
	{60, "1 min", true}, {600, "10 min", false}, {3600, "1 h", true}, {6 * 3600, "6 h", false}, {86400, "1 day", true}, {4 * 86400, "4 days", false}, {30 * 86400, "30 days", true},
	{365 * 86400, "1 year", true}, {3650 * 86400, "10 years", true},
}

// delayTicks returns ticks at times that people know. If there are fewer than two of them on
// the axis, those of a latency.
func delayTicks(lo, hi float64) [][]Tick {
	var all, common []Tick
	for _, m := range moments {
		if m.at < lo || m.at > hi {
			continue
		}
		all = append(all, Tick{Value: m.at, Label: m.label})
		if m.common {
			common = append(common, Tick{Value: m.at, Label: m.label})
		}
	}
	if len(all) < 2 {
		return LatencyTicks(lo, hi)
	}
	return [][]Tick{all, common}
}

// Number writes a number as people do: 0.25, 5, 12,000.
func Number(v float64) string {
	if r := math.Round(v); math.Abs(v-r) < 1e-9*max(1, math.Abs(v)) && math.Abs(v) < 1e15 {
		return strings.Replace(unit.Thousands(int64(r)), "-", "−", 1)
	}
	return strings.Replace(strconv.FormatFloat(v, 'g', 6, 64), "-", "−", 1)
}

// Instant writes an instant, given in seconds since the start: 5 s, 1m30s or 12.5 days.
func Instant(v float64) string {
	switch {
	case v < 60:
		return unit.Amount(v, 3)
	case v >= 2*86400:
		return unit.Significant(v/86400, 4) + " days"
	}
	return unit.LastingTo(v, 1e-3)
}
