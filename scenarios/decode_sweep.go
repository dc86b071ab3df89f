package scenarios

import (
	"reflect"
	"slices"
	"strconv"

	"github.com/goccy/go-yaml/ast"

	"github.com/quotalab/quotalab/models/metric"
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
