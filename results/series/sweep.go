package series

import (
	"fmt"
	"slices"
)

// Sweep is one metric of the runs of a scenario whose parameters were varied.
type Sweep struct {
	Scenario string
	Axes     []Axis // parameters, the one that varies fastest last
	Metric   string // name in the catalogue, with its selector and aggregation if it has any
	Unit     string // base unit of the metric: s, count, tokens, ratio, or "" for a plain number
	// AutoPipelined are clients whose commands share round trips with those of other
	// requests, in any run.
	AutoPipelined []string
	Cells         []Cell // of the runs that were made; in any order, each place once
}

// Axis is one parameter.
type Axis struct {
	Name    string    // with its unit if the values have none
	Values  []string  // as the sweep has them
	Numeric []float64 // the same in the axis's own unit; nil: they are words
}

// Cell is one run. Index has the place on each axis.
type Cell struct {
	Index []int
	Value float64 // NaN: the run did not show the metric
	OK    bool    // the run passed: it was valid and its assertions hold
}

// Check tells what is wrong with a sweep, so that it cannot be drawn.
func (s *Sweep) Check() error {
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
func (s *Sweep) At(index ...int) (Cell, bool) {
	i := slices.IndexFunc(s.Cells, func(c Cell) bool { return slices.Equal(c.Index, index) })
	if i < 0 {
		return Cell{}, false
	}
	return s.Cells[i], true
}
