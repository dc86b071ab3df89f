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

// field is one field of the language, as its struct tags say.
type field struct {
	index    int
	name     string // yaml
	doc      string
	required bool
	unless   []string // fields of the struct one of which makes required void
	initial  string   // default
	min, max *bound
	enum     []string
	one      string // group of alternatives: exactly one field of a group is written
}

// fields lists the fields of a struct of the language, in order.
func fields(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		name, ok := tag.Lookup("yaml")
		if !ok || name == "-" {
			continue
		}
		f := field{
			index: i, name: name, doc: tag.Get("doc"), required: tag.Get("required") == "true", initial: tag.Get("default"),
			min: parseBound(tag.Get("min")), max: parseBound(tag.Get("max")), one: tag.Get("one"),
		}
		if e := tag.Get("enum"); e != "" {
			f.enum = strings.Split(e, ",")
		}
		if u := tag.Get("unless"); u != "" {
			f.unless = strings.Split(u, ",")
		}
		out = append(out, f)
	}
	return out
}

func fieldNames(fs []field) []string {
	names := make([]string, len(fs))
	for i, f := range fs {
		names[i] = f.name
	}
	return names
}

// groups lists the groups of alternatives in order, each with its fields' names.
func groups(fs []field) (order []string, members map[string][]string) {
	members = map[string][]string{}
	for _, f := range fs {
		if f.one == "" {
			continue
		}
		if members[f.one] == nil {
			order = append(order, f.one)
		}
		members[f.one] = append(members[f.one], f.name)
	}
	return order, members
}

// shorthand is the scalar form of a struct of the language.
type shorthand struct {
	words   []string // closed set, or
	scalar  reflect.Type
	set     func(v reflect.Value, x any) // x is the word, or the scalar
	expects string
}

var shorthands = map[reflect.Type]shorthand{
	reflect.TypeFor[Gaps](): {words: []string{"poisson", "even"}, expects: "poisson, even, or a mapping with gamma or pareto",
		set: func(v reflect.Value, x any) { v.Set(reflect.ValueOf(Gaps{Poisson: x == "poisson", Even: x == "even"})) }},
	reflect.TypeFor[Reaction](): {words: []string{"none"}, expects: "none, or a mapping with retry",
		set: func(v reflect.Value, _ any) { v.SetZero() }},
	reflect.TypeFor[Distribution](): {scalar: reflect.TypeFor[Duration](), expects: "a duration such as 5ms, or a mapping with a distribution",
		set: func(v reflect.Value, x any) { d := x.(Duration); v.Set(reflect.ValueOf(Distribution{Constant: &d})) }},
	reflect.TypeFor[RatePattern](): {scalar: reflect.TypeFor[Rate](), expects: "a rate such as 500/s, or a mapping with a growth pattern",
		set: func(v reflect.Value, x any) { r := x.(Rate); v.Set(reflect.ValueOf(RatePattern{Constant: &r})) }},
	reflect.TypeFor[Scale](): {scalar: reflect.TypeFor[Number](), expects: "a factor such as 1.5, or a mapping with a distribution",
		set: func(v reflect.Value, x any) { n := x.(Number); v.Set(reflect.ValueOf(Scale{Constant: &n})) }},
	reflect.TypeFor[Overlap](): {scalar: reflect.TypeFor[bool](), expects: "true, false, or a mapping with every",
		set: func(v reflect.Value, x any) { v.Set(reflect.ValueOf(Overlap{Daily: x.(bool)})) }},
	reflect.TypeFor[Condition](): {scalar: reflect.TypeFor[string](), expects: "a condition such as \"p(99) < 5ms\"",
		set: func(v reflect.Value, x any) { v.Addr().Interface().(*Condition).Check = x.(string) }},
}

var (
	namedType     = reflect.TypeFor[interface{ isNamed() }]()
	axesType      = reflect.TypeFor[Named[Axis]]()
	columnType    = reflect.TypeFor[Column]()
	optionsType   = reflect.TypeFor[Options]()
	assertionType = reflect.TypeFor[[]Assertion]()
	emptyType     = reflect.TypeFor[struct{}]()
)

// join appends an element to a dotted path.
func join(path, element string) string {
	if path == "" {
		return element
	}
	return path + "." + element
}

// parent drops the last element of a dotted path.
func parent(path string) string {
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		return path[:i]
	}
	return ""
}

func (d *decoder) mapping(n ast.Node, path string, at Pos, v reflect.Value) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		expected := "a mapping"
		if sh, short := shorthands[v.Type()]; short {
			expected = sh.expects
		} else if names := fieldNames(fields(v.Type())); len(names) <= 6 {
			expected += " with " + strings.Join(names, ", ")
		}
		d.report(start(n), path, "expected %s, found %s", expected, kindOf(n))
		return
	}
	d.structure(m, path, at, v)
}

// structure decodes a mapping into a struct: known fields, then defaults,
// then what must be there and is not.
func (d *decoder) structure(m *ast.MappingNode, path string, at Pos, v reflect.Value) {
	fs := fields(v.Type())
	names := fieldNames(fs)
	written := map[string]Pos{}   // fields of the struct that are given
	intended := map[string]bool{} // fields that an unknown name probably means
	for _, e := range d.entries(m, path) {
		i := slices.Index(names, e.key)
		if i < 0 {
			near := d.unknown(e, path, names)
			if near != "" {
				intended[near] = true
				d.bad[join(path, near)] = true
			}
			continue
		}
		written[e.key] = e.pos
		target := v.Field(fs[i].index)
		d.value(e.value, join(path, e.key), e.pos, fs[i], target)
		if target.Kind() == reflect.Bool && !target.Bool() && !d.bad[join(path, e.key)] && fs[i].one != "" {
			delete(written, e.key) // an alternative switched off is one not taken
		}
	}
	for _, f := range fs {
		if _, ok := written[f.name]; ok {
			continue
		}
		if f.required && !intended[f.name] && !excused(f, written, intended) {
			d.report(at, join(path, f.name), "missing field %s: %s", f.name, f.doc)
		}
		setDefault(f, v.Field(f.index))
	}
	d.alternatives(fs, written, intended, path, at)
}

// excused tells whether a field may be left out because of others.
func excused(f field, written map[string]Pos, intended map[string]bool) bool {
	return slices.ContainsFunc(f.unless, func(other string) bool { _, ok := written[other]; return ok || intended[other] })
}

func (d *decoder) unknown(e entry, path string, names []string) (near string) {
	near = metric.Nearest(e.key, names)
	hint := "; expected one of " + strings.Join(names, ", ")
	if near != "" {
		hint = " (did you mean \"" + near + "\"?)"
	}
	d.report(e.pos, join(path, e.key), "unknown field %q%s", e.key, hint)
	return near
}

// alternatives checks that exactly one field of each group is written.
func (d *decoder) alternatives(fs []field, written map[string]Pos, intended map[string]bool, path string, at Pos) {
	order, members := groups(fs)
	for _, group := range order {
		var given []string
		meant := false
		for _, name := range members[group] {
			if _, ok := written[name]; ok {
				given = append(given, name)
			}
			meant = meant || intended[name]
		}
		all := strings.Join(members[group], ", ")
		switch {
		case len(given) == 0 && !meant:
			d.report(at, path, "expected one of %s, found none", all)
		case len(given) > 1:
			slices.SortFunc(given, func(a, b string) int { return written[a].compare(written[b]) })
			d.report(written[given[1]], join(path, given[1]), "expected only one of %s, found %s", all, strings.Join(given, " and "))
		}
	}
}

// setDefault gives a field that the file leaves out its default, and the
// fields of a plain struct theirs.
func setDefault(f field, v reflect.Value) {
	t := v.Type()
	if f.initial == "" {
		if t.Kind() == reflect.Struct && scalars[t].read == nil {
			if order, _ := groups(fields(t)); len(order) == 0 { // an alternative is not to be chosen for the user
				setDefaults(v)
			}
		}
		return
	}
	if s, ok := scalars[t]; ok {
		if x, err := s.read(f.initial); err == nil {
			v.Set(reflect.ValueOf(x))
		}
		return
	}
	if sh, ok := shorthands[t]; ok {
		var x any = f.initial
		if sh.words == nil {
			x, _ = scalars[sh.scalar].read(f.initial)
		}
		sh.set(v, x)
	}
}

func setDefaults(v reflect.Value) {
	for _, f := range fields(v.Type()) {
		setDefault(f, v.Field(f.index))
	}
}

// Pos is a place in a scenario file, both counted from 1, columns in
// characters.
type Pos struct{ Line, Column int }

func (p Pos) String() string { return fmt.Sprintf("%d:%d", p.Line, p.Column) }

func (p Pos) compare(q Pos) int {
	if p.Line != q.Line {
		return p.Line - q.Line
	}
	return p.Column - q.Column
}

// Pos tells where a dotted path stands: a scalar at its value, a mapping or
// list at its key, a path that was left out at its nearest written parent.
func (s *Scenario) Pos(path string) Pos {
	for {
		if p, ok := s.Positions[path]; ok {
			return p
		}
		if path == "" {
			return Pos{1, 1}
		}
		path = parent(path)
	}
}

// Written tells whether the file gives the path, as opposed to a default.
func (s *Scenario) Written(path string) bool {
	_, ok := s.Positions[path]
	return ok
}

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
