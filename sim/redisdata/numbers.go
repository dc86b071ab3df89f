package redisdata

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// isSpace reports what C calls a space.
func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// floatPrefix returns the length of the text that C's strtod takes for a
// number, without spaces before it; and the text as Go reads it.
func floatPrefix(s string) (length int, text string) {
	i := 0
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		i++
	}
	sign := s[:i]
	low := strings.ToLower(s[i:min(len(s), i+8)])
	switch {
	case strings.HasPrefix(low, "infinity"):
		return i + 8, sign + "inf"
	case strings.HasPrefix(low, "inf"):
		return i + 3, sign + "inf"
	case strings.HasPrefix(low, "nan"):
		return i + 3, "nan"
	case strings.HasPrefix(low, "0x"):
		if n := digits(s[i+2:], isHex); n > 0 {
			end := i + 2 + n
			if e := exponent(s[end:], "pP"); e > 0 {
				return end + e, s[:end+e]
			}
			return end, s[:end] + "p0"
		}
		return i + 1, sign + "0"
	}
	n := digits(s[i:], isDecimal)
	if n == 0 {
		return 0, "0"
	}
	end := i + n
	end += exponent(s[end:], "eE")
	return end, s[:end]
}

func isDecimal(c byte) bool { return c >= '0' && c <= '9' }
func isHex(c byte) bool     { return isDecimal(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

// digits returns the length of digits with at most one point among them, 0
// where there is no digit.
func digits(s string, is func(byte) bool) int {
	n, found, point := 0, false, false
	for n < len(s) && (is(s[n]) || s[n] == '.' && !point) {
		found = found || s[n] != '.'
		point = point || s[n] == '.'
		n++
	}
	if !found {
		return 0
	}
	return n
}

// exponent returns the length of an exponent behind one of two letters.
func exponent(s, letters string) int {
	if s == "" || !strings.Contains(letters, s[:1]) {
		return 0
	}
	n := 1
	if n < len(s) && (s[n] == '+' || s[n] == '-') {
		n++
	}
	first := n
	for n < len(s) && isDecimal(s[n]) {
		n++
	}
	if n == first {
		return 0
	}
	return n
}

// parseFloat reads a whole text as a double. What is too large or too small
// for one is refused.
func parseFloat(s string) (float64, bool) {
	n, text := floatPrefix(s)
	if n == 0 || n != len(s) {
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || f == 0 && underflows(text) {
		return 0, false
	}
	return f, true
}

// underflows reports whether a text that reads as zero has a digit that is not.
func underflows(text string) bool {
	if i := strings.IndexAny(text, "xX"); i >= 0 {
		text = text[i+1:]
		text, _, _ = strings.Cut(strings.ToLower(text), "p")
	} else {
		text, _, _ = strings.Cut(strings.ToLower(text), "e")
	}
	return strings.ContainsAny(text, "123456789abcdef")
}

// parseBound reads a number as C's strtod does, which takes an empty text for
// 0 and lets spaces stand before it.
func parseBound(s string) (float64, bool) {
	s, _, _ = strings.Cut(s, "\x00")
	for s != "" && isSpace(s[0]) {
		s = s[1:]
	}
	n, text := floatPrefix(s)
	if n != len(s) {
		return 0, false
	}
	f, _ := strconv.ParseFloat(text, 64) // out of range: infinite
	return f, !math.IsNaN(f)
}

// Redis adds floating-point texts as long doubles: 64 bits of precision, and
// exponents up to 16,384.
const (
	longPrecision = 64
	longExponent  = 16384
	shortest      = -16445
)

// parseLong reads a whole text as a long double.
func parseLong(s string) (*big.Float, bool) {
	n, text := floatPrefix(s)
	if n == 0 || n != len(s) || text == "nan" {
		return nil, false
	}
	f, _, err := big.ParseFloat(text, 0, longPrecision, big.ToNearestEven)
	if err != nil {
		return nil, false
	}
	exp := f.MantExp(nil)
	if !f.IsInf() && (exp > longExponent || f.Sign() != 0 && exp < shortest) {
		return nil, false
	}
	return f, true
}

// addLong adds long doubles and returns the text of the sum, false where it
// is no number.
func addLong(a, b *big.Float) (string, bool) {
	if a.IsInf() || b.IsInf() {
		return "", false
	}
	sum := new(big.Float).SetPrec(longPrecision).Add(a, b)
	if sum.MantExp(nil) > longExponent {
		return "", false
	}
	text := sum.Text('f', 17)
	text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	if text == "-0" {
		text = "0"
	}
	return text, true
}

// add adds integers, false where the sum overflows.
func add(a, b int64) (int64, bool) {
	sum := a + b
	return sum, (sum > a) == (b > 0)
}

// span turns indexes that may count from the end into those of a slice of n,
// false where nothing is between them.
func span(start, end int64, n int) (from, to int, ok bool) {
	size := int64(n)
	if start < 0 {
		start = max(start+size, 0)
	}
	if end < 0 {
		end += size
	}
	if start > end || start >= size {
		return 0, 0, false
	}
	return int(start), int(min(end, size-1)) + 1, true
}
