package scenarios

import (
	"reflect"
	"strings"
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
