package decode

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// Schema returns the JSON Schema (draft 2020-12) of a language's files, made
// from the Go types and their tags. It is what editors check while one writes;
// the decoder checks more (units against each other, say).
func (l *Language) Schema() *jsonschema.Schema {
	b := schemaBuilder{l, map[string]*jsonschema.Schema{}}
	root := b.object(l.Root)
	root.Schema = "https://json-schema.org/draft/2020-12/schema"
	root.ID = "https://raw.githubusercontent.com/quotalab/quotalab/main/scenarios/" + l.File
	root.Title = "quotalab " + l.Noun
	root.Defs = b.defs
	return root
}

// WriteSchema returns a schema as the text of a file.
func WriteSchema(s *jsonschema.Schema) ([]byte, error) {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing a schema: %w", err)
	}
	return append(data, '\n'), nil
}

// schemaBuilder collects the named types below $defs, so that recursive
// types (sums of patterns) end.
type schemaBuilder struct {
	*Language
	defs map[string]*jsonschema.Schema
}

func (b schemaBuilder) ref(t reflect.Type, build func() *jsonschema.Schema) *jsonschema.Schema {
	name := t.Name()
	if t.PkgPath() == "time" {
		name = "Instant"
	}
	if b.defs[name] == nil {
		b.defs[name] = &jsonschema.Schema{} // stands for itself while its fields are built
		*b.defs[name] = *build()
	}
	return &jsonschema.Schema{Ref: "#/$defs/" + name}
}

func (b schemaBuilder) of(t reflect.Type) *jsonschema.Schema {
	sc, isScalar := scalars[t]
	sh, isShort := b.Language.short(t)
	special, isSpecial := b.special(t)
	switch {
	case t.Kind() == reflect.Pointer:
		return b.of(t.Elem())
	case isSpecial:
		return special.schema(b.of)
	case t == axesType:
		value := &jsonschema.Schema{Types: []string{"string", "number", "boolean"}}
		values := &jsonschema.Schema{Type: "array", MinItems: new(1), Items: value}
		return &jsonschema.Schema{Type: "object", MinProperties: new(1),
			AdditionalProperties: &jsonschema.Schema{AnyOf: []*jsonschema.Schema{values, b.of(reflect.TypeFor[Range]())}}}
	case t == optionsType:
		return &jsonschema.Schema{Type: "object", AdditionalProperties: &jsonschema.Schema{Types: []string{"string", "number", "boolean"}}}
	case t.Implements(namedType):
		value, _ := t.Elem().FieldByName("Value")
		return &jsonschema.Schema{Type: "object", MinProperties: new(1), AdditionalProperties: b.of(value.Type),
			PropertyNames: &jsonschema.Schema{Pattern: "^[A-Za-z0-9_-]+$"}}
	case isScalar && t.PkgPath() == "":
		return sc.schema(t)
	case isScalar:
		return b.ref(t, func() *jsonschema.Schema { return sc.schema(t) })
	case t == emptyType:
		return &jsonschema.Schema{Types: []string{"object", "null"}, MaxProperties: new(0)}
	case t.Kind() == reflect.Slice:
		return &jsonschema.Schema{Type: "array", MinItems: new(1), Items: b.of(t.Elem())}
	case isShort:
		return b.ref(t, func() *jsonschema.Schema {
			return &jsonschema.Schema{AnyOf: []*jsonschema.Schema{b.scalarOf(sh), b.object(t)}}
		})
	}
	return b.ref(t, func() *jsonschema.Schema { return b.object(t) })
}

func (b schemaBuilder) scalarOf(sh Shorthand) *jsonschema.Schema {
	if sh.words == nil {
		return b.of(sh.scalar)
	}
	return &jsonschema.Schema{Type: "string", Enum: anys(sh.words)}
}

func (s scalar) schema(t reflect.Type) *jsonschema.Schema {
	switch {
	case t.Kind() == reflect.Bool:
		return &jsonschema.Schema{Type: "boolean"}
	case t.Kind() == reflect.String:
		return &jsonschema.Schema{Types: []string{"string", "number"}, MinLength: new(1)} // text may look like a number
	case s.number:
		return &jsonschema.Schema{Description: s.noun, Types: []string{"number", "string"}, Pattern: s.pattern, Examples: s.examples()}
	}
	return &jsonschema.Schema{Description: s.noun, Type: "string", Pattern: s.pattern, Examples: s.examples()}
}

// examples are what the noun names, or a number.
func (s scalar) examples() []any {
	if _, example, ok := strings.Cut(s.noun, " such as "); ok {
		return []any{example}
	}
	return []any{1000}
}

func (b schemaBuilder) object(t reflect.Type) *jsonschema.Schema {
	fs := fields(t)
	s := &jsonschema.Schema{Type: "object", Properties: map[string]*jsonschema.Schema{},
		AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}}, PropertyOrder: fieldNames(fs)}
	for _, f := range fs {
		s.Properties[f.name] = b.property(f, t.Field(f.index).Type)
		switch {
		case f.required && f.unless == nil:
			s.Required = append(s.Required, f.name)
		case f.required:
			s.AllOf = append(s.AllOf, requiredUnless(f))
		}
	}
	order, members := groups(fs)
	for _, group := range order {
		one := &jsonschema.Schema{}
		for _, name := range members[group] {
			one.OneOf = append(one.OneOf, &jsonschema.Schema{Required: []string{name}})
		}
		s.AllOf = append(s.AllOf, one)
	}
	return s
}

func requiredUnless(f field) *jsonschema.Schema {
	one := &jsonschema.Schema{}
	for _, name := range append([]string{f.name}, f.unless...) {
		one.AnyOf = append(one.AnyOf, &jsonschema.Schema{Required: []string{name}})
	}
	return one
}

func (b schemaBuilder) property(f field, t reflect.Type) *jsonschema.Schema {
	p := b.of(t)
	p.Description = f.doc
	if len(f.enum) > 0 {
		p.Types, p.Type, p.MinLength = nil, "string", nil
		p.Enum = anys(f.enum)
	}
	if scalars[t].number { // a bound of a duration or rate has no keyword
		p.Minimum, p.ExclusiveMinimum = limits(f.min)
		p.Maximum, p.ExclusiveMaximum = limits(f.max)
	}
	if f.initial != "" {
		sh, _ := b.Language.short(t)
		isBool := t.Kind() == reflect.Bool || sh.scalar == reflect.TypeFor[bool]()
		p.Default = initialJSON(f.initial, scalars[t].number || isBool)
	}
	if f.example != "" {
		p.Examples = []any{f.example}
	}
	return p
}

func limits(b *bound) (inclusive, exclusive *float64) {
	switch {
	case b == nil:
		return nil, nil
	case b.exclusive:
		return nil, &b.value
	}
	return &b.value, nil
}

// initialJSON writes a default as JSON: a plain number, true and false as
// such, all else as text.
func initialJSON(s string, bare bool) json.RawMessage {
	if plain := strings.ReplaceAll(s, "_", ""); bare && json.Valid([]byte(plain)) {
		return json.RawMessage(plain)
	}
	data, err := json.Marshal(s)
	if err != nil {
		return nil // a string always has JSON
	}
	return data
}

func anys(words []string) []any {
	out := make([]any, len(words))
	for i, w := range words {
		out[i] = w
	}
	return out
}
