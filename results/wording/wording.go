// Package wording writes numbers and names for people: what the text summary,
// the page, the figures and the warnings have in common. In flow numbers and
// keys, out flows text. Imported by sim/, results/, plots/ and cmd/.
package wording

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Thousands writes 1234567 as 1,234,567.
func Thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	var parts []string
	for len(s) > 3 {
		parts = append([]string{s[len(s)-3:]}, parts...)
		s = s[:len(s)-3]
	}
	return sign + strings.Join(append([]string{s}, parts...), ",")
}

// Counted writes "1 account" and "2,000 accounts".
func Counted(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return Thousands(n) + " " + thing + "s"
}

// Percent writes a share in percent with a digit after the point, and never
// rounds something to nothing or to all.
func Percent(share float64) string {
	switch {
	case share > 0 && share < 0.001:
		return "<0.1 %"
	case share < 1 && share > 0.999:
		return ">99.9 %"
	}
	return strconv.FormatFloat(share*100, 'f', 1, 64) + " %"
}

// Printable keeps what cannot be shown out of a key: what would move a
// terminal's cursor, or turn the direction of text.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}

// Quantity writes a number in a base unit: "s" as 1.5s or 7.2ms, "/s", "count"
// with its thousands, "ratio" in percent, others as they are.
func Quantity(v float64, unit string) string {
	switch unit {
	case "s":
		return time.Duration(math.Round(v * 1e9)).String()
	case "/s":
		return strconv.FormatFloat(v, 'g', 6, 64) + "/s"
	case "count":
		if v == math.Trunc(v) {
			return Thousands(int64(v))
		}
	case "ratio":
		return Percent(v)
	}
	return strconv.FormatFloat(v, 'g', 6, 64)
}
