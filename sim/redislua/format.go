package redislua

import (
	"math"
	"strconv"
	"strings"
)

// conversion is one "%…" of string.format.
type conversion struct {
	minus, plus, space, sharp, zero bool
	width, precision                int // precision -1: none
	verb                            byte
}

// stringFormat is string.format, whose numbers are written by C's printf.
func stringFormat(t *thread, args []Value) []Value {
	format := t.checkString(args, 1)
	var b strings.Builder
	at := 1
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			b.WriteByte(format[i])
			continue
		}
		if i++; i < len(format) && format[i] == '%' {
			b.WriteByte('%')
			continue
		}
		if at++; at > len(args) {
			t.argError(at, "no value")
		}
		c, n := t.conversion(format[i:])
		i += n
		t.write(&b, c, args, at)
	}
	return t.results(t.limitText(b.String()))
}

// conversion reads what follows a "%" and returns the offset of its letter.
func (t *thread) conversion(s string) (conversion, int) {
	c := conversion{precision: -1}
	n := 0
	for ; n < len(s) && strings.IndexByte("-+ #0", s[n]) >= 0; n++ {
		switch s[n] {
		case '-':
			c.minus = true
		case '+':
			c.plus = true
		case ' ':
			c.space = true
		case '#':
			c.sharp = true
		case '0':
			c.zero = true
		}
	}
	if n >= 6 {
		t.errorf("invalid format (repeated flags)")
	}
	two := func() int {
		value := 0
		for range 2 {
			if n < len(s) && isDigit(s[n]) {
				value = value*10 + int(s[n]-'0')
				n++
			}
		}
		return value
	}
	c.width = two()
	if n < len(s) && s[n] == '.' {
		n++
		c.precision = two()
	}
	if n < len(s) && isDigit(s[n]) {
		t.errorf("invalid format (width or precision too long)")
	}
	if n < len(s) {
		c.verb = s[n]
	}
	return c, n
}

// write writes one argument.
func (t *thread) write(b *strings.Builder, c conversion, args []Value, at int) {
	switch c.verb {
	case 'c':
		ch := byte(t.checkNumber(args, at))
		text := c.pad(string([]byte{ch}), false)
		if i := strings.IndexByte(text, 0); i >= 0 { // C measures it as a string
			text = text[:i]
		}
		b.WriteString(text)
	case 'd', 'i':
		b.WriteString(c.integer(toInt(t.checkNumber(args, at))))
	case 'o', 'u', 'x', 'X':
		b.WriteString(c.unsigned(toUint(t.checkNumber(args, at))))
	case 'e', 'E', 'f', 'g', 'G':
		b.WriteString(c.float(t.checkNumber(args, at)))
	case 'q':
		quote(b, t.checkString(args, at))
	case 's':
		s := t.checkString(args, at)
		if c.precision < 0 && len(s) >= 100 {
			b.WriteString(s)
			return
		}
		if i := strings.IndexByte(s, 0); i >= 0 {
			s = s[:i]
		}
		if c.precision >= 0 && c.precision < len(s) {
			s = s[:c.precision]
		}
		b.WriteString(c.pad(s, false))
	default:
		verb := ""
		if c.verb != 0 {
			verb = string([]byte{c.verb})
		}
		t.errorf("invalid option '%%%s' to 'format'", verb)
	}
}

// pad fills a text up to the width.
func (c conversion) pad(s string, zeros bool) string {
	missing := c.width - len(s)
	switch {
	case missing <= 0:
		return s
	case c.minus:
		return s + strings.Repeat(" ", missing)
	case !zeros:
		return strings.Repeat(" ", missing) + s
	}
	head := 0
	if s != "" && strings.IndexByte("+- ", s[0]) >= 0 {
		head = 1
	}
	if hasWord(s[head:], "0x") {
		head += 2
	}
	return s[:head] + strings.Repeat("0", missing) + s[head:]
}

func (c conversion) sign(negative bool) string {
	switch {
	case negative:
		return "-"
	case c.plus:
		return "+"
	case c.space:
		return " "
	}
	return ""
}

// exact writes the digits of an integer with the precision's leading zeros.
func (c conversion) exact(digits string) string {
	if c.precision == 0 && digits == "0" {
		return ""
	}
	if n := c.precision - len(digits); n > 0 {
		digits = strings.Repeat("0", n) + digits
	}
	return digits
}

func (c conversion) integer(i int64) string {
	u := uint64(i)
	if i < 0 {
		u = -u
	}
	return c.pad(c.sign(i < 0)+c.exact(strconv.FormatUint(u, 10)), c.zero && c.precision < 0)
}

func (c conversion) unsigned(u uint64) string {
	base := map[byte]int{'o': 8, 'u': 10, 'x': 16, 'X': 16}[c.verb]
	s := c.exact(strconv.FormatUint(u, base))
	if c.sharp && base == 16 && u != 0 {
		s = "0x" + s
	}
	if c.sharp && base == 8 && !strings.HasPrefix(s, "0") {
		s = "0" + s
	}
	if c.verb == 'X' {
		s = strings.ToUpper(s)
	}
	return c.pad(s, c.zero && c.precision < 0)
}

func (c conversion) float(f float64) string {
	upper := c.verb == 'E' || c.verb == 'G'
	text, special := specialText(math.Abs(f))
	if !special {
		text = c.finite(math.Abs(f))
	}
	text = c.sign(math.Signbit(f)) + text
	if upper {
		text = strings.ToUpper(text)
	}
	return c.pad(text, c.zero && !special)
}

func (c conversion) finite(f float64) string {
	precision := c.precision
	if precision < 0 {
		precision = 6
	}
	verb := c.verb | 0x20
	if verb == 'g' {
		precision = max(precision, 1)
		if c.sharp {
			return fixedG(f, precision)
		}
		return strconv.FormatFloat(f, 'g', precision, 64)
	}
	text := strconv.FormatFloat(f, verb, precision, 64)
	if c.sharp && precision == 0 {
		mantissa, exponent, found := strings.Cut(text, "e")
		text = mantissa + "."
		if found {
			text += "e" + exponent
		}
	}
	return text
}

// fixedG is "%#g", which keeps the zeros at the end.
func fixedG(f float64, precision int) string {
	text := strconv.FormatFloat(f, 'e', precision-1, 64)
	mantissa, exponent, _ := strings.Cut(text, "e")
	e, _ := strconv.Atoi(exponent)
	if e < -4 || e >= precision {
		if precision == 1 {
			mantissa += "."
		}
		return mantissa + "e" + exponent
	}
	text = strconv.FormatFloat(f, 'f', precision-1-e, 64)
	if precision-1-e == 0 {
		text += "."
	}
	return text
}

// quote writes a string as Lua can read it.
func quote(b *strings.Builder, s string) {
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\', '\n':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '\r':
			b.WriteString("\\r")
		case 0:
			b.WriteString("\\000")
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
}

// argumentText is "%.17g", as Redis writes a command's arguments.
func argumentText(f float64) string {
	if i := int64(f); float64(i) == f && i > -1e15 && i < 1e15 && (i != 0 || !math.Signbit(f)) {
		return strconv.FormatInt(i, 10)
	}
	return formatG(f, 17)
}
