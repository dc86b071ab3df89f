package plots

import (
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// block is a part of the page that takes the whole width.
type block struct {
	height, before vg.Length // before: gap above
	draw           func(c draw.Canvas)
}

// page lays out a figure: title, subtitle, panels, legend, notes.
func (f *Figure) page() (blocks []block, height vg.Length) {
	s := f.style
	width := s.width - 2*s.margin
	rows, legend := f.frames(width)
	level(rows)
	lefts := columnWidths(rows)
	for _, row := range rows {
		for i, fr := range row {
			fr.fitX(s.columnWidth(width, len(lefts)), lefts[i])
		}
	}
	blocks = append(blocks, s.paragraph(s.title, f.Title, 0), s.paragraph(in(s.normal, s.Muted), f.Subtitle, 1))
	for _, row := range rows {
		blocks = append(blocks, s.row(row, width, lefts))
	}
	if len(legend) > 0 {
		blocks = append(blocks, s.legend(legend, width))
	}
	for _, n := range f.Notes {
		blocks = append(blocks, s.paragraph(s.fine, n, 3))
	}
	height = 2 * s.margin
	for _, b := range blocks {
		height += b.before + b.height
	}
	return blocks, height
}

// draw the page on a canvas of its size.
func (f *Figure) draw(c vg.Canvas, blocks []block, height vg.Length) {
	s := f.style
	whole := vg.Rectangle{Max: vg.Point{X: s.width, Y: height}}
	c.SetColor(s.Background)
	c.Fill(whole.Path())
	top := height - s.margin
	for _, b := range blocks {
		top -= b.before
		b.draw(draw.Canvas{Canvas: c, Rectangle: vg.Rectangle{
			Min: vg.Point{X: s.margin, Y: top - b.height}, Max: vg.Point{X: s.width - s.margin, Y: top}}})
		top -= b.height
	}
}

// columns of panels at the figure's width.
func (f *Figure) columnCount() int {
	if f.style.small || f.columns < 1 {
		return 1
	}
	return min(f.columns, max(1, len(f.panels)))
}

// columnWidth of so many panels side by side.
func (s *style) columnWidth(width vg.Length, columns int) vg.Length {
	n := vg.Length(columns)
	return (width - (n-1)*2*s.gap) / n
}

// frames of all panels by row, and what must be in the legend: names that stand
// at no line's end.
func (f *Figure) frames(width vg.Length) (rows [][]*frame, legend []entry) {
	n := f.columnCount()
	each := f.style.columnWidth(width, n)
	atEnds := map[string]bool{}
	for i := range f.panels {
		p := f.panels[i]
		if f.shared && i+n < len(f.panels) {
			p.x.label = "" // the panel below has it
		}
		if f.shared && i > 0 {
			p.y.label = "" // the first panel has it
		}
		fr := f.style.newFrame(&p, each)
		if fr.direct {
			for _, l := range p.ends() {
				atEnds[l.key().name] = true
			}
		}
		if i%n == 0 {
			rows = append(rows, nil)
		}
		rows[len(rows)-1] = append(rows[len(rows)-1], fr)
	}
	seen := map[string]bool{"": true}
	for i := range f.panels {
		for _, l := range f.panels[i].layers {
			if l, ok := l.(named); ok && f.panels[i].empty == "" && !atEnds[l.key().name] && !seen[l.key().name] {
				seen[l.key().name] = true
				legend = append(legend, l.key())
			}
		}
	}
	return rows, legend
}

// level the names at the ends of lines: those of panels below each other stand in
// one column.
func level(rows [][]*frame) {
	widest := make([]vg.Length, len(rows[0]))
	for _, row := range rows {
		for i, fr := range row {
			widest[i] = max(widest[i], fr.right)
		}
	}
	for _, row := range rows {
		for i, fr := range row {
			if fr.right > 0 {
				fr.right = widest[i]
			}
		}
	}
}

// columnWidths of tick labels, for panels below each other.
func columnWidths(rows [][]*frame) []vg.Length {
	widths := make([]vg.Length, len(rows[0]))
	for _, row := range rows {
		for i, fr := range row {
			widths[i] = max(widths[i], fr.left)
		}
	}
	return widths
}

// row of panels side by side, their axes on one line.
func (s *style) row(row []*frame, width vg.Length, lefts []vg.Length) block {
	var head, foot, h vg.Length
	for _, fr := range row {
		head, foot = max(head, fr.head), max(foot, fr.foot)
	}
	for _, fr := range row {
		fr.head, fr.foot = head, foot
		h = max(h, fr.total())
	}
	each := s.columnWidth(width, len(lefts))
	return block{height: h, before: s.gap, draw: func(c draw.Canvas) {
		for i, fr := range row {
			part := c
			part.Min.X += vg.Length(i) * (each + 2*s.gap)
			part.Max.X = part.Min.X + each
			part.Min.Y = part.Max.Y - fr.total()
			fr.draw(part, lefts[i])
		}
	}}
}

// paragraph of text, broken into lines.
func (s *style) paragraph(t text.Style, words string, before vg.Length) block {
	lines := wrap(t, words, s.width-2*s.margin)
	h := lineHeight(t)
	if len(lines) == 0 {
		before = 0
	}
	return block{height: vg.Length(len(lines)) * h, before: before, draw: func(c draw.Canvas) {
		for i, l := range lines {
			write(c, t, vg.Point{X: c.Min.X, Y: c.Max.Y - vg.Length(i)*h}, l)
		}
	}}
}

// Sizes of a legend's keys.
const (
	keyWidth = 18
	keyGap   = 4
	keyApart = 14 // from the end of a name to the next key
)

// legend in as many rows as it needs.
func (s *style) legend(entries []entry, width vg.Length) block {
	h := lineHeight(s.fine) + 1
	type place struct {
		x   vg.Length
		row int
	}
	places := make([]place, len(entries))
	var x vg.Length
	row := 0
	for i := range entries {
		entries[i].name = shorten(s.fine, entries[i].name, width-keyWidth-keyGap, "…")
		w := keyWidth + keyGap + s.fine.Width(entries[i].name)
		if x > 0 && x+w > width {
			x, row = 0, row+1
		}
		places[i] = place{x, row}
		x += w + keyApart
	}
	return block{height: vg.Length(row+1) * h, before: 4, draw: func(c draw.Canvas) {
		for i, e := range entries {
			at := vg.Point{X: c.Min.X + places[i].x, Y: c.Max.Y - (vg.Length(places[i].row)+0.5)*h}
			s.key(&c, e, at)
			write(c, aligned(in(s.fine, s.Text), draw.XLeft, draw.YCenter), vg.Point{X: at.X + keyWidth + keyGap, Y: at.Y}, e.name)
		}
	}}
}

// key of a legend at the middle of its left edge.
func (s *style) key(c *draw.Canvas, e entry, at vg.Point) {
	switch e.style {
	case fillKey:
		c.SetColor(e.look.Color)
		c.Fill(vg.Rectangle{Min: vg.Point{X: at.X, Y: at.Y - 4}, Max: vg.Point{X: at.X + keyWidth, Y: at.Y + 4}}.Path())
	case glyphKey:
		c.DrawGlyphNoClip(e.glyph, vg.Point{X: at.X + keyWidth/2, Y: at.Y})
	default:
		c.StrokeLine2(draw.LineStyle{Color: e.look.Color, Width: s.line, Dashes: e.look.Dashes}, at.X, at.Y, at.X+keyWidth, at.Y)
	}
}
