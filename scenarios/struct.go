package scenarios

import (
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/quotalab/quotalab/models/metric"
)

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
