package scenarios

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
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
