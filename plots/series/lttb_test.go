package series_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/quotalab/quotalab/plots/series"
)

func points(y ...float64) (list []series.Point) {
	for i, v := range y {
		list = append(list, series.Point{X: float64(i), Y: v})
	}
	return list
}

func TestLTTBSmall(t *testing.T) {
	for _, c := range []struct {
		why  string
		from []series.Point
		n    int
		want []series.Point
	}{
		{"none", nil, 5, nil},
		{"room for all", points(1, 2, 3), 3, points(1, 2, 3)},
		{"no room", points(1, 2, 3), 0, nil},
		{"one", points(1, 2, 3), 1, points(1)},
		{"two are the ends", points(1, 9, 3), 2, []series.Point{{X: 0, Y: 1}, {X: 2, Y: 3}}},
		{"the peak is kept", points(0, 0, 9, 0, 0), 3, []series.Point{{X: 0, Y: 0}, {X: 2, Y: 9}, {X: 4, Y: 0}}},
		{"and the dip", points(5, 5, 5, 5, -5, 5, 5), 3, []series.Point{{X: 0, Y: 5}, {X: 4, Y: -5}, {X: 6, Y: 5}}},
		// Buckets 1–2, 3–4. Mean of the second is (3.5, 0): of (1, 4), (2, 3) and (0, 0) the areas are 7 and 5.25.
		// Then (1, 4), the last (5, 0): of (3, −1) area 5, (4, 1) area 0.
		{"by hand", points(0, 4, 3, -1, 1, 0), 4, []series.Point{{X: 0, Y: 0}, {X: 1, Y: 4}, {X: 3, Y: -1}, {X: 5, Y: 0}}},
		{"all equal: the first of each bucket", points(2, 2, 2, 2, 2, 2), 4, []series.Point{{X: 0, Y: 2}, {X: 1, Y: 2}, {X: 3, Y: 2}, {X: 5, Y: 2}}},
	} {
		if d := cmp.Diff(c.want, series.LTTB(c.from, c.n)); d != "" {
			t.Errorf("%s: %s", c.why, d)
		}
	}
}

// published is the author's own program (flot-downsample 1.2, jquery.flot.
// downsample.js) in Go, with whole numbers for its bucket edges.
func published(data []series.Point, threshold int) (sampled []series.Point) {
	edge := func(i int) int { return i * (len(data) - 2) / (threshold - 2) }
	a := 0
	sampled = append(sampled, data[a])
	for i := range threshold - 2 {
		avgX, avgY := 0.0, 0.0
		avgFrom, avgTo := edge(i+1)+1, min(edge(i+2)+1, len(data))
		for _, p := range data[avgFrom:avgTo] {
			avgX += p.X
			avgY += p.Y
		}
		avgX /= float64(avgTo - avgFrom)
		avgY /= float64(avgTo - avgFrom)
		maxArea, next := -1.0, 0
		for j := edge(i) + 1; j < edge(i+1)+1; j++ {
			if area := math.Abs((data[a].X-avgX)*(data[j].Y-data[a].Y)-(data[a].X-data[j].X)*(avgY-data[a].Y)) * 0.5; area > maxArea {
				maxArea, next = area, j
			}
		}
		sampled = append(sampled, data[next])
		a = next
	}
	return append(sampled, data[len(data)-1])
}

func TestLTTBAsPublished(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, size := range []int{4, 5, 7, 100, 513, 5000} {
		for _, n := range []int{3, 4, 10, 99, 512} {
			if n >= size {
				continue
			}
			var data []series.Point
			x := 0.0
			for range size {
				x += rng.ExpFloat64()
				data = append(data, series.Point{X: x, Y: rng.NormFloat64()})
			}
			if d := cmp.Diff(published(data, n), series.LTTB(data, n)); d != "" {
				t.Errorf("%d of %d: %s", n, size, d)
			}
		}
	}
}

// By the definition: of each bucket a point is kept that spans the largest
// triangle with the one kept before and the mean of the next bucket, and every
// bucket has one.
func TestLTTBDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := points(rapid.SliceOfN(rapid.Float64Range(-1e6, 1e6), 3, 200).Draw(t, "y")...)
		n := rapid.IntRange(3, len(data)).Draw(t, "n")
		got := series.LTTB(data, n)
		if len(got) != n || got[0] != data[0] || got[n-1] != data[len(data)-1] {
			t.Fatalf("%d points from %v to %v, want %d from %v to %v", len(got), got[0], got[len(got)-1], n, data[0], data[len(data)-1])
		}
		if n == len(data) {
			return
		}
		inner := data[1 : len(data)-1]
		buckets := make([][]series.Point, n-2)
		for i, p := range inner { // bucket b holds the i with b ≤ i·(n−2)/count < b + 1, rounded as the author does
			b := ((i+1)*(n-2) - 1) / len(inner)
			buckets[b] = append(buckets[b], p)
		}
		buckets = append(buckets, data[len(data)-1:])
		for b, candidates := range buckets[:n-2] {
			var c series.Point
			for _, p := range buckets[b+1] {
				c.X += p.X / float64(len(buckets[b+1]))
				c.Y += p.Y / float64(len(buckets[b+1]))
			}
			if !slices.Contains(candidates, got[b+1]) {
				t.Fatalf("%v is not in bucket %d, %v", got[b+1], b, candidates)
			}
			area := func(p series.Point) float64 {
				a := got[b]
				return math.Abs(a.X*(p.Y-c.Y)+p.X*(c.Y-a.Y)+c.X*(a.Y-p.Y)) / 2
			}
			for _, p := range candidates {
				if area(p) > area(got[b+1])*(1+1e-9)+1e-6 {
					t.Errorf("bucket %d: %v has area %v, %v was kept with %v", b, p, area(p), got[b+1], area(got[b+1]))
				}
			}
		}
	})
}
