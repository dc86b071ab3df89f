package sweep

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/results/summary"
)

// place is one combination of values of the axes.
type place struct {
	settings []string // on the axes
	runs     []Run    // of a search: those at its capacity, none if it found none
	found    *Found   // of a search
}

// places lists them in order.
func (r *Result) places() []place {
	all := make([]place, r.Places())
	for i := range all {
		all[i].settings = r.settings(i)
	}
	for i := range r.Searched {
		all[i].found = &r.Searched[i]
	}
	for i := range r.Runs {
		run := &r.Runs[i]
		p := &all[run.Place]
		if r.Search == nil || p.found != nil && p.found.Capacity != nil && run.Settings[len(r.Axes)] == p.found.Passes {
			p.runs = append(p.runs, *run)
		}
	}
	return all
}

// index returns the place's number on each axis: with a grid the last axis varies fastest.
func (r *Result) index(place int) []int {
	at := make([]int, len(r.Axes))
	for i, a := range slices.Backward(r.Axes) {
		if at[i] = place; !r.Zip {
			at[i], place = place%len(a.Values), place/len(a.Values)
		}
	}
	return at
}

func (r *Result) settings(place int) []string {
	settings := make([]string, len(r.Axes))
	for i, at := range r.index(place) {
		settings[i] = r.Axes[i].Values[at]
	}
	return settings
}

// passed is how many runs of the place passed.
func (p *place) passed() (n int) {
	for _, run := range p.runs {
		if run.OK {
			n++
		}
	}
	return n
}

// ok reports whether the place has runs and all passed.
func (p *place) ok() bool { return len(p.runs) > 0 && p.passed() == len(p.runs) }

// valid reports whether the place has runs and all are valid.
func (p *place) valid() bool {
	return len(p.runs) > 0 && !slices.ContainsFunc(p.runs, func(r Run) bool { return !r.Valid })
}

// values returns the known values of a column, rising.
func (p *place) values(column int) (values []float64) {
	for _, run := range p.runs {
		if v := run.Values[column]; v != nil {
			values = append(values, *v)
		}
	}
	slices.Sort(values)
	return values
}

// median returns the median of a column over the runs of the place; NaN if it is unknown of any.
func (p *place) median(column int) float64 {
	values := p.values(column)
	if len(values) < len(p.runs) {
		return math.NaN()
	}
	return summary.Median(values)
}

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
	byLoad := map[string][]int{}
	for i := range places {
		key := r.load(&places[i])
		byLoad[key] = append(byLoad[key], i)
	}
	for _, of := range byLoad {
		some := make([][2]float64, len(of))
		for k, i := range of {
			some[k] = points[i]
		}
		for _, k := range Front(some) {
			on = append(on, of[k])
		}
	}
	slices.Sort(on)
	return on
}

// load is where a place is on the axes that are load: what is asked of a
// limiter, not what it is. Places under different loads are not compared.
func (r *Result) load(p *place) string {
	var at []string
	for i, a := range r.Axes {
		if first, _, _ := strings.Cut(a.Path, "."); slices.Contains([]string{"traffic", "keys", "accounts"}, first) {
			at = append(at, p.settings[i])
		}
	}
	return strings.Join(at, "\x00")
}

// cost returns what a place costs by a column: lower is better.
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
