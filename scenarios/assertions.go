package scenarios

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"

	"github.com/quotalab/quotalab/models/metric"
)

// assertions decodes the assert block: a mapping of selectors to conditions.
// Their grammar is checked here, where the place of each character is known.
func (d *decoder) assertions(n ast.Node, path string, out *[]Assertion) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		d.report(start(n), path, "expected a mapping of metrics to lists of conditions, found %s", kindOf(n))
		return
	}
	if len(m.Values) == 0 {
		d.report(start(n), path, "expected at least one assertion, found an empty mapping")
	}
	for _, e := range d.entries(m, path) {
		at := join(path, fmt.Sprint(len(*out)))
		a := Assertion{Selector: e.key, Pos: e.pos}
		sel, places, errs := metric.ScanSelector(e.key)
		for _, err := range errs {
			d.report(d.within(e.node, err.Offset), at, "%s", err.Msg)
		}
		for i, p := range places {
			d.positions[join(at, sel.Tags[i].Name)] = d.within(e.node, p.Value)
		}
		d.value(e.value, at, e.pos, field{name: e.key}, reflect.ValueOf(&a.Conditions).Elem())
		d.positions[at] = e.pos
		d.conditions(e.value, sel.Metric, at, a.Conditions)
		*out = append(*out, a)
	}
}

// conditions checks each condition against the metric, if that is known.
func (d *decoder) conditions(n ast.Node, name, path string, conditions []Condition) {
	m, known := metric.Find(name)
	seq, isList := n.(*ast.SequenceNode)
	for i := range conditions {
		at := join(path, fmt.Sprint(i))
		conditions[i].Pos = d.positions[at]
		if !known || conditions[i].Check == "" || !isList || i >= len(seq.Values) {
			continue
		}
		if _, err := metric.ParseCondition(m, conditions[i].Check); err != nil {
			offset := 0
			if se := (*metric.SyntaxError)(nil); errors.As(err, &se) {
				offset = se.Offset
			}
			d.report(d.within(checkNode(seq.Values[i]), offset), at, "%s", err.Error())
		}
	}
}

// checkNode finds the scalar of a condition: the node itself or its check field.
func checkNode(n ast.Node) ast.Node {
	if m, ok := n.(*ast.MappingNode); ok {
		for _, kv := range m.Values {
			if s, ok := text(kv.Key); ok && s == "check" {
				return kv.Value
			}
		}
	}
	return n
}

// within is the place of a byte of a scalar. Escapes and line breaks move
// it; then the scalar's start has to do.
func (d *decoder) within(n ast.Node, offset int) Pos {
	s, ok := text(n)
	if !ok {
		return start(n)
	}
	return d.inText(start(n), s, offset)
}

// inText is the place of a byte of a scalar that begins at a place, and reads
// as s.
func (d *decoder) inText(at Pos, s string, offset int) Pos {
	if at.Line > len(d.lines) || offset > len(s) {
		return at
	}
	line, column := []rune(d.lines[at.Line-1]), at.Column
	if column <= len(line) && (line[column-1] == '"' || line[column-1] == '\'') { // a plain scalar begins with neither
		column++
	}
	if from := column - 1; from > len(line) || !strings.HasPrefix(string(line[from:]), s) {
		return at
	}
	return Pos{at.Line, column + utf8.RuneCountInString(s[:offset])}
}

// asserts checks what assertions refer to, and when they are evaluated. Their
// grammar was checked while decoding.
func (c *checker) asserts() {
	for i, a := range c.s.Assert {
		at := join("assert", fmt.Sprint(i))
		sel, err := metric.ParseSelector(a.Selector)
		m, known := metric.Find(sel.Metric)
		for j, cond := range a.Conditions {
			c.evaluated(join(at, fmt.Sprint(j)), cond, m, known)
		}
		if err != nil {
			continue
		}
		for _, t := range sel.Tags {
			c.assertTag(join(at, t.Name), t)
		}
	}
}

// evaluated checks when a condition on a metric is evaluated beside the end.
func (c *checker) evaluated(at string, cond Condition, m metric.Metric, known bool) {
	abort, delay, over := join(at, "abortOnFail"), join(at, "delayAbortEval"), join(at, "over")
	if known && !m.PerRequest {
		if cond.AbortOnFail {
			c.fail(abort, "%s is known at the end only, so it cannot end a run: remove abortOnFail", m.Name)
		}
		if c.written(over) {
			c.fail(over, "%s is known of the whole run only and has no windows: remove over", m.Name)
		}
	}
	if c.written(delay) && !cond.AbortOnFail && c.good(abort) {
		c.fail(delay, "only abortOnFail: true can be delayed: write it too, or remove delayAbortEval")
	}
	if !c.good("horizon") || !c.good("warmup") {
		return
	}
	if h := c.s.Horizon; cond.DelayAbortEval >= h && h > 0 && cond.AbortOnFail {
		c.fail(delay, "expected less than the horizon of %s, found %s: nothing would be aborted", h, cond.DelayAbortEval)
	}
	if measured := c.s.Horizon - c.s.Warmup; cond.Over > measured && measured > 0 {
		c.fail(over, "expected at most the measured time of %s (horizon without warmup), found %s", measured, cond.Over)
	}
}

// assertTag checks a tag whose values are names of the scenario.
func (c *checker) assertTag(path string, t metric.Tag) {
	switch t.Name {
	case "traffic":
		c.refer(path, "traffic source", t.Value, "traffic", c.s.Traffic.Names())
	case "limiter":
		c.refer(path, "limiter", t.Value, "limiters", c.s.Limiters.Names())
	case "engine":
		c.refer(path, "engine", t.Value, "engines", c.s.Engines.Names())
	case "threshold":
		if n, err := strconv.Atoi(t.Value); err != nil || n < 1 || strconv.Itoa(n) != t.Value {
			c.fail(path, "expected a percentage without its sign, such as 75, found %q", t.Value)
		}
	case "phase":
		if len(c.s.Faults) == 0 && c.good("faults") {
			c.fail(path, "a run without faults has no phases: list faults or remove the tag")
		}
	case "shard":
		if names := c.allShardNames(); len(names) > 0 {
			c.refer(path, "shard", t.Value, "shards", names)
		}
	case "client":
		if !c.isInstance(t.Value) {
			c.refer(path, "client", t.Value, "clients", c.clientNames())
		}
	}
}

// isInstance accepts the name of one of a client's several instances: caller/17.
func (c *checker) isInstance(s string) bool {
	name, number, ok := strings.Cut(s, "/")
	if !ok || !slices.Contains(c.clientNames(), name) {
		return false
	}
	client, _ := c.s.Clients.Get(name)
	n, err := strconv.Atoi(number)
	return err == nil && n >= 0 && client.Instances > 1 && Count(n) < client.Instances
}
