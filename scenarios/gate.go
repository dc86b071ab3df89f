package scenarios

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/scenarios/decode"
)

// Gate says how much worse than its baseline a number may be: the language of
// gate.yaml.
type Gate struct {
	Alpha Fraction   `yaml:"alpha" doc:"chance that a gate fails although both sides are equal, of all its wall-clock numbers together" default:"5%" min:"1e-6" max:"0.5"`
	Runs  Count      `yaml:"runs" doc:"runs of each side of a scenario in real time" default:"10" min:"6" max:"1000"`
	Rules []GateRule `yaml:"rules" doc:"how numbers are judged: the first rule that fits one judges it; after the last come {clock: virtual, exact: true} and {clock: real, worse: 5%}"`
}

// GateRule judges the numbers that fit all of Metric, Aggregation, Scenario
// and Clock; an empty one fits every number.
type GateRule struct {
	Metric      string `yaml:"metric" doc:"metric of the number, with tags as in assert that it must have; left out: every metric" example:"latency{decision=denied}"`
	Aggregation string `yaml:"aggregation" doc:"aggregation of the number; left out: every one" enum:"count,value,avg,p50,p90,p99,max"`
	Scenario    string `yaml:"scenario" doc:"name of the scenario; * stands for any letters, ? for one, [ab] for one of some; left out: every scenario" example:"race-*"`
	Clock       string `yaml:"clock" doc:"virtual: of scenarios in virtual time; real: in real time; left out: both" enum:"virtual,real"`

	// One of these is set; Worse when the others are not.
	Exact  bool     `yaml:"exact" one:"how" doc:"true: all runs of both sides have one and the same value"`
	Worse  Fraction `yaml:"worse" one:"how" doc:"how much worse than the baseline the number may be, in percent of that; where no direction is better, a change either way is worse; in real time a change that may be chance does not fail"`
	Ignore bool     `yaml:"ignore" one:"how" doc:"true: the number is not judged"`
}

// DefaultGate judges without a gate.yaml: numbers of virtual time are exact,
// those of real time may be 5% worse.
func DefaultGate() *Gate {
	g := decode.Default[Gate](&gateLanguage)
	g.Rules = []GateRule{{Clock: "virtual", Exact: true}, {Clock: "real", Worse: 0.05}}
	return &g
}

// LoadGate reads a gate.yaml, with the rules of DefaultGate after its own.
// Mistakes in the file are Problems; error is only for a file that cannot be
// read.
func LoadGate(file string) (*Gate, Problems, error) {
	data, err := decode.ReadFile(file, decode.MaxSize)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the gate: %w", err)
	}
	g, problems := DecodeGate(file, data)
	return g, problems, nil
}

// DecodeGate is LoadGate of a text; file is only a name, for messages. The
// gate is nil only when the text is not a YAML mapping.
func DecodeGate(file string, data []byte) (*Gate, Problems) {
	d := decode.New(&gateLanguage, decode.NewSource(file, data))
	if !d.Parse() {
		return nil, d.Problems.Sort()
	}
	g := &Gate{}
	d.Into(g)
	for i := range g.Rules {
		gateRule(d, g.Rules, i)
	}
	g.Rules = append(g.Rules, DefaultGate().Rules...)
	return g, d.Problems.Sort()
}

// gateRule checks what no single field of rule i shows.
func gateRule(d *decode.Decoder, rules []GateRule, i int) {
	r, at := rules[i], join("rules", i)
	if path := join(at, "metric"); r.Metric != "" && d.Good(path) {
		sel, _, errs := metric.ScanSelector(r.Metric)
		for _, err := range errs {
			d.FailIn(path, r.Metric, err)
		}
		for _, tag := range sel.Tags {
			if tag.Name == "stat" && metric.Informative(tag.Value) && !r.Ignore {
				d.Fail(path, "%s is listed as information and never judged: name peak_to_mean, cv or gini, or leave the rule out", tag.Value)
			}
		}
		gateAggregation(d, join(at, "aggregation"), sel.Metric, r.Aggregation)
	}
	if _, err := path.Match(r.Scenario, ""); err != nil {
		d.Fail(join(at, "scenario"), "expected a scenario's name, in which * ? and [ab] stand for letters, found %q, which is not complete", r.Scenario)
	}
	for j, before := range rules[:i] {
		if d.Good(at) && d.Good(join("rules", j)) && before.covers(r) {
			d.Fail(at, "the rule judges nothing: that of line %d comes before it and fits all that it fits", d.Positions[join("rules", j)].Line)
		}
	}
}

// gateAggregation checks that numbers of the metric have the aggregation.
func gateAggregation(d *decode.Decoder, path, name, aggregation string) {
	m, known := metric.Find(name)
	if !known || aggregation == "" || !d.Good(path) {
		return
	}
	have := []string{"count"}
	switch m.Kind {
	case metric.Value:
		have = []string{"value"}
	case metric.Trend:
		have = []string{"avg", "p50", "p90", "p99", "max"}
	}
	if !slices.Contains(have, aggregation) {
		d.Fail(path, "%s is a %s, whose numbers are %s: none is %s", name, m.Kind, strings.Join(have, ", "), aggregation)
	}
}

// covers reports whether every number that fits q fits r, as far as equal words
// show it.
func (r GateRule) covers(q GateRule) bool {
	fits := func(r, q string) bool { return r == "" || r == q }
	return fits(r.Metric, q.Metric) && fits(r.Aggregation, q.Aggregation) && fits(r.Scenario, q.Scenario) && fits(r.Clock, q.Clock)
}
