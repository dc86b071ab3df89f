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

// Places under different loads are not compared: each load has its own front.
func TestFrontByLoad(t *testing.T) {
	number := func(v float64) *float64 { return &v }
	made := func(path string) []int {
		r, err := sweep.New(sweep.Result{Scenario: "s", Repeats: 1,
			Axes:    []sweep.Axis{sweep.NewAxis(path, []string{"1/s", "100/s"}), sweep.NewAxis("limiters.l.kind", []string{"a", "b"})},
			Columns: []sweep.Column{{Name: "x", Better: "lower"}, {Name: "y", Better: "lower"}}, Pareto: []string{"x", "y"},
			Runs: []sweep.Run{
				{Place: 0, Settings: []string{"1/s", "a"}, Valid: true, OK: true, Values: []*float64{number(1), number(1)}},
				{Place: 1, Settings: []string{"1/s", "b"}, Valid: true, OK: true, Values: []*float64{number(2), number(2)}},
				{Place: 2, Settings: []string{"100/s", "a"}, Valid: true, OK: true, Values: []*float64{number(50), number(50)}},
				{Place: 3, Settings: []string{"100/s", "b"}, Valid: true, OK: true, Values: []*float64{number(40), number(40)}},
			}})
		if err != nil {
			t.Fatal(err)
		}
		return r.Front
	}
	if got := made("traffic.calls.rate"); !slices.Equal(got, []int{0, 3}) {
		t.Errorf("an axis of load: got front %v, expected the best of each load", got)
	}
	if got := made("limiters.l.limit.count"); !slices.Equal(got, []int{0}) {
		t.Errorf("no axis of load: got front %v, expected one over all", got)
	}
}
