package scenarios

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strconv"

	"github.com/goccy/go-yaml/ast"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
)

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
	var values []ast.Node
	switch n := d.plain(e.value, path).(type) {
	case nil:
		return nil
	case *ast.SequenceNode:
		values = n.Values
	case *ast.MappingNode:
		for _, v := range d.span(n, path, s) {
			values = append(values, scalarAt(v, start(n)))
		}
		if len(values) == 0 {
			return nil // a range that is reported
		}
	default:
		d.report(start(n), path, "expected a list of values, or a range with from, to and step or factor, found %s", kindOf(n))
		return nil
	}
	if len(values) == 0 {
		d.report(e.pos, path, "expected at least one value, found an empty list")
	}
	if len(values) > mostValues {
		d.report(e.pos, path, "expected at most %d values, found %d", mostValues, len(values))
		return nil
	}
	texts := make([]string, len(values))
	var seen []any
	for i, n := range values {
		at := join(path, strconv.Itoa(i))
		if n = d.plain(n, at); n == nil {
			continue
		}
		texts[i] = d.setting(n, at, s)
		seen = append(seen, d.once(n, at, s, seen))
	}
	return texts
}

// setting reads one value for a slot, and reports what the slot does not take.
func (d *decoder) setting(n ast.Node, path string, s slot) string {
	written, ok := text(n)
	switch {
	case !ok:
		d.report(start(n), path, "expected a single value, found %s", kindOf(n))
	case s.t != nil: // the path is right
		d.value(n, path, start(n), s.f, reflect.New(s.t).Elem())
	}
	return written
}

// once reports a value that is there already, in another spelling perhaps,
// and returns what it means.
func (d *decoder) once(n ast.Node, path string, s slot, seen []any) any {
	if s.t == nil || d.bad[path] {
		return nil
	}
	v := reflect.New(s.t).Elem()
	newDecoder(d.source, d.noun).value(n, path, start(n), s.f, v)
	for i, other := range seen {
		if reflect.DeepEqual(other, v.Interface()) {
			d.report(start(n), path, "the value is listed twice: it is that of number %d", i+1)
			break
		}
	}
	return v.Interface()
}

// mostValues bounds an axis.
const mostValues = 1000

// span writes out a range.
func (d *decoder) span(n *ast.MappingNode, path string, s slot) []string {
	before := len(d.problems)
	var r Range
	d.structure(n, path, start(n), reflect.ValueOf(&r).Elem())
	low, high, unit := d.bounds(path, s, r.From, r.To)
	if len(d.problems) > before {
		return nil
	}
	next, steps := func(i float64) float64 { return low * math.Pow(float64(r.Factor), i) }, math.Log(high/low)/math.Log(float64(r.Factor))
	by := join(path, "factor")
	if r.Step != "" {
		by = join(path, "step")
		step, stepUnit, err := quantity(r.Step)
		switch {
		case err != nil:
			d.report(d.positions[by], by, "%v", err)
		case stepUnit != unit:
			d.report(d.positions[by], by, "expected the unit of from, %s, found %s", r.From, r.Step)
		case step <= 0:
			d.report(d.positions[by], by, "expected more than 0, found %s: the range would never end", r.Step)
		}
		next, steps = func(i float64) float64 { return low + i*step }, (high-low)/step
	} else if low <= 0 {
		d.report(d.positions[join(path, "from")], join(path, "from"), "expected more than 0 with a factor, found %s: the range would never end", r.From)
	}
	const slack = 1e-9 // of the rounding of steps
	if len(d.problems) == before && steps+slack >= mostValues {
		d.report(d.positions[by], by, "expected at most %d values, found about %.3g", mostValues, steps+1)
	}
	if len(d.problems) > before {
		return nil
	}
	var values []string
	for i := range int(steps+slack) + 1 {
		values = append(values, decimal(next(float64(i)), 12)+unit)
	}
	return values
}

// bounds reads the ends of a range or a search, which have one unit.
func (d *decoder) bounds(path string, s slot, from, to string) (low, high float64, unit string) {
	if from == "" || to == "" {
		return 0, 0, "" // reported as missing
	}
	before := len(d.problems)
	read := func(name, text string) (float64, string) {
		at := join(path, name)
		pos := d.positions[at]
		d.setting(scalarAt(text, pos), at, s)
		x, unit, err := quantity(text)
		if err != nil && !d.bad[at] {
			d.report(pos, at, "%v", err)
		}
		return x, unit
	}
	low, unit = read("from", from)
	high, other := read("to", to)
	at := join(path, "to")
	switch {
	case len(d.problems) > before:
	case unit != other:
		d.report(d.positions[at], at, "expected the unit of from, %s, found %s", from, to)
	case high < low:
		d.report(d.positions[at], at, "expected at least from, %s, found %s", from, to)
	}
	return low, high, unit
}

var quantityForm = regexp.MustCompile(`^([+-]?` + plainNumber + `)([^0-9]*)$`)

// quantity splits a value into its number and its unit.
func quantity(text string) (x float64, suffix string, err error) {
	parts := quantityForm.FindStringSubmatch(text)
	if parts == nil {
		return 0, "", fmt.Errorf("expected a number with one unit, or none, found %q", text)
	}
	x, err = unit.Number(parts[1])
	return x, parts[2], err
}

// decimal writes a number with that many digits at most, without an exponent.
func decimal(x float64, digits int) string {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', digits, 64), 64)
	if err != nil {
		rounded = x // what was formatted reads back
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64)
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
