package draw

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"
)

// Rows are things with names, below each other: shards, keys, records. Row 0 is
// the uppermost; row i of n is from n−i−1 to n−i on the y axis.

// mostNamed is how many rows all get a name; of more some do.
const MostNamed = 10

// Pitch is the height from one named row to the next: ticks are drawn that close.
func (s *Style) Pitch() vg.Length { return 2.02 * LineHeight(s.Fine) }

// RowsHeight returns the height of a panel in which some names may be left out.
func (s *Style) RowsHeight(n int) vg.Length {
	if n <= MostNamed {
		return vg.Length(n) * s.Pitch()
	}
	return max(MostNamed*s.Pitch(), vg.Length(n)*5.5)
}

// RowAxis returns an axis with as many names as fit.
func RowAxis(label string, names []string) Axis {
	n := len(names)
	return Axis{Label: label, Max: float64(n), Ticks: namedTicks(names, func(i int) float64 { return MiddleOf(i, n) })}
}

// ColumnAxis returns an axis of columns with as many names as fit.
func ColumnAxis(label string, names []string) Axis {
	return Axis{Label: label, Max: float64(len(names)), Ticks: namedTicks(names, func(i int) float64 { return float64(i) + 0.5 })}
}

// namedTicks returns ticks with names, with fewer of them where not all fit.
func namedTicks(names []string, at func(i int) float64) ticker {
	return func(_, _ float64) (all [][]Tick) {
		for every := 1; every < 2*len(names); every *= 2 {
			var ticks []Tick
			for i := 0; i < len(names); i += every {
				ticks = append(ticks, Tick{Value: at(i), Label: names[i]})
			}
			slices.SortFunc(ticks, func(a, b Tick) int { return cmp.Compare(a.Value, b.Value) })
			all = append(all, ticks)
		}
		return all
	}
}

// MiddleOf returns the middle of a row on the y axis.
func MiddleOf(row, n int) float64 { return float64(n-row) - 0.5 }

// PanelWidth returns the width of a panel in a figure with that many columns.
func (s *Style) PanelWidth(columns int) vg.Length {
	if s.Small {
		columns = 1
	}
	n := vg.Length(columns)
	return (s.Width - 2*s.Margin - (n-1)*2*s.gap) / n
}

// Bar is the bar of a row.
type Bar struct {
	Name   string // of the row
	Value  float64
	Label  string
	Strong bool // one of those that the title speaks of
}

// Bars has bars that begin at 0, one a row.
type Bars struct {
	List  []Bar
	Look  Look
	After float64 // labels begin beyond this
	Named bool    // all names are on the axis, however many
}

// BarAxis returns an axis with room for the labels right of the longest bar.
func (s *Style) BarAxis(label string, l Bars, columns int) Axis {
	var names []string
	for _, b := range l.List {
		names = append(names, b.Name)
	}
	return s.BarAxisBeside(label, l, s.Names(names, columns), columns)
}

// BarAxisBeside returns a BarAxis beside the names that are on the other axis.
func (s *Style) BarAxisBeside(label string, l Bars, names []string, columns int) Axis {
	most := l.After
	var labels []string
	for _, b := range l.List {
		most = max(most, b.Value)
		labels = append(labels, l.say(b))
	}
	if !(most > 0) {
		most = 1
	}
	return s.RoomFor(Axis{Label: label, Max: most, Ticks: WholeTicks}, labels, names, columns)
}

// WholeTicks returns ticks of things that are counted: none at fractions.
func WholeTicks(lo, hi float64) [][]Tick {
	return slices.DeleteFunc(RoundTicks(lo, hi), func(ticks []Tick) bool {
		return slices.ContainsFunc(ticks, func(t Tick) bool { return math.Abs(t.Value-math.Round(t.Value)) > 1e-9 })
	})
}

// Layers returns what is below bars, the bars, what is above them, and their labels.
func (l Bars) Layers(below, above []Layer) []Layer {
	return slices.Concat([]Layer{Upright{}}, below, []Layer{l}, above, []Layer{BarLabels{l}})
}

// dense rows have names for some only.
func (l Bars) dense() bool { return len(l.List) > MostNamed && !l.Named }

// say returns what stands at a bar's end: its name too, if not all names are on the axis.
func (l Bars) say(b Bar) string {
	if l.dense() && b.Label != "" {
		return b.Name + ": " + b.Label
	}
	return b.Label
}

// fit returns what of that fits: if need be without the name, then without the
// label's end, where the number is not.
func (l Bars) fit(s *Style, b Bar, width vg.Length) string {
	if whole := l.say(b); s.Fine.Width(whole) <= width {
		return whole
	}
	return Shorten(s.Fine, b.Label, width, "…")
}

func (l Bars) Draw(c *Area) {
	n := len(l.List)
	pitch := c.AtY(1) - c.AtY(0)
	thick := pitch * 0.62
	if pitch < 8 {
		thick = pitch * 0.8
	}
	for i, b := range l.List {
		y := c.AtY(MiddleOf(i, n))
		look := l.Look.Color
		if !b.Strong {
			look = Mix(look, c.Background, 0.42)
		}
		c.SetColor(look)
		c.Fill(vg.Rectangle{Min: vg.Point{X: c.AtX(0), Y: y - thick/2}, Max: vg.Point{X: c.AtX(b.Value), Y: y + thick/2}}.Path())
	}
}

// Upright is a grid without lines along rows, which would strike out labels.
type Upright struct{}

func (Upright) Draw(c *Area) {
	c.SetColor(c.Background)
	c.Fill(c.Rectangle.Path())
	for _, t := range c.plot.X.Tick.Marker.Ticks(c.plot.X.Min, c.plot.X.Max) {
		if !t.IsMinor() {
			x := c.AtX(t.Value)
			c.StrokeLine2(vgdraw.LineStyle{Color: c.Grid, Width: c.thin}, x, c.Min.Y, x, c.Max.Y)
		}
	}
}

// BarLabels writes labels at the ends of bars, of the longest first if not all fit.
type BarLabels struct{ Bars }

func (l BarLabels) Draw(c *Area) {
	order := make([]int, len(l.List))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(l.List[b].Value, l.List[a].Value) })
	t := Aligned(Coloured(c.Fine, c.Text), vgdraw.XLeft, vgdraw.YCenter)
	height := LineHeight(t)
	var taken []vg.Length
	for _, i := range order {
		y := c.AtY(MiddleOf(i, len(l.List)))
		label := l.say(l.List[i])
		crowded := slices.ContainsFunc(taken, func(other vg.Length) bool { return max(y-other, other-y) < height })
		outside := y-height/2 < c.Min.Y-2 || y+height/2 > c.Max.Y+2
		if label == "" || crowded || outside && l.dense() {
			continue
		}
		taken = append(taken, y)
		at := vg.Point{X: c.AtX(max(l.List[i].Value, l.After)) + 4, Y: y}
		label = l.fit(c.Style, l.List[i], c.Max.X-at.X)
		c.Halo(t, at, label)
		Write(c, t, at, label)
	}
}

// Halo draws a patch of the background below a text that begins at a point.
func (c *Area) Halo(t vgdraw.TextStyle, at vg.Point, words string) {
	h := LineHeight(t) / 2
	c.SetColor(c.Background)
	c.Fill(vg.Rectangle{Min: vg.Point{X: at.X - 1.5, Y: at.Y - h}, Max: vg.Point{X: at.X + t.Width(words) + 1.5, Y: at.Y + h}}.Path())
}

// StackParts are parts of stacked bars, one a row at most. Each is seen however small
// it is, and apart from the next.
type StackParts struct{ Rects }

// leastPart is the width of a part that is next to nothing.
const leastPart = vg.Length(1)

func (l StackParts) Draw(c *Area) {
	for _, r := range l.Rects.Rects {
		lo, hi := c.at(r.X0, r.Y0), c.at(r.X1, r.Y1)
		c.SetColor(l.Look.Color)
		c.Fill(vg.Rectangle{Min: lo, Max: vg.Point{X: max(hi.X, lo.X+leastPart), Y: hi.Y}}.Path())
		if hi.X-lo.X > 3*leastPart && r.X0 > 0 {
			c.StrokeLine2(vgdraw.LineStyle{Color: c.Background, Width: c.thin}, lo.X, lo.Y, lo.X, hi.Y)
		}
	}
}
