package draw

import (
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"
)

// seam is by how much cells overlap: side by side they would show a hair of what
// is below between them.
const seam = 0.35

// Cells are the cells of a heat map. Row 0 is the uppermost, between rows() and rows()−1 of
// the y axis; column i is from x[i] to x[i+1]. NaN is no data.
type Cells struct {
	X      []float64
	Rows   [][]float64
	Lo, Hi float64 // of the ramp
	Labels [][]string
}

func (l Cells) Draw(c *Area) {
	colors := ramps[c.Theme]
	paths := make([]vg.Path, len(colors))
	var missing vg.Path
	for r, values := range l.Rows {
		for i := 0; i < len(values); {
			until, path := i+1, &missing
			if !math.IsNaN(values[i]) {
				level := colors.level(values[i], l.Lo, l.Hi)
				path = &paths[level]
				for until < len(values) && colors.level(values[until], l.Lo, l.Hi) == level && !math.IsNaN(values[until]) {
					until++
				}
			}
			*path = append(*path, l.box(c, r, i, until).Path()...)
			i = until
		}
	}
	for level, path := range paths {
		if len(path) > 0 {
			c.SetColor(colors[level])
			c.Fill(path)
		}
	}
	l.hatch(c, missing)
	l.write(c)
}

// box returns the rectangle from column i to before another.
func (l Cells) box(c *Area, row, i, until int) vg.Rectangle {
	lo := c.at(l.X[i], float64(len(l.Rows)-row-1))
	hi := c.at(l.X[until], float64(len(l.Rows)-row))
	return vg.Rectangle{Min: vg.Point{X: lo.X, Y: max(lo.Y-seam, c.Min.Y)}, Max: vg.Point{X: min(hi.X+seam, c.Max.X), Y: hi.Y}}
}

// hatch draws a cross into each cell without data.
func (l Cells) hatch(c *Area, boxes vg.Path) {
	if len(boxes) == 0 {
		return
	}
	c.SetColor(c.Background)
	c.Fill(boxes)
	sty := vgdraw.LineStyle{Color: c.Axis, Width: c.thin}
	for i := 0; i+4 < len(boxes); i += 5 { // four corners and the close
		a, b := boxes[i].Pos, boxes[i+2].Pos
		c.StrokeLine2(sty, a.X, a.Y, b.X, b.Y)
		c.StrokeLine2(sty, a.X, b.Y, b.X, a.Y)
	}
}

// write numbers into the cells, if all fit.
func (l Cells) write(c *Area) {
	if !l.roomy(c) {
		return
	}
	colors := ramps[c.Theme]
	t := Aligned(c.Fine, vgdraw.XCenter, vgdraw.YCenter)
	for r, values := range l.Rows {
		for i, v := range values {
			if math.IsNaN(v) || l.Labels[r][i] == "" {
				continue
			}
			box := l.box(c, r, i, i+1)
			middle := vg.Point{X: (box.Min.X + box.Max.X) / 2, Y: (box.Min.Y + box.Max.Y) / 2}
			Write(c, Coloured(t, inkOn(colors[colors.level(v, l.Lo, l.Hi)])), middle, l.Labels[r][i])
		}
	}
}

func (l Cells) roomy(c *Area) bool {
	if l.Labels == nil {
		return false
	}
	for r := range l.Rows {
		for i := range l.Rows[r] {
			box := l.box(c, r, i, i+1).Size()
			if c.Fine.Width(l.Labels[r][i])+5 > box.X || LineHeight(c.Fine)+2 > box.Y {
				return false
			}
		}
	}
	return true
}

// ramp is colours for amounts, the least first. Neighbours are equally far
// apart for the eye (in OKLab), and lightness alone tells more from less, so
// that it is right for the colour-blind and on a black and white printer. The least
// is near the background, the most furthest from it.
type ramp []color.RGBA

var ramps = map[Theme]ramp{
	Light: {RGB(0xF5F5E4), RGB(0xE8EED5), RGB(0xD9E7C9), RGB(0xC7E2C1), RGB(0xB3DDBB), RGB(0x9ED7B9), RGB(0x88D2BA),
		RGB(0x75CAB9), RGB(0x66C1B8), RGB(0x57B8B7), RGB(0x4AAFB5), RGB(0x3DA6B3), RGB(0x339CB2), RGB(0x2B92AF),
		RGB(0x2688AC), RGB(0x257DA9), RGB(0x2173A3), RGB(0x1E699C), RGB(0x1D5F95), RGB(0x1C558E), RGB(0x1C4C86),
		RGB(0x1C427F), RGB(0x1C3877), RGB(0x1C2E6F), RGB(0x1C2466)},
	Dark: {RGB(0x222A3C), RGB(0x24314A), RGB(0x263858), RGB(0x284067), RGB(0x284876), RGB(0x275085), RGB(0x22598F),
		RGB(0x196495), RGB(0x0E6F9A), RGB(0x007A9E), RGB(0x0085A1), RGB(0x008FA4), RGB(0x0D9AA6), RGB(0x21A4A6),
		RGB(0x33AEA6), RGB(0x44B7A5), RGB(0x56C0A2), RGB(0x69C89F), RGB(0x7DD09C), RGB(0x92D798), RGB(0xA6DE95),
		RGB(0xBBE492), RGB(0xD1EA90), RGB(0xE5EF90), RGB(0xFAF392)},
}

// level returns the colour of a value between the ends of a scale; values beyond are at its ends.
func (r ramp) level(v, lo, hi float64) int {
	if !(hi > lo) {
		return 0
	}
	return int(math.Round(clamp((v-lo)/(hi-lo)) * float64(len(r)-1)))
}

// inkOn returns which of black and white is read better on a colour.
func inkOn(c color.RGBA) color.RGBA {
	black, white := RGB(0x000000), RGB(0xFFFFFF)
	if Contrast(black, c) >= Contrast(white, c) {
		return black
	}
	return white
}

// RampKey returns a panel below a heat map that says which colour is how much.
func (s *Style) RampKey(label string, lo, hi float64) Panel {
	// a blank label: the frame is then as far from the left as those above it
	none := func(_, _ float64) [][]Tick { return [][]Tick{{{Value: 0, Label: " "}}} }
	return Panel{X: Axis{Label: label, Min: lo, Max: hi}, Y: Axis{Ticks: none}, Layers: []Layer{RampStrip{ramps[s.Theme], lo, hi}}, Height: 0.28 * vg.Centimeter}
}

// RampStrip is all colours side by side.
type RampStrip struct {
	Colours []color.RGBA
	Lo, Hi  float64
}

func (l RampStrip) Draw(c *Area) {
	n := vg.Length(len(l.Colours))
	width := (c.Max.X - c.Min.X) / n
	for i, col := range l.Colours {
		left := c.Min.X + vg.Length(i)*width
		right := min(left+width+seam, c.Max.X)
		c.SetColor(col)
		c.Fill(vg.Rectangle{Min: vg.Point{X: left, Y: c.Min.Y}, Max: vg.Point{X: right, Y: c.Max.Y}}.Path())
	}
}

// Outline is a line around the cells that pass.
type Outline struct{ Passed [][]bool }

func (l Outline) Draw(c *Area) {
	for _, sty := range []vgdraw.LineStyle{{Color: c.Background, Width: 3.4}, {Color: c.Text, Width: 1.7}} {
		c.SetLineStyle(sty)
		for _, e := range l.edges() {
			var p vg.Path
			p.Move(c.at(e.X0, e.Y0))
			p.Line(c.at(e.X1, e.Y1))
			c.Stroke(p)
		}
	}
}

// edges returns the lines between what passes and what does not, joined where they go on.
func (l Outline) edges() (edges []Rect) {
	n := len(l.Passed)
	pass := func(row, column int) bool {
		return row >= 0 && row < n && column >= 0 && column < len(l.Passed[row]) && l.Passed[row][column]
	}
	join := func(e Rect) {
		if last := len(edges) - 1; last >= 0 && edges[last].X1 == e.X0 && edges[last].Y1 == e.Y0 && (edges[last].X0 == e.X1 || edges[last].Y0 == e.Y1) {
			edges[last].X1, edges[last].Y1 = e.X1, e.Y1
			return
		}
		edges = append(edges, e)
	}
	for row := 0; row <= n; row++ {
		for column := range l.Passed[0] {
			if pass(row, column) != pass(row-1, column) {
				join(Rect{float64(column), float64(n - row), float64(column + 1), float64(n - row)})
			}
		}
	}
	for column := 0; column <= len(l.Passed[0]); column++ {
		for row := range n {
			if pass(row, column) != pass(row, column-1) {
				join(Rect{float64(column), float64(n - row), float64(column), float64(n - row - 1)})
			}
		}
	}
	return edges
}

// Blanks marks cells without data, which there are many of.
type Blanks struct{ Cells }

func (l Blanks) Draw(c *Area) {
	t := Aligned(c.Fine, vgdraw.XCenter, vgdraw.YCenter)
	for r, values := range l.Rows {
		for i, v := range values {
			if math.IsNaN(v) {
				box := l.box(c, r, i, i+1)
				middle := vg.Point{X: (box.Min.X + box.Max.X) / 2, Y: (box.Min.Y + box.Max.Y) / 2}
				box.Min.X, box.Max.X, box.Max.Y = box.Min.X-seam, box.Max.X+seam, box.Max.Y+seam
				c.SetColor(c.Background)
				c.Fill(box.Path())
				Write(c, t, middle, "–")
			}
		}
	}
}

// Gaps reports whether a cell has no data.
func (l Cells) Gaps() bool {
	return slices.ContainsFunc(l.Rows, func(row []float64) bool { return slices.ContainsFunc(row, math.IsNaN) })
}
