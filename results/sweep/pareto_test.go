package sweep_test

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/quotalab/quotalab/results/sweep"
)

func TestFront(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		why    string
		points [][2]float64
		want   []int
	}{
		{"none of none", nil, nil},
		{"each is best in something", [][2]float64{{1, 3}, {2, 2}, {3, 1}}, []int{0, 1, 2}},
		{"beaten in one, equal in the other", [][2]float64{{1, 1}, {1, 2}, {2, 1}}, []int{0}},
		{"equals do not beat one another", [][2]float64{{1, 1}, {2, 2}, {1, 1}}, []int{0, 2}},
		{"the unknown are not on it and beat none", [][2]float64{{nan, 0}, {0, nan}, {5, 5}}, []int{2}},
		{"infinity is a number", [][2]float64{{math.Inf(1), 0}, {0, 1}}, []int{0, 1}},
	} {
		if got := sweep.Front(c.points); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v has front %v, want %v", c.why, c.points, got, c.want)
		}
	}
}

// The front is what comparing every pair gives.
func TestFrontProperty(t *testing.T) {
	coordinate := rapid.OneOf(rapid.Just(math.NaN()), rapid.Map(rapid.IntRange(0, 6), func(n int) float64 { return float64(n) }))
	rapid.Check(t, func(t *rapid.T) {
		points := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) [2]float64 {
			return [2]float64{coordinate.Draw(t, "a"), coordinate.Draw(t, "b")}
		}), 0, 30).Draw(t, "points")
		var want []int
		for i, p := range points {
			beaten := math.IsNaN(p[0]) || math.IsNaN(p[1])
			for _, q := range points {
				beaten = beaten || q[0] <= p[0] && q[1] <= p[1] && q != p
			}
			if !beaten {
				want = append(want, i)
			}
		}
		if got := sweep.Front(points); !slices.Equal(got, want) {
			t.Errorf("%v: got %v, want %v", points, got, want)
		}
	})
}
