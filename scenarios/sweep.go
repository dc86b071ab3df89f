package scenarios

import (
	"math"

	"github.com/quotalab/quotalab/models/metric"
)

// Sweep plays a scenario many times with other values in some of its fields.
type Sweep struct {
	Axes    Named[Axis] `yaml:"axes" doc:"fields that vary, by their paths (traffic.main.rate.ramp.to; an element of a list by its number from 0), each with its values" required:"true" unless:"find,repeats"`
	Mode    string      `yaml:"mode" doc:"grid: every value of an axis with every value of the others; zip: the first values of all axes together, then the second, so all axes have as many" default:"grid" enum:"grid,zip"`
	Repeats Count       `yaml:"repeats" doc:"runs of each cell; the first has the scenario's own seed, the others seeds derived from it" default:"1" min:"1" max:"1000"`
	Find    *Find       `yaml:"find" doc:"search of one more axis for its highest value at which all assertions hold, at each place of the others"`
	Metrics []Column    `yaml:"metrics" doc:"columns of the table, each a metric with tags as in assert, and an aggregation, such as latency{decision=denied} p(99); left out: what assert looks at; those of pareto are added"`
	Pareto  []Column    `yaml:"pareto" doc:"two columns; the cells that no other one beats in both are marked"`
}

// Column is one number of a run that a sweep tells: a selector and an
// aggregation.
type Column = metric.Column

// Axis is the values of one field, in the spelling of a scenario. A file has
// a list of them, or a range.
type Axis struct{ Values []string }

// Find is the search of an axis by bisection: the highest value at which all
// assertions of the scenario hold.
type Find struct {
	Axis      string   `yaml:"axis" doc:"path of the field that is searched; not one of axes" required:"true"`
	From      string   `yaml:"from" doc:"lowest value, at which the assertions should hold" required:"true"`
	To        string   `yaml:"to" doc:"highest value, at which they should fail, in the unit of from" required:"true"`
	Tolerance Fraction `yaml:"tolerance" doc:"how far the last value that holds and the first that fails may lie apart at the end, as a share of the latter" default:"1%" min:"1e-6"`
}

// Setting is one field of a scenario with a value, both as in a file.
type Setting struct{ Path, Value string }

// Grid lists the places of the sweep, without repeats and find: a setting for
// each axis, in the axes' order. The last axis varies fastest; with mode zip
// all vary together. Without axes it is one place without settings.
func (s *Sweep) Grid() [][]Setting {
	if s.Mode == "zip" && len(s.Axes) > 0 {
		places := make([][]Setting, len(s.Axes[0].Value.Values))
		for i := range places {
			for _, a := range s.Axes {
				places[i] = append(places[i], Setting{a.Name, a.Value.Values[i]})
			}
		}
		return places
	}
	places := [][]Setting{nil}
	for _, a := range s.Axes {
		var next [][]Setting
		for _, place := range places {
			for _, v := range a.Value.Values {
				next = append(next, append(place[:len(place):len(place)], Setting{a.Name, v}))
			}
		}
		places = next
	}
	return places
}

// Bounds are From and To as numbers, without their unit.
func (f *Find) Bounds() (from, to float64) {
	low, _, _ := quantity(f.From)
	high, _, _ := quantity(f.To)
	return low, high
}

// Value writes a number of Bounds' scale as a value of the axis, with the
// unit of From: rounded down to a whole number where both ends are whole, so
// that two numbers may be one value; else with nine digits.
func (f *Find) Value(x float64) string {
	from, to := f.Bounds()
	_, unit, _ := quantity(f.From)
	if from == math.Trunc(from) && to == math.Trunc(to) {
		return decimal(math.Floor(x), 17) + unit
	}
	return decimal(x, 9) + unit
}

// Round is the number of the value that Value writes for x.
func (f *Find) Round(x float64) float64 {
	rounded, _, _ := quantity(f.Value(x))
	return rounded
}
