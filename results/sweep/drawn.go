package sweep

import (
	"math"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/results/series"
)

// Drawn is what plots draw: one for each column, of a search the capacity
// before them. Of several repeats it is the median.
func (r *Result) Drawn() (all []*series.Sweep) {
	places := r.places()
	draw := func(metric, unit string, value func(*place) float64) {
		s := &series.Sweep{Scenario: r.Scenario, Axes: r.drawnAxes(), Metric: metric, Unit: unit, AutoPipelined: r.pipelined()}
		for i := range places {
			p := &places[i]
			at := r.index(i)
			if r.Zip {
				at = []int{i}
			}
			s.Cells = append(s.Cells, series.Cell{Index: at, Value: value(p), OK: p.ok()})
		}
		all = append(all, s)
	}
	if r.Search != nil {
		draw("highest "+r.Search.Label+" that passes", r.Search.Unit, (*place).capacity)
	}
	for c, column := range r.Columns {
		draw(column.Name, column.Unit, func(p *place) float64 { return p.median(c) })
	}
	return all
}

// pipelined are the clients that are auto-pipelined in any run.
func (r *Result) pipelined() (clients []string) {
	for _, run := range r.Runs {
		for _, c := range run.Pipelined {
			if !slices.Contains(clients, c) {
				clients = append(clients, c)
			}
		}
	}
	return clients
}

func (p *place) capacity() float64 {
	if p.found == nil || p.found.Capacity == nil {
		return math.NaN()
	}
	return *p.found.Capacity
}

// drawnAxes are the axes; those that vary together are one.
func (r *Result) drawnAxes() []series.Axis {
	if r.Zip && len(r.Axes) > 1 {
		var names []string
		for _, a := range r.Axes {
			names = append(names, a.Label)
		}
		joined := series.Axis{Name: strings.Join(names, ", ")}
		for i := range r.Places() {
			joined.Values = append(joined.Values, strings.Join(r.settings(i), ", "))
		}
		return []series.Axis{joined}
	}
	var axes []series.Axis
	for _, a := range r.Axes {
		axes = append(axes, series.Axis{Name: a.Label, Values: a.Values, Numeric: a.Numeric})
	}
	return axes
}
