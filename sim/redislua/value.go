package redislua

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Value is a Lua value: nil, bool, float64, string, *Table, *Function, *thread
// or null.
type Value = any

// null is the type of cjson.null, which Lua sees as a light userdata.
type null struct{}

// Function is a Lua function with its variables, or one of Go.
type Function struct {
	proto  *proto
	up     []*cell
	native func(t *thread, args []Value) []Value
	name   string // of a function of Go, for its errors
	id     uint64
}

// cell holds a local variable that an inner function uses too.
type cell struct{ v Value }

// identity numbers tables, functions and threads in the order in which
// somebody asks, in place of the addresses that C shows. It also has the room
// for the arrays of a script's tables, none of which is left when it ends.
type identity struct {
	last uint64
	room []Value
	used int
}

// array returns n places that hold nil.
func (i *identity) array(n int) []Value {
	if n > len(i.room)-i.used {
		return make([]Value, n)
	}
	i.used += n
	return i.room[i.used-n : i.used : i.used]
}

// free takes back the room of a script that has ended. arrays is how much the
// next may use.
func (i *identity) free(arrays int) {
	clear(i.room[:i.used])
	i.used = 0
	if i.room == nil {
		i.room = make([]Value, arrays)
	}
}

func (i *identity) of(id *uint64) uint64 {
	if *id == 0 {
		i.last += 32
		*id = 0x7f0000000000 + i.last
	}
	return *id
}

// small are the numbers that scripts have most, which as Values then need no
// memory of their own.
var small = func() (all [1024]Value) {
	for i := range all {
		all[i] = float64(i)
	}
	return all
}()

// boxed returns a number as a Value.
func boxed(n float64) Value {
	if i := int(n); i > 0 && i < len(small) && float64(i) == n {
		return small[i]
	}
	return n
}

func typeName(v Value) string {
	switch v.(type) {
	case nil:
		return "nil"
	case bool:
		return "boolean"
	case float64:
		return "number"
	case string:
		return "string"
	case *Table:
		return "table"
	case *Function:
		return "function"
	case *thread:
		return "thread"
	}
	return "userdata"
}

func truthy(v Value) bool {
	switch b := v.(type) {
	case nil:
		return false
	case bool:
		return b
	}
	return true
}

// asNumber converts as the operators of Lua do: a number, or a string that
// reads as one.
func asNumber(v Value) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case string:
		return readNumber(n)
	}
	return 0, false
}

// asString converts a number to text, as Lua does where a string is wanted.
func asString(v Value) (string, bool) {
	switch s := v.(type) {
	case string:
		return s, true
	case float64:
		return numberText(s), true
	}
	return "", false
}

// numberText writes a number as C's "%.14g".
func numberText(f float64) string {
	if i := int64(f); float64(i) == f && i > -1e14 && i < 1e14 && (i != 0 || !math.Signbit(f)) {
		return strconv.FormatInt(i, 10)
	}
	return formatG(f, 14)
}

// formatG writes a number as C's "%.*g".
func formatG(f float64, precision int) string {
	if special, ok := specialText(f); ok {
		return special
	}
	return strconv.FormatFloat(f, 'g', precision, 64)
}

// specialText names what is not finite as C's printf does.
func specialText(f float64) (string, bool) {
	sign := ""
	if math.Signbit(f) {
		sign = "-"
	}
	switch {
	case math.IsNaN(f):
		return sign + "nan", true
	case math.IsInf(f, 0):
		return sign + "inf", true
	}
	return "", false
}

// indefinite is the NaN that amd64 makes of an invalid operation: its sign is set.
var indefinite = math.Float64frombits(0xfff8000000000000)

// quiet is the NaN without a sign that C's library makes.
var quiet = math.Float64frombits(0x7ff8000000000000)

// settle returns r, the result of an operation on a and b. A NaN has the sign
// that it has on amd64, whatever the processor is.
func settle(a, b, r float64) float64 {
	if r == r {
		return r
	}
	if a != a {
		return a
	}
	if b != b {
		return b
	}
	return indefinite
}

// toInt converts as C does on amd64: what does not fit is the least integer.
func toInt(f float64) int64 {
	if f >= -9223372036854775808 && f < 9223372036854775808 {
		return int64(f)
	}
	return math.MinInt64
}

// toUint converts a number to the unsigned integer that GCC's code on amd64 makes.
func toUint(f float64) uint64 {
	if f < 9223372036854775808 || f != f {
		return uint64(toInt(f))
	}
	return uint64(toInt(f-9223372036854775808)) ^ 1<<63
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// readNumber reads a whole string as luaO_str2d does: up to a zero byte, with
// spaces around it.
func readNumber(s string) (float64, bool) {
	if n := digits(s, false); n > 0 && n == len(s) && n < 16 { // a whole number below 10¹⁵
		return float64(integer([]byte(s))), true
	}
	if i := strings.IndexByte(s, 0); i >= 0 {
		s = s[:i]
	}
	f, n := strtod(s)
	if n == 0 {
		return 0, false
	}
	for n < len(s) && isSpace(s[n]) {
		n++
	}
	return f, n == len(s)
}

// strtod reads a number as C's function does and returns how long it was, 0
// where there is none.
func strtod(s string) (value float64, length int) {
	i := 0
	for i < len(s) && isSpace(s[i]) {
		i++
	}
	sign := 1.0
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		if s[i] == '-' {
			sign = -1
		}
		i++
	}
	value, n := unsigned(s[i:])
	if n == 0 {
		return 0, 0
	}
	return math.Copysign(value, sign), i + n
}

func unsigned(s string) (float64, int) {
	switch {
	case hasWord(s, "infinity"):
		return math.Inf(1), 8
	case hasWord(s, "inf"):
		return math.Inf(1), 3
	case hasWord(s, "nan"):
		return quiet, 3 + payload(s[3:])
	case hasWord(s, "0x"):
		if f, n := hexFloat(s); n > 0 {
			return f, n
		}
		return 0, 1
	}
	n := digits(s, false)
	if whole := n; n < len(s) && s[n] == '.' {
		n += 1 + digits(s[n+1:], false)
		if n == whole+1 && whole == 0 {
			return 0, 0
		}
	}
	if n == 0 {
		return 0, 0
	}
	n += exponent(s[n:], 'e')
	f, _ := strconv.ParseFloat(s[:n], 64) // out of range: infinite or zero, as in C
	return f, n
}

func hasWord(s, word string) bool {
	return len(s) >= len(word) && strings.EqualFold(s[:len(word)], word)
}

// payload returns the length of what may follow "nan" in brackets.
func payload(s string) int {
	if s == "" || s[0] != '(' {
		return 0
	}
	for i := 1; i < len(s); i++ {
		if s[i] == ')' {
			return i + 1
		}
		if !isAlnum(s[i]) && s[i] != '_' {
			break
		}
	}
	return 0
}

// hexFloat reads "0x1.8p3"; without a digit it is not one.
func hexFloat(s string) (float64, int) {
	n := 2 + digits(s[2:], true)
	count := n - 2
	if n < len(s) && s[n] == '.' {
		more := digits(s[n+1:], true)
		count += more
		n += 1 + more
	}
	if count == 0 {
		return 0, 0
	}
	text := s[:n]
	if e := exponent(s[n:], 'p'); e > 0 {
		n += e
		text = s[:n]
	} else {
		text += "p0"
	}
	f, _ := strconv.ParseFloat(text, 64)
	return f, n
}

func digits(s string, hex bool) int {
	n := 0
	for n < len(s) && (isDigit(s[n]) || hex && isHex(s[n])) {
		n++
	}
	return n
}

// exponent returns the length of an exponent, 0 when its digits are missing.
func exponent(s string, mark byte) int {
	if s == "" || s[0]|0x20 != mark {
		return 0
	}
	n := 1
	if n < len(s) && (s[n] == '+' || s[n] == '-') {
		n++
	}
	if d := digits(s[n:], false); d > 0 {
		return n + d
	}
	return 0
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isHex(c byte) bool   { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }
func isAlpha(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isAlnum(c byte) bool { return isAlpha(c) || isDigit(c) }

// describe is tostring without metatables.
func (t *thread) describe(v Value) string {
	ids := &t.state.ids
	switch x := v.(type) {
	case nil:
		return "nil"
	case bool:
		return strconv.FormatBool(x)
	case float64:
		return numberText(x)
	case string:
		return x
	case *Table:
		return fmt.Sprintf("table: 0x%x", ids.of(&x.id))
	case *Function:
		if x.native != nil {
			return fmt.Sprintf("function: 0x%x", ids.of(&x.id))
		}
		return fmt.Sprintf("function: 0x%x", ids.of(&x.id))
	case *thread:
		return fmt.Sprintf("thread: 0x%x", ids.of(&x.id))
	}
	return "userdata: (nil)"
}
