package scenarios

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/quotalab/quotalab/models/metric"
)

// value decodes a node into v. at is where its key stands, or the node
// itself when it is an element of a list.
func (d *decoder) value(n ast.Node, path string, at Pos, f field, v reflect.Value) {
	if d.depth++; d.depth > maxDepth {
		d.report(at, path, "nested too deeply: at most %d levels", maxDepth)
		d.depth--
		return
	}
	defer func() { d.depth-- }()
	d.positions[path] = at
	if _, scalar := text(n); scalar {
		d.positions[path] = start(n)
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

func (d *decoder) typed(n ast.Node, path string, at Pos, f field, v reflect.Value) {
	t := v.Type()
	sh, short := shorthands[t]
	_, scalarNode := text(n)
	switch {
	case t == axesType:
		d.axes(n, path, v.Addr().Interface().(*Named[Axis]))
	case t == columnType:
		d.column(n, path, v.Addr().Interface().(*Column))
	case t == assertionType:
		d.assertions(n, path, v.Addr().Interface().(*[]Assertion))
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
		panic("scenarios: no decoder for " + t.String()) // a mistake in this package, which every test would meet
	}
}

func isNull(n ast.Node) bool { _, ok := n.(*ast.NullNode); return ok }

func (d *decoder) scalar(n ast.Node, path string, f field, v reflect.Value) {
	s, ok := text(n)
	if !ok {
		d.report(start(n), path, "expected %s, found %s", scalars[v.Type()].noun, kindOf(n))
		return
	}
	if len(f.enum) > 0 && !slices.Contains(f.enum, s) {
		d.report(start(n), path, "expected one of %s, found %q%s", strings.Join(f.enum, ", "), s, metric.DidYouMean(s, f.enum))
		return
	}
	x, err := scalars[v.Type()].read(s)
	if err != nil {
		d.report(start(n), path, "%v", err)
		return
	}
	got := reflect.ValueOf(x)
	if msg := outside(got, f.min, f.max); msg != "" {
		d.report(start(n), path, "%s", msg)
		return
	}
	if v.Kind() == reflect.String && s == "" {
		d.report(start(n), path, "expected text, found an empty string")
		return
	}
	v.Set(got)
}

func (d *decoder) empty(n ast.Node, path string, f field) {
	if m, ok := n.(*ast.MappingNode); isNull(n) || ok && len(m.Values) == 0 {
		return
	}
	d.report(start(n), path, "%s has no fields: write %s: {}", f.name, f.name)
}

// short decodes the scalar form of a struct.
func (d *decoder) short(n ast.Node, path string, sh shorthand, v reflect.Value) {
	s, ok := text(n)
	switch {
	case !ok:
		d.report(start(n), path, "expected %s, found %s", sh.expects, kindOf(n))
	case sh.words != nil && !slices.Contains(sh.words, s):
		d.report(start(n), path, "expected %s, found %q%s", sh.expects, s, metric.DidYouMean(s, append(sh.words[:len(sh.words):len(sh.words)], fieldNames(fields(v.Type()))...)))
	case sh.words != nil:
		sh.set(v, s)
	default:
		x, err := scalars[sh.scalar].read(s)
		if err != nil {
			d.report(start(n), path, "%v", err)
			return
		}
		f := fields(v.Type())[0] // the field that the scalar stands for, with its bounds
		if msg := outside(reflect.ValueOf(x), f.min, f.max); msg != "" {
			d.report(start(n), path, "%s", msg)
			return
		}
		sh.set(v, x)
	}
}

func (d *decoder) list(n ast.Node, path string, at Pos, f field, v reflect.Value) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.report(start(n), path, "expected a list, found %s", kindOf(n))
		return
	}
	if len(seq.Values) == 0 {
		d.report(at, path, "expected at least one element, found an empty list")
	}
	v.Set(reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values)))
	for i, e := range seq.Values {
		d.value(e, join(path, fmt.Sprint(i)), start(e), field{name: f.name, enum: f.enum}, v.Index(i))
	}
}

// named decodes a mapping of names to values into a Named.
func (d *decoder) named(n ast.Node, path string, at Pos, v reflect.Value) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		d.report(start(n), path, "expected a mapping of names, found %s", kindOf(n))
		return
	}
	if len(m.Values) == 0 {
		d.report(at, path, "expected at least one entry, found an empty mapping")
	}
	for _, e := range d.entries(m, path) {
		if !isName(e.key) {
			d.report(e.pos, join(path, e.key), "expected a name of letters, digits, _ and -, found %q", e.key)
		}
		entry := reflect.New(v.Type().Elem()).Elem()
		entry.Field(0).SetString(e.key)
		d.value(e.value, join(path, e.key), e.pos, field{name: e.key}, entry.Field(1))
		v.Set(reflect.Append(v, entry))
	}
}

// isName tells whether s can stand in a path, a tag and a file name.
func isName(s string) bool {
	for _, r := range s {
		if r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return false
		}
	}
	return s != ""
}

func (d *decoder) options(n ast.Node, path string, out *Options) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		d.report(start(n), path, "expected a mapping of options, found %s", kindOf(n))
		return
	}
	for _, e := range d.entries(m, path) {
		var s string
		d.value(e.value, join(path, e.key), e.pos, field{name: e.key}, reflect.ValueOf(&s).Elem())
		*out = append(*out, Entry[string]{e.key, s})
	}
}

// entry is one key of a mapping with its value.
type entry struct {
	key   string
	pos   Pos
	node  ast.Node // of the key
	value ast.Node
}

// entries lists a mapping's keys, once each, and reports what is not a plain key.
func (d *decoder) entries(m *ast.MappingNode, path string) []entry {
	var out []entry
	first := map[string]Pos{}
	for _, kv := range m.Values {
		e := entry{pos: start(kv.Key), node: kv.Key, value: kv.Value}
		if _, merge := kv.Key.(*ast.MergeKeyNode); merge {
			d.report(e.pos, path, "YAML merge keys (<<) are not part of the language: write the fields out")
			continue
		}
		key, ok := text(kv.Key)
		if !ok {
			if isNull(kv.Key) {
				key = kv.Key.GetToken().Value
			}
			d.report(e.pos, path, "expected a plain key, found %q", key)
			continue
		}
		if at, again := first[key]; again {
			d.remark(e.pos, join(path, key), "duplicate key %q, first at line %d", key, at.Line)
			continue
		}
		e.key, first[key] = key, e.pos
		out = append(out, e)
	}
	return out
}
