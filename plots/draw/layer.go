package draw

import (
	"fmt"
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"
)

// Layer is something drawn in a panel.
type Layer interface {
	Draw(c *Area)
}

// Area is a panel's frame while it is drawn on.
type Area struct {
	vgdraw.Canvas
	plot *plot.Plot
	*Style
}

// at is the place of a value; values outside of the axes are at the edge.
func (c *Area) at(x, y float64) vg.Point {
	return vg.Point{X: c.AtX(x), Y: c.AtY(y)}
}

func (c *Area) AtX(v float64) vg.Length { return c.X(clamp(c.plot.X.Norm(v))) }
func (c *Area) AtY(v float64) vg.Length { return c.Y(clamp(c.plot.Y.Norm(v))) }

// clamp returns the nearest value in [0, 1]; 0 for NaN.
func clamp(v float64) float64 {
	if !(v > 0) {
		return 0
	}
	return min(v, 1)
}

// Point is a place in the units of the axes.
type Point struct{ X, Y float64 }

// Line goes through points. A NaN breaks it; what is all in one place is a dot.
type Line struct {
	Name   string // in the legend or at its end, "" neither
	More   string // at its end only, after the name
	Points []Point
	Look   Look
	Step   bool      // the value holds until the next point
	Width  vg.Length // 0: the style's
	Halo   bool      // with the background's colour around it: it is seen on areas of any colour
}

func (l Line) Draw(c *Area) {
	width := l.Width
	if width == 0 {
		width = c.Line
	}
	for _, run := range unbroken(l.Points) {
		path := c.path(run, l.Step)
		if len(path) == 1 { // all in one place
			c.SetColor(l.Look.Color)
			c.Fill(circle(path[0].Pos, 1.2*width))
			continue
		}
		if l.Halo {
			c.SetLineStyle(vgdraw.LineStyle{Color: c.Background, Width: 2.2 * width})
			c.Stroke(path)
		}
		c.SetLineStyle(vgdraw.LineStyle{Color: l.Look.Color, Width: width, Dashes: l.Look.Dashes})
		c.Stroke(path)
	}
}

// path returns the path along points. Points on the way between two others, straight across
// or up, are left out.
func (c *Area) path(points []Point, step bool) vg.Path {
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
func unbroken(points []Point) (runs [][]Point) {
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

// Band is the area between two lines over the same x. Where one is NaN there is none.
type Band struct {
	Name      string // in the legend or at its end, "" neither
	X, Lo, Hi []float64
	Look      Look
	Opacity   float64 // 0: opaque
	Step      bool    // values hold until the next x
	Edge      bool    // with a line of the background's colour above
}

func (l Band) Draw(c *Area) {
	var fill color.Color = l.Look.Color
	if l.Opacity > 0 {
		fill = faded(l.Look.Color, l.Opacity)
	}
	lower, upper := Pair(l.X, l.Lo), Pair(l.X, l.Hi)
	for i := range l.X {
		if math.IsNaN(l.Lo[i]) || math.IsNaN(l.Hi[i]) {
			lower[i].Y, upper[i].Y = math.NaN(), math.NaN()
		}
	}
	lows := unbroken(lower)
	for i, run := range unbroken(upper) {
		c.fill(run, lows[i], l.Step, fill)
		if l.Edge {
			c.SetLineStyle(vgdraw.LineStyle{Color: c.Background, Width: c.thin / 2})
			c.Stroke(c.path(run, l.Step))
		}
	}
}

// fill paints the area between two lines.
func (c *Area) fill(upper, lower []Point, step bool, fill color.Color) {
	path := c.path(upper, step)
	back := c.path(lower, step)
	for i := len(back) - 1; i >= 0; i-- {
		path.Line(back[i].Pos)
	}
	path.Close()
	c.SetColor(fill)
	c.Fill(path)
}

func Pair(x, y []float64) []Point {
	points := make([]Point, len(x))
	for i := range x {
		points[i] = Point{X: x[i], Y: y[i]}
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

// nameShare is the most of a panel's width that names may take.
const NameShare = 0.36

// Names returns names shortened so that they leave room for what they name, in a panel of a figure with that many
// columns.
func (s *Style) Names(list []string, columns int) []string {
	return s.ClipAll(list, NameShare*s.PanelWidth(columns))
}

// Clip leaves out the middle of a name that is too long: keys tend to differ
// at their ends.
func (s *Style) Clip(name string, width vg.Length) string {
	letters := []rune(name)
	for n := len(letters) - 1; s.Fine.Width(name) > width && n > 2; n-- {
		name = string(letters[:(n+1)/2]) + "…" + string(letters[len(letters)-n/2:])
	}
	return name
}

// ClipAll shortens names to a width. If what they differ in were lost with their middle,
// what they have in common goes instead.
func (s *Style) ClipAll(list []string, width vg.Length) []string {
	short := s.clipEach(list, width)
	if Distinct(short) == Distinct(list) {
		return short
	}
	head, tail := common(list)
	for cut := 0; cut <= head; cut++ {
		short = inner(list, cut, tail)
		if !slices.ContainsFunc(short, func(name string) bool { return s.Fine.Width(name) > width }) {
			return short
		}
	}
	return s.clipEach(short, width)
}

func (s *Style) clipEach(list []string, width vg.Length) []string {
	short := make([]string, len(list))
	for i, name := range list {
		short[i] = s.Clip(name, width)
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

// inner parts of names, without a number of letters at their ends.
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

// Rect is a filled rectangle: a bar, a cell of a heat map.
type Rect struct{ X0, Y0, X1, Y1 float64 }

// Rects are those of one kind.
type Rects struct {
	Name  string // in the legend, "" not there
	Rects []Rect
	Look  Look
	edge  bool // with a line of the background's colour around each
}

func (l Rects) Draw(c *Area) {
	for _, r := range l.Rects {
		lo, hi := c.at(min(r.X0, r.X1), min(r.Y0, r.Y1)), c.at(max(r.X0, r.X1), max(r.Y0, r.Y1))
		path := vg.Rectangle{Min: lo, Max: hi}.Path()
		c.SetColor(l.Look.Color)
		c.Fill(path)
		if l.edge {
			c.SetLineStyle(vgdraw.LineStyle{Color: c.Background, Width: c.thin})
			c.Stroke(path)
		}
	}
}

// Dots are at points and have a shape that is told apart without its colour too.
type Dots struct {
	Name   string // in the legend, "" not there
	Points []Point
	Look   Look
	Shape  Shape     // nil: a filled circle
	Radius vg.Length // 0: 2.2
}

func (l Dots) Draw(c *Area) {
	sty := l.glyph()
	for _, p := range l.Points {
		c.DrawGlyphNoClip(sty, c.at(p.X, p.Y))
	}
}

func (l Dots) glyph() vgdraw.GlyphStyle {
	sty := vgdraw.GlyphStyle{Color: l.Look.Color, Radius: l.Radius, Shape: l.Shape}
	if sty.Radius == 0 {
		sty.Radius = 2.2
	}
	if sty.Shape == nil {
		sty.Shape = vgdraw.CircleGlyph{}
	}
	return sty
}

// Whiskers are dots with a line up to a second value each. NaN is none.
type Whiskers struct {
	X, Lo, Hi []float64
	Look      Look
}

func (l Whiskers) Draw(c *Area) {
	for i := range l.X {
		if math.IsNaN(l.Lo[i]) || math.IsNaN(l.Hi[i]) {
			continue
		}
		lo, hi := c.at(l.X[i], l.Lo[i]), c.at(l.X[i], l.Hi[i])
		if hi != lo {
			c.StrokeLine2(vgdraw.LineStyle{Color: l.Look.Color, Width: c.Line * 0.5}, lo.X, lo.Y, hi.X, hi.Y)
		}
		c.SetColor(l.Look.Color)
		c.Fill(circle(lo, c.Line))
	}
}

// Rule is a straight line across the panel at one value: a bound, a limit.
type Rule struct {
	Name     string // in the legend or at its end, "" neither
	At       float64
	Vertical bool
	Look     Look
}

func (l Rule) Draw(c *Area) {
	sty := vgdraw.LineStyle{Color: l.Look.Color, Width: c.Line * 0.8, Dashes: l.Look.Dashes}
	if l.Vertical {
		x := c.AtX(l.At)
		c.StrokeLine2(sty, x, c.Min.Y, x, c.Max.Y)
		return
	}
	y := c.AtY(l.At)
	c.StrokeLine2(sty, c.Min.X, y, c.Max.X, y)
}

// Plain returns the look of what stands for nothing else: text's colour.
func (p *Palette) Plain(dashes ...vg.Length) Look {
	return Look{Color: p.Text, Ink: p.Text, Dashes: dashes}
}

// Quiet returns the look of what explains: references, bounds, bands of chance.
func (p *Palette) Quiet(dashes ...vg.Length) Look {
	return Look{Color: p.Axis, Ink: p.Muted, Dashes: dashes}
}

type entry struct {
	name  string
	look  Look
	style keyStyle
	glyph vgdraw.GlyphStyle
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
	Layer
	key() entry
	end(c *Area) (at vg.Point, ok bool) // ok false: nothing is drawn
}

func (l Line) key() entry  { return entry{name: l.Name, more: l.More, look: l.Look, atEnd: true} }
func (l Band) key() entry  { return entry{name: l.Name, look: l.Look, style: fillKey, atEnd: true} }
func (l Rects) key() entry { return entry{name: l.Name, look: l.Look, style: fillKey} }
func (l Rule) key() entry  { return entry{name: l.Name, look: l.Look, atEnd: !l.Vertical} }
func (l Dots) key() entry {
	return entry{name: l.Name, look: l.Look, style: glyphKey, glyph: l.glyph()}
}

func (l Line) end(c *Area) (vg.Point, bool) {
	runs := unbroken(l.Points)
	if len(runs) == 0 {
		return vg.Point{}, false
	}
	last := runs[len(runs)-1]
	p := last[len(last)-1]
	return c.at(p.X, p.Y), true
}

func (l Band) end(c *Area) (vg.Point, bool) {
	for i := len(l.X) - 1; i >= 0; i-- {
		if lo, hi := c.at(l.X[i], l.Lo[i]), c.at(l.X[i], l.Hi[i]); l.Lo[i] <= l.Hi[i] { // neither is NaN
			return vg.Point{X: hi.X, Y: (lo.Y + hi.Y) / 2}, true
		}
	}
	return vg.Point{}, false
}

func (l Rects) end(*Area) (vg.Point, bool) { return vg.Point{}, false }
func (l Dots) end(*Area) (vg.Point, bool)  { return vg.Point{}, false }

func (l Rule) end(c *Area) (vg.Point, bool) {
	return vg.Point{X: c.Max.X, Y: c.AtY(l.At)}, !l.Vertical
}

// Shape is what a dot looks like.
type Shape = vgdraw.GlyphDrawer

// Shapes of dots, which are told apart without their colours.
var (
	Filled   Shape = vgdraw.CircleGlyph{}
	Ring     Shape = vgdraw.RingGlyph{}
	Box      Shape = vgdraw.BoxGlyph{}
	Square   Shape = vgdraw.SquareGlyph{}
	Pyramid  Shape = vgdraw.PyramidGlyph{}
	Triangle Shape = vgdraw.TriangleGlyph{}
	Plus     Shape = vgdraw.PlusGlyph{}
	Cross    Shape = vgdraw.CrossGlyph{}
	Bold     Shape = thickCross{}
)

// thickCross is a cross that is seen among lines.
type thickCross struct{}

// DrawGlyph implements vgdraw.GlyphDrawer.
func (thickCross) DrawGlyph(c *vgdraw.Canvas, sty vgdraw.GlyphStyle, at vg.Point) {
	line := vgdraw.LineStyle{Color: sty.Color, Width: 1.6}
	r := sty.Radius * 0.8
	c.StrokeLine2(line, at.X-r, at.Y-r, at.X+r, at.Y+r)
	c.StrokeLine2(line, at.X-r, at.Y+r, at.X+r, at.Y-r)
}

func Distinct(names []string) int {
	return len(slices.Compact(slices.Sorted(slices.Values(names))))
}

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
