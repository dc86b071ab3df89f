package plots

import (
	"fmt"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// stackParts are parts of stacked bars, one a row at most. Each is seen however small
// it is, and apart from the next.
type stackParts struct{ rects }

// leastPart is the width of a part that is next to nothing.
const leastPart = vg.Length(1)

func (l stackParts) draw(c *area) {
	for _, r := range l.rects.rects {
		lo, hi := c.at(r.x0, r.y0), c.at(r.x1, r.y1)
		c.SetColor(l.look.Color)
		c.Fill(vg.Rectangle{Min: lo, Max: vg.Point{X: max(hi.X, lo.X+leastPart), Y: hi.Y}}.Path())
		if hi.X-lo.X > 3*leastPart && r.x0 > 0 {
			c.StrokeLine2(draw.LineStyle{Color: c.Background, Width: c.thin}, lo.X, lo.Y, lo.X, hi.Y)
		}
	}
}

// stackEnds are what is said of each stacked bar.
type stackEnds struct{ barLabels }

func (l stackEnds) text(b *strings.Builder) {
	b.WriteString("bars\n")
	for _, one := range l.list {
		fmt.Fprintf(b, "    %s: %s\n", one.name, one.label)
	}
}

// thickCross is a cross that is seen among lines.
type thickCross struct{}

// DrawGlyph implements draw.GlyphDrawer.
func (thickCross) DrawGlyph(c *draw.Canvas, sty draw.GlyphStyle, at vg.Point) {
	line := draw.LineStyle{Color: sty.Color, Width: 1.6}
	r := sty.Radius * 0.8
	c.StrokeLine2(line, at.X-r, at.Y-r, at.X+r, at.Y+r)
	c.StrokeLine2(line, at.X-r, at.Y+r, at.X+r, at.Y-r)
}
