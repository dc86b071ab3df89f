package export

import (
	"io"
	"strings"
	"unicode/utf8"

	"github.com/quotalab/quotalab/results/wording"
)

// table of the text summary.
type table struct{ *wording.Table }

func newTable(header ...string) *table { return &table{wording.NewTable(header...)} }

func (t *table) add(cells ...string) { t.Add(cells...) }

func (t *table) write(w io.Writer) error { return t.Write(w) }

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
