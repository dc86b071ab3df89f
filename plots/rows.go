package plots

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Rows are things with names, below each other: shards, keys, records. Row 0 is
// the uppermost; row i of n is from n−i−1 to n−i on the y axis.

// mostNamed is how many rows all get a name; of more some do.
const mostNamed = 10

// pitch is from one named row to the next: ticks are drawn that close.
func (s *style) pitch() vg.Length { return 2.02 * lineHeight(s.fine) }

// rowsHeight of a panel in which some names may be left out.
func (s *style) rowsHeight(n int) vg.Length {
	if n <= mostNamed {
		return vg.Length(n) * s.pitch()
	}
	return max(mostNamed*s.pitch(), vg.Length(n)*5.5)
}

// rowAxis has as many names as fit.
func rowAxis(label string, names []string) axis {
	n := len(names)
	return axis{label: label, max: float64(n), ticks: func(_, _ float64) (all [][]plot.Tick) {
		for every := 1; every < 2*n; every *= 2 {
			var ticks []plot.Tick
			for i := 0; i < n; i += every {
				ticks = append(ticks, plot.Tick{Value: middleOf(i, n), Label: names[i]})
			}
			slices.Reverse(ticks) // from below
			all = append(all, ticks)
		}
		return all
	}}
}

// middleOf a row on the y axis.
func middleOf(row, n int) float64 { return float64(n-row) - 0.5 }

// panelWidth in a figure with so many columns.
func (s *style) panelWidth(columns int) vg.Length {
	if s.small {
		columns = 1
	}
	n := vg.Length(columns)
	return (s.width - 2*s.margin - (n-1)*2*s.gap) / n
}

// bar of a row.
type bar struct {
	name   string // of the row
	value  float64
	label  string
	strong bool // one of those that the title speaks of
}

// bars from 0, one a row.
type bars struct {
	list  []bar
	look  Look
	after float64 // labels begin beyond this
	named bool    // all names are on the axis, however many
}

// barAxis has room for the labels right of the longest bar.
func (k *kit) barAxis(label string, l bars, columns int) axis {
	var names []string
	for _, b := range l.list {
		names = append(names, b.name)
	}
	return k.barAxisBeside(label, l, k.names(names, columns), columns)
}

// barAxisBeside the names that are on the other axis.
func (k *kit) barAxisBeside(label string, l bars, names []string, columns int) axis {
	most := l.after
	var labels []string
	for _, b := range l.list {
		most = max(most, b.value)
		labels = append(labels, l.say(b))
	}
	if !(most > 0) {
		most = 1
	}
	return k.roomFor(axis{label: label, max: most, ticks: wholeTicks}, labels, names, columns)
}

// wholeTicks of things that are counted: none at fractions.
func wholeTicks(lo, hi float64) [][]plot.Tick {
	return slices.DeleteFunc(roundTicks(lo, hi), func(ticks []plot.Tick) bool {
		return slices.ContainsFunc(ticks, func(t plot.Tick) bool { return math.Abs(t.Value-math.Round(t.Value)) > 1e-9 })
	})
}

// layers of bars: what is below them, they, what is above them, their labels.
func (l bars) layers(below, above []layer) []layer {
	return slices.Concat([]layer{upright{}}, below, []layer{l}, above, []layer{barLabels{l}})
}

// dense rows have names for some only.
func (l bars) dense() bool { return len(l.list) > mostNamed && !l.named }

// say what stands at a bar's end: its name too, if not all names are on the axis.
func (l bars) say(b bar) string {
	if l.dense() && b.label != "" {
		return b.name + ": " + b.label
	}
	return b.label
}

// fit what stands at a bar's end: if need be without the name, then without the
// label's end, where the number is not.
func (l bars) fit(s *style, b bar, width vg.Length) string {
	if whole := l.say(b); s.fine.Width(whole) <= width {
		return whole
	}
	return shorten(s.fine, b.label, width, "…")
}

func (l bars) draw(c *area) {
	n := len(l.list)
	pitch := c.y(1) - c.y(0)
	thick := pitch * 0.62
	if pitch < 8 {
		thick = pitch * 0.8
	}
	for i, b := range l.list {
		y := c.y(middleOf(i, n))
		look := l.look.Color
		if !b.strong {
			look = mix(look, c.Background, 0.42)
		}
		c.SetColor(look)
		c.Fill(vg.Rectangle{Min: vg.Point{X: c.x(0), Y: y - thick/2}, Max: vg.Point{X: c.x(b.value), Y: y + thick/2}}.Path())
	}
}

// upright is a grid without lines along rows, which would strike out labels.
type upright struct{}

func (upright) draw(c *area) {
	c.SetColor(c.Background)
	c.Fill(c.Rectangle.Path())
	for _, t := range c.plot.X.Tick.Marker.Ticks(c.plot.X.Min, c.plot.X.Max) {
		if !t.IsMinor() {
			x := c.x(t.Value)
			c.StrokeLine2(draw.LineStyle{Color: c.Grid, Width: c.thin}, x, c.Min.Y, x, c.Max.Y)
		}
	}
}

func (upright) text(*strings.Builder) {}

// barLabels stand at the ends of bars, of the longest first if not all fit.
type barLabels struct{ bars }

func (l barLabels) text(*strings.Builder) {} // they are in the text of the bars

func (l barLabels) draw(c *area) {
	order := make([]int, len(l.list))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(l.list[b].value, l.list[a].value) })
	t := aligned(in(c.fine, c.Text), draw.XLeft, draw.YCenter)
	height := lineHeight(t)
	var taken []vg.Length
	for _, i := range order {
		y := c.y(middleOf(i, len(l.list)))
		label := l.say(l.list[i])
		crowded := slices.ContainsFunc(taken, func(other vg.Length) bool { return max(y-other, other-y) < height })
		outside := y-height/2 < c.Min.Y-2 || y+height/2 > c.Max.Y+2
		if label == "" || crowded || outside && l.dense() {
			continue
		}
		taken = append(taken, y)
		at := vg.Point{X: c.x(max(l.list[i].value, l.after)) + 4, Y: y}
		label = l.fit(c.style, l.list[i], c.Max.X-at.X)
		c.halo(t, at, label)
		write(c, t, at, label)
	}
}

// halo is a patch of the background below a text that begins at a point.
func (c *area) halo(t draw.TextStyle, at vg.Point, words string) {
	h := lineHeight(t) / 2
	c.SetColor(c.Background)
	c.Fill(vg.Rectangle{Min: vg.Point{X: at.X - 1.5, Y: at.Y - h}, Max: vg.Point{X: at.X + t.Width(words) + 1.5, Y: at.Y + h}}.Path())
}

func (l bars) text(b *strings.Builder) {
	fmt.Fprintf(b, "bars %s\n", l.look)
	for _, one := range l.list {
		mark := ""
		if one.strong {
			mark = " strong"
		}
		fmt.Fprintf(b, "    %s: %s %q%s\n", one.name, short(one.value), one.label, mark)
	}
}
