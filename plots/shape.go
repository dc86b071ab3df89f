package plots

import (
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/quotalab/quotalab/results/series"
)

// rect is a filled rectangle: a bar, a cell of a heat map.
type rect struct{ x0, y0, x1, y1 float64 }

// rects of one kind.
type rects struct {
	name  string // in the legend, "" not there
	rects []rect
	look  Look
	edge  bool // with a line of the background's colour around each
}

func (l rects) draw(c *area) {
	for _, r := range l.rects {
		lo, hi := c.at(min(r.x0, r.x1), min(r.y0, r.y1)), c.at(max(r.x0, r.x1), max(r.y0, r.y1))
		path := vg.Rectangle{Min: lo, Max: hi}.Path()
		c.SetColor(l.look.Color)
		c.Fill(path)
		if l.edge {
			c.SetLineStyle(draw.LineStyle{Color: c.Background, Width: c.thin})
			c.Stroke(path)
		}
	}
}

func (l rects) text(b *strings.Builder) {
	fmt.Fprintf(b, "rects %q %s", l.name, l.look)
	for _, r := range l.rects {
		fmt.Fprintf(b, " %s,%s–%s,%s", short(r.x0), short(r.y0), short(r.x1), short(r.y1))
	}
	b.WriteByte('\n')
}

// dots at points, of a shape that is told apart without its colour too.
type dots struct {
	name   string // in the legend, "" not there
	points []series.Point
	look   Look
	shape  draw.GlyphDrawer // nil: a filled circle
	radius vg.Length        // 0: 2.2
}

func (l dots) draw(c *area) {
	sty := l.glyph()
	for _, p := range l.points {
		c.DrawGlyphNoClip(sty, c.at(p.X, p.Y))
	}
}

func (l dots) glyph() draw.GlyphStyle {
	sty := draw.GlyphStyle{Color: l.look.Color, Radius: l.radius, Shape: l.shape}
	if sty.Radius == 0 {
		sty.Radius = 2.2
	}
	if sty.Shape == nil {
		sty.Shape = draw.CircleGlyph{}
	}
	return sty
}

func (l dots) text(b *strings.Builder) {
	fmt.Fprintf(b, "dots %q %s", l.name, l.look)
	for _, p := range l.points {
		fmt.Fprintf(b, " %s,%s", short(p.X), short(p.Y))
	}
	b.WriteByte('\n')
}

// whiskers are dots with a line up to a second value each. NaN is none.
type whiskers struct {
	x, lo, hi []float64
	look      Look
}

func (l whiskers) draw(c *area) {
	for i := range l.x {
		if math.IsNaN(l.lo[i]) || math.IsNaN(l.hi[i]) {
			continue
		}
		lo, hi := c.at(l.x[i], l.lo[i]), c.at(l.x[i], l.hi[i])
		if hi != lo {
			c.StrokeLine2(draw.LineStyle{Color: l.look.Color, Width: c.line * 0.5}, lo.X, lo.Y, hi.X, hi.Y)
		}
		c.SetColor(l.look.Color)
		c.Fill(circle(lo, c.line))
	}
}

func (l whiskers) text(b *strings.Builder) {
	fmt.Fprintf(b, "whiskers %s", l.look)
	for i := range l.x {
		fmt.Fprintf(b, " %s,%s–%s", short(l.x[i]), short(l.lo[i]), short(l.hi[i]))
	}
	b.WriteByte('\n')
}

// rule is a straight line across the panel at one value: a bound, a limit.
type rule struct {
	name     string // in the legend or at its end, "" neither
	at       float64
	vertical bool
	look     Look
}

func (l rule) draw(c *area) {
	sty := draw.LineStyle{Color: l.look.Color, Width: c.line * 0.8, Dashes: l.look.Dashes}
	if l.vertical {
		x := c.x(l.at)
		c.StrokeLine2(sty, x, c.Min.Y, x, c.Max.Y)
		return
	}
	y := c.y(l.at)
	c.StrokeLine2(sty, c.Min.X, y, c.Max.X, y)
}

func (l rule) text(b *strings.Builder) {
	direction := "horizontal"
	if l.vertical {
		direction = "vertical"
	}
	fmt.Fprintf(b, "rule %q %s %s at %s\n", l.name, l.look, direction, short(l.at))
}

// plain look of what stands for no outcome: text's colour.
func (p *Palette) plain(dashes ...vg.Length) Look {
	return Look{Color: p.Text, Ink: p.Text, Dashes: dashes}
}

// quiet look of what explains: references, bounds, bands of chance.
func (p *Palette) quiet(dashes ...vg.Length) Look {
	return Look{Color: p.Axis, Ink: p.Muted, Dashes: dashes}
}

// entry of a legend.
type entry struct {
	name  string
	look  Look
	style keyStyle
	glyph draw.GlyphStyle
	atEnd bool   // it has an end that the name can stand at
	more  string // after the name there
}

// atItsEnd is what stands at the end of a line.
func (e entry) atItsEnd() string { return strings.TrimSpace(e.name + " " + e.more) }

type keyStyle int

// What stands before a name in a legend.
const (
	strokeKey keyStyle = iota
	fillKey
	glyphKey
)

// named layers can be in a legend; those with an end can have their name there
// instead.
type named interface {
	layer
	key() entry
	end(c *area) (at vg.Point, ok bool) // ok false: nothing is drawn
}

func (l line) key() entry  { return entry{name: l.name, more: l.more, look: l.look, atEnd: true} }
func (l band) key() entry  { return entry{name: l.name, look: l.look, style: fillKey, atEnd: true} }
func (l rects) key() entry { return entry{name: l.name, look: l.look, style: fillKey} }
func (l rule) key() entry  { return entry{name: l.name, look: l.look, atEnd: !l.vertical} }
func (l dots) key() entry {
	return entry{name: l.name, look: l.look, style: glyphKey, glyph: l.glyph()}
}

func (l line) end(c *area) (vg.Point, bool) {
	runs := unbroken(l.points)
	if len(runs) == 0 {
		return vg.Point{}, false
	}
	last := runs[len(runs)-1]
	p := last[len(last)-1]
	return c.at(p.X, p.Y), true
}

func (l band) end(c *area) (vg.Point, bool) {
	for i := len(l.x) - 1; i >= 0; i-- {
		if lo, hi := c.at(l.x[i], l.lo[i]), c.at(l.x[i], l.hi[i]); l.lo[i] <= l.hi[i] { // neither is NaN
			return vg.Point{X: hi.X, Y: (lo.Y + hi.Y) / 2}, true
		}
	}
	return vg.Point{}, false
}

func (l rects) end(*area) (vg.Point, bool) { return vg.Point{}, false }
func (l dots) end(*area) (vg.Point, bool)  { return vg.Point{}, false }

func (l rule) end(c *area) (vg.Point, bool) {
	return vg.Point{X: c.Max.X, Y: c.y(l.at)}, !l.vertical
}
