// Package decode reads a file of a small YAML language into Go structs. It
// knows no scenario: a Language says what its types do not.
//
// In: the text of a file, and the types of a language. Out: structs with
// every default filled in that a struct tag names, the place of everything
// that is written (Positions), and every mistake at once (Problems), each with
// file, line, column and an excerpt; from the same types, a JSON Schema.
// Imported by package scenarios, and for Open and ReadFile by whatever reads files of users.
//
// The struct tags of the types are the grammar: yaml (name), doc, required
// (but unless one of these fields is written), default, min and max
// ("exclusive 0" leaves 0 out; of a list its elements'), above, atleast, below
// and atmost (another field of the struct), enum, and one (exactly one field of
// a group is written). The decoder (decode.go, walk.go, field.go)
// walks the syntax tree beside the types and goes on after a mistake; path.go
// finds a path in the tree and puts values there; axes.go reads the values of
// fields that are named elsewhere in the file; schema.go makes the JSON Schema.
package decode

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/quotalab/quotalab/models/metric"
)

// MaxSize is the most bytes that a file may have.
const MaxSize = 1 << 20

// Bounds of what is read, so that no file takes much memory or time.
const (
	maxDepth     = 64      // of sums of sums of sums
	mostMarks    = 100_000 // lines among them: the parser takes some 500 bytes for each
	mostProblems = 100
)

// Language says of a language what the types of its fields do not.
type Language struct {
	Root       reflect.Type // what a file is decoded into
	Noun       string       // what a file is called: scenario
	File       string       // name of the file with its schema
	Expected   string       // fields of a file, for the message about one that is no mapping
	Shorthands []Shorthand
	Specials   []Special
	Example    string            // path of a field, for a message
	Single     map[string]string // fields that hold several by name, and the one beside it that holds one
	Fixed      map[string]string // fields of Root that Axes do not vary, and why
}

// Decoder reads one file.
type Decoder struct {
	Source
	Positions
	Problems Problems

	language *Language
	root     *ast.MappingNode // of the file, for paths
	foreign  bool             // the file is none of the language, and nothing of it is shown
	bad      map[string]bool  // paths that have a problem
	depth    int
	full     bool // there are more problems
}

// New returns a decoder of a file of a language.
func New(l *Language, s Source) *Decoder {
	return &Decoder{Source: s, language: l, foreign: !l.begins(s), Positions: Positions{}, bad: map[string]bool{}}
}

// begins reports whether any line of a file begins as a field of the language does, at the
// indentation of the first line, or anything in it as one of a mapping in braces; the first
// may be mistyped. Otherwise it is another file, such as one of passwords.
func (l *Language) begins(s Source) bool {
	var known []string
	for _, f := range fields(l.Root) {
		known = append(known, f.name)
	}
	margin, begun, separators := "", false, ""
	for _, line := range s.lines {
		line = strings.TrimPrefix(line, "\ufeff")
		text := strings.TrimLeft(line, " ")
		if !begun && (text == "" || strings.ContainsAny(text[:1], "#%-&!\t\r")) { // not yet the mapping, or an anchor or tag before it
			continue
		}
		first := !begun
		if first {
			margin, begun = line[:len(line)-len(text)], true
			if text[0] == '{' {
				separators = "{,"
			}
		}
		if separators == "" && line[:len(line)-len(text)] != margin {
			continue
		}
		for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
			if isField(part, known, first) {
				return true
			}
			first = false
		}
	}
	return false
}

// isField reports whether a text begins with one of the names, or if near with what may be
// meant by one, and a colon as YAML has it.
func isField(text string, known []string, near bool) bool {
	name, rest, ok := strings.Cut(text, ":")
	plain := strings.Trim(name, "\"' \t")
	if !ok || rest != "" && !strings.ContainsAny(rest[:1], " \t\r") && plain == strings.TrimSpace(name) {
		return false
	}
	return slices.Contains(known, plain) || near && metric.DidYouMean(plain, known) != ""
}

// Into decodes the file's one mapping into a pointer to a Language's Root,
// after Parse.
func (d *Decoder) Into(out any) {
	d.Positions[""] = Start(d.root)
	d.structure(d.root, "", Start(d.root), reflect.ValueOf(out).Elem())
}

// Report adds a problem and marks the path as one whose value means nothing.
func (d *Decoder) Report(pos Pos, path, format string, args ...any) {
	d.bad[path] = true
	d.remark(pos, path, format, args...)
}

// Fail reports a problem at the place of the path.
func (d *Decoder) Fail(path, format string, args ...any) {
	d.Report(d.Positions.At(path), path, format, args...)
}

// FailIn reports a mistake in the text of the scalar at a path, at its place
// in that text.
func (d *Decoder) FailIn(path, text string, mistake *metric.SyntaxError) {
	d.Report(d.inText(d.Positions.At(path), text, mistake.Offset), path, "%s", mistake.Msg)
}

// remark adds a problem beside the path's value.
func (d *Decoder) remark(pos Pos, path, format string, args ...any) {
	switch msg := fmt.Sprintf(format, args...); {
	case len(d.Problems) < mostProblems:
		p := d.Problem(pos, path, metric.Shortened(msg))
		if d.foreign {
			p.Excerpt = ""
		}
		d.Problems = append(d.Problems, p)
	case !d.full:
		d.full = true
		d.Problems = append(d.Problems, d.Problem(pos, path, fmt.Sprintf("at least %d mistakes: mend those above, and check again", mostProblems+1)))
	}
}

// Bad reports whether the path itself has a problem.
func (d *Decoder) Bad(path string) bool { return d.bad[path] }

// Good reports whether a path and all below it were decoded without a problem.
func (d *Decoder) Good(path string) bool {
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

// Parse finds the file's one mapping; false after reporting why there is none.
func (d *Decoder) Parse() bool {
	d.root = d.parse()
	return d.root != nil
}

func (d *Decoder) parse() *ast.MappingNode {
	if len(d.text) > MaxSize {
		d.Report(Pos{1, 1}, "", "the file is longer than a %s, which has at most %d bytes", d.language.Noun, MaxSize)
		return nil
	}
	if pos, what := d.noText(); what != "" {
		d.Report(pos, "", "expected UTF-8 text, found %s", what)
		return nil
	}
	if pos, is := d.tooMuch(); is {
		d.Report(pos, "", "too much in one file: at most %d lines, brackets, commas, colons and other marks", mostMarks)
		return nil
	}
	tokens := lexer.Tokenize(strings.TrimPrefix(d.text, "\ufeff"))
	if t := tooDeep(tokens); t != nil {
		d.Report(Pos{t.Position.Line, t.Position.Column}, "", "nested too deeply: at most %d levels", maxDepth)
		return nil
	}
	file, err := parseYAML(tokens)
	if err != nil {
		pos, msg := Pos{1, 1}, err.Error()
		var ye yaml.Error
		if errors.As(err, &ye) {
			msg = ye.GetMessage()
			if t := ye.GetToken(); t != nil && t.Position != nil {
				pos = Pos{t.Position.Line, t.Position.Column}
			}
		}
		if d.foreign {
			msg = "and no line begins with a field of a " + d.language.Noun + "; is it another file?"
		}
		d.Report(pos, "", "not valid YAML: %s", msg)
		return nil
	}
	return d.document(file)
}

// tooMuch returns the place of the first mark too many.
func (s Source) tooMuch() (at Pos, is bool) {
	n := 0
	for i, line := range s.lines {
		n++
		for column, r := range line {
			if strings.ContainsRune("[]{},:?-#&*!|>", r) {
				n++
			}
			if n > mostMarks {
				return Pos{i + 1, utf8.RuneCountInString(line[:column]) + 1}, true
			}
		}
	}
	return at, false
}

// tooDeep returns the first token that is nested too deep, nil if there is
// none: in brackets, by entries and keys that begin one in another, or under
// tags and anchors.
func tooDeep(tokens token.Tokens) *token.Token {
	brackets, run, line := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			line, run = t.Position.Line, 0
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			brackets++
		case token.SequenceEndType, token.MappingEndType:
			brackets = max(0, brackets-1)
		case token.SequenceEntryType, token.MappingKeyType, token.TagType, token.AnchorType:
			run++
		default:
			if t.PreviousType() != token.AnchorType { // whose name it is
				run = 0
			}
		}
		if brackets+run > maxDepth {
			return t
		}
	}
	return nil
}

// parseYAML turns a panic of the parser into an error: the text comes from a user.
func parseYAML(tokens token.Tokens) (f *ast.File, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the parser failed on it (%v)", r)
		}
	}()
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}

func (d *Decoder) document(file *ast.File) *ast.MappingNode {
	expected := "expected a mapping with " + d.language.Expected + ", found %s"
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if _, isDirective := doc.Body.(*ast.DirectiveNode); isDirective {
			d.Report(Start(doc.Body), "", "YAML directives are not part of the language: remove the line")
		} else if doc.Body != nil {
			bodies = append(bodies, doc.Body)
		}
	}
	if len(bodies) == 0 {
		d.Report(Pos{1, 1}, "", expected, "an empty file")
		return nil
	}
	for _, extra := range bodies[1:] {
		d.Report(Start(extra), "", "expected one %s in a file, found a second document", d.language.Noun)
	}
	body := d.plain(bodies[0], "")
	m, ok := body.(*ast.MappingNode)
	switch _, text := Text(body); {
	case body == nil:
	case ok && d.foreign && len(m.Values) > 0:
		d.Report(Start(body), "", expected, "a mapping with none of a "+d.language.Noun+"'s fields; is it another file?")
		return nil
	case text && d.foreign:
		d.Report(Start(body), "", expected, "a text; is it another file?")
	case !ok:
		d.Report(Start(body), "", expected, Kind(body))
	}
	return m
}

// noText finds the first character that YAML 1.2 (5.1) allows in no text; what is "" if there is
// none.
func (d *Decoder) noText() (pos Pos, what string) {
	for i, line := range d.lines {
		column := 0
		for at, r := range line {
			column++
			if r == utf8.RuneError && !strings.HasPrefix(line[at:], "\ufffd") {
				return Pos{i + 1, column}, "an invalid byte"
			}
			if unicode.IsControl(r) && r != '\t' && r != '\r' && r != '\u0085' || r == '\ufffe' || r == '\uffff' {
				return Pos{i + 1, column}, fmt.Sprintf("the control character %U: write it in double quotes as an escape", r)
			}
		}
	}
	return pos, ""
}

// plain unwraps what YAML has and the language has not, and reports it. Nil:
// nothing is left to decode.
func (d *Decoder) plain(n ast.Node, path string) ast.Node {
	const instead = " are not part of the language: write the value out"
	switch n := n.(type) {
	case *ast.AnchorNode:
		d.Report(Start(n), path, "YAML anchors (&)"+instead)
		return d.plain(n.Value, path)
	case *ast.AliasNode:
		d.Report(Start(n), path, "YAML aliases (*)"+instead)
		return nil
	case *ast.TagNode:
		d.Report(Start(n), path, "YAML tags (!)"+instead)
		return d.plain(n.Value, path)
	}
	return n
}

// Start returns where a node begins: the first key of a block mapping, not its colon.
func Start(n ast.Node) Pos {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		return Start(m.Values[0].Key)
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

// Text returns the raw spelling of a scalar; false if the node is none.
func Text(n ast.Node) (string, bool) {
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

// Kind names a node in a message.
func Kind(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.NullNode, nil:
		return "nothing"
	}
	if s, ok := Text(n); ok {
		return fmt.Sprintf("%q", metric.Shortened(s))
	}
	return "something else"
}

// Within returns the place of a byte of a scalar. Escapes and line breaks move
// it; then the scalar's start has to do.
func (d *Decoder) Within(n ast.Node, offset int) Pos {
	s, ok := Text(n)
	if !ok {
		return Start(n)
	}
	return d.inText(Start(n), s, offset)
}

// inText returns the place of a byte of a scalar that begins at a place, and reads
// as s.
func (d *Decoder) inText(at Pos, s string, offset int) Pos {
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

// Open opens a file or a pipe. It waits for no writer of a pipe that has
// none, and refuses devices, which have no end.
func Open(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = fmt.Errorf("%s: expected a file, found a directory", path)
	case info.Mode()&(fs.ModeDevice|fs.ModeSocket) != 0:
		err = fmt.Errorf("%s: expected a file, found a device or socket", path)
	case info.Mode().IsRegular() && f.SetReadDeadline(time.Time{}) == nil: // one of /proc that waits for more, such as kmsg
		err = fmt.Errorf("%s: expected a file, found one of the system that has no end", path)
	default:
		return f, nil
	}
	_ = f.Close() // nothing was written
	return nil, err
}

// ReadFile returns what is in a file that Open opens, and one byte more than
// most at the most, so that a caller can see that there are more.
func ReadFile(path string, most int64) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size := int64(0)
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		size = min(info.Size(), most+1)
	}
	data := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead))
	_, err = data.ReadFrom(io.LimitReader(f, most+1))
	return data.Bytes(), err
}
