package present

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode/utf8"
)

// Table is rows of cells under a header. Columns of text are aligned to the
// left, numbers to the right: a column whose header begins with ">" is one of
// numbers.
type Table struct {
	header []string
	Rows   [][]string
}

// NewTable has no rows yet.
func NewTable(header ...string) *Table { return &Table{header: header} }

// Add a row, with a cell for each column.
func (t *Table) Add(cells ...string) { t.Rows = append(t.Rows, cells) }

// Write the table as text, indented; nothing if it has no rows.
func (t *Table) Write(w io.Writer) error {
	if len(t.Rows) == 0 {
		return nil
	}
	all := append([][]string{t.names()}, t.Rows...)
	for c := range t.header {
		if t.isNumber(c) {
			alignRight(all, c)
		}
	}
	var b strings.Builder
	tw := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	for _, row := range all {
		fmt.Fprintln(tw, "  "+strings.Join(row, "\t")) // to memory: cannot fail
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(b.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// Markdown writes the table in GitHub's Markdown; nothing if it has no rows.
func (t *Table) Markdown(w io.Writer) error {
	if len(t.Rows) == 0 {
		return nil
	}
	rule := make([]string, len(t.header))
	for c := range rule {
		rule[c] = "---"
		if t.isNumber(c) {
			rule[c] = "---:"
		}
	}
	var b strings.Builder
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(literal(t.names()))
	line(rule)
	for _, row := range t.Rows {
		line(literal(row))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Table) isNumber(column int) bool { return strings.HasPrefix(t.header[column], ">") }

func (t *Table) names() []string {
	names := make([]string, len(t.header))
	for i, h := range t.header {
		names[i] = strings.TrimPrefix(h, ">")
	}
	return names
}

func alignRight(rows [][]string, column int) {
	width := 0
	for _, r := range rows {
		width = max(width, utf8.RuneCountInString(r[column]))
	}
	for i, r := range rows {
		r = append([]string(nil), r...)
		r[column] = strings.Repeat(" ", width-utf8.RuneCountInString(r[column])) + r[column]
		rows[i] = r
	}
}

func literal(cells []string) []string {
	out := make([]string, len(cells))
	for i, c := range cells {
		out[i] = Literal(c)
	}
	return out
}

// Literal is text that means nothing but itself in a line or a cell of
// Markdown.
func Literal(s string) string {
	return strings.NewReplacer("\\", "\\\\", "`", "\\`", "*", "\\*", "_", "\\_", "[", "\\[", "]", "\\]", "|", "\\|", "~", "\\~", "#", "\\#", "@", "@\u200b",
		"<", "&lt;", ">", "&gt;", "&", "&amp;", "\r", " ", "\n", " ", "\t", " ").Replace(s)
}
