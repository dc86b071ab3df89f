package decode

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/quotalab/quotalab/models/metric"
)

// Named is an ordered map: the entries of a YAML mapping in the file's order.
type Named[T any] []Entry[T]

func (Named[T]) isNamed() {}

// Entry is one named element of a Named.
type Entry[T any] struct {
	Name  string
	Value T
}

// Names lists the names in the file's order.
func (n Named[T]) Names() []string {
	names := make([]string, len(n))
	for i, e := range n {
		names[i] = e.Name
	}
	return names
}

// Get returns the entry of that name.
func (n Named[T]) Get(name string) (T, bool) {
	for _, e := range n {
		if e.Name == name {
			return e.Value, true
		}
	}
	var zero T
	return zero, false
}

// Options are scalars by name in the file's order, as written, for others to
// read.
type Options Named[string]

// Value decodes a node into the variable that out points to. at is where its
// key stands; name is for messages.
func (d *Decoder) Value(n ast.Node, path string, at Pos, name string, out any) {
	d.value(n, path, at, field{name: name}, reflect.ValueOf(out).Elem())
}

// value decodes a node into v. at is where its key stands, or the node
// itself when it is an element of a list.
func (d *Decoder) value(n ast.Node, path string, at Pos, f field, v reflect.Value) {
	if d.full {
		return
	}
	if d.depth++; d.depth > maxDepth {
		d.Report(at, path, "nested too deeply: at most %d levels", maxDepth)
		d.depth--
		return
	}
	defer func() { d.depth-- }()
	d.Positions[path] = at
	if _, scalar := Text(n); scalar {
		d.Positions[path] = Start(n)
	}
	if n = d.plain(n, path); n == nil {
		return
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	d.typed(n, path, at, f, v)
}

func (d *Decoder) typed(n ast.Node, path string, at Pos, f field, v reflect.Value) {
	t := v.Type()
	sh, short := d.language.short(t)
	special, isSpecial := d.language.special(t)
	_, scalarNode := Text(n)
	switch {
	case isSpecial:
		special.read(d, n, path, v)
	case t == axesType:
		d.axes(n, path, v.Addr().Interface().(*Named[Axis]))
	case t == optionsType:
		d.options(n, path, v.Addr().Interface().(*Options))
	case t.Implements(namedType):
		d.named(n, path, at, v)
	case scalars[t].read != nil:
		d.scalar(n, path, f, v)
	case t == emptyType:
		d.empty(n, path, f)
	case short && (scalarNode || isNull(n)):
		d.short(n, path, sh, v)
	case t.Kind() == reflect.Struct:
		d.mapping(n, path, at, v)
	case t.Kind() == reflect.Slice:
		d.list(n, path, at, f, v)
	default:
		panic("decode: no decoder for " + t.String()) // a mistake in this package, which every test would meet
	}
}

func isNull(n ast.Node) bool { _, ok := n.(*ast.NullNode); return ok }

func (d *Decoder) scalar(n ast.Node, path string, f field, v reflect.Value) {
	s, ok := Text(n)
	if !ok {
		d.Report(Start(n), path, "expected %s, found %s", scalars[v.Type()].noun, Kind(n))
		return
	}
	if len(f.enum) > 0 && !slices.Contains(f.enum, s) {
		d.Report(Start(n), path, "expected one of %s, found %q%s", strings.Join(f.enum, ", "), s, metric.DidYouMean(s, f.enum))
		return
	}
	x, err := scalars[v.Type()].read(s)
	if err != nil {
		d.Report(Start(n), path, "%v", err)
		return
	}
	got := reflect.ValueOf(x)
	if msg := outside(got, f.min, f.max); msg != "" {
		d.Report(Start(n), path, "%s", msg)
		return
	}
	if v.Kind() == reflect.String && s == "" {
		d.Report(Start(n), path, "expected text, found an empty string")
		return
	}
	v.Set(got)
}

func (d *Decoder) empty(n ast.Node, path string, f field) {
	if m, ok := n.(*ast.MappingNode); isNull(n) || ok && len(m.Values) == 0 {
		return
	}
	d.Report(Start(n), path, "%s has no fields: write %s: {}", f.name, f.name)
}

// short decodes the scalar form of a struct.
func (d *Decoder) short(n ast.Node, path string, sh Shorthand, v reflect.Value) {
	s, ok := Text(n)
	switch {
	case !ok:
		d.Report(Start(n), path, "expected %s, found %s", sh.expects, Kind(n))
	case sh.words != nil && !slices.Contains(sh.words, s):
		d.Report(Start(n), path, "expected %s, found %q%s", sh.expects, s, metric.DidYouMean(s, append(sh.words[:len(sh.words):len(sh.words)], fieldNames(fields(v.Type()))...)))
	default:
		x, err := scalars[sh.scalar].read(s)
		if err != nil {
			d.Report(Start(n), path, "%v", err)
			return
		}
		f := fields(v.Type())[0] // the field that the scalar stands for, with its bounds
		if msg := outside(reflect.ValueOf(x), f.min, f.max); msg != "" {
			d.Report(Start(n), path, "%s", msg)
			return
		}
		sh.set(v, x)
	}
}

func (d *Decoder) list(n ast.Node, path string, at Pos, f field, v reflect.Value) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.Report(Start(n), path, "expected a list, found %s", Kind(n))
		return
	}
	if len(seq.Values) == 0 {
		d.Report(at, path, "expected at least one element, found an empty list")
	}
	v.Set(reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values)))
	for i, e := range seq.Values {
		d.value(e, Join(path, fmt.Sprint(i)), Start(e), field{name: f.name, enum: f.enum, min: f.min, max: f.max}, v.Index(i))
	}
}

// named decodes a mapping of names to values into a Named.
func (d *Decoder) named(n ast.Node, path string, at Pos, v reflect.Value) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		d.Report(Start(n), path, "expected a mapping of names, found %s", Kind(n))
		return
	}
	if len(m.Values) == 0 {
		d.Report(at, path, "expected at least one entry, found an empty mapping")
	}
	if d.oneForSeveral(m, path, at, v.Type().Elem().Field(1).Type) {
		return
	}
	for _, e := range d.Keys(m, path) {
		if !IsName(e.Name) {
			d.Report(e.Pos, Join(path, e.Name), "expected a name of letters, digits, _ and -, found %q", e.Name)
		}
		entry := reflect.New(v.Type().Elem()).Elem()
		entry.Field(0).SetString(e.Name)
		d.value(e.Value, Join(path, e.Name), e.Pos, field{name: e.Name}, entry.Field(1))
		v.Set(reflect.Append(v, entry))
	}
}

// oneForSeveral reports a single value, with its fields, where a mapping of names
// is expected.
func (d *Decoder) oneForSeveral(m *ast.MappingNode, path string, at Pos, of reflect.Type) bool {
	if of.Kind() != reflect.Struct || len(m.Values) == 0 {
		return false
	}
	names := fieldNames(fields(of))
	for _, kv := range m.Values {
		key, ok := Text(kv.Key)
		if _, mapping := kv.Value.(*ast.MappingNode); !ok || mapping || !slices.Contains(names, key) {
			return false
		}
	}
	last := path[strings.LastIndexByte(path, '.')+1:]
	hint := fmt.Sprintf("write %s: {NAME: {%s: …}}", last, names[0])
	if single := d.language.Single[last]; single != "" {
		hint = fmt.Sprintf("write %s: {%s: …} for a single one, or %s", single, names[0], hint)
	}
	d.Report(at, path, "expected a mapping of names, found the fields of one: %s", hint)
	return true
}

// severalForOne reports a mapping of names where the fields of a single value are
// expected.
func (d *Decoder) severalForOne(m *ast.MappingNode, path string, at Pos, names []string) bool {
	last := path[strings.LastIndexByte(path, '.')+1:]
	several := ""
	for field, single := range d.language.Single {
		if single == last {
			several = field
		}
	}
	if several == "" || len(m.Values) == 0 {
		return false
	}
	for _, kv := range m.Values {
		key, ok := Text(kv.Key)
		if _, mapping := kv.Value.(*ast.MappingNode); !ok || !mapping || slices.Contains(names, key) {
			return false
		}
	}
	d.Report(at, path, "expected %s, found a mapping of names: write %s: {NAME: {%s: …}} for several, or the fields alone for one", strings.Join(names, ", "), several, names[0])
	return true
}

// IsName reports whether s can stand in a path, a tag and a file name.
func IsName(s string) bool {
	for _, r := range s {
		if r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return false
		}
	}
	return s != ""
}

func (d *Decoder) options(n ast.Node, path string, out *Options) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		d.Report(Start(n), path, "expected a mapping of options, found %s", Kind(n))
		return
	}
	for _, e := range d.Keys(m, path) {
		var s string
		d.value(e.Value, Join(path, e.Name), e.Pos, field{name: e.Name}, reflect.ValueOf(&s).Elem())
		*out = append(*out, Entry[string]{e.Name, s})
	}
}

// Key is one key of a mapping with its value.
type Key struct {
	Name  string
	Pos   Pos
	Node  ast.Node // of the key
	Value ast.Node
}

// Keys lists a mapping's keys, once each, and reports what is not a plain key.
func (d *Decoder) Keys(m *ast.MappingNode, path string) []Key {
	var out []Key
	first := map[string]Pos{}
	for _, kv := range m.Values {
		e := Key{Pos: Start(kv.Key), Node: kv.Key, Value: kv.Value}
		if _, merge := kv.Key.(*ast.MergeKeyNode); merge {
			d.Report(e.Pos, path, "YAML merge keys (<<) are not part of the language: write the fields out")
			continue
		}
		key, ok := Text(kv.Key)
		if !ok {
			if isNull(kv.Key) {
				key = kv.Key.GetToken().Value
			}
			d.Report(e.Pos, path, "expected a plain key, found %q", key)
			continue
		}
		if at, again := first[key]; again {
			d.remark(e.Pos, Join(path, key), "duplicate key %q, first at line %d", key, at.Line)
			continue
		}
		e.Name, first[key] = key, e.Pos
		out = append(out, e)
	}
	return out
}
