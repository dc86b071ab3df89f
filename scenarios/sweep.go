package scenarios

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/scenarios/decode"
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

// Find is the search of an axis by bisection: the highest value at which all
// assertions of the scenario hold.
type Find struct {
	Axis      string   `yaml:"axis" doc:"path of the field that is searched; not one of axes" required:"true" example:"traffic.calls.rate"`
	From      string   `yaml:"from" doc:"lowest value, at which the assertions should hold" required:"true" example:"500/s"`
	To        string   `yaml:"to" doc:"highest value, at which they should fail, in the unit of from" required:"true" example:"2_400/s"`
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
	low, _, _ := decode.Quantity(f.From)
	high, _, _ := decode.Quantity(f.To)
	return low, high
}

// Value writes a number of Bounds' scale as a value of the axis, with the
// unit of From: rounded down to a whole number where both ends are whole, so
// that two numbers may be one value; else with nine digits.
func (f *Find) Value(x float64) string {
	from, to := f.Bounds()
	_, unit, _ := decode.Quantity(f.From)
	if from == math.Trunc(from) && to == math.Trunc(to) {
		return decode.Decimal(math.Floor(x), 17) + unit
	}
	return decode.Decimal(x, 9) + unit
}

// Round is the number of the value that Value writes for x.
func (f *Find) Round(x float64) float64 {
	rounded, _, _ := decode.Quantity(f.Value(x))
	return rounded
}

// mostCells bounds a sweep: its places times its repeats.
const mostCells = 10_000

// sweep checks what the axes of a sweep are to each other and to the rest.
// Every path and value by itself was checked while decoding.
func (c *checker) sweep() {
	s := c.s.Sweep
	if s == nil {
		return
	}
	c.axes(s)
	c.cells(s)
	c.find(s)
	c.columns("sweep.metrics", s.Metrics)
	c.columns("sweep.pareto", s.Pareto)
	c.pareto(s.Pareto)
}

func (c *checker) axes(s *Sweep) {
	names := s.Axes.Names()
	for i, a := range s.Axes {
		at := join("sweep.axes", a.Name)
		if a.Name == "shards.engine" {
			c.Fail(at, "the engine of the shards changes no result, so that there is nothing to vary: quotalab gate --engines compares them")
		}
		for _, other := range names[:i] {
			if within := strings.HasPrefix(a.Name, other+".") || strings.HasPrefix(other, a.Name+"."); within && !c.Bad(at) && !c.Bad(join("sweep.axes", other)) {
				c.Fail(at, "one of %s and %s is in the other: vary only one", other, a.Name)
			}
		}
		if n, first := len(a.Value.Values), s.Axes[0]; s.Mode == "zip" && n != len(first.Value.Values) && !c.Bad(at) && !c.Bad(join("sweep.axes", first.Name)) {
			c.Fail(at, "with mode: zip all axes have as many values: expected %d as %s has, found %d", len(first.Value.Values), first.Name, n)
		}
	}
}

func (c *checker) cells(s *Sweep) {
	places := 1
	for _, a := range s.Axes {
		if n := len(a.Value.Values); s.Mode == "zip" {
			places = n
		} else if places *= max(n, 1); places > mostCells {
			break
		}
	}
	if n := places * int(s.Repeats); n > mostCells {
		c.Fail("sweep", "the sweep has more than %d cells (places times repeats): give the axes fewer values", mostCells)
	}
}

func (c *checker) find(s *Sweep) {
	f := s.Find
	if f == nil {
		return
	}
	const at = "sweep.find"
	if len(c.s.Assert) == 0 && c.Good("assert") {
		c.Fail(at, "a search looks for the highest value at which all assertions hold, and the scenario has none: write assert")
	}
	if f.Axis == "" {
		return // reported
	}
	slot, mistake := c.Locate(f.Axis, Pos{Line: 1, Column: 1})
	if mistake != nil {
		c.FailIn(join(at, "axis"), f.Axis, mistake)
	}
	for _, name := range s.Axes.Names() {
		if name == f.Axis || strings.HasPrefix(name, f.Axis+".") || strings.HasPrefix(f.Axis, name+".") {
			c.Fail(join(at, "axis"), "expected a field that axes does not vary, found %q, which is varied as %s", f.Axis, name)
		}
	}
	before := len(c.Problems)
	if low, high, _ := c.Bounds(at, slot, f.From, f.To); len(c.Problems) == before && low == high && f.From != "" && f.To != "" {
		c.Fail(join(at, "to"), "expected more than from, %s, found %s", f.From, f.To)
	}
}

// columns checks that columns are told once and what their tags refer to.
func (c *checker) columns(path string, columns []Column) {
	for i, col := range columns {
		at := join(path, i)
		if !c.Good(at) {
			continue
		}
		same := func(other Column) bool { return other.String() == col.String() }
		if slices.ContainsFunc(columns[:i], same) {
			c.Fail(at, "%s is listed twice", col)
		}
		for _, t := range col.Selector.Tags {
			c.assertTag(join(at, t.Name), t)
		}
	}
}

func (c *checker) pareto(columns []Column) {
	if len(columns) != 2 && c.Written("sweep.pareto") && c.Good("sweep.pareto") {
		c.Fail("sweep.pareto", "expected two columns, found %d", len(columns))
	}
	for i, col := range columns {
		if at := join("sweep.pareto", i); c.Good(at) && col.Better() == "" {
			c.Fail(at, "expected a column that is known to be better lower or better higher, found %s", col)
		}
	}
}

// fillSweep gives the table its columns: those that the file names, or else
// what assertions look at, and the front's.
func fillSweep(s *Scenario) {
	if s.Sweep == nil {
		return
	}
	columns := s.Sweep.Metrics
	add := func(c Column) {
		if !slices.ContainsFunc(columns, func(other Column) bool { return other.String() == c.String() }) {
			columns = append(columns, c)
		}
	}
	if len(columns) == 0 {
		for _, c := range assertedColumns(s.Assert) {
			add(c)
		}
	}
	for _, c := range s.Sweep.Pareto {
		add(c)
	}
	s.Sweep.Metrics = columns
}

func assertedColumns(asserts []Assertion) (columns []Column) {
	for _, a := range asserts {
		sel, err := metric.ParseSelector(a.Selector)
		m, _ := metric.Find(sel.Metric)
		for _, cond := range a.Conditions {
			if parsed, bad := metric.ParseCondition(m, cond.Check); bad == nil && err == nil {
				columns = append(columns, metric.ColumnOf(sel, parsed))
			}
		}
	}
	return columns
}

// With is the scenario with other values at some paths, without its sweep,
// decoded anew from the file: defaults that depend on a value follow it. What
// is wrong with a setting, alone or beside the others, is told where the sweep
// gives the value. Repeat 0 keeps the seed; the others have one that is
// derived from it and the number, below 2⁵³, which JSON keeps exactly. A seed
// that does not come from the file is one of the settings. What else was
// changed in s (OnLive, Begin) is to be changed again.
func (s *Scenario) With(settings []Setting, repeat int) (*Scenario, Problems) {
	d := decode.New(&language, s.source)
	if !d.Parse() {
		return nil, d.Problems.Sort()
	}
	d.Drop("sweep")
	for _, set := range settings {
		key, value := s.settingPos(set)
		if mistake := d.Set(set.Path, key, set.Value, value); mistake != nil {
			d.Report(key, "sweep", "%s: %s", set.Path, mistake.Msg)
		}
	}
	cell := decoded(d, s.source)
	cell.Traces = s.Traces
	if s.Sweep != nil {
		cell.Columns = s.Sweep.Metrics
	}
	if repeat > 0 {
		cell.Seed = repeatSeed(cell.Seed, repeat)
	}
	return cell, d.Problems.Sort()
}

// settingPos returns where the sweep names the path of a setting, and where
// its value; that of a search stands at the search, one that the sweep does
// not have at its block.
func (s *Scenario) settingPos(set Setting) (key, value Pos) {
	at, of := "sweep", "sweep"
	if s.Sweep != nil {
		if a, ok := s.Sweep.Axes.Get(set.Path); ok {
			at = join("sweep.axes", set.Path)
			of = join(at, slices.Index(a.Values, set.Value))
		} else if f := s.Sweep.Find; f != nil && f.Axis == set.Path {
			at, of = "sweep.find.axis", "sweep.find.axis"
			if i := slices.Index([]string{f.From, f.To}, set.Value); i >= 0 {
				of = join("sweep.find", []string{"from", "to"}[i])
			}
		}
	}
	return s.Pos(at), s.Pos(of)
}

func repeatSeed(seed uint64, repeat int) uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "quotalab repeat 1\x00%d\x00%d", seed, repeat))
	return binary.BigEndian.Uint64(sum[:8]) >> 11
}
