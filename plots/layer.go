package plots

import (
	"fmt"
	"image/color"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/quotalab/quotalab/results/series"
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
