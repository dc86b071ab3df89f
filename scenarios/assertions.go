package scenarios

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"

	"github.com/quotalab/quotalab/models/metric"
)

// assertions decodes the assert block: a mapping of selectors to conditions.
// Their grammar is checked here, where the place of each character is known.
func (d *decoder) assertions(n ast.Node, path string, out *[]Assertion) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		d.report(start(n), path, "expected a mapping of metrics to lists of conditions, found %s", kindOf(n))
		return
	}
	if len(m.Values) == 0 {
		d.report(start(n), path, "expected at least one assertion, found an empty mapping")
	}
	for _, e := range d.entries(m, path) {
		at := join(path, fmt.Sprint(len(*out)))
		a := Assertion{Selector: e.key, Pos: e.pos}
		sel, places, errs := metric.ScanSelector(e.key)
		for _, err := range errs {
			d.report(d.within(e.node, err.Offset), at, "%s", err.Msg)
		}
		for i, p := range places {
			d.positions[join(at, sel.Tags[i].Name)] = d.within(e.node, p.Value)
		}
		d.value(e.value, at, e.pos, field{name: e.key}, reflect.ValueOf(&a.Conditions).Elem())
		d.positions[at] = e.pos
		d.conditions(e.value, sel.Metric, at, a.Conditions)
		*out = append(*out, a)
	}
}

// conditions checks each condition against the metric, if that is known.
func (d *decoder) conditions(n ast.Node, name, path string, conditions []Condition) {
	m, known := metric.Find(name)
	seq, isList := n.(*ast.SequenceNode)
	for i := range conditions {
		at := join(path, fmt.Sprint(i))
		conditions[i].Pos = d.positions[at]
		if !known || conditions[i].Check == "" || !isList || i >= len(seq.Values) {
			continue
		}
		if _, err := metric.ParseCondition(m, conditions[i].Check); err != nil {
			offset := 0
			if se := (*metric.SyntaxError)(nil); errors.As(err, &se) {
				offset = se.Offset
			}
			d.report(d.within(checkNode(seq.Values[i]), offset), at, "%s", err.Error())
		}
	}
}

// checkNode finds the scalar of a condition: the node itself or its check field.
func checkNode(n ast.Node) ast.Node {
	if m, ok := n.(*ast.MappingNode); ok {
		for _, kv := range m.Values {
			if s, ok := text(kv.Key); ok && s == "check" {
				return kv.Value
			}
		}
	}
	return n
}

// within is the place of a byte of a scalar. Escapes and line breaks move
// it; then the scalar's start has to do.
func (d *decoder) within(n ast.Node, offset int) Pos {
	s, ok := text(n)
	if !ok {
		return start(n)
	}
	return d.inText(start(n), s, offset)
}

// inText is the place of a byte of a scalar that begins at a place, and reads
// as s.
func (d *decoder) inText(at Pos, s string, offset int) Pos {
	if at.Line > len(d.lines) || offset > len(s) {
		return at
	}
	line, column := []rune(d.lines[at.Line-1]), at.Column
	if column <= len(line) && (line[column-1] == '"' || line[column-1] == '\'') { // a plain scalar begins with neither
		column++
	}
	if from := column - 1; from > len(line) || !strings.HasPrefix(string(line[from:]), s) {
		return at
	}
	return Pos{at.Line, column + utf8.RuneCountInString(s[:offset])}
}
