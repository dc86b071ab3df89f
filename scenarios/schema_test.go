package scenarios

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/jsonschema-go/jsonschema"

	"github.com/quotalab/quotalab/scenarios/decode"
)

// parsed is a schema as a reader of its file has it.
func parsed(t *testing.T, of *jsonschema.Schema) *jsonschema.Schema {
	t.Helper()
	data, err := decode.WriteSchema(of)
	if err != nil {
		t.Fatal(err)
	}
	var s jsonschema.Schema
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	return &s
}

func resolved(t *testing.T, of *jsonschema.Schema) *jsonschema.Resolved {
	t.Helper()
	r, err := parsed(t, of).Resolve(&jsonschema.ResolveOptions{ValidateDefaults: true})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// instance is a YAML text as a JSON Schema validator sees it.
func instance(t *testing.T, data []byte) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(asJSON, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestShippedScenariosObeySchema(t *testing.T) {
	r := resolved(t, Schema())
	for _, name := range Shipped() {
		data, _ := Source(name)
		if err := r.Validate(instance(t, data)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSchemaIsCommitted keeps schema.json, which the shipped scenarios name
// in their first line, the one that Schema makes.
func TestSchemaIsCommitted(t *testing.T) {
	got, err := decode.WriteSchema(Schema())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "schema.json", string(got))
}

func TestSchemaRejects(t *testing.T) {
	r := resolved(t, Schema())
	const valid = "name: a\nhorizon: 1m\nkeys: {k: {uniform: {n: 1_000}}}\ntraffic: {t: {rate: 5/s, keys: k}}\nlimiters: {l: {kind: tat, limit: {count: 3, period: 1s}, options: {write: lua}}}\n" +
		"assert: {latency: [\"p(99) < 5ms\", {check: \"max < 1s\", over: 10s, abortOnFail: true, delayAbortEval: 5s}]}\n" +
		"sweep:\n  axes: {limiters.l.kind: [tat, boulder], seed: [1, 2], warmup: {from: 1s, to: 9s, step: 1s}, keys.k.uniform.n: {from: 1, to: 8, factor: 2}}\n" +
		"  find: {axis: traffic.t.rate, from: 100/s, to: 900/s, tolerance: 1%}\n  metrics: [latency p(99)]\n"
	if err := r.Validate(instance(t, []byte(valid))); err != nil {
		t.Fatalf("the valid text: %v", err)
	}
	for _, c := range []struct{ old, new, reason string }{
		{"horizon: 1m", "horizn: 1m", "unknown and missing field"},
		{"horizon: 1m", "horizon: 90", "duration without a unit"},
		{"horizon: 1m", "horizon: 5min", "wrong unit"},
		{"rate: 5/s", "rate: 5", "rate without a unit"},
		{"rate: 5/s", "rate: {constant: 5/s, ramp: {to: 5/s}}", "two patterns"},
		{"rate: 5/s", "rate: {}", "no pattern"},
		{"rate: 5/s", "rate: {sum: [{constant: 5}]}", "a mistake in a recursive type"},
		{"uniform: {n: 1_000}", "uniform: {n: 0}", "empty population"},
		{"uniform: {n: 1_000}", "zipf: {n: 5, s: -1}", "impossible exponent"},
		{"keys: k}", "keys: k, gaps: poison}", "unknown word"},
		{"keys: k}", "keys: k, on_error: maybe}", "not in the enumeration"},
		{"write: lua", "write: [lua]", "an option that is no scalar"},
		{"limiters:", "faults: {}\nlimiters:", "reserved block"},
		{"name: a", "name: [a]", "wrong type"},
		{"over: 10s", "over: 10", "a window without a unit"},
		{"abortOnFail: true", "abortOnFail: perhaps", "neither true nor false"},
		{"[tat, boulder]", "[]", "an axis without values"},
		{"[tat, boulder]", "tat", "an axis that is no list"},
		{"[tat, boulder]", "[[tat]]", "a value that is a list"},
		{"step: 1s", "by: 1s", "no step of a range"},
		{"factor: 2", "factor: 2, step: 1", "two steps of a range"},
		{"factor: 2", "factor: 1", "a factor that leads nowhere"},
		{"from: 100/s, ", "", "a search from nowhere"},
		{"tolerance: 1%", "tolerance: 1s", "a tolerance with a unit"},
		{"metrics: [latency p(99)]", "metrics: latency p(99)", "columns that are no list"},
		{"metrics: [latency p(99)]", "repeats: 0", "no repeat"},
		{"metrics: [latency p(99)]", "mode: gird", "no such mode"},
		{"{l: {kind", "{l m: {kind", "impossible name"},
	} {
		text := strings.Replace(valid, c.old, c.new, 1)
		if text == valid {
			t.Fatalf("%s: %q is not in the text", c.reason, c.old)
		}
		if err := r.Validate(instance(t, []byte(text))); err == nil {
			t.Errorf("%s: %q obeys the schema", c.reason, c.new)
		}
		if _, problems := Decode("x.yaml", []byte(text)); len(problems) == 0 {
			t.Errorf("%s: the decoder accepts %q", c.reason, c.new)
		}
	}
}

// TestEveryFieldIsDocumented looks for fields without a doc tag, which have no
// description in the schema, and for texts of which nothing shows the form. A default
// that does not decode panics.
func TestEveryFieldIsDocumented(t *testing.T) {
	seen := 0
	for _, of := range []*jsonschema.Schema{Schema(), GateSchema()} {
		s := parsed(t, of)
		types := maps.Clone(s.Defs)
		types[s.Title] = s
		for name, typ := range types {
			if len(typ.AnyOf) > 1 { // behind its shorthand
				typ = typ.AnyOf[1]
			}
			if len(typ.Properties) > 0 {
				seen++
			}
			for field, p := range typ.Properties {
				if p.Description == "" {
					t.Errorf("%s.%s has no doc tag", name, field)
				}
				isText := p.Type == "string" || slices.Contains(p.Types, "string")
				if isText && p.Ref == "" && p.Default == nil && len(p.Enum)+len(p.Examples) == 0 {
					t.Errorf("%s.%s has no enum, default or example", name, field)
				}
			}
		}
	}
	if seen < 30 {
		t.Errorf("only %d types of the language were seen", seen)
	}
}

func TestSchemaIsStable(t *testing.T) {
	a, err := decode.WriteSchema(Schema())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if b, err := decode.WriteSchema(Schema()); err != nil || string(a) != string(b) {
			t.Fatal("two calls differ", err)
		}
	}
	if _, err := os.Stat("schema.json"); err != nil {
		t.Error(err)
	}
}
