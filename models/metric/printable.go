package metric

import (
	"strings"
	"unicode"
)

// Printable replaces what cannot be shown in a key: what would move a terminal's
// cursor, or turn the direction of text.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}
