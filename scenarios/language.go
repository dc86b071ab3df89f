package scenarios

import (
	"errors"
	"reflect"

	"github.com/goccy/go-yaml/ast"
	"github.com/google/jsonschema-go/jsonschema"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/scenarios/decode"
)

// language is what the types of a scenario do not say.
var language = decode.Language{
	Root: reflect.TypeFor[Scenario](), Noun: "scenario", File: "schema.json", Expected: "name, horizon, traffic and limiters", Example: "shards.count",
	Shorthands: []decode.Shorthand{
		decode.Short("poisson, even, or a mapping with gamma or pareto", func(word string) Gaps { return Gaps{Poisson: word == "poisson", Even: word == "even"} }, "poisson", "even"),
		decode.Short("none, or a mapping with retry", func(string) Reaction { return Reaction{} }, "none"),
		decode.Short("a duration such as 5ms, or a mapping with a distribution", func(d Duration) Distribution { return Distribution{Constant: &d} }),
		decode.Short("a whole number such as 5, or a mapping with a distribution", func(n Count) Cost { return Cost{Constant: &n} }),
		decode.Short("a rate such as 500/s, or a mapping with a growth pattern", func(r Rate) RatePattern { return RatePattern{Constant: &r} }),
		decode.Short("a factor such as 1.5, or a mapping with a distribution", func(n Number) Scale { return Scale{Constant: &n} }),
		decode.Short("true, false, or a mapping with every", func(daily bool) Overlap { return Overlap{Daily: daily} }),
		decode.Short("a condition such as \"p(99) < 5ms\"", func(check string) Condition { return Condition{Check: check} }),
	},
	Specials: []decode.Special{
		decode.Read(assertions, func(of func(reflect.Type) *jsonschema.Schema) *jsonschema.Schema {
			return &jsonschema.Schema{Type: "object", MinProperties: new(1), AdditionalProperties: of(reflect.TypeFor[[]Condition]())}
		}),
		decode.Read(column, func(func(reflect.Type) *jsonschema.Schema) *jsonschema.Schema {
			return &jsonschema.Schema{Type: "string", MinLength: new(1)}
		}),
	},
	Single: map[string]string{"limits": "limit"},
	Fixed: map[string]string{
		"name":    "a scenario keeps its name: records and tables are told apart by the axes",
		"about":   "what a scenario shows is not what it plays",
		"assert":  "assertions judge every cell alike; a sweep varies what is played",
		"failure": "what a scenario shows is not what it plays",
		"clock":   "a sweep is played on one clock",
		"sweep":   "a sweep does not vary itself",
	},
}

// gateLanguage is that of gate.yaml.
var gateLanguage = decode.Language{Root: reflect.TypeFor[Gate](), Noun: "gate", File: "gate.schema.json", Expected: "alpha, runs and rules"}

// Schema returns the JSON Schema of scenario files. The kinds of limiters and
// engines are not known here, and may be added.
func Schema() *jsonschema.Schema { return language.Schema() }

// GateSchema returns the JSON Schema of gate.yaml.
func GateSchema() *jsonschema.Schema { return gateLanguage.Schema() }

// join appends elements to a dotted path.
var join = decode.Join

// Decode reads a scenario and reports every mistake in it. The scenario is
// nil only when the text is not a YAML mapping; otherwise it holds all that
// could be read, defaults filled in, so that later stages can look for
// further problems, and must not be run unless there are none.
// file is only a name, for messages.
func Decode(file string, data []byte) (*Scenario, Problems) {
	source := decode.NewSource(file, data)
	d := decode.New(&language, source)
	if !d.Parse() {
		return nil, d.Problems.Sort()
	}
	return decoded(d, source), d.Problems.Sort()
}

// decoded decodes, checks and fills the parsed file.
func decoded(d *decode.Decoder, source decode.Source) *Scenario {
	s := &Scenario{File: source.File, Positions: d.Positions, source: source}
	d.Into(s)
	fill(s)
	check(d, s)
	fillSweep(s)
	return s
}

// Encode writes a scenario as a file that decodes to it. What is left out in it,
// and so has its default when the file is read, is what a field without a value
// says; a scenario with assertions or a sweep cannot be written.
func Encode(s *Scenario) ([]byte, error) { return language.Encode(s) }

// assertions decodes the assert block: a mapping of selectors to conditions.
// Their grammar is checked here, where the place of each character is known.
func assertions(d *decode.Decoder, n ast.Node, path string, out *[]Assertion) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		d.Report(decode.Start(n), path, "expected a mapping of metrics to lists of conditions, found %s", decode.Kind(n))
		return
	}
	if len(m.Values) == 0 {
		d.Report(decode.Start(n), path, "expected at least one assertion, found an empty mapping")
	}
	for _, e := range d.Keys(m, path) {
		at := join(path, len(*out))
		a := Assertion{Selector: e.Name, Pos: e.Pos}
		sel, places, errs := metric.ScanSelector(e.Name)
		for _, err := range errs {
			d.Report(d.Within(e.Node, err.Offset), at, "%s", err.Msg)
		}
		for i, p := range places {
			d.Positions[join(at, sel.Tags[i].Name)] = d.Within(e.Node, p.Value)
		}
		d.Value(e.Value, at, e.Pos, e.Name, &a.Conditions)
		d.Positions[at] = e.Pos
		conditions(d, e.Value, sel.Metric, at, a.Conditions)
		*out = append(*out, a)
	}
}

// conditions checks each condition against the metric, if that is known.
func conditions(d *decode.Decoder, n ast.Node, name, path string, conditions []Condition) {
	m, known := metric.Find(name)
	seq, isList := n.(*ast.SequenceNode)
	for i := range conditions {
		at := join(path, i)
		conditions[i].Pos = d.Positions[at]
		if !known || conditions[i].Check == "" || !isList || i >= len(seq.Values) {
			continue
		}
		if _, err := metric.ParseCondition(m, conditions[i].Check); err != nil {
			offset := 0
			if se := (*metric.SyntaxError)(nil); errors.As(err, &se) {
				offset = se.Offset
			}
			d.Report(d.Within(checkNode(seq.Values[i]), offset), at, "%s", err.Error())
		}
	}
}

// checkNode finds the scalar of a condition: the node itself or its check field.
func checkNode(n ast.Node) ast.Node {
	if m, ok := n.(*ast.MappingNode); ok {
		for _, kv := range m.Values {
			if s, ok := decode.Text(kv.Key); ok && s == "check" {
				return kv.Value
			}
		}
	}
	return n
}

// column decodes a column, as an assertion's selector is.
func column(d *decode.Decoder, n ast.Node, path string, out *Column) {
	s, ok := decode.Text(n)
	if !ok {
		d.Report(decode.Start(n), path, "expected a metric and an aggregation such as \"latency p(99)\", found %s", decode.Kind(n))
		return
	}
	c, places, errs := metric.ScanColumn(s)
	for _, err := range errs {
		d.Report(d.Within(n, err.Offset), path, "%s", err.Msg)
	}
	for i, p := range places {
		d.Positions[join(path, c.Selector.Tags[i].Name)] = d.Within(n, p.Value)
	}
	*out = c
}
