// Package draw draws pictures of numbers: panels with axes under a title, a legend and
// notes, as SVG, PNG or PDF. It knows no metric and no record; package plots turns
// those into what is drawn here.
//
//  1. A Figure (page.go) has Panels; a Panel has two axes (axis.go) and Layers: lines,
//     bands, dots (layer.go), rows of bars (rows.go), cells of a heat map (cells.go),
//     shaded spans (layer.go).
//  2. Figure.Page lays out title, panels, legend and notes. The names of lines stand at
//     their ends where there is room (labels.go), else in the legend.
//  3. Figure.Render writes the page in a format (formats.go). The bytes depend on the
//     figure alone.
//
// Sizes, type and colours are in style.go: NewStyle returns them for a theme and a width.
package draw

import (
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"

	"github.com/quotalab/quotalab/models/metric"
)

// Figure is a picture: panels with axes under a title, a legend and notes.
type Figure struct {
	Name     string   // of its file, without extension: lower case, unique among those of one call
	Kind     string   // to choose it by
	Title    string   // the answer to its question: a sentence with the number in it
	Subtitle string   // of what it is
	Notes    []string // how to read it, and what is left out

	Panels  []Panel
	Columns int  // of panels, where the figure is wide enough
	Shared  bool // all panels have the same axes: only the outer ones say what these are

	Style *Style
}

// Note adds a note, unless it is "".
func (f *Figure) Note(s string) {
	if s != "" {
		f.Notes = append(f.Notes, s)
	}
}

// Empty tells whether the figure says only why it has no data.
func (f *Figure) Empty() bool {
	return !slices.ContainsFunc(f.Panels, func(p Panel) bool { return p.Empty == "" })
}

// block is a part of the page that takes the whole width.
type block struct {
	height, before vg.Length // before: gap above
	draw           func(c vgdraw.Canvas)
}

// Page is a figure laid out.
type Page struct {
	Width, Height vg.Length

	f      *Figure
	blocks []block
}

// Page lays out a figure: title, subtitle, panels, legend, notes.
func (f *Figure) Page() *Page {
	s := f.Style
	var blocks []block
	width := s.Width - 2*s.Margin
	rows, legend := f.frames(width)
	level(rows)
	lefts := columnWidths(rows)
	for _, row := range rows {
		for i, fr := range row {
			fr.fitX(s.columnWidth(width, len(lefts)), lefts[i])
		}
	}
	blocks = append(blocks, s.paragraph(s.title, f.Title, 0), s.paragraph(Coloured(s.Normal, s.Muted), f.Subtitle, 1))
	for _, row := range rows {
		blocks = append(blocks, s.row(row, width, lefts))
	}
	if len(legend) > 0 {
		blocks = append(blocks, s.legend(legend, width))
	}
	for _, n := range f.Notes {
		blocks = append(blocks, s.paragraph(s.Fine, n, 3))
	}
	height := 2 * s.Margin
	for _, b := range blocks {
		height += b.before + b.height
	}
	return &Page{s.Width, height, f, blocks}
}

// Draw draws the page on a canvas of its size.
func (p *Page) Draw(c vg.Canvas) {
	s := p.f.Style
	c = printable{c}
	whole := vg.Rectangle{Max: vg.Point{X: p.Width, Y: p.Height}}
	c.SetColor(s.Background)
	c.Fill(whole.Path())
	top := p.Height - s.Margin
	for _, b := range p.blocks {
		top -= b.before
		b.draw(vgdraw.Canvas{Canvas: c, Rectangle: vg.Rectangle{
			Min: vg.Point{X: s.Margin, Y: top - b.height}, Max: vg.Point{X: s.Width - s.Margin, Y: top}}})
		top -= b.height
	}
}

// printable is a canvas on which no text has characters that cannot be shown, which
// XML forbids too.
type printable struct{ vg.Canvas }

func (p printable) FillString(f font.Face, at vg.Point, text string) {
	p.Canvas.FillString(f, at, metric.Printable(text))
}

// columnCount returns how many panels stand side by side at the figure's width.
func (f *Figure) columnCount() int {
	if f.Style.Small || f.Columns < 1 {
		return 1
	}
	return min(f.Columns, max(1, len(f.Panels)))
}

// columnWidth returns the width of each of some panels side by side.
func (s *Style) columnWidth(width vg.Length, columns int) vg.Length {
	n := vg.Length(columns)
	return (width - (n-1)*2*s.gap) / n
}

// frames returns the frames of all panels by row, and what must be in the legend: names that stand
// at no line's end.
func (f *Figure) frames(width vg.Length) (rows [][]*frame, legend []entry) {
	n := f.columnCount()
	each := f.Style.columnWidth(width, n)
	atEnds := map[string]bool{}
	for i := range f.Panels {
		p := f.Panels[i]
		if f.Shared && i+n < len(f.Panels) {
			p.X.Label = "" // the panel below has it
		}
		if f.Shared && i > 0 {
			p.Y.Label = "" // the first panel has it
		}
		fr := f.Style.newFrame(&p, each)
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
	for i := range f.Panels {
		for _, l := range f.Panels[i].Layers {
			if l, ok := l.(named); ok && f.Panels[i].Empty == "" && !atEnds[l.key().name] && !seen[l.key().name] {
				seen[l.key().name] = true
				legend = append(legend, l.key())
			}
		}
	}
	return rows, legend
}

// level aligns the names at the ends of lines: those of panels below each other stand in
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

// columnWidths returns the widths of tick labels, for panels below each other.
func columnWidths(rows [][]*frame) []vg.Length {
	widths := make([]vg.Length, len(rows[0]))
	for _, row := range rows {
		for i, fr := range row {
			widths[i] = max(widths[i], fr.left)
		}
	}
	return widths
}

// row lays out panels side by side, their axes on one line.
func (s *Style) row(row []*frame, width vg.Length, lefts []vg.Length) block {
	var head, foot, h vg.Length
	for _, fr := range row {
		head, foot = max(head, fr.head), max(foot, fr.foot)
	}
	for _, fr := range row {
		fr.head, fr.foot = head, foot
		h = max(h, fr.total())
	}
	each := s.columnWidth(width, len(lefts))
	return block{height: h, before: s.gap, draw: func(c vgdraw.Canvas) {
		for i, fr := range row {
			part := c
			part.Min.X += vg.Length(i) * (each + 2*s.gap)
			part.Max.X = part.Min.X + each
			part.Min.Y = part.Max.Y - fr.total()
			fr.draw(part, lefts[i])
		}
	}}
}

// paragraph lays out text, broken into lines.
func (s *Style) paragraph(t text.Style, words string, before vg.Length) block {
	lines := wrap(t, words, s.Width-2*s.Margin)
	h := LineHeight(t)
	if len(lines) == 0 {
		before = 0
	}
	return block{height: vg.Length(len(lines)) * h, before: before, draw: func(c vgdraw.Canvas) {
		for i, l := range lines {
			Write(c, t, vg.Point{X: c.Min.X, Y: c.Max.Y - vg.Length(i)*h}, l)
		}
	}}
}

// Sizes of a legend's keys.
const (
	keyWidth = 18
	keyGap   = 4
	keyApart = 14 // from the end of a name to the next key
	keyWider = 8  // names have an eighth more: fonts that stand in for the one that is measured, such as DejaVu Sans, are wider
)

// legend lays out a legend in as many rows as it needs.
func (s *Style) legend(entries []entry, width vg.Length) block {
	h := LineHeight(s.Fine) + 1
	type place struct {
		x   vg.Length
		row int
	}
	places := make([]place, len(entries))
	var x vg.Length
	row := 0
	for i := range entries {
		entries[i].name = Shorten(s.Fine, entries[i].name, width-keyWidth-keyGap, "…")
		name := s.Fine.Width(entries[i].name)
		w := keyWidth + keyGap + name + name/keyWider
		if x > 0 && x+w > width {
			x, row = 0, row+1
		}
		places[i] = place{x, row}
		x += w + keyApart
	}
	return block{height: vg.Length(row+1) * h, before: 4, draw: func(c vgdraw.Canvas) {
		for i, e := range entries {
			at := vg.Point{X: c.Min.X + places[i].x, Y: c.Max.Y - (vg.Length(places[i].row)+0.5)*h}
			s.key(&c, e, at)
			Write(c, Aligned(Coloured(s.Fine, s.Text), vgdraw.XLeft, vgdraw.YCenter), vg.Point{X: at.X + keyWidth + keyGap, Y: at.Y}, e.name)
		}
	}}
}

// key draws a key of a legend at the middle of its left edge.
func (s *Style) key(c *vgdraw.Canvas, e entry, at vg.Point) {
	switch e.style {
	case fillKey:
		c.SetColor(e.look.Color)
		c.Fill(vg.Rectangle{Min: vg.Point{X: at.X, Y: at.Y - 4}, Max: vg.Point{X: at.X + keyWidth, Y: at.Y + 4}}.Path())
	case glyphKey:
		c.DrawGlyphNoClip(e.glyph, vg.Point{X: at.X + keyWidth/2, Y: at.Y})
	default:
		c.StrokeLine2(vgdraw.LineStyle{Color: e.look.Color, Width: s.Line, Dashes: e.look.Dashes}, at.X, at.Y, at.X+keyWidth, at.Y)
	}
}

// Panel is one frame with axes.
type Panel struct {
	Title  string // above the frame, "" none
	X, Y   Axis
	Layers []Layer
	Shades []Shade   // shaded over the whole height
	Height vg.Length // of the frame, 0: the style's
	Direct bool      // names stand at the ends of lines where there is room
	Empty  string    // why nothing is drawn, "" something is
}

// frame is a panel on its way to paper.
type frame struct {
	p *Panel
	*Style
	plot   *plot.Plot
	direct bool      // names stand at the ends of lines
	left   vg.Length // width of tick labels
	right  vg.Length // width of those names
	head   vg.Length // height of what is above the axes
	foot   vg.Length // height of what is below, as in all panels of its row
	own    vg.Length // of that what this panel needs
}

// newFrame returns the frame of a panel of a width, all included.
func (s *Style) newFrame(p *Panel, width vg.Length) *frame {
	f := &frame{p: p, Style: s, plot: plot.New()}
	p.X, p.Y = p.X.normal(), p.Y.normal()
	if p.Height == 0 {
		p.Height = s.FrameHeight
	}
	f.direct = p.Direct && p.Empty == "" && f.roomAtEnds(width)
	f.plot.BackgroundColor = nil
	ticksY := p.Y.fit(p.Height, LineHeight(s.Fine), func(string) vg.Length { return LineHeight(s.Fine) })
	for _, t := range ticksY {
		f.left = max(f.left, s.Fine.Width(t.Label))
	}
	if p.Empty != "" {
		ticksY, f.left = nil, 0
	}
	f.axis(&f.plot.Y, p.Y, ticksY)
	f.plot.Y.LineStyle.Width, f.plot.Y.Tick.Length, f.plot.Y.Label.Text = 0, 0, ""
	f.measure()
	f.own = f.foot
	return f
}

// fitX chooses the ticks of the horizontal axis, when the width of the column of
// the other's labels is known. Labels at the ends of the axis make it shorter, so
// that fewer may fit.
func (f *frame) fitX(width, column vg.Length) {
	if f.p.Empty != "" {
		return
	}
	whole := vgdraw.Canvas{Rectangle: vg.Rectangle{Max: vg.Point{X: width - f.right - column + f.left, Y: f.p.Height + f.own}}}
	length := whole.Max.X - f.left
	for range 4 {
		f.axis(&f.plot.X, f.p.X, f.p.X.fit(length, 6, f.Fine.Width))
		frame := f.plot.DataCanvas(whole)
		if got := frame.Max.X - frame.Min.X; got < length-0.1 {
			length = got
			continue
		}
		break
	}
	f.plot.Add(f)
}

// roomAtEnds reserves it right of the frame, if there is.
func (f *frame) roomAtEnds(width vg.Length) bool {
	list := f.p.ends()
	widest := vg.Length(0)
	for _, n := range list {
		widest = max(widest, f.Fine.Width(n.key().atItsEnd()))
	}
	if len(list) == 0 || widest > labelShare*width || vg.Length(len(list))*LineHeight(f.Fine) > f.p.Height {
		return false
	}
	f.right = widest + labelGap
	return true
}

func (f *frame) axis(to *plot.Axis, a Axis, ticks []Tick) {
	to.Min, to.Max, to.Scale, to.Padding = a.Min, a.Max, a.Scale, 0
	to.LineStyle = vgdraw.LineStyle{Color: f.Axis, Width: f.thin}
	to.Tick.LineStyle, to.Tick.Length = to.LineStyle, f.tick
	to.Tick.Label.Font, to.Tick.Label.Color = f.Fine.Font, f.Fine.Color
	to.Tick.Marker = plot.ConstantTicks(ticks)
	to.Label.Text, to.Label.Padding = a.Label, 1
	to.Label.TextStyle = Aligned(f.Fine, vgdraw.XCenter, vgdraw.YBottom)
}

// measure finds the heights of what is above and below the axes. Half a line above is for the highest
// tick's label.
func (f *frame) measure() {
	small := LineHeight(f.Fine)
	f.head = 2 + small/2
	if f.p.Title != "" {
		f.head += LineHeight(f.Strong)
	}
	if f.p.Y.Label != "" && f.p.Empty == "" {
		f.head += small
	}
	if lettered(f.p.Shades) {
		f.head += small/2 + shadeBar
	}
	f.foot = f.tick + small + 2
	if f.p.X.Label != "" {
		f.foot += small + 1
	}
	if f.p.Empty != "" {
		f.foot = 0
	}
}

func (f *frame) total() vg.Length { return f.head + f.p.Height + f.foot }

// draw draws the panel into a rectangle as high as total. Its tick labels are right
// aligned in a column of a width, so that panels below each other agree.
func (f *frame) draw(c vgdraw.Canvas, column vg.Length) {
	top := c.Max.Y
	if f.p.Title != "" {
		Write(c, f.Strong, vg.Point{X: c.Min.X, Y: top}, Shorten(f.Strong, f.p.Title, c.Max.X-c.Min.X, "…"))
		top -= LineHeight(f.Strong)
	}
	if f.p.Y.Label != "" && f.p.Empty == "" {
		Write(c, f.Fine, vg.Point{X: c.Min.X, Y: top}, Shorten(f.Fine, f.p.Y.Label, c.Max.X-c.Min.X, "…"))
	}
	c.Max.Y -= f.head
	c.Min.Y = c.Max.Y - f.p.Height - f.own
	if f.p.Empty != "" {
		f.drawEmpty(c)
		return
	}
	c.Min.X += column - f.left
	c.Max.X -= f.right
	f.plot.Draw(c)
}

// drawEmpty says in the frame why there is nothing.
func (f *frame) drawEmpty(c vgdraw.Canvas) {
	c.Min.Y = c.Max.Y - f.p.Height
	c.SetLineStyle(vgdraw.LineStyle{Color: f.Axis, Width: f.thin, Dashes: []vg.Length{3, 3}})
	c.Stroke(c.Rectangle.Path())
	lines := wrap(f.Normal, "No data: "+f.p.Empty, (c.Max.X-c.Min.X)*0.86)
	y := c.Center().Y + vg.Length(len(lines))*f.leading/2
	for _, l := range lines {
		Write(c, Aligned(Coloured(f.Normal, f.Muted), vgdraw.XCenter, vgdraw.YTop), vg.Point{X: c.Center().X, Y: y}, l)
		y -= f.leading
	}
}

// Plot implements plot.Plotter: all that is inside of the axes.
func (f *frame) Plot(c vgdraw.Canvas, p *plot.Plot) {
	a := &Area{Canvas: c, plot: p, Style: f.Style}
	a.drawShades(f.p.Shades)
	grid := plotter.NewGrid()
	grid.Horizontal = vgdraw.LineStyle{Color: f.Grid, Width: f.thin}
	grid.Vertical = grid.Horizontal
	grid.Plot(c, p)
	for _, l := range f.p.Layers {
		l.Draw(a)
	}
	a.edgeShades(f.p.Shades)
	if f.direct {
		a.drawEnds(f.p.ends())
	}
}
