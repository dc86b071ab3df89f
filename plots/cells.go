package plots

import (
	"fmt"
	"math"
	"strings"

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
