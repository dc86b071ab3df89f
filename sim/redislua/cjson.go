package redislua

import (
	"math"
	"strings"
	"unicode/utf8"
)

// jsonConfig is how cjson writes and reads. A script may change it, for those
// after it too.
type jsonConfig struct {
	convertSparse, sparseRatio, sparseSafe int
	encodeDepth, decodeDepth               int
	precision                              int
	keepBuffer                             int
	encodeInvalid, decodeInvalid           int // options of invalidOptions
}

func newJSONConfig() *jsonConfig {
	return &jsonConfig{sparseRatio: 2, sparseSafe: 10, encodeDepth: 1000, decodeDepth: 1000, precision: 14, keepBuffer: 1, decodeInvalid: 1}
}

var invalidOptions = []string{"off", "on", "null"}

// cjson makes a cjson table with a configuration.
func (s *state) cjson(c *jsonConfig) *Table {
	fns := map[string]func(t *thread, args []Value) []Value{
		"encode": c.encode, "decode": c.decode, "encode_sparse_array": c.setSparse,
		"encode_max_depth": integerOption(&c.encodeDepth, 1, math.MaxInt32), "decode_max_depth": integerOption(&c.decodeDepth, 1, math.MaxInt32),
		"encode_number_precision": integerOption(&c.precision, 1, 14), "encode_keep_buffer": c.setKeepBuffer,
		"encode_invalid_numbers": c.setInvalid(&c.encodeInvalid), "decode_invalid_numbers": c.setInvalid(&c.decodeInvalid),
		"new": func(t *thread, _ []Value) []Value { return t.results(t.state.cjson(newJSONConfig())) },
	}
	t := s.library(fns)
	t.set("null", null{})
	t.set("_NAME", "cjson")
	t.set("_VERSION", "2.1.0")
	return t
}

// option prepares the arguments of a function that sets something.
func (t *thread) option(args []Value, most int) {
	if len(args) > most {
		t.argError(most+1, "found too many arguments")
	}
}

func integerSetting(t *thread, args []Value, i int, setting *int, least, most int) Value {
	if arg(args, i) != nil {
		n := t.checkLong(args, i)
		if n < int64(least) || n > int64(most) {
			t.argError(1, "expected integer between "+numberText(float64(least))+" and "+numberText(float64(most)))
		}
		*setting = int(n)
	}
	return float64(*setting)
}

func integerOption(setting *int, least, most int) func(t *thread, args []Value) []Value {
	return func(t *thread, args []Value) []Value {
		t.option(args, 1)
		return t.results(integerSetting(t, args, 1, setting, least, most))
	}
}

// enumSetting is one of some words, or a boolean for the first two.
func enumSetting(t *thread, args []Value, i int, setting *int, options []string) Value {
	if v := arg(args, i); v != nil {
		if b, ok := v.(bool); ok {
			*setting = 0
			if b {
				*setting = 1
			}
		} else {
			word, found := t.checkString(args, i), false
			for n, o := range options {
				if o == word {
					*setting, found = n, true
				}
			}
			if !found {
				t.argError(i, "invalid option '"+word+"'")
			}
		}
	}
	if *setting < 2 {
		return *setting == 1
	}
	return options[*setting]
}

func (c *jsonConfig) setInvalid(setting *int) func(t *thread, args []Value) []Value {
	return func(t *thread, args []Value) []Value {
		t.option(args, 1)
		return t.results(enumSetting(t, args, 1, setting, invalidOptions))
	}
}

func (c *jsonConfig) setKeepBuffer(t *thread, args []Value) []Value {
	t.option(args, 1)
	return t.results(enumSetting(t, args, 1, &c.keepBuffer, nil))
}

func (c *jsonConfig) setSparse(t *thread, args []Value) []Value {
	t.option(args, 3)
	return []Value{
		enumSetting(t, args, 1, &c.convertSparse, nil),
		integerSetting(t, args, 2, &c.sparseRatio, 0, math.MaxInt32),
		integerSetting(t, args, 3, &c.sparseSafe, 0, math.MaxInt32),
	}
}

func (c *jsonConfig) encode(t *thread, args []Value) []Value {
	if len(args) != 1 {
		t.argError(1, "expected 1 argument")
	}
	var b strings.Builder
	c.write(t, &b, args[0], 0)
	return t.results(b.String())
}

func (t *thread) unserializable(v Value, reason string) {
	t.errorf("Cannot serialise %s: %s", typeName(v), reason)
}

func (c *jsonConfig) write(t *thread, b *strings.Builder, v Value, depth int) {
	switch x := v.(type) {
	case nil, null:
		b.WriteString("null")
	case bool:
		b.WriteString(map[bool]string{true: "true", false: "false"}[x])
	case float64:
		c.writeNumber(t, b, x)
	case string:
		writeJSONString(b, x)
	case *Table:
		depth++
		if depth > c.encodeDepth || depth*3 > maxStack {
			t.errorf("Cannot serialise, excessive nesting (%d)", depth)
		}
		if b.Len() > maxText {
			t.raise("not enough memory")
		}
		if n := c.arrayLength(t, x); n > 0 {
			c.writeArray(t, b, x, n, depth)
		} else {
			c.writeObject(t, b, x, depth)
		}
	default:
		t.unserializable(v, "type not supported")
	}
}

// arrayLength returns the greatest index of a table that is an array, -1 of
// any other.
func (c *jsonConfig) arrayLength(t *thread, tab *Table) int {
	most, items := 0.0, 0
	for key, _, _ := tab.next(nil); key != nil; key, _, _ = tab.next(key) {
		k, ok := key.(float64)
		if !ok || math.Floor(k) != k || k < 1 {
			return -1
		}
		most = max(most, k)
		items++
	}
	if c.sparseRatio > 0 && most > float64(items*c.sparseRatio) && most > float64(c.sparseSafe) {
		if c.convertSparse == 0 {
			t.unserializable(tab, "excessively sparse array")
		}
		return -1
	}
	return int(most)
}

func (c *jsonConfig) writeArray(t *thread, b *strings.Builder, tab *Table, n, depth int) {
	b.WriteByte('[')
	for i := 1; i <= n; i++ {
		if i > 1 {
			b.WriteByte(',')
		}
		c.write(t, b, tab.getInt(i), depth)
	}
	b.WriteByte(']')
}

func (c *jsonConfig) writeObject(t *thread, b *strings.Builder, tab *Table, depth int) {
	b.WriteByte('{')
	comma := false
	for key, v, _ := tab.next(nil); key != nil; key, v, _ = tab.next(key) {
		if comma {
			b.WriteByte(',')
		}
		comma = true
		switch k := key.(type) {
		case float64:
			b.WriteByte('"')
			c.writeNumber(t, b, k)
			b.WriteByte('"')
		case string:
			writeJSONString(b, k)
		default:
			t.unserializable(key, "table key must be a number or string")
		}
		b.WriteByte(':')
		c.write(t, b, v, depth)
	}
	b.WriteByte('}')
}

func (c *jsonConfig) writeNumber(t *thread, b *strings.Builder, f float64) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		switch {
		case c.encodeInvalid == 0:
			t.unserializable(f, "must not be NaN or Inf")
		case c.encodeInvalid == 2:
			b.WriteString("null")
			return
		case math.IsNaN(f):
			b.WriteString("nan")
			return
		}
	}
	b.WriteString(formatG(f, c.precision))
}

const hexDigits = "0123456789abcdef"

func writeJSONString(b *strings.Builder, s string) {
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\' || c == '/':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c >= ' ' && c != 127:
			b.WriteByte(c)
		default:
			if at := strings.IndexByte("\b\f\n\r\t", c); at >= 0 {
				b.WriteByte('\\')
				b.WriteByte("bfnrt"[at])
			} else {
				b.WriteString("\\u00")
				b.WriteByte(hexDigits[c>>4])
				b.WriteByte(hexDigits[c&15])
			}
		}
	}
	b.WriteByte('"')
}

// jsonReader reads JSON as lua-cjson does.
type jsonReader struct {
	t     *thread
	c     *jsonConfig
	text  string
	at    int
	depth int
	token jsonToken
}

type jsonToken struct {
	kind  string // as cjson's errors name it
	at    int
	text  string // of a string; of T_ERROR what is wrong
	num   float64
	truth bool
}

func (c *jsonConfig) decode(t *thread, args []Value) []Value {
	if len(args) != 1 {
		t.argError(1, "expected 1 argument")
	}
	text := t.checkString(args, 1)
	if len(text) >= 2 && (text[0] == 0 || text[1] == 0) {
		t.errorf("JSON parser does not support UTF-16 or UTF-32")
	}
	r := &jsonReader{t: t, c: c, text: text}
	r.next()
	v := r.value()
	r.next()
	if r.token.kind != "T_END" {
		r.fail("the end")
	}
	return t.results(v)
}

func (r *jsonReader) fail(expected string) {
	found := r.token.kind
	if found == "T_ERROR" {
		found = r.token.text
	}
	r.t.errorf("Expected %s but found %s at character %d", expected, found, r.token.at+1)
}

func (r *jsonReader) char(i int) byte {
	if i < len(r.text) {
		return r.text[i]
	}
	return 0
}

func (r *jsonReader) next() {
	for c := r.char(r.at); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = r.char(r.at) {
		r.at++
	}
	r.token = jsonToken{at: r.at}
	c := r.char(r.at)
	simple := map[byte]string{'{': "T_OBJ_BEGIN", '}': "T_OBJ_END", '[': "T_ARR_BEGIN", ']': "T_ARR_END", ',': "T_COMMA", ':': "T_COLON", 0: "T_END"}
	rest := r.text[min(r.at, len(r.text)):]
	switch {
	case simple[c] != "":
		r.token.kind = simple[c]
		if c != 0 {
			r.at++
		}
	case c == '"':
		r.string()
	case c == '-' || isDigit(c):
		if r.c.decodeInvalid == 0 && invalidNumber(rest) {
			r.wrong("invalid number")
			return
		}
		r.number(rest)
	case strings.HasPrefix(rest, "true"):
		r.token.kind, r.token.truth = "T_BOOLEAN", true
		r.at += 4
	case strings.HasPrefix(rest, "false"):
		r.token.kind = "T_BOOLEAN"
		r.at += 5
	case strings.HasPrefix(rest, "null"):
		r.token.kind = "T_NULL"
		r.at += 4
	case r.c.decodeInvalid != 0 && strings.IndexByte("+iInN", c) >= 0 && invalidNumber(rest):
		r.number(rest)
	default:
		r.wrong("invalid token")
	}
}

func (r *jsonReader) wrong(text string) {
	r.token.kind, r.token.text, r.token.at = "T_ERROR", text, r.at
}

func (r *jsonReader) number(rest string) {
	f, n := strtod(rest)
	if n == 0 {
		r.wrong("invalid number")
		return
	}
	r.token.kind, r.token.num = "T_NUMBER", f
	r.at += n
}

// invalidNumber reports whether C reads a number where JSON has none.
func invalidNumber(s string) bool {
	if strings.HasPrefix(s, "+") {
		return true
	}
	s = strings.TrimPrefix(s, "-")
	if strings.HasPrefix(s, "0") {
		return len(s) > 1 && (s[1]|0x20 == 'x' || isDigit(s[1]))
	}
	return hasWord(s, "inf") || hasWord(s, "nan")
}

func (r *jsonReader) string() {
	var b strings.Builder
	for r.at++; ; {
		c := r.char(r.at)
		switch c {
		case '"':
			r.at++
			r.token.kind, r.token.text = "T_STRING", b.String()
			return
		case 0:
			r.wrong("unexpected end of string")
			return
		case '\\':
			if problem := r.escape(&b); problem != "" {
				r.wrong(problem)
				return
			}
		default:
			b.WriteByte(c)
			r.at++
		}
	}
}

func (r *jsonReader) escape(b *strings.Builder) string {
	c := r.char(r.at + 1)
	if c == 'u' {
		n := r.unicode(b)
		if n == 0 {
			return "invalid unicode escape code"
		}
		r.at += n
		return ""
	}
	at := strings.IndexByte(`bfnrt"\/`, c)
	if at < 0 || c == 0 {
		return "invalid escape code"
	}
	b.WriteByte("\b\f\n\r\t\"\\/"[at])
	r.at += 2
	return ""
}

// unicode reads "\uXXXX", or two of them, and returns their length.
func (r *jsonReader) unicode(b *strings.Builder) int {
	code, length := r.hex4(r.at+2), 6
	if code < 0 {
		return 0
	}
	if code&0xF800 == 0xD800 {
		if code&0x400 != 0 || r.char(r.at+6) != '\\' || r.char(r.at+7) != 'u' {
			return 0
		}
		low := r.hex4(r.at + 8)
		if low < 0 || low&0xFC00 != 0xDC00 {
			return 0
		}
		code, length = ((code&0x3FF)<<10|low&0x3FF)+0x10000, 12
	}
	b.Write(utf8.AppendRune(nil, rune(code)))
	return length
}

func (r *jsonReader) hex4(at int) int {
	n := 0
	for i := range 4 {
		c := r.char(at + i)
		if !isHex(c) {
			return -1
		}
		n = n<<4 | digitValue(c)
	}
	return n
}

func (r *jsonReader) value() Value {
	switch k := r.token; k.kind {
	case "T_STRING":
		return k.text
	case "T_NUMBER":
		return k.num
	case "T_BOOLEAN":
		return k.truth
	case "T_NULL":
		return null{}
	case "T_OBJ_BEGIN":
		return r.object()
	case "T_ARR_BEGIN":
		return r.array()
	}
	r.fail("value")
	return nil
}

func (r *jsonReader) descend() *Table {
	r.depth++
	if r.depth > r.c.decodeDepth || r.depth*3 > maxStack {
		r.t.errorf("Found too many nested data structures (%d) at character %d", r.depth, r.at)
	}
	return newTable(&r.t.state.ids, 0, 0)
}

func (r *jsonReader) object() Value {
	tab := r.descend()
	r.next()
	for r.token.kind != "T_OBJ_END" {
		if r.token.kind != "T_STRING" {
			r.fail("object key string")
		}
		key := r.token.text
		r.next()
		if r.token.kind != "T_COLON" {
			r.fail("colon")
		}
		r.next()
		tab.set(key, r.value())
		r.next()
		if r.token.kind == "T_OBJ_END" {
			break
		}
		if r.token.kind != "T_COMMA" {
			r.fail("comma or object end")
		}
		r.next()
		if r.token.kind == "T_OBJ_END" {
			r.fail("object key string")
		}
	}
	r.depth--
	return tab
}

func (r *jsonReader) array() Value {
	tab := r.descend()
	r.next()
	if r.token.kind == "T_ARR_END" {
		r.depth--
		return tab
	}
	for i := 1; ; i++ {
		tab.setInt(i, r.value())
		r.next()
		if r.token.kind == "T_ARR_END" {
			r.depth--
			return tab
		}
		if r.token.kind != "T_COMMA" {
			r.fail("comma or array end")
		}
		r.next()
	}
}
