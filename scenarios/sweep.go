package scenarios

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

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
		for _, other := range names[:i] {
			if within := strings.HasPrefix(a.Name, other+".") || strings.HasPrefix(other, a.Name+"."); within && !c.bad[at] && !c.bad[join("sweep.axes", other)] {
				c.fail(at, "one of %s and %s is in the other: vary only one", other, a.Name)
			}
		}
		if n, first := len(a.Value.Values), s.Axes[0]; s.Mode == "zip" && n != len(first.Value.Values) && !c.bad[at] && !c.bad[join("sweep.axes", first.Name)] {
			c.fail(at, "with mode: zip all axes have as many values: expected %d as %s has, found %d", len(first.Value.Values), first.Name, n)
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
		c.fail("sweep", "the sweep has more than %d cells (places times repeats): give the axes fewer values", mostCells)
	}
}

func (c *checker) find(s *Sweep) {
	f := s.Find
	if f == nil {
		return
	}
	const at = "sweep.find"
	if len(c.s.Assert) == 0 && c.good("assert") {
		c.fail(at, "a search looks for the highest value at which all assertions hold, and the scenario has none: write assert")
	}
	if f.Axis == "" {
		return // reported
	}
	slot, mistake := locate(c.root, f.Axis, Pos{1, 1})
	if mistake != nil {
		path := join(at, "axis")
		c.report(c.inText(c.s.Pos(path), f.Axis, mistake.Offset), path, "%s", mistake.Msg)
	}
	for _, name := range s.Axes.Names() {
		if name == f.Axis || strings.HasPrefix(name, f.Axis+".") || strings.HasPrefix(f.Axis, name+".") {
			c.fail(join(at, "axis"), "expected a field that axes does not vary, found %q, which is varied as %s", f.Axis, name)
		}
	}
	before := len(c.problems)
	if low, high, _ := c.bounds(at, slot, f.From, f.To); len(c.problems) == before && low == high && f.From != "" && f.To != "" {
		c.fail(join(at, "to"), "expected more than from, %s, found %s", f.From, f.To)
	}
}

// columns checks that columns are told once and what their tags refer to.
func (c *checker) columns(path string, columns []Column) {
	for i, col := range columns {
		at := join(path, fmt.Sprint(i))
		if !c.good(at) {
			continue
		}
		same := func(other Column) bool { return other.String() == col.String() }
		if slices.ContainsFunc(columns[:i], same) {
			c.fail(at, "%s is listed twice", col)
		}
		for _, t := range col.Selector.Tags {
			c.assertTag(join(at, t.Name), t)
		}
	}
}

func (c *checker) pareto(columns []Column) {
	if len(columns) != 2 && c.written("sweep.pareto") && c.good("sweep.pareto") {
		c.fail("sweep.pareto", "expected two columns, found %d", len(columns))
	}
	for i, col := range columns {
		if at := join("sweep.pareto", fmt.Sprint(i)); c.good(at) && col.Better() == "" {
			c.fail(at, "expected a column of which it is known whether lower or higher is better, found %s", col)
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

// axes decodes a mapping of paths to values. Each value is decoded as the
// field at that path would be.
func (d *decoder) axes(n ast.Node, path string, out *Named[Axis]) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		d.report(start(n), path, "expected a mapping of paths to values, found %s", kindOf(n))
		return
	}
	if len(m.Values) == 0 {
		d.report(start(n), path, "expected at least one axis, found an empty mapping")
	}
	for _, e := range d.entries(m, path) {
		at := join(path, e.key)
		d.positions[at] = e.pos
		slot, mistake := locate(d.root, e.key, e.pos)
		if mistake != nil {
			d.report(d.within(e.node, mistake.Offset), at, "%s", mistake.Msg)
		}
		*out = append(*out, Entry[Axis]{e.key, Axis{d.axis(e, at, slot)}})
	}
}

// axis reads the values of one axis, a list or a range.
func (d *decoder) axis(e entry, path string, s slot) []string {
	values := d.axisNodes(e, path, s)
	texts := make([]string, len(values))
	meant := make([]any, len(values))
	for i, n := range values {
		at := join(path, strconv.Itoa(i))
		if n = d.plain(n, at); n == nil {
			continue
		}
		texts[i], meant[i] = d.setting(n, at, s)
		same := func(other any) bool { return other != nil && reflect.DeepEqual(other, meant[i]) }
		if j := slices.IndexFunc(meant[:i], same); j >= 0 {
			d.report(start(n), at, "%q is listed twice: value %d means the same", texts[i], j+1)
		}
	}
	return texts
}

// mostValues bounds an axis.
const mostValues = 1000

// axisNodes are the values of an axis as they stand in the file; those of a
// range stand where it begins.
func (d *decoder) axisNodes(e entry, path string, s slot) []ast.Node {
	var values []ast.Node
	switch n := d.plain(e.value, path).(type) {
	case nil:
	case *ast.SequenceNode:
		values = n.Values
		switch {
		case len(values) == 0:
			d.report(e.pos, path, "expected at least one value, found an empty list")
		case len(values) > mostValues:
			d.report(e.pos, path, "expected at most %d values, found %d", mostValues, len(values))
			return nil
		}
	case *ast.MappingNode:
		for _, v := range d.span(n, path, s) {
			values = append(values, scalarAt(v, start(n)))
		}
	default:
		d.report(start(n), path, "expected a list of values, or a range with from, to and step or factor, found %s", kindOf(n))
	}
	return values
}

// setting reads one value for a slot, as written and as what it means, and
// reports what the slot does not take; then it means nil.
func (d *decoder) setting(n ast.Node, path string, s slot) (written string, meant any) {
	written, ok := text(n)
	if !ok {
		d.report(start(n), path, "expected a single value, found %s", kindOf(n))
		return "", nil
	}
	if s.t == nil { // no such path, which is reported
		return written, nil
	}
	v := reflect.New(s.t).Elem()
	d.value(n, path, start(n), s.f, v)
	if d.bad[path] {
		return written, nil
	}
	return written, v.Interface()
}

// column decodes a column, as an assertion's selector is.
func (d *decoder) column(n ast.Node, path string, out *Column) {
	s, ok := text(n)
	if !ok {
		d.report(start(n), path, "expected a metric and an aggregation such as \"latency p(99)\", found %s", kindOf(n))
		return
	}
	c, places, errs := metric.ScanColumn(s)
	for _, err := range errs {
		d.report(d.within(n, err.Offset), path, "%s", err.Msg)
	}
	for i, p := range places {
		d.positions[join(path, c.Selector.Tags[i].Name)] = d.within(n, p.Value)
	}
	*out = c
}

// With is the scenario with other values at some paths, without its sweep,
// decoded anew from the file: defaults that depend on a value follow it. What
// is wrong with a setting, alone or beside the others, is told where the sweep
// gives the value. Repeat 0 keeps the seed; the others have one that is
// derived from it and the number, below 2⁵³, which JSON keeps exactly. A seed
// that does not come from the file is one of the settings. What else was
// changed in s (OnLive, Begin) is to be changed again.
func (s *Scenario) With(settings []Setting, repeat int) (*Scenario, Problems) {
	d := newDecoder(s.source, "scenario")
	root := d.parse()
	if root == nil {
		return nil, d.problems.Sort()
	}
	root.Values = slices.DeleteFunc(root.Values, func(kv *ast.MappingValueNode) bool { return keyIs(kv, "sweep") })
	for _, set := range settings {
		key, value := s.settingPos(set)
		slot, mistake := locate(root, set.Path, key)
		if mistake != nil {
			d.report(key, "sweep", "%s: %s", set.Path, mistake.Msg)
			continue
		}
		slot.set(scalarAt(set.Value, value))
	}
	cell := d.scenario(root)
	if repeat > 0 {
		cell.Seed = repeatSeed(cell.Seed, repeat)
	}
	return cell, d.problems.Sort()
}

// settingPos is where the sweep names the path of a setting, and where its
// value; that of a search stands at the search, one that the sweep does not
// have at its block.
func (s *Scenario) settingPos(set Setting) (key, value Pos) {
	if s.Sweep == nil {
		return Pos{1, 1}, Pos{1, 1}
	}
	if a, ok := s.Sweep.Axes.Get(set.Path); ok {
		at := join("sweep.axes", set.Path)
		if i := slices.Index(a.Values, set.Value); i >= 0 {
			return s.Pos(at), s.Pos(join(at, strconv.Itoa(i)))
		}
		return s.Pos(at), s.Pos(at)
	}
	if f := s.Sweep.Find; f != nil && f.Axis == set.Path {
		switch set.Value {
		case f.From:
			return s.Pos("sweep.find.axis"), s.Pos("sweep.find.from")
		case f.To:
			return s.Pos("sweep.find.axis"), s.Pos("sweep.find.to")
		}
		return s.Pos("sweep.find.axis"), s.Pos("sweep.find.axis")
	}
	return s.Pos("sweep"), s.Pos("sweep")
}

func repeatSeed(seed uint64, repeat int) uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "quotalab repeat 1\x00%d\x00%d", seed, repeat))
	return binary.BigEndian.Uint64(sum[:8]) >> 11
}

// scalarAt is a value of a file as a node that stands elsewhere.
func scalarAt(text string, at Pos) *ast.StringNode {
	return ast.String(&token.Token{Type: token.StringType, Value: text, Position: &token.Position{Line: at.Line, Column: at.Column}})
}

func keyIs(kv *ast.MappingValueNode, name string) bool {
	s, ok := text(kv.Key)
	return ok && s == name
}
