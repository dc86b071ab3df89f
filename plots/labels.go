package plots

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/quotalab/quotalab/models/metric/unit"
)

// Where labels at the ends of lines are.
const (
	labelGap   = 9 // between the frame and its labels: a leader fits in
	labelShare = 0.42
)

// spread moves labels of a height apart, each as little as it must be moved, so
// that none overlaps another and all are within lo and hi. It returns the
// middles of the labels in the order of want. The labels' height must fit.
//
// Least squares under an order: neighbours that overlap become a block, whose
// place is the mean of where its labels want to be (pool adjacent violators).
func spread(want []vg.Length, height, lo, hi vg.Length) []vg.Length {
	order := make([]int, len(want))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case want[a] < want[b]:
			return -1
		case want[a] > want[b]:
			return 1
		}
		return b - a // those in one place stand in the order of a legend: first on top
	})
	type block struct {
		first, n int
		sum      vg.Length // of the bottoms that its labels ask of its first
	}
	start := func(b block) vg.Length {
		top := hi - vg.Length(b.n)*height
		return max(lo, min(top, b.sum/vg.Length(b.n)))
	}
	var blocks []block
	for i, at := range order {
		b := block{first: i, n: 1, sum: want[at] - height/2}
		for len(blocks) > 0 {
			before := blocks[len(blocks)-1]
			if start(before)+vg.Length(before.n)*height <= start(b) {
				break
			}
			b = block{first: before.first, n: before.n + b.n, sum: before.sum + b.sum - vg.Length(before.n*b.n)*height}
			blocks = blocks[:len(blocks)-1]
		}
		blocks = append(blocks, b)
	}
	placed := make([]vg.Length, len(want))
	for _, b := range blocks {
		for i := range b.n {
			placed[order[b.first+i]] = start(b) + (vg.Length(i)+0.5)*height
		}
	}
	return placed
}

// ends are the layers that are named where they end.
func (p *panel) ends() (list []named) {
	for _, l := range p.layers {
		if n, ok := l.(named); ok && p.direct && n.key().atEnd && n.key().name != "" {
			list = append(list, n)
		}
	}
	return list
}

// drawEnds writes names at the ends of lines, right of the frame.
func (c *area) drawEnds(list []named) {
	var shown []named
	var from []vg.Point
	var want []vg.Length
	for _, n := range list {
		if at, ok := n.end(c); ok {
			shown, from, want = append(shown, n), append(from, at), append(want, at.Y)
		}
	}
	t := aligned(c.fine, draw.XLeft, draw.YCenter)
	height := lineHeight(t)
	for i, y := range spread(want, height, c.Min.Y, c.Max.Y+height) {
		e := shown[i].key()
		leader := draw.LineStyle{Color: c.Axis, Width: c.thin}
		c.StrokeLines(leader, []vg.Point{{X: from[i].X + 1.5, Y: from[i].Y}, {X: max(c.Max.X, from[i].X) + 1.5, Y: from[i].Y}, {X: c.Max.X + labelGap - 2, Y: y}})
		write(c, in(t, e.look.Ink), vg.Point{X: c.Max.X + labelGap, Y: y}, e.atItsEnd())
	}
}

// reach goes along a row from one value, a dot, to another, a cross-line.
type reach struct {
	y, from, to float64 // to may be from
	label       string  // right of both, "" none
}

// reaches of one kind in the rows of a panel.
type reaches struct {
	name  string // in the legend, "" not there
	list  []reach
	look  Look
	shape draw.GlyphDrawer // of the dots, nil: a filled circle
}

// Sizes of a reach.
const (
	reachDot   = 2.8
	reachCross = 3.2 // half of the cross-line
)

func (l reaches) draw(c *area) {
	sty := draw.LineStyle{Color: l.look.Color, Width: c.line}
	for _, r := range l.list {
		a, b := c.at(r.from, r.y), c.at(r.to, r.y)
		if a != b {
			c.StrokeLine2(sty, a.X, a.Y, b.X, b.Y)
			c.StrokeLine2(sty, b.X, b.Y-reachCross, b.X, b.Y+reachCross)
		}
		c.SetColor(c.Background) // an open shape hides the line
		c.Fill(circle(a, reachDot*0.8))
		c.DrawGlyphNoClip(l.key().glyph, a)
	}
	t := aligned(in(c.fine, c.Text), draw.XLeft, draw.YCenter)
	for _, r := range l.list {
		if r.label != "" {
			at := vg.Point{X: c.x(max(r.from, r.to)) + reachDot + 3, Y: c.y(r.y)}
			c.halo(t, at, r.label)
			write(c, t, at, r.label)
		}
	}
}

func (l reaches) key() entry {
	glyph := draw.GlyphStyle{Color: l.look.Color, Radius: reachDot, Shape: l.shape}
	if glyph.Shape == nil {
		glyph.Shape = draw.CircleGlyph{}
	}
	return entry{name: l.name, look: l.look, style: glyphKey, glyph: glyph}
}

func (l reaches) end(*area) (vg.Point, bool) { return vg.Point{}, false }

func (l reaches) text(b *strings.Builder) {
	fmt.Fprintf(b, "reaches %q %s\n", l.name, l.look)
	for _, r := range l.list {
		fmt.Fprintf(b, "    at %s: %s to %s %q\n", short(r.y), short(r.from), short(r.to), r.label)
	}
}

// mostRoom is the share of an axis that labels may take.
const mostRoom = 0.65

// roomFor labels right of the last value: a longer axis.
func (k *kit) roomFor(a axis, labels, names []string, columns int) axis {
	widest, left := vg.Length(0), vg.Length(0)
	for _, label := range labels {
		widest = max(widest, k.fine.Width(label))
	}
	for _, name := range names {
		left = max(left, k.fine.Width(name))
	}
	share := min(float64((widest+reachDot+8)/(k.panelWidth(columns)-left-14)), mostRoom)
	if _, log := a.scale.(logScale); log {
		a.max = a.min * math.Pow(a.max/a.min, 1/(1-share))
	} else {
		a.max = a.min + (a.max-a.min)/(1-share)
	}
	return a
}

// says is a word in a row that has nothing to draw.
type says struct {
	y    float64
	word string
}

// absent are the rows of which something is not known.
type absent []says

func (l absent) draw(c *area) {
	t := aligned(c.fine, draw.XLeft, draw.YCenter)
	for _, s := range l {
		at := vg.Point{X: c.Min.X + 4, Y: c.y(s.y)}
		word := shorten(t, s.word, c.Max.X-at.X, "…")
		c.halo(t, at, word)
		write(c, t, at, word)
	}
}

func (l absent) text(b *strings.Builder) {
	for _, s := range l {
		fmt.Fprintf(b, "at %s: %q\n", short(s.y), s.word)
	}
}

// rowLines are between rows that have several things each.
type rowLines int

func (n rowLines) draw(c *area) {
	for i := 1; i < int(n); i++ {
		y := c.y(float64(i))
		c.StrokeLine2(draw.LineStyle{Color: c.Grid, Width: c.thin}, c.Min.X, y, c.Max.X, y)
	}
}

func (n rowLines) text(*strings.Builder) {}

// spell a number as in a sentence: small ones as words.
func spell(n int) string {
	words := [...]string{"none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"}
	if n >= 0 && n < len(words) {
		return words[n]
	}
	return unit.Thousands(int64(n))
}

// tenth writes a share as a percentage with one digit after the point, so
// that those below each other are alike.
func tenth(share float64) string {
	if share > 0 && share < 0.0005 {
		return "<0.05 %"
	}
	return fmt.Sprintf("%.1f %%", 100*share)
}
