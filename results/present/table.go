package present

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/summary"
)

// Table is a section as data: what it is about, rows of cells under columns, and
// what is said below them. Text, Markdown, CSV and the page of plots/report are
// written from it.
type Table struct {
	Name    string // by which programs know it, such as latency
	Title   string
	Help    string // how to read it, in sentences, where there is room for them
	Columns []Column
	Rows    [][]Cell
	Notes   []string // sentences below the rows
}

// Column is one of a table.
type Column struct {
	Name   string // "" in a list without a header
	Number bool   // its cells are numbers, aligned to the right
	Unit   string // of the plain numbers, if its cells are written with units
	Code   bool   // its cells are in the words of a language, such as a selector of metrics
}

// Cell is what a table shows in a row and a column.
type Cell struct {
	Text   string
	Number string // plain, by which it is sorted and copied, where Text is written otherwise
	State  State
}

// State is what a cell says of itself, "" nothing.
type State string

// The states of cells; Invalid is one too.
const (
	Passed State = "passed"
	Failed State = "failed"
)

// NewTable returns a table without rows, with columns by name: ">name" is one of
// numbers, ">name|s" or ">name|%" one whose cells are written with units, and
// "`name" one in the words of a language.
func NewTable(name, title string, columns ...string) *Table {
	t := &Table{Name: name, Title: title}
	t.AddColumns(columns...)
	return t
}

// AddColumns adds columns, named as in NewTable.
func (t *Table) AddColumns(names ...string) {
	for _, n := range names {
		n, code := strings.CutPrefix(n, "`")
		n, number := strings.CutPrefix(n, ">")
		c := Column{Name: n, Number: number, Code: code}
		for _, u := range []string{"%", "s"} { // a name may hold a |
			if name, ok := strings.CutSuffix(n, "|"+u); ok {
				c.Name, c.Unit = name, u
			}
		}
		t.Columns = append(t.Columns, c)
	}
}

// Add adds a row with a cell for each column.
func (t *Table) Add(cells ...Cell) { t.Rows = append(t.Rows, cells) }

// AddWords adds a row of words.
func (t *Table) AddWords(cells ...string) { t.Add(AllWords(cells)...) }

// Note adds a sentence below the rows.
func (t *Table) Note(text string) { t.Notes = append(t.Notes, text) }

// Empty reports whether the table says nothing.
func (t *Table) Empty() bool { return len(t.Rows)+len(t.Notes) == 0 }

// Drop leaves out the first column if that is its name and the one after it can
// name the row.
func (t *Table) Drop(name string) {
	if len(t.Columns) < 2 || t.Columns[0].Name != name || t.Columns[1].Number {
		return
	}
	t.Columns = t.Columns[1:]
	for i := range t.Rows {
		t.Rows[i] = t.Rows[i][1:]
	}
}

// None is a cell without a value.
var None = Cell{Text: "–"}

// Words returns a cell of text.
func Words(s string) Cell {
	if s == "" {
		return None
	}
	return Cell{Text: s}
}

// AllWords returns a cell of each text; an empty one stays empty.
func AllWords(list []string) []Cell {
	cells := make([]Cell, len(list))
	for i, s := range list {
		cells[i] = Cell{Text: s}
	}
	return cells
}

// Plain writes a number as a spreadsheet reads it.
func Plain(v float64) string { return unit.Digits(v, 9) }

// Count returns a cell of a number of things.
func Count(n int64) Cell {
	if n < 1000 {
		return Cell{Text: strconv.FormatInt(n, 10)}
	}
	return Cell{Text: unit.Thousands(n), Number: strconv.FormatInt(n, 10)}
}

// Counts returns a cell of each number.
func Counts(list ...int64) (cells []Cell) {
	for _, n := range list {
		cells = append(cells, Count(n))
	}
	return cells
}

// Maybe returns the cell of a value that may be unknown.
func Maybe[T any](v *T, write func(T) Cell) Cell {
	if v == nil {
		return None
	}
	return write(*v)
}

// Fixed returns how to write a number with that many digits after the point.
func Fixed(digits int) func(float64) Cell {
	return func(v float64) Cell { return Cell{Text: strconv.FormatFloat(v, 'f', digits, 64), Number: Plain(v)} }
}

// General returns a cell of a number of four digits.
func General(v float64) Cell { return Cell{Text: unit.Digits(v, 4), Number: Plain(v)} }

// Percent returns a cell of a share.
func Percent(share float64) Cell { return Cell{Text: unit.Percent(share), Number: Plain(share * 100)} }

// Share returns a cell of the share of n in a whole.
func Share(n, of int64) Cell {
	if of == 0 {
		return None
	}
	return Percent(float64(n) / float64(of))
}

// Lasting returns a cell of seconds, written as 1h2m3s.
func Lasting(seconds float64) Cell { return Cell{Text: unit.Lasting(seconds), Number: Plain(seconds)} }

// Threshold returns a cell of a threshold in percent of a limit.
func Threshold(percent int64) Cell {
	n := strconv.FormatInt(percent, 10)
	return Cell{Text: n + " %", Number: n}
}

// row joins cells of several kinds.
func row(parts ...[]Cell) []Cell { return slices.Concat(parts...) }

// TextOptions are those of the text summary. The zero value is compact, in
// milliseconds, without colour, 100 columns wide.
type TextOptions struct {
	Mode   string // Compact or Full
	Unit   string // of times: s, ms or us
	Colour bool   // with ANSI escape sequences
	Width  int    // at which sentences are broken; tables are as wide as they are
}

func (o TextOptions) check() (TextOptions, error) {
	if o.Mode == "" {
		o.Mode = Compact
	}
	if o.Unit == "" {
		o.Unit = "ms"
	}
	if o.Width == 0 {
		o.Width = 100
	}
	if o.Mode != Compact && o.Mode != Full {
		return o, fmt.Errorf("summary mode %q: expected %s or %s", o.Mode, Compact, Full)
	}
	if _, ok := timeUnits[o.Unit]; !ok {
		return o, fmt.Errorf("time unit %q: expected s, ms or us", o.Unit)
	}
	if o.Width < 40 {
		return o, fmt.Errorf("width %d: expected at least 40 columns", o.Width)
	}
	return o, nil
}

// Text writes the summary for people: first whether it can be trusted and why
// not, then what is odd, then its sections.
func Text(w io.Writer, s *summary.Measured, o TextOptions) error {
	o, err := o.check()
	if err != nil {
		return err
	}
	buf, look := bufio.NewWriter(w), Look{o.Colour, o.Width}
	writeHead(buf, s, look)
	var errs []error
	for _, t := range Sections(s, o.Mode, o.Unit) {
		errs = append(errs, t.Write(buf, look))
	}
	return cmp.Or(append(errs, buf.Flush())...) // the same one, again and again
}

// writeHead writes the verdict, what the run was and what is odd. Errors stay
// with the buffer.
func writeHead(w io.Writer, s *summary.Measured, l Look) {
	colour := green
	if !s.Valid || !s.OK {
		colour = red
	}
	bullets := func(colour string, items []string) {
		for _, item := range items {
			fmt.Fprintf(w, "  %s %s\n", l.paint(colour, "!"), wrap(item, l.Width-4, 4))
		}
	}
	sentence := func(text string) { fmt.Fprintf(w, "  %s\n", wrap(text, l.Width-2, 2)) }
	fmt.Fprintf(w, "%s: %s\n", l.paint(bold, metric.Printable(s.Scenario)), l.paint(colour, s.Verdict()+", "+AssertionsHeld(s)))
	if e := s.EndedBy; e != nil {
		bullets(red, []string{fmt.Sprintf("%s: %s ended the run at %s of %s", e.Metric, e.Check, unit.Lasting(e.AtSeconds), unit.Lasting(s.HorizonSeconds))})
	}
	bullets(red, s.Invalid)
	if s.Undecided != "" {
		bullets(red, []string{s.Undecided + ". A scenario that wants errors asserts them."})
	}
	if s.About != "" {
		sentence(s.About)
	}
	var facts []string
	for _, f := range Facts(s) {
		facts = append(facts, f.inLine())
	}
	sentence(strings.Join(facts, ", "))
	for _, line := range Schedule(s) {
		sentence(line)
	}
	if len(s.Warnings) > 0 {
		fmt.Fprintf(w, "\n%s\n", l.paint(bold, "Warnings"))
		bullets(yellow, s.Warnings)
	}
}
