package scenarios

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/quotalab/quotalab/models/metric"
)

// slot is where one value of a scenario stands, or would stand, in a file.
type slot struct {
	t   reflect.Type // what the language has there
	f   field
	set func(ast.Node) // puts a node there, in mappings made on the way
	n   ast.Node       // what the file has there, or nil
}

// notVaried are the blocks whose fields are no part of what is played.
var notVaried = map[string]string{
	"name":   "a scenario keeps its name: records and tables are told apart by the axes",
	"about":  "what a scenario shows is not what it plays",
	"assert": "assertions judge every cell alike; a sweep varies what is played",
	"clock":  "a sweep is played on one clock",
	"sweep":  "a sweep does not vary itself",
}

// locate finds a dotted path in the syntax tree of a scenario, beside the
// types of the language. What the file leaves out is added to the tree by the
// slot's set, at the place at; entries of Named and elements of lists have to
// be there. A mistake has the offset of the path's wrong element.
func locate(root *ast.MappingNode, path string, at Pos) (slot, *metric.SyntaxError) {
	s := slot{t: reflect.TypeFor[Scenario](), n: root}
	if path == "" {
		return slot{}, &metric.SyntaxError{Msg: "expected the path of a field such as shards.count, found nothing"}
	}
	offset, walked := 0, ""
	for _, element := range strings.Split(path, ".") {
		next, msg := s.step(element, walked, at)
		if why, ok := notVaried[element]; ok && walked == "" {
			msg = why
		}
		if msg != "" {
			return slot{}, &metric.SyntaxError{Offset: offset, Msg: msg}
		}
		s, walked = next, join(walked, element)
		offset += len(element) + 1
	}
	if _, short := shorthands[s.t]; scalars[s.t].read == nil && !short {
		return slot{}, &metric.SyntaxError{Msg: path + s.inside()}
	}
	return s, nil
}

// step goes down by one element of a path.
func (s slot) step(element, walked string, at Pos) (slot, string) {
	isNamed := s.t.Implements(namedType)
	_, isScalar := text(s.n)
	switch {
	case scalars[s.t].read != nil || s.t == emptyType:
		return slot{}, fmt.Sprintf("%s has no fields, found %q", walked, element)
	case isScalar:
		return slot{}, fmt.Sprintf("%s is written as %s: vary it as a whole, or write it as a mapping", walked, kindOf(s.n))
	case s.t == optionsType:
		return s.child(element, reflect.TypeFor[string](), field{name: element}, at)
	case isNamed:
		value, _ := s.t.Elem().FieldByName("Value")
		if have := s.keys(); !slices.Contains(have, element) {
			return slot{}, fmt.Sprintf("no entry %q in %s%s; there is %s", element, walked, metric.DidYouMean(element, have), orNothing(have))
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
		return slot{}, fmt.Sprintf("unknown field %q%s", element, hint)
	}
	return s.child(element, s.t.Field(fs[i].index).Type, fs[i], at)
}

// child is the value of a key of the mapping s.
func (s slot) child(key string, t reflect.Type, f field, at Pos) (slot, string) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	m, ok := s.n.(*ast.MappingNode)
	if s.n != nil && !isNull(s.n) && !ok {
		return slot{}, fmt.Sprintf("expected a mapping that has %s, found %s", key, kindOf(s.n))
	}
	if ok {
		for _, kv := range m.Values {
			if keyIs(kv, key) {
				return slot{t: t, f: f, n: kv.Value, set: func(n ast.Node) { kv.Value = n }}, ""
			}
		}
	}
	return slot{t: t, f: f, set: func(n ast.Node) {
		name := scalarAt(key, at)
		if m == nil {
			m = ast.Mapping(name.Token, true)
			s.set(m)
		}
		m.Values = append(m.Values, ast.MappingValue(name.Token, name, n))
	}}, ""
}

// element is the element of the list s with that number.
func (s slot) element(number, walked string) (slot, string) {
	seq, ok := s.n.(*ast.SequenceNode)
	if !ok || len(seq.Values) == 0 {
		return slot{}, fmt.Sprintf("%s is a list that the scenario does not have", walked)
	}
	i, err := strconv.Atoi(number)
	if err != nil || i < 0 || i >= len(seq.Values) {
		return slot{}, fmt.Sprintf("expected the number of an element of %s, from 0 to %d, found %q", walked, len(seq.Values)-1, number)
	}
	return slot{t: s.t.Elem(), f: field{name: s.f.name, enum: s.f.enum}, n: seq.Values[i], set: func(n ast.Node) { seq.Values[i] = n }}, ""
}

// keys are those of the mapping s.
func (s slot) keys() []string {
	var keys []string
	if m, ok := s.n.(*ast.MappingNode); ok {
		for _, kv := range m.Values {
			if key, ok := text(kv.Key); ok {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// inside says how to go on from what is not a single value.
func (s slot) inside() string {
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
	return strings.Join(names[:min(len(names), mostListed)], ", ")
}
