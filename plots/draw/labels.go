package draw

import (
	"math"
	"slices"

	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"
)

// Where labels at the ends of lines are.
const (
	labelGap   = 9 // between the frame and its labels: a leader fits in
	labelShare = 0.42
)

// spread moves labels of a height apart, each as little as it must be moved, so
// that none overlaps another and all are within lo and hi. It returns the
// middles of the labels in the order of want. The labels' height must fit.
//
// Least squares under an order: neighbours that overlap become a block, whose
// place is the mean of where its labels want to be (pool adjacent violators).
func spread(want []vg.Length, height, lo, hi vg.Length) []vg.Length {
	order := make([]int, len(want))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case want[a] < want[b]:
			return -1
		case want[a] > want[b]:
			return 1
		}
		return b - a // those in one place stand in the order of a legend: first on top
	})
	type block struct {
		first, n int
		sum      vg.Length // of the bottoms that its labels ask of its first
	}
	start := func(b block) vg.Length {
		top := hi - vg.Length(b.n)*height
		return max(lo, min(top, b.sum/vg.Length(b.n)))
	}
	var blocks []block
	for i, at := range order {
		b := block{first: i, n: 1, sum: want[at] - height/2}
		for len(blocks) > 0 {
			before := blocks[len(blocks)-1]
			if start(before)+vg.Length(before.n)*height <= start(b) {
				break
			}
			b = block{first: before.first, n: before.n + b.n, sum: before.sum + b.sum - vg.Length(before.n*b.n)*height}
			blocks = blocks[:len(blocks)-1]
		}
		blocks = append(blocks, b)
	}
	placed := make([]vg.Length, len(want))
	for _, b := range blocks {
		for i := range b.n {
			placed[order[b.first+i]] = start(b) + (vg.Length(i)+0.5)*height
		}
	}
	return placed
}

// ends are the layers that are named where they end.
func (p *Panel) ends() (list []named) {
	for _, l := range p.Layers {
		if n, ok := l.(named); ok && p.Direct && n.key().atEnd && n.key().name != "" {
			list = append(list, n)
		}
	}
	return list
}

// drawEnds writes names at the ends of lines, right of the frame.
func (c *Area) drawEnds(list []named) {
	var shown []named
	var from []vg.Point
	var want []vg.Length
	for _, n := range list {
		if at, ok := n.end(c); ok {
			shown, from, want = append(shown, n), append(from, at), append(want, at.Y)
		}
	}
	t := Aligned(c.Fine, vgdraw.XLeft, vgdraw.YCenter)
	height := LineHeight(t)
	for i, y := range spread(want, height, c.Min.Y, c.Max.Y+height) {
		e := shown[i].key()
		leader := vgdraw.LineStyle{Color: c.Axis, Width: c.thin}
		c.StrokeLines(leader, []vg.Point{{X: from[i].X + 1.5, Y: from[i].Y}, {X: max(c.Max.X, from[i].X) + 1.5, Y: from[i].Y}, {X: c.Max.X + labelGap - 2, Y: y}})
		Write(c, Coloured(t, e.look.Ink), vg.Point{X: c.Max.X + labelGap, Y: y}, e.atItsEnd())
	}
}

// Reach goes along a row from one value, a dot, to another, a cross-line.
type Reach struct {
	Y, From, To float64 // to may be from
	Label       string  // right of both, "" none
}

// Reaches are those of one kind in the rows of a panel.
type Reaches struct {
	Name  string // in the legend, "" not there
	List  []Reach
	Look  Look
	Shape Shape // of the dots, nil: a filled circle
}

// Sizes of a reach.
const (
	reachDot   = 2.8
	reachCross = 3.2 // half of the cross-line
)

func (l Reaches) Draw(c *Area) {
	sty := vgdraw.LineStyle{Color: l.Look.Color, Width: c.Line}
	for _, r := range l.List {
		a, b := c.at(r.From, r.Y), c.at(r.To, r.Y)
		if a != b {
			c.StrokeLine2(sty, a.X, a.Y, b.X, b.Y)
			c.StrokeLine2(sty, b.X, b.Y-reachCross, b.X, b.Y+reachCross)
		}
		c.SetColor(c.Background) // an open shape hides the line
		c.Fill(circle(a, reachDot*0.8))
		c.DrawGlyphNoClip(l.key().glyph, a)
	}
	t := Aligned(Coloured(c.Fine, c.Text), vgdraw.XLeft, vgdraw.YCenter)
	for _, r := range l.List {
		if r.Label != "" {
			at := vg.Point{X: c.AtX(max(r.From, r.To)) + reachDot + 3, Y: c.AtY(r.Y)}
			c.Halo(t, at, r.Label)
			Write(c, t, at, r.Label)
		}
	}
}

func (l Reaches) key() entry {
	glyph := vgdraw.GlyphStyle{Color: l.Look.Color, Radius: reachDot, Shape: l.Shape}
	if glyph.Shape == nil {
		glyph.Shape = Filled
	}
	return entry{name: l.Name, look: l.Look, style: glyphKey, glyph: glyph}
}

func (l Reaches) end(*Area) (vg.Point, bool) { return vg.Point{}, false }

// mostRoom is the share of an axis that labels may take.
const mostRoom = 0.65

// RoomFor returns a longer axis, with room for labels right of the last value.
func (s *Style) RoomFor(a Axis, labels, names []string, columns int) Axis {
	widest, left := vg.Length(0), vg.Length(0)
	for _, label := range labels {
		widest = max(widest, s.Fine.Width(label))
	}
	for _, name := range names {
		left = max(left, s.Fine.Width(name))
	}
	share := min(float64((widest+reachDot+8)/(s.PanelWidth(columns)-left-14)), mostRoom)
	if _, log := a.Scale.(LogScale); log {
		a.Max = a.Min * math.Pow(a.Max/a.Min, 1/(1-share))
	} else {
		a.Max = a.Min + (a.Max-a.Min)/(1-share)
	}
	return a
}

// Says is a word in a row that has nothing to draw.
type Says struct {
	Y    float64
	Word string
}

// Absent are the rows that lack a value.
type Absent []Says

func (l Absent) Draw(c *Area) {
	t := Aligned(c.Fine, vgdraw.XLeft, vgdraw.YCenter)
	for _, s := range l {
		at := vg.Point{X: c.Min.X + 4, Y: c.AtY(s.Y)}
		word := Shorten(t, s.Word, c.Max.X-at.X, "…")
		c.Halo(t, at, word)
		Write(c, t, at, word)
	}
}

// RowLines are lines between rows that have several things each.
type RowLines int

func (n RowLines) Draw(c *Area) {
	for i := 1; i < int(n); i++ {
		y := c.AtY(float64(i))
		c.StrokeLine2(vgdraw.LineStyle{Color: c.Grid, Width: c.thin}, c.Min.X, y, c.Max.X, y)
	}
}
