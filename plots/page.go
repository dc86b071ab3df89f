package plots

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/plots/series"
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

// Of many limiters not each has figures of its own: it has a panel of a page.
const (
	ownFigures = 4 // limiters, at most, that have
	pagePanels = 6
)

// latencyPages show the percentiles of some limiters, a panel each or, where clients
// are told apart, each of these, all with the same axes.
func (k *kit) latencyPages(set *series.Set, v view) (pages []Figure) {
	by := map[source][]series.OutcomeLatency{}
	var all []series.OutcomeLatency
	for _, list := range latencyBy(set) {
		all = append(all, list...)
		for _, c := range byClient(list) {
			by[c.source] = c.of
		}
	}
	times, percentiles := latencyAxes(all, v)
	for some := range slices.Chunk(sources(set), pagePanels) {
		f := Figure{Name: v.name, columns: 2, shared: true}
		for _, s := range some {
			p := panel{empty: "no request was sent and answered after the warm-up."}
			if of := by[s]; len(of) > 0 {
				p = k.latencyPanels(of, v, times, percentiles)[1]
				p.direct = false
			}
			p.title, p.height = s.among(true), k.frameHeight*0.6
			f.panels = append(f.panels, p)
		}
		f.Title = pageTitle(by, some, v)
		f.note(togetherNote(set, limitersOf(some)))
		f.note(pipelinedNote(set))
		pages = append(pages, f)
	}
	return pages
}

// pageTitle tells the least and the highest median of any limiter's decisions.
func pageTitle(by map[source][]series.OutcomeLatency, of []source, v view) string {
	least, most := math.Inf(1), math.Inf(-1)
	var first, last string
	for _, s := range of {
		decisions := map[string][]series.Distribution{}
		for _, o := range by[s] {
			decisions[o.Decision] = append(decisions[o.Decision], v.of(o))
		}
		for _, o := range by[s] { // in order
			of := fmt.Sprintf(" (%s of %s)", decisionsOf(o.Decision), s.among(true))
			m := mixtureQuantile(decisions[o.Decision], 50)
			if m < least {
				least, first = m, of
			}
			if m > most {
				most, last = m, of
			}
		}
	}
	switch {
	case first == "":
		return "No latency was measured"
	case alike(least, most):
		return "Decisions of all limiters take " + unit.Amount(most, 3) + " at the median" + v.since
	}
	return "Decisions take from " + unit.Amount(least, 3) + first + " to " + unit.Amount(most, 3) + last + " at the median" + v.since
}

// overTimePages show, for each of the limiters, or client that is told apart, the
// outcome with most decisions.
func (k *kit) overTimePages(set *series.Set) (pages []Figure) {
	t := &set.Timeline
	var main []series.OutcomeTimeline
	for _, s := range sources(set) {
		timed, _ := timedOutcomes(t, s)
		if len(timed) > 0 {
			main = append(main, slices.MaxFunc(timed, func(a, b series.OutcomeTimeline) int { return int(total(a.Count) - total(b.Count)) }))
		}
	}
	if len(main) == 0 {
		return []Figure{k.overTimeFigure(set, limiters(set)[0])}
	}
	lo, hi := span(main)
	for some := range slices.Chunk(main, pagePanels) {
		f := Figure{Name: "latency-over-time", columns: 2, shared: true}
		for _, o := range some {
			whose := o.Limiter + ": "
			if o.Client != "" {
				whose = o.Limiter + ", "
			}
			f.panels = append(f.panels, k.overTimePanel(t, o, whose, lo, hi))
		}
		f.Title = overTimeTitle(set, some)
		f.overTimeNotes(set, " Of each the outcome with most decisions.")
		var names []string
		for _, o := range some {
			names = append(names, o.Limiter)
		}
		f.note(togetherNote(set, names))
		pages = append(pages, f)
	}
	return pages
}

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
