package scenarios

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// MaxSize is the most bytes that a scenario file may have.
const MaxSize = 1 << 20

// maxDepth bounds sums of sums of sums.
const maxDepth = 64

// Decode reads a scenario and reports every mistake in it. The scenario is
// nil only when the text is not a YAML mapping; otherwise it holds all that
// could be read, defaults filled in, so that later stages can look for
// further problems, and must not be run unless there are none.
// file is only a name, for messages.
func Decode(file string, data []byte) (*Scenario, Problems) {
	d := newDecoder(newSource(file, data), "scenario")
	root := d.parse()
	if root == nil {
		return nil, d.problems.Sort()
	}
	return d.scenario(root), d.problems.Sort()
}

// scenario decodes, checks and fills the file's one mapping.
func (d *decoder) scenario(root *ast.MappingNode) *Scenario {
	s := &Scenario{File: d.file, Positions: d.positions, source: d.source}
	d.root = root
	d.positions[""] = start(root)
	d.structure(root, "", start(root), reflect.ValueOf(s).Elem())
	check(d, s)
	fill(s)
	return s
}

// decoder walks the syntax tree of one file.
type decoder struct {
	source
	noun      string           // what a file is: a scenario, a gate
	root      *ast.MappingNode // of the file, for paths
	problems  Problems
	positions map[string]Pos
	bad       map[string]bool // paths that have a problem
	depth     int
}

func newDecoder(s source, noun string) *decoder {
	return &decoder{source: s, noun: noun, positions: map[string]Pos{}, bad: map[string]bool{}}
}

// report adds a problem and marks the path as one whose value means nothing.
func (d *decoder) report(pos Pos, path, format string, args ...any) {
	d.bad[path] = true
	d.remark(pos, path, format, args...)
}

// remark adds a problem beside the path's value.
func (d *decoder) remark(pos Pos, path, format string, args ...any) {
	d.problems = append(d.problems, d.problem(pos, path, fmt.Sprintf(format, args...)))
}

// good tells whether a path and all below it were decoded without a problem.
func (d *decoder) good(path string) bool {
	if d.bad[path] {
		return false
	}
	for p := range d.bad {
		if strings.HasPrefix(p, path+".") {
			return false
		}
	}
	return true
}

// parse returns the file's one mapping, or nil after reporting why not.
func (d *decoder) parse() *ast.MappingNode {
	if len(d.text) > MaxSize {
		d.report(Pos{1, 1}, "", "the file has %d bytes; a %s has at most %d", len(d.text), d.noun, MaxSize)
		return nil
	}
	if !utf8.ValidString(d.text) {
		d.report(d.firstInvalid(), "", "expected UTF-8 text, found an invalid byte")
		return nil
	}
	file, err := parseYAML(strings.TrimPrefix(d.text, "\ufeff"))
	if err != nil {
		pos, msg := Pos{1, 1}, err.Error()
		var ye yaml.Error
		if errors.As(err, &ye) {
			msg = ye.GetMessage()
			if t := ye.GetToken(); t != nil && t.Position != nil {
				pos = Pos{t.Position.Line, t.Position.Column}
			}
		}
		d.report(pos, "", "not valid YAML: %s", msg)
		return nil
	}
	return d.document(file)
}

// parseYAML turns a panic of the parser into an error: the text comes from a user.
func parseYAML(text string) (f *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the parser failed on it (%v)", r)
		}
	}()
	return parser.ParseBytes([]byte(text), 0, parser.AllowDuplicateMapKey())
}

func (d *decoder) document(file *ast.File) *ast.MappingNode {
	expected := "expected a mapping with name, horizon, traffic and limiters, found %s"
	if d.noun == "gate" {
		expected = "expected a mapping with alpha, runs and rules, found %s"
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if _, isDirective := doc.Body.(*ast.DirectiveNode); isDirective {
			d.report(start(doc.Body), "", "YAML directives are not part of the language: remove the line")
		} else if doc.Body != nil {
			bodies = append(bodies, doc.Body)
		}
	}
	if len(bodies) == 0 {
		d.report(Pos{1, 1}, "", expected, "an empty file")
		return nil
	}
	for _, extra := range bodies[1:] {
		d.report(start(extra), "", "expected one %s in a file, found a second document", d.noun)
	}
	body := d.plain(bodies[0], "")
	m, ok := body.(*ast.MappingNode)
	if !ok && body != nil {
		d.report(start(body), "", expected, kindOf(body))
	}
	return m
}

func (d *decoder) firstInvalid() Pos {
	for i, line := range d.lines {
		if !utf8.ValidString(line) {
			column := 1
			for _, r := range line {
				if r == utf8.RuneError {
					break
				}
				column++
			}
			return Pos{i + 1, column}
		}
	}
	return Pos{1, 1}
}

// plain unwraps what YAML has and the language has not, and reports it. Nil:
// nothing is left to decode.
func (d *decoder) plain(n ast.Node, path string) ast.Node {
	const instead = " are not part of the language: write the value out"
	switch n := n.(type) {
	case *ast.AnchorNode:
		d.report(start(n), path, "YAML anchors (&)"+instead)
		return d.plain(n.Value, path)
	case *ast.AliasNode:
		d.report(start(n), path, "YAML aliases (*)"+instead)
		return nil
	case *ast.TagNode:
		d.report(start(n), path, "YAML tags (!)"+instead)
		return d.plain(n.Value, path)
	}
	return n
}

// start is where a node begins: the first key of a block mapping, not its colon.
func start(n ast.Node) Pos {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return start(m.Values[0].Key)
	}
	if n == nil {
		return Pos{1, 1}
	}
	t := n.GetToken()
	if t == nil || t.Position == nil {
		return Pos{1, 1}
	}
	return Pos{t.Position.Line, t.Position.Column}
}

// text is the raw spelling of a scalar.
func text(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// kindOf names a node in a message.
func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.NullNode, nil:
		return "nothing"
	}
	if s, ok := text(n); ok {
		return fmt.Sprintf("%q", s)
	}
	return "something else"
}

// fill writes out the defaults that depend on other fields, so that nobody
// after the decoder has to know them.
func fill(s *Scenario) {
	fillShards(&s.Shards, s.Written("shards.count"))
	if len(s.Clients) == 0 {
		s.Clients = Named[Client]{{defaultClient, Client{Does: "take", Instances: 1, Zone: defaultZone, Connection: defaultConnection}}}
	}
	for i := range s.Clients {
		if c := &s.Clients[i].Value; len(c.ShardNames) == 0 {
			c.ShardNames = s.Shards.Names
		}
	}
	for i := range s.Traffic {
		fillTraffic(s, &s.Traffic[i].Value)
	}
	for i := range s.Limiters {
		fillLimiter(&s.Limiters[i].Value)
	}
	for i := range s.Accounts {
		fillAccounts(s, &s.Accounts[i].Value)
	}
	for i := range s.Engines {
		fillEngine(&s.Engines[i].Value)
	}
	fillSweep(s)
}

func fillShards(sh *Shards, counted bool) {
	if len(sh.Names) > 0 && !counted {
		sh.Count = Count(len(sh.Names))
	}
	if len(sh.Names) == 0 {
		for i := range min(int(sh.Count), maxShards) {
			sh.Names = append(sh.Names, fmt.Sprintf("shard-%d", i+1))
		}
	}
	if len(sh.Zones) == 0 {
		for range sh.Names {
			sh.Zones = append(sh.Zones, defaultZone)
		}
	}
	if sh.Scripts.isZero() {
		sh.Scripts = sh.Service
	}
}

// maxShards is the bound of shards.count, again for a scenario that breaks it.
const maxShards = 1024

func (d Distribution) isZero() bool {
	return d.Constant == nil && d.Exponential == nil && d.Lognormal == nil && d.Gamma == nil && d.Pareto == nil && d.Empirical == nil
}

func fillTraffic(s *Scenario, t *Traffic) {
	if len(t.Limiters) == 0 {
		t.Limiters = s.Limiters.Names()
	}
	if len(t.Via) == 0 && len(s.Clients) == 1 {
		t.Via = s.Clients.Names()
	}
	fillPattern(&t.Rate, s.Horizon)
}

func fillPattern(p *RatePattern, span Duration) {
	if p.Ramp != nil && p.Ramp.Over == 0 {
		p.Ramp.Over = span
	}
	if p.Exponential != nil && p.Exponential.Over == 0 {
		p.Exponential.Over = span
	}
	for i := range p.Sum {
		fillPattern(&p.Sum[i], span)
	}
	for i := range p.Product {
		fillPattern(&p.Product[i], span)
	}
	for i, length := range partLengths(p.Then, span) {
		fillPattern(&p.Then[i].Rate, length)
	}
}

// partLengths says how long each part of a then lasts: one that does not say
// lasts for what the ones before it leave of span.
func partLengths(parts []ThenPattern, span Duration) []Duration {
	lengths := make([]Duration, len(parts))
	for i, p := range parts {
		lengths[i] = p.For
		if p.For == 0 {
			lengths[i] = max(span, 1)
		}
		span -= min(lengths[i], span)
	}
	return lengths
}

func fillLimiter(l *Limiter) {
	if l.Limit != nil && l.Limit.Burst == 0 {
		l.Limit.Burst = l.Limit.Count
	}
	for i := range l.Limits {
		if n := &l.Limits[i].Value; n.Burst == 0 {
			n.Burst = n.Count
		}
	}
	for i := range l.Overrides {
		if o := &l.Overrides[i]; o.Burst == 0 {
			o.Burst = o.Count
		}
	}
}

func fillAccounts(s *Scenario, g *AccountGroup) {
	if g.Plan == "paid" && g.Anchor == (Anchor{}) {
		g.Anchor.Spread = &AnchorSpread{From: monthBefore(s.Epoch), To: s.Epoch}
	}
	fillPattern(&g.Usage.Shape, s.Horizon)
	if source, ok := s.Traffic.Get(g.Usage.From); ok && g.Usage.Limiter == "" && len(source.Limiters) > 0 {
		g.Usage.Limiter = source.Limiters[0] // the only one: the checks have seen to it
	}
}

// monthBefore is the same time of the same day of the month before, or of
// that month's last day if it is shorter.
func monthBefore(t time.Time) time.Time {
	last := time.Date(t.Year(), t.Month(), 0, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	return last.AddDate(0, 0, min(t.Day()-last.Day(), 0))
}

func fillEngine(e *Engine) {
	if e.Overlap.Daily && e.Every > 0 {
		e.Overlap.Every = max(1, Count(24*Duration(time.Hour)/e.Every))
	}
}
