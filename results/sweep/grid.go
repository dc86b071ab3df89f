package sweep

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/models/metric/unit"
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

// Axis is one field that varies.
type Axis struct {
	Path    string    `json:"path" jsonschema:"path of the field in the scenario"`
	Label   string    `json:"label" jsonschema:"last part of the path, or more of it where other axes end alike"`
	Unit    string    `json:"unit" jsonschema:"base unit: s, /s, B/s, ratio, or empty for plain numbers and words"`
	Values  []string  `json:"values" jsonschema:"as the scenario would have them"`
	Numeric []float64 `json:"numeric,omitempty" jsonschema:"the same in the base unit; absent: they are words"`
}

// NewAxis reads the values as far as they are quantities of one kind.
func NewAxis(path string, values []string) Axis {
	a := Axis{Path: path, Values: values}
	for i, v := range values {
		x, base, ok := Quantity(v)
		if !ok || i > 0 && base != a.Unit {
			a.Unit, a.Numeric = "", nil
			break
		}
		a.Unit, a.Numeric = base, append(a.Numeric, x)
	}
	return a
}

// Quantity reads a value of a scenario in its base unit: 1500/m is 25 /s, 5ms
// is 0.005 s, 2% is 0.02, a ratio. False: it is a word.
func Quantity(value string) (x float64, base string, ok bool) {
	if x, err := unit.Number(value); err == nil {
		return x, "", true
	}
	if x, err := unit.Rate(value); err == nil {
		return x, "/s", true
	}
	if x, err := unit.ByteRate(value); err == nil {
		return x, "B/s", true
	}
	if d, err := unit.Duration(value); err == nil {
		return d.Seconds(), "s", true
	}
	if x, err := unit.Ratio(value); err == nil {
		return x, "ratio", true
	}
	return 0, "", false
}

// Label names the axes by the last parts of their paths: as many as it takes for
// them to differ, and not to begin with the number of a list's element.
func (r *Result) Label() {
	axes, s := r.Axes, r.Search
	var paths [][]string
	for _, a := range axes {
		paths = append(paths, strings.Split(a.Path, "."))
	}
	if s != nil {
		paths = append(paths, strings.Split(s.Path, "."))
	}
	for i, path := range paths {
		n := 1
		for ; n < len(path); n++ {
			same := func(other []string) bool { return slices.Equal(lastParts(other, n), lastParts(path, n)) }
			first := path[len(path)-n]
			if strings.Trim(first, "0123456789") != "" && !slices.ContainsFunc(paths[:i], same) && !slices.ContainsFunc(paths[i+1:], same) {
				break
			}
		}
		text := strings.Join(lastParts(path, n), ".")
		if i < len(axes) {
			axes[i].Label = text
		} else {
			s.Label = text
		}
	}
}

func lastParts(path []string, n int) []string { return path[max(0, len(path)-n):] }
