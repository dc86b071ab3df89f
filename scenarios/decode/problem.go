package decode

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/quotalab/quotalab/models/metric"
)

// Pos is a place in a file, both counted from 1, columns in characters.
type Pos struct{ Line, Column int }

func (p Pos) String() string { return fmt.Sprintf("%d:%d", p.Line, p.Column) }

// Compare orders places as they follow each other in a file.
func (p Pos) Compare(q Pos) int {
	if p.Line != q.Line {
		return p.Line - q.Line
	}
	return p.Column - q.Column
}

// Positions are the places of all that a file says, by dotted path
// ("traffic.main.rate.ramp.to", list elements by index: "assert.0"): a scalar
// stands at its value, a mapping or list at its key.
type Positions map[string]Pos

// At returns where a path stands, of one that was left out its nearest
// written parent.
func (ps Positions) At(path string) Pos {
	for {
		if p, ok := ps[path]; ok {
			return p
		}
		if path == "" {
			return Pos{1, 1}
		}
		path = path[:max(strings.LastIndexByte(path, '.'), 0)]
	}
}

// Written reports whether the file gives the path, as opposed to a default.
func (ps Positions) Written(path string) bool {
	_, ok := ps[path]
	return ok
}

// Join appends elements to a dotted path.
func Join(path string, elements ...any) string {
	for _, e := range elements {
		if path != "" {
			path += "."
		}
		path += fmt.Sprint(e)
	}
	return path
}

// Problem is one mistake in a file.
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
	return fmt.Sprintf("%s:%s: %s: %s", p.File, p.Pos, metric.Shortened(p.Path), p.Msg)
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

// Source is the text of a file, for positions and excerpts.
type Source struct {
	File  string
	text  string // as it was read
	lines []string
}

// NewSource returns the source of a file. The name is for messages only.
func NewSource(file string, data []byte) Source {
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	return Source{file, string(data), strings.Split(strings.TrimSuffix(text, "\n"), "\n")}
}

// Text returns the text as it was read.
func (s Source) Text() string { return s.text }

// Problem returns a problem at a place of the file.
func (s Source) Problem(pos Pos, path, msg string) Problem {
	pos = s.clamp(pos)
	return Problem{File: s.File, Pos: pos, Path: path, Msg: msg, Excerpt: s.excerpt(pos)}
}

// clamp moves a position into the file; just past the end of a line is in it.
func (s Source) clamp(p Pos) Pos {
	if len(s.lines) == 0 {
		return Pos{1, 1}
	}
	p.Line = min(max(p.Line, 1), len(s.lines))
	p.Column = min(max(p.Column, 1), utf8.RuneCountInString(s.lines[p.Line-1])+1)
	return p
}

const excerptWidth = 100

func (s Source) excerpt(p Pos) string {
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
		if c := a.Pos.Compare(b.Pos); c != 0 {
			return c
		}
		return strings.Compare(a.Msg, b.Msg)
	})
	return slices.CompactFunc(ps, func(a, b Problem) bool { return a.Pos == b.Pos && a.Msg == b.Msg })
}
