package plots

import (
	"fmt"
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/quotalab/quotalab/plots/series"
)

// layer is something drawn in a panel.
type layer interface {
	draw(c *area)
	// text says what is drawn, in numbers: what golden tests compare.
	text(b *strings.Builder)
}

// area is a panel's frame while it is drawn on.
type area struct {
	draw.Canvas
	plot *plot.Plot
	*style
}

// at is the place of a value; values outside of the axes are at the edge.
func (c *area) at(x, y float64) vg.Point {
	return vg.Point{X: c.x(x), Y: c.y(y)}
}

func (c *area) x(v float64) vg.Length { return c.X(clamp(c.plot.X.Norm(v))) }
func (c *area) y(v float64) vg.Length { return c.Y(clamp(c.plot.Y.Norm(v))) }

// clamp to [0, 1]; NaN is 0.
func clamp(v float64) float64 {
	if !(v > 0) {
		return 0
	}
	return min(v, 1)
}

// line through points. A NaN breaks it; what is all in one place is a dot.
type line struct {
	name   string // in the legend or at its end, "" neither
	more   string // at its end only, after the name
	points []series.Point
	look   Look
	step   bool      // the value holds until the next point
	width  vg.Length // 0: the style's
	halo   bool      // with the background's colour around it: it is seen on areas of any colour
}

func (l line) draw(c *area) {
	width := l.width
	if width == 0 {
		width = c.line
	}
	for _, run := range unbroken(l.points) {
		path := c.path(run, l.step)
		if len(path) == 1 { // all in one place
			c.SetColor(l.look.Color)
			c.Fill(circle(path[0].Pos, 1.2*width))
			continue
		}
		if l.halo {
			c.SetLineStyle(draw.LineStyle{Color: c.Background, Width: 2.2 * width})
			c.Stroke(path)
		}
		c.SetLineStyle(draw.LineStyle{Color: l.look.Color, Width: width, Dashes: l.look.Dashes})
		c.Stroke(path)
	}
}

// path along points. Points on the way between two others, straight across
// or up, are left out.
func (c *area) path(points []series.Point, step bool) vg.Path {
	var path vg.Path
	to := func(at vg.Point) {
		n := len(path)
		switch {
		case n == 0:
			path.Move(at)
		case path[n-1].Pos == at:
		case n > 1 && between(path[n-2].Pos, path[n-1].Pos, at):
			path[n-1].Pos = at
		default:
			path.Line(at)
		}
	}
	for _, p := range points {
		at := c.at(p.X, p.Y)
		if step && len(path) > 0 {
			to(vg.Point{X: at.X, Y: path[len(path)-1].Pos.Y})
		}
		to(at)
	}
	return path
}

// between tells whether b is on the way from a to c, straight across or up.
func between(a, b, c vg.Point) bool {
	across := a.Y == b.Y && b.Y == c.Y && (a.X <= b.X) == (b.X <= c.X)
	up := a.X == b.X && b.X == c.X && (a.Y <= b.Y) == (b.Y <= c.Y)
	return across || up
}

// unbroken runs of points without NaN.
func unbroken(points []series.Point) (runs [][]series.Point) {
	start := 0
	for i := 0; i <= len(points); i++ {
		if i < len(points) && !math.IsNaN(points[i].X) && !math.IsNaN(points[i].Y) {
			continue
		}
		if i > start {
			runs = append(runs, points[start:i])
		}
		start = i + 1
	}
	return runs
}

func (l line) text(b *strings.Builder) {
	fmt.Fprintf(b, "line %q %s", l.key().atItsEnd(), l.look)
	for _, p := range l.points {
		fmt.Fprintf(b, " %s,%s", short(p.X), short(p.Y))
	}
	b.WriteByte('\n')
}

// band between two lines over the same x. Where one is NaN there is none.
type band struct {
	name      string // in the legend or at its end, "" neither
	x, lo, hi []float64
	look      Look
	opacity   float64 // 0: opaque
	step      bool    // values hold until the next x
	edge      bool    // with a line of the background's colour above
}

func (l band) draw(c *area) {
	var fill color.Color = l.look.Color
	if l.opacity > 0 {
		fill = faded(l.look.Color, l.opacity)
	}
	lower, upper := pair(l.x, l.lo), pair(l.x, l.hi)
	for i := range l.x {
		if math.IsNaN(l.lo[i]) || math.IsNaN(l.hi[i]) {
			lower[i].Y, upper[i].Y = math.NaN(), math.NaN()
		}
	}
	lows := unbroken(lower)
	for i, run := range unbroken(upper) {
		c.fill(run, lows[i], l.step, fill)
		if l.edge {
			c.SetLineStyle(draw.LineStyle{Color: c.Background, Width: c.thin / 2})
			c.Stroke(c.path(run, l.step))
		}
	}
}

// fill between two lines.
func (c *area) fill(upper, lower []series.Point, step bool, fill color.Color) {
	path := c.path(upper, step)
	back := c.path(lower, step)
	for i := len(back) - 1; i >= 0; i-- {
		path.Line(back[i].Pos)
	}
	path.Close()
	c.SetColor(fill)
	c.Fill(path)
}

func (l band) text(b *strings.Builder) {
	fmt.Fprintf(b, "band %q %s", l.name, l.look)
	for i := range l.x {
		fmt.Fprintf(b, " %s,%s–%s", short(l.x[i]), short(l.lo[i]), short(l.hi[i]))
	}
	b.WriteByte('\n')
}

func pair(x, y []float64) []series.Point {
	points := make([]series.Point, len(x))
	for i := range x {
		points[i] = series.Point{X: x[i], Y: y[i]}
	}
	return points
}

func circle(at vg.Point, r vg.Length) vg.Path {
	var p vg.Path
	p.Move(vg.Point{X: at.X + r, Y: at.Y})
	p.Arc(at, r, 0, 2*math.Pi)
	p.Close()
	return p
}

// short form of a number: four digits are more than an eye sees.
func short(v float64) string { return fmt.Sprintf("%.4g", v) }

func (l Look) String() string {
	s := Hex(l.Color)
	if len(l.Dashes) > 0 {
		s += fmt.Sprintf(" dashed %v", l.Dashes)
	}
	return s
}

// nameShare is the most of a panel's width that names may take.
const nameShare = 0.36

// names that leave room for what they name, in a panel of a figure with so many
// columns.
func (k *kit) names(list []string, columns int) []string {
	return k.clipAll(list, nameShare*k.panelWidth(columns))
}

// clip leaves out the middle of a name that is too long: keys tend to differ
// at their ends.
func (s *style) clip(name string, width vg.Length) string {
	letters := []rune(name)
	for n := len(letters) - 1; s.fine.Width(name) > width && n > 2; n-- {
		name = string(letters[:(n+1)/2]) + "…" + string(letters[len(letters)-n/2:])
	}
	return name
}

// clipAll names to a width. If what they differ in were lost with their middle,
// what they have in common goes instead.
func (s *style) clipAll(list []string, width vg.Length) []string {
	short := s.clipEach(list, width)
	if distinct(short) == distinct(list) {
		return short
	}
	head, tail := common(list)
	for cut := 0; cut <= head; cut++ {
		short = inner(list, cut, tail)
		if !slices.ContainsFunc(short, func(name string) bool { return s.fine.Width(name) > width }) {
			return short
		}
	}
	return s.clipEach(short, width)
}

func (s *style) clipEach(list []string, width vg.Length) []string {
	short := make([]string, len(list))
	for i, name := range list {
		short[i] = s.clip(name, width)
	}
	return short
}

// common is how many letters all names begin with and how many more they end
// with.
func common(list []string) (head, tail int) {
	first, shortest := []rune(list[0]), len([]rune(list[0]))
	head, tail = shortest, shortest
	for _, name := range list[1:] {
		letters := []rune(name)
		shortest = min(shortest, len(letters))
		h, t := 0, 0
		for h < min(head, len(letters)) && letters[h] == first[h] {
			h++
		}
		for t < min(tail, len(letters)) && letters[len(letters)-1-t] == first[len(first)-1-t] {
			t++
		}
		head, tail = h, t
	}
	return head, max(0, min(tail, shortest-head))
}

// inner parts of names, without so many letters at their ends.
func inner(list []string, head, tail int) []string {
	short := make([]string, len(list))
	for i, name := range list {
		letters := []rune(name)
		if head > 0 {
			short[i] = "…"
		}
		short[i] += string(letters[head : len(letters)-tail])
		if tail > 0 {
			short[i] += "…"
		}
	}
	return short
}

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
