package plots

import (
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

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
