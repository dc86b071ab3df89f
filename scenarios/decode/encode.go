package decode

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Encode writes a mapping of a language as a file that decodes to it: each of
// its fields on a line of its own, named entries on lines below, all else in
// braces. Fields that hold nothing, or their default, are left out; what a
// Special reads is written as its String, or else cannot be written.
func (l *Language) Encode(of any) ([]byte, error) {
	v := reflect.Indirect(reflect.ValueOf(of))
	var b strings.Builder
	for _, f := range fields(v.Type()) {
		x := v.Field(f.index)
		switch {
		case !l.says(f, x):
			continue
		case x.Type().Implements(namedType):
			fmt.Fprintf(&b, "%s:\n", f.name)
			for i := range x.Len() {
				text, err := l.flow(x.Index(i).FieldByName("Value"))
				if err != nil {
					return nil, fmt.Errorf("%s.%s: %w", f.name, x.Index(i).Field(0), err)
				}
				fmt.Fprintf(&b, "  %s: %s\n", quoted(x.Index(i).Field(0).String()), text)
			}
		default:
			text, err := l.flow(x)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.name, err)
			}
			fmt.Fprintf(&b, "%s: %s\n", f.name, text)
		}
	}
	return []byte(b.String()), nil
}

// says reports whether a field's value has to be written.
func (l *Language) says(f field, v reflect.Value) bool {
	if v.IsZero() && (f.initial == "" || f.min == nil || *f.min != bound{}) { // else 0 may be meant
		return f.required && scalars[v.Type()].read != nil
	}
	initial := reflect.New(v.Type()).Elem()
	l.setDefault(f, initial)
	return !reflect.DeepEqual(initial.Interface(), v.Interface())
}

// flow writes a value on one line.
func (l *Language) flow(v reflect.Value) (string, error) {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	t := v.Type()
	_, special := l.special(t)
	switch {
	case special && t.Implements(stringerType):
		return quoted(fmt.Sprint(v.Interface())), nil
	case special:
		return "", fmt.Errorf("a %s is read in a way of its own and cannot be written", t)
	case t == reflect.TypeFor[time.Time]():
		return v.Interface().(time.Time).Format(time.RFC3339Nano), nil
	case t.Kind() == reflect.String:
		return quoted(v.String()), nil
	case scalars[t].read != nil:
		return fmt.Sprint(v.Interface()), nil
	case t.Implements(namedType), t == optionsType:
		return l.braces(v.Len(), func(i int) (string, reflect.Value) {
			return quoted(v.Index(i).Field(0).String()), v.Index(i).Field(1)
		})
	case t.Kind() == reflect.Slice:
		items := make([]string, v.Len())
		for i := range items {
			var err error
			if items[i], err = l.flow(v.Index(i)); err != nil {
				return "", err
			}
		}
		return "[" + strings.Join(items, ", ") + "]", nil
	case t.Kind() == reflect.Struct:
		var written []field
		for _, f := range fields(t) {
			if l.says(f, v.Field(f.index)) {
				written = append(written, f)
			}
		}
		return l.braces(len(written), func(i int) (string, reflect.Value) { return written[i].name, v.Field(written[i].index) })
	}
	return "", fmt.Errorf("the language has no %s", t)
}

// braces writes n entries of a mapping.
func (l *Language) braces(n int, at func(i int) (string, reflect.Value)) (string, error) {
	entries := make([]string, n)
	for i := range entries {
		name, v := at(i)
		text, err := l.flow(v)
		if err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		entries[i] = name + ": " + text
	}
	return "{" + strings.Join(entries, ", ") + "}", nil
}

// stringerType has values that print in the file's own spelling.
var stringerType = reflect.TypeFor[fmt.Stringer]()

// bare is text that YAML takes for nothing but itself.
var bare = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./-]*$`)

// quoted writes text, between quotation marks unless it can stand alone.
func quoted(text string) string {
	switch strings.ToLower(text) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
	default:
		if bare.MatchString(text) {
			return text
		}
	}
	return strconv.Quote(text)
}
