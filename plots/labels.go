package plots

import (
	"slices"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
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
func (p *panel) ends() (list []named) {
	for _, l := range p.layers {
		if n, ok := l.(named); ok && p.direct && n.key().atEnd && n.key().name != "" {
			list = append(list, n)
		}
	}
	return list
}

// drawEnds writes names at the ends of lines, right of the frame.
func (c *area) drawEnds(list []named) {
	var shown []named
	var from []vg.Point
	var want []vg.Length
	for _, n := range list {
		if at, ok := n.end(c); ok {
			shown, from, want = append(shown, n), append(from, at), append(want, at.Y)
		}
	}
	t := aligned(c.fine, draw.XLeft, draw.YCenter)
	height := lineHeight(t)
	for i, y := range spread(want, height, c.Min.Y, c.Max.Y+height) {
		e := shown[i].key()
		leader := draw.LineStyle{Color: c.Axis, Width: c.thin}
		c.StrokeLines(leader, []vg.Point{{X: from[i].X + 1.5, Y: from[i].Y}, {X: max(c.Max.X, from[i].X) + 1.5, Y: from[i].Y}, {X: c.Max.X + labelGap - 2, Y: y}})
		write(c, in(t, e.look.Ink), vg.Point{X: c.Max.X + labelGap, Y: y}, e.atItsEnd())
	}
}
