package decode

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/quotalab/quotalab/models/metric"
)

// Slot is where one value stands, or would stand, in a file.
type Slot struct {
	t   reflect.Type // what the language has there
	f   field
	set func(ast.Node) // puts a node there, in mappings made on the way
	n   ast.Node       // what the file has there, or nil
}

// Set puts a value at a dotted path of the parsed file, before Into. Keys that
// it adds stand at key, the value at at. A mistake in the path has the offset
// of its wrong element.
func (d *Decoder) Set(path string, key Pos, value string, at Pos) *metric.SyntaxError {
	s, mistake := d.Locate(path, key)
	if mistake == nil {
		s.set(scalarAt(value, at))
	}
	return mistake
}

// Drop takes a field of the file out, before Into.
func (d *Decoder) Drop(name string) {
	d.root.Values = slices.DeleteFunc(d.root.Values, func(kv *ast.MappingValueNode) bool { return keyIs(kv, name) })
}

// Locate finds a dotted path in the syntax tree of the file, beside the types
// of the language. Entries of Named and elements of lists have to be there;
// other fields may be left out, and then stand at the place at. A mistake has
// the offset of the path's wrong element.
func (d *Decoder) Locate(path string, at Pos) (Slot, *metric.SyntaxError) {
	s := Slot{t: d.language.Root, n: d.root}
	if path == "" {
		return Slot{}, &metric.SyntaxError{Msg: "expected the path of a field such as " + d.language.Example + ", found nothing"}
	}
	offset, walked := 0, ""
	for _, element := range strings.Split(path, ".") {
		next, msg := s.step(element, walked, at)
		if why, ok := d.language.Fixed[element]; ok && walked == "" {
			msg = why
		}
		if msg != "" {
			return Slot{}, &metric.SyntaxError{Offset: offset, Msg: msg}
		}
		s, walked = next, Join(walked, element)
		offset += len(element) + 1
	}
	if _, short := d.language.short(s.t); scalars[s.t].read == nil && !short {
		return Slot{}, &metric.SyntaxError{Msg: path + s.inside()}
	}
	return s, nil
}

// step goes down by one element of a path.
func (s Slot) step(element, walked string, at Pos) (Slot, string) {
	isNamed := s.t.Implements(namedType)
	_, isScalar := Text(s.n)
	switch {
	case scalars[s.t].read != nil || s.t == emptyType:
		return Slot{}, fmt.Sprintf("%s has no fields, found %q", walked, element)
	case isScalar:
		return Slot{}, fmt.Sprintf("%s is written as %s: vary it as a whole, or write it as a mapping", walked, Kind(s.n))
	case s.t == optionsType:
		return s.child(element, reflect.TypeFor[string](), field{name: element}, at)
	case isNamed:
		value, _ := s.t.Elem().FieldByName("Value")
		if have := s.keys(); !slices.Contains(have, element) {
			return Slot{}, fmt.Sprintf("no entry %q in %s%s; there is %s", element, walked, metric.DidYouMean(element, have), orNothing(have))
		}
		return s.child(element, value.Type, field{name: element}, at)
	case s.t.Kind() == reflect.Slice:
		return s.element(element, walked)
	}
	fs := fields(s.t)
	names := fieldNames(fs)
	i := slices.Index(names, element)
	if i < 0 {
		hint := metric.DidYouMean(element, names)
		if hint == "" {
			hint = "; expected one of " + strings.Join(names, ", ")
		}
		return Slot{}, fmt.Sprintf("unknown field %q%s", element, hint)
	}
	return s.child(element, s.t.Field(fs[i].index).Type, fs[i], at)
}

func (s Slot) child(key string, t reflect.Type, f field, at Pos) (Slot, string) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	m, ok := s.n.(*ast.MappingNode)
	if s.n != nil && !isNull(s.n) && !ok {
		return Slot{}, fmt.Sprintf("expected a mapping that has %s, found %s", key, Kind(s.n))
	}
	if ok {
		for _, kv := range m.Values {
			if keyIs(kv, key) {
				return Slot{t: t, f: f, n: kv.Value, set: func(n ast.Node) { kv.Value = n }}, ""
			}
		}
	}
	return Slot{t: t, f: f, set: func(n ast.Node) {
		name := scalarAt(key, at)
		if m == nil {
			m = ast.Mapping(name.Token, true)
			s.set(m)
		}
		m.Values = append(m.Values, ast.MappingValue(name.Token, name, n))
	}}, ""
}

// element is the element of the list s with that number.
func (s Slot) element(number, walked string) (Slot, string) {
	seq, ok := s.n.(*ast.SequenceNode)
	if !ok || len(seq.Values) == 0 {
		return Slot{}, fmt.Sprintf("%s is a list that the scenario does not have", walked)
	}
	i, err := strconv.Atoi(number)
	if err != nil || i < 0 || i >= len(seq.Values) {
		return Slot{}, fmt.Sprintf("expected the number of an element of %s, from 0 to %d, found %q", walked, len(seq.Values)-1, number)
	}
	return Slot{t: s.t.Elem(), f: field{name: s.f.name, enum: s.f.enum}, n: seq.Values[i], set: func(n ast.Node) { seq.Values[i] = n }}, ""
}

// keys are those of the mapping s.
func (s Slot) keys() []string {
	var keys []string
	if m, ok := s.n.(*ast.MappingNode); ok {
		for _, kv := range m.Values {
			if key, ok := Text(kv.Key); ok {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// inside says how to go on from what is not a single value.
func (s Slot) inside() string {
	if s.t.Kind() == reflect.Slice && !s.t.Implements(namedType) && s.t != optionsType {
		return " is a list: name one of its elements by its number, from 0"
	}
	names := s.keys()
	if s.t.Kind() == reflect.Struct {
		names = fieldNames(fields(s.t))
	}
	if len(names) > 0 {
		return " is not a single value: name a field in it, such as " + strings.Join(names[:min(len(names), 6)], ", ")
	}
	return " is not a single value: name a field in it"
}

func orNothing(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names[:min(len(names), 20)], ", ")
}

// scalarAt is a value of a file as a node that stands elsewhere.
func scalarAt(text string, at Pos) *ast.StringNode {
	return ast.String(&token.Token{Type: token.StringType, Value: text, Position: &token.Position{Line: at.Line, Column: at.Column}})
}

func keyIs(kv *ast.MappingValueNode, name string) bool {
	s, ok := Text(kv.Key)
	return ok && s == name
}
