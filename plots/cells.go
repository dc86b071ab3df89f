package plots

import (
	"fmt"
	"image/color"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// seam is by how much cells overlap: side by side they would show a hair of what
// is below between them.
const seam = 0.35

// cells of a heat map. Row 0 is the uppermost, between rows() and rows()−1 of
// the y axis; column i is from x[i] to x[i+1]. NaN is no data.
type cells struct {
	x      []float64
	rows   [][]float64
	lo, hi float64 // of the ramp
	labels [][]string
}

func (l cells) draw(c *area) {
	colors := ramps[c.theme]
	paths := make([]vg.Path, len(colors))
	var missing vg.Path
	for r, values := range l.rows {
		for i := 0; i < len(values); {
			until, path := i+1, &missing
			if !math.IsNaN(values[i]) {
				level := colors.level(values[i], l.lo, l.hi)
				path = &paths[level]
				for until < len(values) && colors.level(values[until], l.lo, l.hi) == level && !math.IsNaN(values[until]) {
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

// box from column i to before another.
func (l cells) box(c *area, row, i, until int) vg.Rectangle {
	lo := c.at(l.x[i], float64(len(l.rows)-row-1))
	hi := c.at(l.x[until], float64(len(l.rows)-row))
	return vg.Rectangle{Min: vg.Point{X: lo.X, Y: max(lo.Y-seam, c.Min.Y)}, Max: vg.Point{X: min(hi.X+seam, c.Max.X), Y: hi.Y}}
}

// hatch what there are no data of: a cross in each.
func (l cells) hatch(c *area, boxes vg.Path) {
	if len(boxes) == 0 {
		return
	}
	c.SetColor(c.Background)
	c.Fill(boxes)
	sty := draw.LineStyle{Color: c.Axis, Width: c.thin}
	for i := 0; i+4 < len(boxes); i += 5 { // four corners and the close
		a, b := boxes[i].Pos, boxes[i+2].Pos
		c.StrokeLine2(sty, a.X, a.Y, b.X, b.Y)
		c.StrokeLine2(sty, a.X, b.Y, b.X, a.Y)
	}
}

// write numbers into the cells, if all fit.
func (l cells) write(c *area) {
	if !l.roomy(c) {
		return
	}
	colors := ramps[c.theme]
	t := aligned(c.fine, draw.XCenter, draw.YCenter)
	for r, values := range l.rows {
		for i, v := range values {
			if math.IsNaN(v) || l.labels[r][i] == "" {
				continue
			}
			box := l.box(c, r, i, i+1)
			middle := vg.Point{X: (box.Min.X + box.Max.X) / 2, Y: (box.Min.Y + box.Max.Y) / 2}
			write(c, in(t, inkOn(colors[colors.level(v, l.lo, l.hi)])), middle, l.labels[r][i])
		}
	}
}

func (l cells) roomy(c *area) bool {
	if l.labels == nil {
		return false
	}
	for r := range l.rows {
		for i := range l.rows[r] {
			box := l.box(c, r, i, i+1).Size()
			if c.fine.Width(l.labels[r][i])+5 > box.X || lineHeight(c.fine)+2 > box.Y {
				return false
			}
		}
	}
	return true
}

func (l cells) text(b *strings.Builder) {
	fmt.Fprintf(b, "cells x")
	for _, x := range l.x {
		fmt.Fprintf(b, " %s", short(x))
	}
	fmt.Fprintf(b, ", ramp %s to %s\n", short(l.lo), short(l.hi))
	for _, row := range l.rows {
		b.WriteString("   ")
		for _, v := range row {
			fmt.Fprintf(b, " %s", short(v))
		}
		b.WriteByte('\n')
	}
}

// ramp is colours for amounts, the least first. Neighbours are equally far
// apart for the eye (in OKLab), and lightness alone tells more from less, so
// that it is right for the colour-blind and on a black and white printer. The least
// is near the background, the most furthest from it.
type ramp []color.RGBA

var ramps = map[Theme]ramp{
	Light: {rgb(0xF5F5E4), rgb(0xE8EED5), rgb(0xD9E7C9), rgb(0xC7E2C1), rgb(0xB3DDBB), rgb(0x9ED7B9), rgb(0x88D2BA),
		rgb(0x75CAB9), rgb(0x66C1B8), rgb(0x57B8B7), rgb(0x4AAFB5), rgb(0x3DA6B3), rgb(0x339CB2), rgb(0x2B92AF),
		rgb(0x2688AC), rgb(0x257DA9), rgb(0x2173A3), rgb(0x1E699C), rgb(0x1D5F95), rgb(0x1C558E), rgb(0x1C4C86),
		rgb(0x1C427F), rgb(0x1C3877), rgb(0x1C2E6F), rgb(0x1C2466)},
	Dark: {rgb(0x222A3C), rgb(0x24314A), rgb(0x263858), rgb(0x284067), rgb(0x284876), rgb(0x275085), rgb(0x22598F),
		rgb(0x196495), rgb(0x0E6F9A), rgb(0x007A9E), rgb(0x0085A1), rgb(0x008FA4), rgb(0x0D9AA6), rgb(0x21A4A6),
		rgb(0x33AEA6), rgb(0x44B7A5), rgb(0x56C0A2), rgb(0x69C89F), rgb(0x7DD09C), rgb(0x92D798), rgb(0xA6DE95),
		rgb(0xBBE492), rgb(0xD1EA90), rgb(0xE5EF90), rgb(0xFAF392)},
}

// level of a value between the ends of a scale; values beyond are at its ends.
func (r ramp) level(v, lo, hi float64) int {
	if !(hi > lo) {
		return 0
	}
	return int(math.Round(clamp((v-lo)/(hi-lo)) * float64(len(r)-1)))
}

// inkOn a colour: of black and white the one that is read better.
func inkOn(c color.RGBA) color.RGBA {
	black, white := rgb(0x000000), rgb(0xFFFFFF)
	if contrast(black, c) >= contrast(white, c) {
		return black
	}
	return white
}

// rampKey is a panel below a heat map that says which colour is how much.
func (s *style) rampKey(label string, lo, hi float64) panel {
	// a blank label: the frame is then as far from the left as those above it
	none := func(_, _ float64) [][]plot.Tick { return [][]plot.Tick{{{Value: 0, Label: " "}}} }
	return panel{x: axis{label: label, min: lo, max: hi}, y: axis{ticks: none}, layers: []layer{rampStrip{ramps[s.theme], lo, hi}}, height: 0.28 * vg.Centimeter}
}

// rampStrip is all colours side by side.
type rampStrip struct {
	ramp   ramp
	lo, hi float64
}

func (l rampStrip) draw(c *area) {
	n := vg.Length(len(l.ramp))
	width := (c.Max.X - c.Min.X) / n
	for i, col := range l.ramp {
		left := c.Min.X + vg.Length(i)*width
		right := min(left+width+seam, c.Max.X)
		c.SetColor(col)
		c.Fill(vg.Rectangle{Min: vg.Point{X: left, Y: c.Min.Y}, Max: vg.Point{X: right, Y: c.Max.Y}}.Path())
	}
}

func (l rampStrip) text(b *strings.Builder) {
	fmt.Fprintf(b, "ramp %s to %s: %s to %s\n", Hex(l.ramp[0]), Hex(l.ramp[len(l.ramp)-1]), short(l.lo), short(l.hi))
}
