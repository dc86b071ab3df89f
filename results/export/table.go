package export

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode/utf8"
)

// table is rows of cells under a header. Columns of text are aligned to the
// left, numbers to the right: a column whose header begins with ">" is one
// of numbers.
type table struct {
	header []string
	rows   [][]string
}

func newTable(header ...string) *table { return &table{header: header} }

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// write the table, indented; nothing if it has no rows.
func (t *table) write(w io.Writer) error {
	if len(t.rows) == 0 {
		return nil
	}
	all := append([][]string{t.names()}, t.rows...)
	for c, h := range t.header {
		if strings.HasPrefix(h, ">") {
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

func (t *table) names() []string {
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

// wrap breaks a text into lines of at most width characters, where words
// allow it, with indent before each line but the first.
func wrap(text string, width int, indent string) string {
	var b strings.Builder
	line := 0
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case line+1+n > width:
			b.WriteString("\n" + indent)
			line = 0
		default:
			b.WriteByte(' ')
			line++
		}
		b.WriteString(word)
		line += n
	}
	return b.String()
}
