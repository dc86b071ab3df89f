package series

import "math"

// LTTB picks n of the points such that the line through them looks as the line
// through all does: Largest-Triangle-Three-Buckets (S. Steinarsson, Downsampling
// Time Series for Visual Representation, University of Iceland 2013, §4.2). The first and
// the last point are kept; the others are cut into n − 2 buckets of equal count,
// and of each bucket the point is kept that spans the largest triangle with the
// point kept before and the mean of the next bucket. Of equals the first is.
//
// X must not fall, and no coordinate may be NaN. With n or fewer points (and
// with n < 2, where no line is left) they are returned as they are, but n = 1 of more
// than one is the first, and n < 1 none.
func LTTB(points []Point, n int) []Point {
	switch {
	case n < 1:
		return nil
	case len(points) <= n:
		return points
	case n == 1:
		return points[:1:1]
	}
	out := append(make([]Point, 0, n), points[0])
	for b := range n - 2 {
		from, until := bucket(b, n, len(points))
		next := mean(points[until:bucketEnd(b+1, n, len(points))])
		out = append(out, points[from+widest(out[len(out)-1], points[from:until], next)])
	}
	return append(out, points[len(points)-1])
}

// bucket b of n − 2 over all of count points but the first and the last.
func bucket(b, n, count int) (from, until int) {
	return 1 + b*(count-2)/(n-2), bucketEnd(b, n, count)
}

// bucketEnd: the bucket after the last one is the last point.
func bucketEnd(b, n, count int) int {
	return min(1+(b+1)*(count-2)/(n-2), count)
}

func mean(points []Point) (m Point) {
	for _, p := range points {
		m.X += p.X
		m.Y += p.Y
	}
	return Point{m.X / float64(len(points)), m.Y / float64(len(points))}
}

// widest is the candidate that spans the largest triangle with a and c.
func widest(a Point, candidates []Point, c Point) (best int) {
	largest := -1.0
	for i, b := range candidates {
		if area := math.Abs((a.X-c.X)*(b.Y-a.Y)-(a.X-b.X)*(c.Y-a.Y)) / 2; area > largest {
			largest, best = area, i
		}
	}
	return best
}
