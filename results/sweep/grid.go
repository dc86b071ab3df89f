package sweep

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Grid is one metric of the runs of a scenario whose parameters were varied.
type Grid struct {
	Scenario string
	Axes     []Parameter // parameters, the one that varies fastest last
	Metric   string      // name in the catalogue, with its selector and aggregation if it has any
	Unit     string      // base unit of the metric: s, count, tokens, ratio, or "" for a plain number
	// AutoPipelined are clients whose commands share round trips with those of other
	// requests, in any run.
	AutoPipelined []string
	Cells         []GridCell // of the runs that were made; in any order, each place once
}

// Parameter is one parameter.
type Parameter struct {
	Name    string    // with its unit if the values have none
	Values  []string  // as the sweep has them
	Numeric []float64 // the same in the axis's own unit; nil: they are words
}

// GridCell is one run. Index has the place on each axis.
type GridCell struct {
	Index []int
	Value float64 // NaN: the run did not show the metric
	OK    bool    // the run passed: it was valid and its assertions hold
}

// Check tells what is wrong with a sweep, so that it cannot be drawn.
func (s *Grid) Check() error {
	for _, a := range s.Axes {
		if a.Numeric != nil && len(a.Numeric) != len(a.Values) {
			return fmt.Errorf("axis %q of a sweep: expected a number for each of the %d values or none at all, found %d", a.Name, len(a.Values), len(a.Numeric))
		}
	}
	seen := map[string]bool{}
	for i, c := range s.Cells {
		if len(c.Index) != len(s.Axes) {
			return fmt.Errorf("cell %d of a sweep: expected a place on each of the %d axes, found %d", i, len(s.Axes), len(c.Index))
		}
		for k, at := range c.Index {
			if at < 0 || at >= len(s.Axes[k].Values) {
				return fmt.Errorf("cell %d of a sweep: expected a place of 0 to %d on axis %q, found %d", i, len(s.Axes[k].Values)-1, s.Axes[k].Name, at)
			}
		}
		place := fmt.Sprint(c.Index)
		if seen[place] {
			return fmt.Errorf("cell %d of a sweep: expected each place once, found %s again", i, place)
		}
		seen[place] = true
	}
	return nil
}

// At is the cell at a place; false if that run was not made.
func (s *Grid) At(index ...int) (GridCell, bool) {
	i := slices.IndexFunc(s.Cells, func(c GridCell) bool { return slices.Equal(c.Index, index) })
	if i < 0 {
		return GridCell{}, false
	}
	return s.Cells[i], true
}

// Drawn is what plots draw: one for each column, of a search the capacity
// before them. Of several repeats it is the median.
func (r *Result) Drawn() (all []*Grid) {
	places := r.places()
	draw := func(metric, unit string, value func(*place) float64) {
		s := &Grid{Scenario: r.Scenario, Axes: r.drawnAxes(), Metric: metric, Unit: unit, AutoPipelined: r.pipelined()}
		for i := range places {
			p := &places[i]
			at := r.index(i)
			if r.Zip {
				at = []int{i}
			}
			s.Cells = append(s.Cells, GridCell{Index: at, Value: value(p), OK: p.ok()})
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
func (r *Result) drawnAxes() []Parameter {
	if r.Zip && len(r.Axes) > 1 {
		var names []string
		for _, a := range r.Axes {
			names = append(names, a.Label)
		}
		joined := Parameter{Name: strings.Join(names, ", ")}
		for i := range r.Places() {
			joined.Values = append(joined.Values, strings.Join(r.settings(i), ", "))
		}
		return []Parameter{joined}
	}
	var axes []Parameter
	for _, a := range r.Axes {
		axes = append(axes, Parameter{Name: a.Label, Values: a.Values, Numeric: a.Numeric})
	}
	return axes
}
