package decode

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml/ast"
	"github.com/google/jsonschema-go/jsonschema"

	"github.com/quotalab/quotalab/models/metric"
)

// field is one field of the language, as its struct tags say.
type field struct {
	index    int
	name     string // yaml
	doc      string
	required bool
	unless   []string // fields of the struct; where any of them is written, required is void
	initial  string   // default
	example  string   // of text whose form its documentation does not say
	min, max *bound
	enum     []string
	one      string // group of alternatives: exactly one field of a group is written
	related  string // name of the field that bounds it
	relation int    // index in relations
}

// relations are the tags that name the other field, each with how a message
// puts it, and the signs of a comparison that obey it.
var relations = []struct {
	tag, words string
	obey       []int
}{{"above", "more than", []int{1}}, {"atleast", "at least", []int{0, 1}}, {"below", "less than", []int{-1}}, {"atmost", "at most", []int{-1, 0}}}

// fieldsOf keeps what fields found of a type: a scenario asks hundreds of times.
var fieldsOf sync.Map

// fields lists the fields of a struct of the language, in order.
func fields(t reflect.Type) []field {
	if known, ok := fieldsOf.Load(t); ok {
		return known.([]field)
	}
	var out []field
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		name, ok := tag.Lookup("yaml")
		if !ok || name == "-" {
			continue
		}
		f := field{
			index: i, name: name, doc: tag.Get("doc"), required: tag.Get("required") == "true", initial: tag.Get("default"), example: tag.Get("example"),
			min: parseBound(tag.Get("min")), max: parseBound(tag.Get("max")), one: tag.Get("one"),
		}
		if e := tag.Get("enum"); e != "" {
			f.enum = strings.Split(e, ",")
		}
		if u := tag.Get("unless"); u != "" {
			f.unless = strings.Split(u, ",")
		}
		for i, r := range relations {
			if other := tag.Get(r.tag); other != "" {
				f.related, f.relation = other, i
			}
		}
		out = append(out, f)
	}
	fieldsOf.Store(t, out)
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

// Shorthand is the scalar form of a struct of the language.
type Shorthand struct {
	of      reflect.Type
	scalar  reflect.Type
	words   []string // the scalar is one of these; nil: any
	set     func(v reflect.Value, x any)
	expects string
}

// Short returns the shorthand of T: a scalar S, or one of some words.
func Short[S, T any](expects string, of func(S) T, words ...string) Shorthand {
	return Shorthand{reflect.TypeFor[T](), reflect.TypeFor[S](), words, func(v reflect.Value, x any) { v.Set(reflect.ValueOf(of(x.(S)))) }, expects}
}

func (l *Language) short(t reflect.Type) (Shorthand, bool) {
	i := slices.IndexFunc(l.Shorthands, func(s Shorthand) bool { return s.of == t })
	if i < 0 {
		return Shorthand{}, false
	}
	return l.Shorthands[i], true
}

// Special is how values of a type are read that no struct tag describes.
type Special struct {
	of     reflect.Type
	read   func(d *Decoder, n ast.Node, path string, v reflect.Value)
	schema func(of func(reflect.Type) *jsonschema.Schema) *jsonschema.Schema
}

// Read returns how a T is read and what its schema is, given those of other types.
func Read[T any](read func(d *Decoder, n ast.Node, path string, out *T), schema func(of func(reflect.Type) *jsonschema.Schema) *jsonschema.Schema) Special {
	return Special{reflect.TypeFor[T](), func(d *Decoder, n ast.Node, path string, v reflect.Value) {
		read(d, n, path, v.Addr().Interface().(*T))
	}, schema}
}

func (l *Language) special(t reflect.Type) (Special, bool) {
	i := slices.IndexFunc(l.Specials, func(s Special) bool { return s.of == t })
	if i < 0 {
		return Special{}, false
	}
	return l.Specials[i], true
}

var (
	namedType   = reflect.TypeFor[interface{ isNamed() }]()
	optionsType = reflect.TypeFor[Options]()
	emptyType   = reflect.TypeFor[struct{}]()
)

func (d *Decoder) mapping(n ast.Node, path string, at Pos, v reflect.Value) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		expected := "a mapping"
		if sh, short := d.language.short(v.Type()); short {
			expected = sh.expects
		} else if names := fieldNames(fields(v.Type())); len(names) <= 6 {
			expected += " with " + strings.Join(names, ", ")
		}
		d.Report(Start(n), path, "expected %s, found %s", expected, Kind(n))
		return
	}
	if !d.severalForOne(m, path, at, fieldNames(fields(v.Type()))) {
		d.structure(m, path, at, v)
	}
}

// structure decodes a mapping into a struct: known fields, then defaults,
// then what must be there and is not.
func (d *Decoder) structure(m *ast.MappingNode, path string, at Pos, v reflect.Value) {
	fs := fields(v.Type())
	names := fieldNames(fs)
	written := map[string]Pos{}   // fields of the struct that are given
	intended := map[string]bool{} // fields that an unknown name probably means
	for _, e := range d.Keys(m, path) {
		i := slices.Index(names, e.Name)
		if i < 0 {
			near := d.unknown(e, path, names)
			if near != "" {
				intended[near] = true
				d.bad[Join(path, near)] = true
			}
			continue
		}
		written[e.Name] = e.Pos
		target := v.Field(fs[i].index)
		d.value(e.Value, Join(path, e.Name), e.Pos, fs[i], target)
		if target.Kind() == reflect.Bool && !target.Bool() && !d.bad[Join(path, e.Name)] && fs[i].one != "" {
			delete(written, e.Name) // an alternative switched off is one not taken
		}
	}
	for _, f := range fs {
		if _, ok := written[f.name]; ok {
			continue
		}
		if f.required && !intended[f.name] && !excused(f, written, intended) {
			d.Report(at, Join(path, f.name), "missing field %s: %s", f.name, f.doc)
		}
		d.language.setDefault(f, v.Field(f.index))
	}
	d.alternatives(fs, written, intended, path, at)
	for _, f := range fs {
		if f.related != "" {
			d.related(f, fs[slices.Index(names, f.related)], path, v)
		}
	}
}

// related checks a field against the one that bounds it, both without a
// problem of their own.
func (d *Decoder) related(f, bound field, path string, v reflect.Value) {
	x, y := v.Field(f.index), v.Field(bound.index)
	sign := 0
	if x.CanInt() {
		sign = cmp.Compare(x.Int(), y.Int())
	} else {
		sign = cmp.Compare(x.Float(), y.Float())
	}
	at, r := Join(path, f.name), relations[f.relation]
	if !slices.Contains(r.obey, sign) && !d.bad[at] && !d.bad[Join(path, bound.name)] {
		d.Fail(at, "expected %s %s (%v), found %v", r.words, bound.name, y.Interface(), x.Interface())
	}
}

// excused reports whether a field may be left out because of others.
func excused(f field, written map[string]Pos, intended map[string]bool) bool {
	return slices.ContainsFunc(f.unless, func(other string) bool { _, ok := written[other]; return ok || intended[other] })
}

func (d *Decoder) unknown(e Key, path string, names []string) (near string) {
	near = metric.Nearest(e.Name, names)
	hint := "; expected one of " + strings.Join(names, ", ")
	if near != "" {
		hint = " (did you mean \"" + near + "\"?)"
	}
	d.Report(e.Pos, Join(path, e.Name), "unknown field %q%s", e.Name, hint)
	return near
}

// alternatives checks that exactly one field of each group is written.
func (d *Decoder) alternatives(fs []field, written map[string]Pos, intended map[string]bool, path string, at Pos) {
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
			d.Report(at, path, "expected one of %s, found none", all)
		case len(given) > 1:
			slices.SortFunc(given, func(a, b string) int { return written[a].Compare(written[b]) })
			d.Report(written[given[1]], Join(path, given[1]), "expected only one of %s, found %s", all, strings.Join(given, " and "))
		}
	}
}

// Default returns a T of a language in which nothing is written.
func Default[T any](l *Language) (v T) {
	l.setDefaults(reflect.ValueOf(&v).Elem())
	return v
}

// setDefault gives a field that the file leaves out its default, and the
// fields of a plain struct theirs.
func (l *Language) setDefault(f field, v reflect.Value) {
	t := v.Type()
	if f.initial == "" {
		if t.Kind() == reflect.Struct && scalars[t].read == nil {
			if order, _ := groups(fields(t)); len(order) == 0 { // an alternative is not to be chosen for the user
				l.setDefaults(v)
			}
		}
		return
	}
	set := func(x any) { v.Set(reflect.ValueOf(x)) }
	if sh, ok := l.short(t); ok {
		t, set = sh.scalar, func(x any) { sh.set(v, x) }
	}
	x, err := scalars[t].read(f.initial)
	if err != nil {
		panic(fmt.Sprintf("decode: impossible default of %s: %v", f.name, err)) // a mistake in a type, which every test would meet
	}
	set(x)
}

func (l *Language) setDefaults(v reflect.Value) {
	for _, f := range fields(v.Type()) {
		l.setDefault(f, v.Field(f.index))
	}
}
