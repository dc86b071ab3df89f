package plots

import (
	"fmt"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/quotalab/quotalab/results/series"
)

// panel is one frame with axes.
type panel struct {
	title  string // above the frame, "" none
	x, y   axis
	layers []layer
	faults []series.Span // shaded over the whole height
	height vg.Length     // of the frame, 0: the style's
	direct bool          // names stand at the ends of lines where there is room
	empty  string        // why nothing is drawn, "" something is
}

// frame is a panel on its way to paper.
type frame struct {
	p *panel
	*style
	plot   *plot.Plot
	direct bool      // names stand at the ends of lines
	left   vg.Length // width of tick labels
	right  vg.Length // width of those names
	head   vg.Length // height of what is above the axes
	foot   vg.Length // height of what is below, as in all panels of its row
	own    vg.Length // of that what this panel needs
}

// newFrame for a panel of a width, all included.
func (s *style) newFrame(p *panel, width vg.Length) *frame {
	f := &frame{p: p, style: s, plot: plot.New()}
	p.x, p.y = p.x.normal(), p.y.normal()
	if p.height == 0 {
		p.height = s.frameHeight
	}
	f.direct = p.direct && p.empty == "" && f.roomAtEnds(width)
	f.plot.BackgroundColor = nil
	ticksY := p.y.fit(p.height, lineHeight(s.fine), func(string) vg.Length { return lineHeight(s.fine) })
	for _, t := range ticksY {
		f.left = max(f.left, s.fine.Width(t.Label))
	}
	if p.empty != "" {
		ticksY, f.left = nil, 0
	}
	f.axis(&f.plot.Y, p.y, ticksY)
	f.plot.Y.LineStyle.Width, f.plot.Y.Tick.Length, f.plot.Y.Label.Text = 0, 0, ""
	f.measure()
	f.own = f.foot
	return f
}

// fitX chooses the ticks of the horizontal axis, when the width of the column of
// the other's labels is known. Labels at the ends of the axis make it shorter, so
// that fewer may fit.
func (f *frame) fitX(width, column vg.Length) {
	if f.p.empty != "" {
		return
	}
	whole := draw.Canvas{Rectangle: vg.Rectangle{Max: vg.Point{X: width - f.right - column + f.left, Y: f.p.height + f.own}}}
	length := whole.Max.X - f.left
	for range 4 {
		f.axis(&f.plot.X, f.p.x, f.p.x.fit(length, 6, f.fine.Width))
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
		widest = max(widest, f.fine.Width(n.key().atItsEnd()))
	}
	if len(list) == 0 || widest > labelShare*width || vg.Length(len(list))*lineHeight(f.fine) > f.p.height {
		return false
	}
	f.right = widest + labelGap
	return true
}

func (f *frame) axis(to *plot.Axis, a axis, ticks []plot.Tick) {
	to.Min, to.Max, to.Scale, to.Padding = a.min, a.max, a.scale, 0
	to.LineStyle = draw.LineStyle{Color: f.Axis, Width: f.thin}
	to.Tick.LineStyle, to.Tick.Length = to.LineStyle, f.tick
	to.Tick.Label.Font, to.Tick.Label.Color = f.fine.Font, f.fine.Color
	to.Tick.Marker = plot.ConstantTicks(ticks)
	to.Label.Text, to.Label.Padding = a.label, 1
	to.Label.TextStyle = aligned(f.fine, draw.XCenter, draw.YBottom)
}

// measure what is above and below the axes. Half a line above is for the highest
// tick's label.
func (f *frame) measure() {
	small := lineHeight(f.fine)
	f.head = 2 + small/2
	if f.p.title != "" {
		f.head += lineHeight(f.strong)
	}
	if f.p.y.label != "" && f.p.empty == "" {
		f.head += small
	}
	if lettered(f.p.faults) {
		f.head += small/2 + faultBar
	}
	f.foot = f.tick + small + 2
	if f.p.x.label != "" {
		f.foot += small + 1
	}
	if f.p.empty != "" {
		f.foot = 0
	}
}

// total height of the panel.
func (f *frame) total() vg.Length { return f.head + f.p.height + f.foot }

// draw the panel into a rectangle as high as total. Its tick labels are right
// aligned in a column of a width, so that panels below each other agree.
func (f *frame) draw(c draw.Canvas, column vg.Length) {
	top := c.Max.Y
	if f.p.title != "" {
		write(c, f.strong, vg.Point{X: c.Min.X, Y: top}, shorten(f.strong, f.p.title, c.Max.X-c.Min.X, "…"))
		top -= lineHeight(f.strong)
	}
	if f.p.y.label != "" && f.p.empty == "" {
		write(c, f.fine, vg.Point{X: c.Min.X, Y: top}, shorten(f.fine, f.p.y.label, c.Max.X-c.Min.X, "…"))
	}
	c.Max.Y -= f.head
	c.Min.Y = c.Max.Y - f.p.height - f.own
	if f.p.empty != "" {
		f.drawEmpty(c)
		return
	}
	c.Min.X += column - f.left
	c.Max.X -= f.right
	f.plot.Draw(c)
}

// drawEmpty says in the frame why there is nothing.
func (f *frame) drawEmpty(c draw.Canvas) {
	c.Min.Y = c.Max.Y - f.p.height
	c.SetLineStyle(draw.LineStyle{Color: f.Axis, Width: f.thin, Dashes: []vg.Length{3, 3}})
	c.Stroke(c.Rectangle.Path())
	lines := wrap(f.normal, "No data: "+f.p.empty, (c.Max.X-c.Min.X)*0.86)
	y := c.Center().Y + vg.Length(len(lines))*f.leading/2
	for _, l := range lines {
		write(c, aligned(in(f.normal, f.Muted), draw.XCenter, draw.YTop), vg.Point{X: c.Center().X, Y: y}, l)
		y -= f.leading
	}
}

// Plot implements plot.Plotter: all that is inside of the axes.
func (f *frame) Plot(c draw.Canvas, p *plot.Plot) {
	a := &area{Canvas: c, plot: p, style: f.style}
	a.shadeFaults(f.p.faults)
	grid := plotter.NewGrid()
	grid.Horizontal = draw.LineStyle{Color: f.Grid, Width: f.thin}
	grid.Vertical = grid.Horizontal
	grid.Plot(c, p)
	for _, l := range f.p.layers {
		l.draw(a)
	}
	a.edgeFaults(f.p.faults)
	if f.direct {
		a.drawEnds(f.p.ends())
	}
}

func (p *panel) text(b *strings.Builder) {
	fmt.Fprintf(b, "panel %q\n", p.title)
	if p.empty != "" {
		fmt.Fprintf(b, "  no data: %s\n", p.empty)
		return
	}
	fmt.Fprintf(b, "  x %q %s to %s\n  y %q %s to %s\n", p.x.label, short(p.x.min), short(p.x.max), p.y.label, short(p.y.min), short(p.y.max))
	for _, f := range p.faults {
		fmt.Fprintf(b, "  fault %s–%s %s\n", short(f.From), short(f.Until), f.Label)
	}
	for _, l := range p.layers {
		b.WriteString("  ")
		l.text(b)
	}
}
