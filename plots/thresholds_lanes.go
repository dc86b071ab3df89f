package plots

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/quotalab/quotalab/results/series"
)

// lanes are what engines told an account over time, an engine a row.
type lanes struct {
	engines    []series.EngineStory
	until      float64
	told, miss Look
}

// lanePanel of all engines, over the same time as the curve above it.
func (k *kit) lanePanel(s *series.AccountStory, x axis) panel {
	var names []string
	for _, e := range s.Engines {
		names = append(names, e.Engine)
	}
	layers := []layer{upright{}, lanes{s.Engines, s.Until, k.toldLook(), k.missLook()}}
	for i := range s.Engines {
		for _, l := range k.markDots(&s.Engines[i], s.Until) { // for the legend
			d := l.(dots)
			d.points = nil
			layers = append(layers, d)
		}
	}
	return panel{title: "What each engine told it (thresholds in %)", x: x, y: rowAxis("", k.names(names, 1)), layers: layers, height: k.rowsHeight(len(names))}
}

// laneMark is a notice or a miss of some thresholds at one place.
type laneMark struct {
	from, at vg.Length // from the crossing to the mark
	crossed  bool      // the crossing is there
	levels   []int64
	kind     markKind
}

type markKind int

const (
	toldMark markKind = iota
	extraMark
	missedMark
)

func (m laneMark) label() string {
	var words []string
	for _, l := range m.levels {
		words = append(words, strconv.FormatInt(l, 10))
	}
	return strings.Join(words, ", ")
}

func (l lanes) draw(c *area) {
	for i, e := range l.engines {
		y := c.y(middleOf(i, len(l.engines)))
		marks := l.marks(c, e)
		for _, m := range marks {
			look := l.told
			if m.kind == missedMark {
				look = l.miss
				look.Dashes = []vg.Length{5, 2}
			}
			c.StrokeLine2(draw.LineStyle{Color: look.Color, Width: 0.7 * c.line, Dashes: look.Dashes}, m.from, y, m.at, y)
		}
		for _, m := range marks {
			l.glyph(c, m, y)
		}
		l.labels(c, marks, y)
	}
}

func (l lanes) glyph(c *area, m laneMark, y vg.Length) {
	if m.crossed {
		c.DrawGlyphNoClip(draw.GlyphStyle{Color: c.Text, Radius: 2.2, Shape: draw.RingGlyph{}}, vg.Point{X: m.from, Y: y})
	}
	sty := draw.GlyphStyle{Color: l.told.Color, Radius: 3.4, Shape: draw.PyramidGlyph{}}
	switch m.kind {
	case extraMark:
		sty.Shape = draw.TriangleGlyph{}
	case missedMark:
		sty = draw.GlyphStyle{Color: l.miss.Color, Radius: 3, Shape: thickCross{}}
	}
	c.DrawGlyphNoClip(sty, vg.Point{X: m.at, Y: y})
}

// near is how close marks must be to be one.
const near = vg.Length(5)

// marks of an engine from left to right.
func (l lanes) marks(c *area, e series.EngineStory) (list []laneMark) {
	add := func(m laneMark) {
		for i := range list {
			if list[i].kind == m.kind && max(list[i].at-m.at, m.at-list[i].at) < near {
				list[i].from, list[i].crossed = min(list[i].from, m.from), list[i].crossed || m.crossed
				if !slices.Contains(list[i].levels, m.levels[0]) {
					list[i].levels = append(list[i].levels, m.levels...)
				}
				return
			}
		}
		list = append(list, m)
	}
	for _, o := range e.Crossings {
		kind := toldMark
		switch {
		case o.Verdict == "censored":
			continue
		case missed(o):
			kind = missedMark
		}
		add(laneMark{c.x(o.At), c.x(min(o.Until, l.until)), true, []int64{o.Level}, kind})
	}
	for _, n := range e.Notices {
		kind := toldMark
		if !due(n) {
			kind = extraMark
		}
		add(laneMark{c.x(n.At), c.x(n.At), false, []int64{n.Level}, kind})
	}
	slices.SortStableFunc(list, func(a, b laneMark) int { return cmp.Compare(a.at, b.at) })
	return list
}

// labels stand right of their marks, else between crossing and mark, else left of
// the crossing, else nowhere: those of misses are the first to choose.
func (l lanes) labels(c *area, marks []laneMark, y vg.Length) {
	const gap, glyph = 5, 3.5
	t := aligned(in(c.fine, c.Text), draw.XLeft, draw.YCenter)
	var taken [][2]vg.Length
	for _, m := range marks {
		taken = append(taken, [2]vg.Length{m.at - glyph, m.at + glyph})
		if m.crossed {
			taken = append(taken, [2]vg.Length{m.from - glyph, m.from + glyph})
		}
	}
	free := func(from, until vg.Length) bool {
		return from >= c.Min.X && until <= c.Max.X && !slices.ContainsFunc(taken, func(o [2]vg.Length) bool { return from < o[1] && o[0] < until })
	}
	slices.SortStableFunc(marks, func(a, b laneMark) int { return cmp.Compare(b.kind, a.kind) })
	for _, m := range marks {
		w := t.Width(m.label())
		for _, x := range []vg.Length{m.at + gap, m.at - gap - w, m.from - gap - w} {
			if free(x-1, x+w+1) {
				at := vg.Point{X: x, Y: y}
				c.halo(t, at, m.label())
				write(c, t, at, m.label())
				taken = append(taken, [2]vg.Length{x - 1, x + w + 1})
				break
			}
		}
	}
}

func (l lanes) text(b *strings.Builder) {
	fmt.Fprintf(b, "lanes, notices %s, misses %s\n", l.told, l.miss)
	for _, e := range l.engines {
		fmt.Fprintf(b, "    %s:", e.Engine)
		for _, c := range e.Crossings {
			fmt.Fprintf(b, " %d %% %s–%s %s", c.Level, short(c.At), short(c.Until), c.Verdict)
		}
		for _, n := range e.Notices {
			fmt.Fprintf(b, " notice %d %% %s %s", n.Level, short(n.At), n.Text)
		}
		b.WriteByte('\n')
	}
}
