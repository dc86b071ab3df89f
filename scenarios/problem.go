package scenarios

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"

	"github.com/quotalab/quotalab/models/metric/unit"
)

// Problem is one mistake in a scenario file.
type Problem struct {
	File    string
	Pos     Pos
	Path    string // dotted path of what is wrong, "" for the whole file
	Msg     string // what was expected, what was found
	Excerpt string // the line with a caret under the column
}

// Error is file:line:column: path: message, without the excerpt.
func (p Problem) Error() string {
	if p.Path == "" {
		return fmt.Sprintf("%s:%s: %s", p.File, p.Pos, p.Msg)
	}
	return fmt.Sprintf("%s:%s: %s: %s", p.File, p.Pos, p.Path, p.Msg)
}

// Problems are all mistakes of a file, in its order. Empty means none: test
// its length, or use Err for a plain error.
type Problems []Problem

// Error lists every problem with its excerpt.
func (ps Problems) Error() string {
	var b strings.Builder
	for i, p := range ps {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(p.Error())
		if p.Excerpt != "" {
			b.WriteByte('\n')
			b.WriteString(p.Excerpt)
		}
	}
	return b.String()
}

// Err is nil when there are no problems.
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}

// source is the text of a file, for positions and excerpts.
type source struct {
	file  string
	text  string // as it was read
	lines []string
}

func newSource(file string, data []byte) source {
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	return source{file, string(data), strings.Split(strings.TrimSuffix(text, "\n"), "\n")}
}

// Problem makes a problem at a place of the scenario's file, for packages
// that find more mistakes than the decoder can (kinds of limiter, options).
func (s *Scenario) Problem(path, format string, args ...any) Problem {
	return s.source.problem(s.Pos(path), path, fmt.Sprintf(format, args...))
}

func (s source) problem(pos Pos, path, msg string) Problem {
	pos = s.clamp(pos)
	return Problem{File: s.file, Pos: pos, Path: path, Msg: msg, Excerpt: s.excerpt(pos)}
}

// clamp moves a position into the file; just past the end of a line is in it.
func (s source) clamp(p Pos) Pos {
	if len(s.lines) == 0 {
		return Pos{1, 1}
	}
	p.Line = min(max(p.Line, 1), len(s.lines))
	p.Column = min(max(p.Column, 1), utf8.RuneCountInString(s.lines[p.Line-1])+1)
	return p
}

const excerptWidth = 100

func (s source) excerpt(p Pos) string {
	if p.Line > len(s.lines) {
		return ""
	}
	line, column := []rune(s.lines[p.Line-1]), p.Column-1
	if from := max(0, column-excerptWidth/2); len(line) > excerptWidth {
		line = line[from:min(len(line), from+excerptWidth)]
		column -= from
	}
	margin := fmt.Sprintf("%4d | ", p.Line)
	var pad strings.Builder
	for _, r := range line[:min(column, len(line))] {
		if r != '\t' { // a tab before the caret keeps it under its character
			r = ' '
		}
		pad.WriteRune(r)
	}
	return fmt.Sprintf("%s%s\n%s| %s^", margin, string(line), strings.Repeat(" ", len(margin)-2), pad.String())
}

// Sort puts problems, of several finders perhaps, into the file's order and
// drops repetitions.
func (ps Problems) Sort() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		if c := a.Pos.compare(b.Pos); c != 0 {
			return c
		}
		return strings.Compare(a.Msg, b.Msg)
	})
	return slices.CompactFunc(ps, func(a, b Problem) bool { return a.Pos == b.Pos && a.Msg == b.Msg })
}

// Range is values that rise by a step or a factor from From to at most To,
// all in one unit.
type Range struct {
	From   string `yaml:"from" doc:"first value" required:"true"`
	To     string `yaml:"to" doc:"greatest value, in the unit of from" required:"true"`
	Step   string `yaml:"step" one:"by" doc:"what is added for the next value, in the unit of from"`
	Factor Number `yaml:"factor" one:"by" doc:"what the next value is multiplied by" min:"exclusive 1"`
}

// span writes out a range of values for a slot; none if it is wrong.
func (d *decoder) span(n *ast.MappingNode, path string, s slot) []string {
	before := len(d.problems)
	var r Range
	d.structure(n, path, start(n), reflect.ValueOf(&r).Elem())
	low, high, suffix := d.bounds(path, s, r.From, r.To)
	by, step := join(path, "factor"), 0.0
	if r.Step != "" {
		by = join(path, "step")
		step = d.step(by, r, suffix)
	} else if at := join(path, "from"); low <= 0 && len(d.problems) == before {
		d.report(d.positions[at], at, "expected more than 0 with a factor, found %s: the range would never end", r.From)
	}
	if len(d.problems) > before {
		return nil
	}
	values, many := progression(low, high, step, float64(r.Factor))
	if values == nil {
		d.report(d.positions[by], by, "expected at most %d values, found %.0f", mostValues, many)
	}
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = decimal(v, rangeDigits) + suffix
	}
	return texts
}

// rangeDigits rounds away what powers and multiples of a binary fraction add.
const rangeDigits = 12

// progression is low, low + step, … or, with step 0, low, low · factor, … up
// to high; nil if that is more than mostValues, and how many they would be.
func progression(low, high, step, factor float64) (values []float64, many float64) {
	const slack = 1e-9 // the last value may be high but for rounding
	next, steps := func(i float64) float64 { return low + i*step }, (high-low)/step
	if step == 0 {
		next, steps = func(i float64) float64 { return low * math.Pow(factor, i) }, math.Log(high/low)/math.Log(factor)
	}
	if many = math.Floor(steps+slack) + 1; many > mostValues {
		return nil, many
	}
	for i := range int(many) {
		values = append(values, next(float64(i)))
	}
	return values, many
}

// step reads the step of a range, which has the unit of its ends.
func (d *decoder) step(path string, r Range, suffix string) float64 {
	if d.bad[path] || r.From == "" {
		return 0
	}
	step, found, err := quantity(r.Step)
	switch {
	case err != nil:
		d.report(d.positions[path], path, "%v", err)
	case found != suffix:
		d.report(d.positions[path], path, "expected the unit of from, %s, found %s", r.From, r.Step)
	case step <= 0:
		d.report(d.positions[path], path, "expected more than 0, found %s: the range would never end", r.Step)
	}
	return step
}

// bounds reads the ends of a range or a search, which have one unit.
func (d *decoder) bounds(path string, s slot, from, to string) (low, high float64, suffix string) {
	if from == "" || to == "" {
		return 0, 0, "" // reported as missing
	}
	before := len(d.problems)
	read := func(name, text string) (float64, string) {
		at := join(path, name)
		pos := d.positions[at]
		d.setting(scalarAt(text, pos), at, s)
		x, suffix, err := quantity(text)
		if err != nil && !d.bad[at] {
			d.report(pos, at, "%v", err)
		}
		return x, suffix
	}
	low, suffix = read("from", from)
	high, other := read("to", to)
	at := join(path, "to")
	switch {
	case len(d.problems) > before:
	case suffix != other:
		d.report(d.positions[at], at, "expected the unit of from, %s, found %s", from, to)
	case high < low:
		d.report(d.positions[at], at, "expected at least from, %s, found %s", from, to)
	}
	return low, high, suffix
}

var quantityForm = regexp.MustCompile(`^([+-]?` + plainNumber + `)([^0-9]*)$`)

// quantity splits a value into its number and its unit.
func quantity(text string) (x float64, suffix string, err error) {
	parts := quantityForm.FindStringSubmatch(text)
	if parts == nil {
		return 0, "", fmt.Errorf("expected a number with one unit, or none, found %q", text)
	}
	x, err = unit.Number(parts[1])
	return x, parts[2], err
}

// decimal writes a number with that many digits at most, without an exponent.
func decimal(x float64, digits int) string {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', digits, 64), 64)
	if err != nil {
		rounded = x // what was formatted reads back
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}
