package draw

import (
	"fmt"
	"strings"

	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"
)

// mostLettered that are told apart by letters; of more the note says how many.
const mostLettered = 8

// shadeBar is the height of the bar above the frame that a fault's time is marked
// by, too: areas may cover its shade.
const shadeBar = 2.5

// drawShades fills a span, behind everything.
func (c *Area) drawShades(shades []Shade) {
	for _, f := range shades {
		c.SetColor(c.Fault)
		c.Fill(vg.Rectangle{Min: vg.Point{X: c.AtX(f.From), Y: c.Min.Y}, Max: vg.Point{X: c.AtX(f.Until), Y: c.Max.Y}}.Path())
	}
}

// edgeShades marks where shades begin and end, above everything. A letter at the
// bar is that of the note.
func (c *Area) edgeShades(shades []Shade) {
	edge := vgdraw.LineStyle{Color: c.Axis, Width: c.thin, Dashes: []vg.Length{1.5, 1.5}}
	for _, f := range shades {
		x0, x1 := c.AtX(f.From), c.AtX(f.Until)
		c.StrokeLine2(edge, x0, c.Min.Y, x0, c.Max.Y)
		if x1 > x0 {
			c.StrokeLine2(edge, x1, c.Min.Y, x1, c.Max.Y)
		}
		c.SetColor(c.Axis)
		c.Fill(vg.Rectangle{Min: vg.Point{X: x0, Y: c.Max.Y}, Max: vg.Point{X: max(x1, x0+c.thin), Y: c.Max.Y + shadeBar}}.Path())
	}
	if !lettered(shades) {
		return
	}
	t := Aligned(c.Fine, vgdraw.XCenter, vgdraw.YBottom)
	want := make([]vg.Length, len(shades))
	for i, f := range shades {
		want[i] = (c.AtX(f.From) + c.AtX(f.Until)) / 2
	}
	for i, x := range spread(want, t.Width("W")+1, c.Min.X, c.Max.X) {
		Write(c, t, vg.Point{X: x, Y: c.Max.Y + shadeBar}, letter(i))
	}
}

// lettered tells whether shades have letters: one alone and too many have none.
func lettered(shades []Shade) bool { return len(shades) > 1 && len(shades) <= mostLettered }

func letter(i int) string { return string(rune('A' + i)) }

// ShadeEdges are lines where shades begin and end, above what would hide their shade.
type ShadeEdges []Shade

func (l ShadeEdges) Draw(c *Area) {
	for _, f := range l {
		for _, x := range []vg.Length{c.AtX(f.From), c.AtX(f.Until)} {
			c.StrokeLine2(vgdraw.LineStyle{Color: c.Background, Width: 4 * c.thin}, x, c.Min.Y, x, c.Max.Y)
			c.StrokeLine2(vgdraw.LineStyle{Color: c.Text, Width: 2 * c.thin, Dashes: []vg.Length{3, 2}}, x, c.Min.Y, x, c.Max.Y)
		}
	}
}

// Shade is a span of the horizontal axis that is shaded over the whole height.
type Shade struct {
	From, Until float64
	Label       string
}

// ShadesNote says what the shades are; "" if there are none.
func ShadesNote(shades []Shade) string {
	switch n := len(shades); {
	case n == 0:
		return ""
	case n == 1:
		return "Shaded: " + shadeWords(shades[0]) + "."
	case n > mostLettered:
		return fmt.Sprintf("Shaded: %d faults, the first: %s.", n, shadeWords(shades[0]))
	}
	var words []string
	for i, f := range shades {
		words = append(words, letter(i)+" "+shadeWords(f))
	}
	return "Shaded: " + strings.Join(words, "; ") + "."
}

func shadeWords(f Shade) string {
	if f.Until <= f.From {
		return f.Label + " at " + Instant(f.From)
	}
	return f.Label + " from " + Instant(f.From) + " to " + Instant(f.Until)
}
