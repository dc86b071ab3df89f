package metric

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Printable replaces what cannot be shown in a line of text: what would move a
// terminal's cursor, begin an escape sequence, turn the direction of text, or is
// not UTF-8. XML allows every character that is left.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if shown(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// PrintableText is Printable of a text of several lines, with tabs.
func PrintableText(s string) string {
	return strings.Map(func(r rune) rune {
		if shown(r) || r == '\n' || r == '\t' {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// shown reports whether a character is shown as itself: a space of any width is.
func shown(r rune) bool { return unicode.IsPrint(r) || unicode.Is(unicode.Zs, r) }

// Escaped writes what Printable replaces as JSON's \uXXXX, so that different names
// stay different; line breaks and tabs too. Bytes that are not UTF-8 become U+FFFD.
func Escaped(s string) string {
	if Printable(s) == s {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if shown(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return b.String()
}

// Shortened leaves out the middle of a text that is too long to be read.
func Shortened(text string) string {
	const begin, end = 800, 200
	if most := 4 * (begin + end); len(text) > most { // of four bytes each at the most
		text = text[:4*begin] + text[len(text)-4*end:]
	} else if utf8.RuneCountInString(text) <= begin+end {
		return text
	}
	runes := []rune(text)
	return string(runes[:begin]) + " … " + string(runes[len(runes)-end:])
}
