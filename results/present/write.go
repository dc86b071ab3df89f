package present

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/quotalab/quotalab/models/metric"
)

// Look is how text is written for a terminal.
type Look struct {
	Colour bool // with ANSI escape sequences
	Width  int  // at which sentences and the last column of words are broken; 0: nowhere
}

// ANSI colours.
const (
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
)

var stateColours = map[State]string{Passed: green, Failed: red, Invalid: red}

func (l Look) paint(colour, s string) string {
	if !l.Colour || colour == "" {
		return s
	}
	return "\x1b[" + colour + "m" + s + "\x1b[0m"
}

// Write writes the table as text, indented: the title after an empty line if
// there is one, the rows below the names of the columns, the notes. A table whose
// columns have no names is a list, which is not indented. Of nothing it writes
// nothing.
func (t *Table) Write(w io.Writer, l Look) error {
	if t.Empty() {
		return nil
	}
	var b strings.Builder
	if t.Title != "" {
		fmt.Fprintf(&b, "\n%s\n", l.paint(bold, metric.Printable(t.Title)))
	}
	t.writeRows(&b, l)
	for _, n := range t.Notes {
		fmt.Fprintf(&b, "  %s\n", wrap(n, l.Width-2, 2))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Table) writeRows(b *strings.Builder, l Look) {
	if len(t.Rows) == 0 {
		return
	}
	rows, indent := printableRows(t.Rows), ""
	if header := t.header(); strings.Join(header, "") != "" {
		rows, indent = append([][]Cell{AllWords(header)}, rows...), "  "
	}
	widths := make([]int, len(t.Columns))
	for _, r := range rows {
		for c := range r {
			widths[c] = max(widths[c], utf8.RuneCountInString(r[c].Text))
		}
	}
	for _, r := range rows {
		line := strings.Builder{}
		line.WriteString(indent)
		at := len(indent)
		for c, cell := range r {
			text, pad := cell.Text, strings.Repeat(" ", widths[c]-utf8.RuneCountInString(cell.Text))
			if c == len(r)-1 && !t.Columns[c].Number && l.Width-at >= narrowest && utf8.RuneCountInString(text) > longCell {
				text, pad = wrap(text, l.Width-at, at), ""
			}
			text = l.paint(stateColours[cell.State], text)
			if t.Columns[c].Number {
				text, pad = pad+text, ""
			}
			line.WriteString(text + pad + "  ")
			at += widths[c] + 2
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

// printableRows returns rows whose texts a terminal shows as they are.
func printableRows(rows [][]Cell) [][]Cell {
	out := make([][]Cell, len(rows))
	for i, r := range rows {
		out[i] = slices.Clone(r)
		for c := range r {
			out[i][c].Text = metric.Printable(r[c].Text)
		}
	}
	return out
}

// A last column is broken into lines where a cell is longer than longCell and
// the column has room for narrowest characters.
const (
	longCell  = 60
	narrowest = 30
)

func (t *Table) header() []string {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = metric.Printable(c.Name)
	}
	return names
}

// wrap breaks a text into lines of at most width characters, where words allow
// it, all but the first indented, without what a terminal would not show. A width below 1 breaks nothing.
func wrap(text string, width, indent int) string {
	if width < 1 {
		return metric.PrintableText(text)
	}
	var b strings.Builder
	line := 0
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case line+1+n > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			line = 0
		default:
			b.WriteByte(' ')
			line++
		}
		b.WriteString(metric.Printable(word))
		line += n
	}
	return b.String()
}

// Markdown writes the table in GitHub's Markdown, with its notes as paragraphs;
// nothing if it has no rows.
func (t *Table) Markdown(w io.Writer) error {
	var b strings.Builder
	if len(t.Rows) > 0 {
		line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
		rule, header := make([]string, len(t.Columns)), t.header()
		for i, c := range t.Columns {
			rule[i], header[i] = "---", Literal(header[i])
			if c.Number {
				rule[i] = "---:"
			}
		}
		line(header)
		line(rule)
		for _, r := range t.Rows {
			cells := make([]string, len(r))
			for i, c := range r {
				cells[i] = c.markdown(t.Columns[i])
			}
			line(cells)
		}
	}
	for _, n := range t.Notes {
		b.WriteString("\n" + Literal(n) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (c Cell) markdown(of Column) string {
	switch {
	case of.Code && c.Text != "":
		return strings.ReplaceAll(Code(c.Text), "|", "\\|")
	case c.State == Failed || c.State == Invalid:
		return "**" + Literal(c.Text) + "**"
	}
	return Literal(c.Text)
}

// special are the characters that mean something in Markdown, and what stands for
// them.
var special = strings.NewReplacer("\\", "\\\\", "`", "\\`", "*", "\\*", "_", "\\_", "[", "\\[", "]", "\\]", "|", "\\|", "~", "\\~", "#", "\\#", "@", "@\u200b",
	"<", "&lt;", ">", "&gt;", "&", "&amp;")

// unbroken makes spaces of what breaks lines.
var unbroken = strings.NewReplacer("\r", " ", "\n", " ", "\t", " ")

// Literal returns text that means nothing but itself in a line or a cell of
// Markdown.
func Literal(s string) string {
	return special.Replace(metric.Printable(unbroken.Replace(s)))
}

// Code returns Markdown for text in the words of a language, fenced by more
// backquotes than it has.
func Code(s string) string {
	s = metric.Printable(unbroken.Replace(s))
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if len(fence) > 1 {
		return fence + " " + s + " " + fence
	}
	return fence + s + fence
}

// spreadsheet returns a field of CSV that a spreadsheet takes for text: one that
// begins like a formula gets an apostrophe in front, unless it is a number, and
// what cannot be shown is escaped, save line breaks.
func spreadsheet(field string) string {
	lines := strings.Split(field, "\n")
	for i, line := range lines {
		lines[i] = metric.Escaped(line)
	}
	text := strings.Join(lines, "\n")
	first, _ := utf8.DecodeRuneInString(strings.TrimLeftFunc(field, unicode.IsSpace))
	if !strings.ContainsRune("=+-@＝＋－＠", first) {
		return text
	}
	if _, err := strconv.ParseFloat(field, 64); err == nil {
		return text
	}
	return "'" + text
}

// spreadsheets makes fields of CSV of texts, in place.
func spreadsheets(line []string) []string {
	for i, field := range line {
		line[i] = spreadsheet(field)
	}
	return line
}

// CSV writes the rows under a header, numbers plain.
func (t *Table) CSV(w io.Writer) error {
	lines := [][]string{spreadsheets(t.header())}
	for _, r := range t.Rows {
		line := make([]string, len(r))
		for i, c := range r {
			if line[i] = c.Text; c.Number != "" {
				line[i] = c.Number
			}
		}
		lines = append(lines, spreadsheets(line))
	}
	if err := csv.NewWriter(w).WriteAll(lines); err != nil {
		return fmt.Errorf("writing CSV: %w", err)
	}
	return nil
}
