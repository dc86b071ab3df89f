package plots

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/quotalab/quotalab/results/series"
)

// mostCells of a heat map over time: an SVG of more is large, and the eye does not
// tell them apart.
const mostCells = 6000

// heatFigure of commands on each shard over time.
func (k *kit) heatFigure(set *series.Set, l *series.ShardLoad) Figure {
	f := Figure{Name: "shard-load-" + l.Limiter, columns: 1}
	if len(l.Heat) == 0 || len(l.Heat[0]) == 0 {
		f.Title = "When commands" + onlyOf(set, l.Limiter) + " came is not known"
		f.panels = []panel{{empty: "the record does not hold all observations, so only totals are known."}}
		return f
	}
	f.Title = heatTitle(set, l)
	rows, step := coarser(l.Heat, l.Step)
	x := make([]float64, len(rows[0])+1)
	for i := range x {
		x[i] = l.From + step*float64(i)
	}
	until := l.From + l.Step*float64(len(l.Heat[0]))
	x[len(x)-1] = until
	most := 0.0
	for _, row := range rows {
		most = max(most, slices.Max(row))
	}
	heat := cells{x: x, rows: rows, hi: amountAxis("", most).max}
	faults := set.Timeline.Faults
	p := panel{x: timeAxis(l.From, until), y: rowAxis("", k.names(l.Names, 1)), faults: faults, height: k.rowsHeight(len(l.Names)), layers: []layer{heat, faultEdges(faults)}}
	key := k.rampKey("commands per second", 0, heat.hi)
	f.panels = []panel{p, key}
	f.note(strings.Replace(faultNote(faults), "Shaded:", "At the dashed lines:", 1))
	f.note(fmt.Sprintf("Rates in intervals of %s, by when requests were due.%s", seconds(step), warmupNote(&set.Timeline)))
	return f
}

// coarser intervals, if there are too many cells: means of as many as need be.
func coarser(heat [][]float64, step float64) ([][]float64, float64) {
	n := len(heat[0])
	by := (len(heat)*n + mostCells - 1) / mostCells
	if by <= 1 {
		return heat, step
	}
	out := make([][]float64, len(heat))
	for r, row := range heat {
		for i := 0; i < n; i += by {
			part := row[i:min(i+by, n)]
			sum := 0.0
			for _, v := range part {
				sum += v
			}
			out[r] = append(out[r], sum/float64(len(part)))
		}
	}
	return out, step * float64(by)
}

// staying is for what share of the time a shard is the busiest if it is said to
// stay it. Of two even ones either is for a half and a little more.
const staying = 2.0 / 3

// heatTitle tells which shard is the busiest for how long, or how much busier
// the busiest is, and the peak.
func heatTitle(set *series.Set, l *series.ShardLoad) string {
	of, h := onlyOf(set, l.Limiter), readHeat(l.Heat)
	if len(h.ratios) == 0 {
		return "No command" + of + " reached a shard"
	}
	peak := number(math.Round(l.Heat[h.shard][h.at])) + " commands per second"
	at := instant(l.From + l.Step*float64(h.at))
	if len(l.Heat) == 1 {
		return fmt.Sprintf("The one shard serves up to %s%s, at %s", peak, of, at)
	}
	longest := slices.Index(h.led, slices.Max(h.led))
	share, ratio := float64(h.led[longest])/float64(len(h.ratios)), middle(h.ratios)
	stays := share >= staying && ratio > evenUpTo
	switch {
	case stays && share == 1:
		return fmt.Sprintf("%s is always the busiest shard%s, with up to %s at %s", l.Names[longest], of, peak, at)
	case stays && h.shard == longest:
		return fmt.Sprintf("%s is the busiest shard%s for %s of the time, with up to %s at %s", l.Names[longest], of, percent(share), peak, at)
	case stays:
		return fmt.Sprintf("%s is the busiest shard%s for %s of the time; the peak is %s, on %s at %s", l.Names[longest], of, percent(share), peak, l.Names[h.shard], at)
	}
	return fmt.Sprintf("The busiest shard%s usually has %s times the mean; the peak is %s, on %s at %s", of, twoDigits(ratio), peak, l.Names[h.shard], at)
}

// heatReading is what a heat map shows at a glance.
type heatReading struct {
	led       []int     // by shard: intervals in which it is the busiest
	ratios    []float64 // of intervals with commands: the busiest shard's rate over the mean
	shard, at int       // of the peak
}

func readHeat(heat [][]float64) heatReading {
	h := heatReading{led: make([]int, len(heat))}
	for i := range heat[0] {
		first, sum := 0, 0.0
		for s := range heat {
			sum += heat[s][i]
			if heat[s][i] > heat[first][i] {
				first = s
			}
		}
		if sum == 0 {
			continue
		}
		h.led[first]++
		h.ratios = append(h.ratios, heat[first][i]/sum*float64(len(heat)))
		if heat[first][i] > heat[h.shard][h.at] {
			h.shard, h.at = first, i
		}
	}
	return h
}

// faultEdges are where faults begin and end, above what would hide their shade.
type faultEdges []series.Span

func (l faultEdges) draw(c *area) {
	for _, f := range l {
		for _, x := range []vg.Length{c.x(f.From), c.x(f.Until)} {
			c.StrokeLine2(draw.LineStyle{Color: c.Background, Width: 4 * c.thin}, x, c.Min.Y, x, c.Max.Y)
			c.StrokeLine2(draw.LineStyle{Color: c.Text, Width: 2 * c.thin, Dashes: []vg.Length{3, 2}}, x, c.Min.Y, x, c.Max.Y)
		}
	}
}

func (l faultEdges) text(b *strings.Builder) { fmt.Fprintf(b, "edges of %d faults\n", len(l)) }
