package sweep

import (
	"cmp"
	"math"
	"slices"
)

// front lists the places on the Pareto front, in order.
func (r *Result) front() (on []int) {
	if len(r.Pareto) != 2 {
		return nil
	}
	a, b := r.column(r.Pareto[0]), r.column(r.Pareto[1])
	places := r.places()
	points := make([][2]float64, len(places))
	for i := range places {
		points[i] = [2]float64{math.NaN(), math.NaN()}
		if places[i].valid() {
			points[i] = [2]float64{r.cost(&places[i], a), r.cost(&places[i], b)}
		}
	}
	return Front(points)
}

// cost of a place by a column: lower is better.
func (r *Result) cost(p *place, column int) float64 {
	if r.Columns[column].Better == "higher" {
		return -p.median(column)
	}
	return p.median(column)
}

// Front lists the points that no other one beats: is as low in both
// coordinates, and lower in one. Points with a NaN are not on it and beat
// none.
func Front(points [][2]float64) (on []int) {
	var order []int
	for i, p := range points {
		if !math.IsNaN(p[0]) && !math.IsNaN(p[1]) {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(i, j int) int {
		return cmp.Or(cmp.Compare(points[i][0], points[j][0]), cmp.Compare(points[i][1], points[j][1]))
	})
	var best [2]float64 // the latest on the front
	for n, i := range order {
		if p := points[i]; n == 0 || p[1] < best[1] || p == best {
			best, on = p, append(on, i)
		}
	}
	slices.Sort(on)
	return on
}
