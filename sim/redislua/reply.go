package redislua

import (
	"bytes"
	"strconv"
	"strings"
)

// replyReader turns a command's reply, in RESP 2 or 3, into Lua values as
// Redis does.
type replyReader struct {
	t    *thread
	rest []byte
}

// line returns the rest of a line.
func (r *replyReader) line() []byte {
	i := bytes.Index(r.rest, []byte("\r\n"))
	if i < 0 {
		r.t.raise("a reply without an end")
	}
	s := r.rest[:i]
	r.rest = r.rest[i+2:]
	return s
}

// integer reads what a server wrote as one.
func integer(text []byte) (n int64) {
	for _, c := range text {
		if c != '-' {
			n = 10*n + int64(c-'0')
		}
	}
	if len(text) > 0 && text[0] == '-' {
		n = -n
	}
	return n
}

func (r *replyReader) bulk(n int) string {
	if n > len(r.rest)-2 {
		r.t.raise("a reply without an end")
	}
	s := string(r.rest[:n])
	r.rest = r.rest[n+2:]
	return s
}

func (r *replyReader) value() Value {
	line := r.line()
	kind := line[0]
	switch kind {
	case ':':
		return boxed(float64(integer(line[1:])))
	case '$', '=', '%', '~', '*':
		return r.sized(kind, int(integer(line[1:])))
	}
	switch text := string(line[1:]); kind {
	case '+':
		return r.t.single("ok", text)
	case '-':
		return r.t.failure("-"+text, true)
	case '_':
		return nil
	case '#':
		return text == "t"
	case ',':
		f, _ := strtod(text)
		return r.t.single("double", f)
	case '(':
		return r.t.single("big_number", text)
	}
	r.t.raise("a reply of no kind that is known")
	return nil
}

// sized reads what has a length; −1 is null.
func (r *replyReader) sized(kind byte, n int) Value {
	switch {
	case n < 0:
		return false
	case kind == '$':
		return r.bulk(n)
	case kind == '=':
		return r.verbatim(r.bulk(n))
	case kind == '%':
		return r.pairs(n)
	case kind == '~':
		set := r.t.table(0, n)
		for range n {
			r.t.fill(set, r.value(), true)
		}
		return r.t.single("set", set)
	}
	list := r.t.table(n, 0)
	for i := range n {
		list.setInt(i+1, r.value())
	}
	return list
}

func (r *replyReader) pairs(n int) Value {
	pairs := r.t.table(0, n)
	for range n {
		key := r.value()
		r.t.fill(pairs, key, r.value())
	}
	return r.t.single("map", pairs)
}

func (r *replyReader) verbatim(text string) Value {
	format, text, _ := strings.Cut(text, ":")
	tab := r.t.table(0, 2)
	tab.set("format", format)
	tab.set("string", text)
	return r.t.single("verbatim_string", tab)
}

func (t *thread) table(array, hash int) *Table { return newTable(&t.state.ids, array, hash) }

// fill sets what a reply holds; a key that no table has is left out.
func (t *thread) fill(tab *Table, key, v Value) {
	if tab.refusal(key) == "" {
		tab.set(key, v)
	}
}

// single makes a table of one field.
func (t *thread) single(field string, v Value) *Table {
	tab := t.table(0, 1)
	tab.set(field, v)
	return tab
}

// failure makes the table of an error. One that begins with "-" has a code,
// any other gets ERR.
func (t *thread) failure(text string, command bool) *Table {
	text, _, _ = strings.Cut(text, "\x00")
	code, rest, found := "ERR", text, false
	if strings.HasPrefix(text, "-") {
		if code, rest, found = strings.Cut(text[1:], " "); !found {
			code, rest = "ERR", text[1:]
		}
	}
	tab := t.single("err", code+" "+strings.Trim(rest, "\r\n"))
	if command {
		tab.set("ignore_error_stats_update", true)
	}
	return tab
}

// replyWriter turns a script's result into a reply.
type replyWriter struct {
	t     *thread
	out   []byte
	resp3 bool
}

// maxReply is the depth at which Lua's stack is full in C: each array that a
// value is in takes one place, a map or a set three and its keys one more.
const maxReply = 7994

// oneLine is a text of C's, which ends at a zero byte, in one line.
func oneLine(s string) string {
	s, _, _ = strings.Cut(s, "\x00")
	return strings.NewReplacer("\r", " ", "\n", " ").Replace(s)
}

func (w *replyWriter) head(kind byte, n int64) {
	w.out = append(strconv.AppendInt(append(w.out, kind), n, 10), '\r', '\n')
}

func (w *replyWriter) text(kind byte, s string) {
	w.out = append(append(append(w.out, kind), s...), '\r', '\n')
}

func (w *replyWriter) bulk(s string) {
	w.head('$', int64(len(s)))
	w.out = append(append(w.out, s...), '\r', '\n')
}

func (w *replyWriter) null() {
	if w.resp3 {
		w.out = append(w.out, "_\r\n"...)
	} else {
		w.out = append(w.out, "$-1\r\n"...)
	}
}

func (w *replyWriter) err(s string) { w.text('-', oneLine(strings.TrimRight(s, "\r\n"))) }

func (w *replyWriter) value(v Value, depth int) {
	if depth > maxReply {
		w.err("ERR reached lua stack limit")
		return
	}
	switch x := v.(type) {
	case string:
		w.bulk(x)
	case bool:
		switch boolean := w.t.state.run.resp3; { // the script's, not the client's
		case boolean && w.resp3 && x:
			w.text('#', "t")
		case boolean && w.resp3:
			w.text('#', "f")
		case x:
			w.head(':', 1)
		case boolean:
			w.head(':', 0)
		default:
			w.null()
		}
	case float64:
		w.head(':', toInt(x))
	case *Table:
		w.table(x, depth)
	default:
		w.null()
	}
}

// table writes a table: with the field of a certain kind of reply that one,
// any other as an array up to its first nil.
func (w *replyWriter) table(t *Table, depth int) {
	if s, ok := t.getString("err").(string); ok {
		w.err(s)
		return
	}
	if s, ok := t.getString("ok").(string); ok {
		w.text('+', oneLine(s))
		return
	}
	if f, ok := t.getString("double").(float64); ok {
		w.double(f)
		return
	}
	if m, ok := t.getString("map").(*Table); ok {
		w.pairs(m, '%', depth)
		return
	}
	if m, ok := t.getString("set").(*Table); ok {
		w.pairs(m, '~', depth)
		return
	}
	if s, ok := t.getString("big_number").(string); ok {
		if w.resp3 {
			w.text('(', oneLine(s))
		} else {
			w.bulk(oneLine(s))
		}
		return
	}
	if m, ok := t.getString("verbatim_string").(*Table); ok && w.verbatim(m) {
		return
	}
	n := 1
	for t.getInt(n) != nil {
		n++
	}
	w.head('*', int64(n-1))
	for i := range n - 1 {
		w.value(t.getInt(i+1), depth+1)
	}
}

func (w *replyWriter) verbatim(m *Table) bool {
	text, ok := m.getString("string").(string)
	format, known := m.getString("format").(string)
	if !ok || !known {
		return false
	}
	if w.resp3 {
		text = (format + "   ")[:3] + ":" + text
		w.head('=', int64(len(text)))
		w.out = append(append(w.out, text...), '\r', '\n')
	} else {
		w.bulk(text)
	}
	return true
}

func (w *replyWriter) double(f float64) {
	text := formatG(f, 17)
	if w.resp3 {
		w.text(',', text)
	} else {
		w.bulk(text)
	}
}

// pairs writes a map, or the keys of a set.
func (w *replyWriter) pairs(m *Table, kind byte, depth int) {
	n := int64(0)
	for key, _, _ := m.next(nil); key != nil; key, _, _ = m.next(key) {
		n++
	}
	if kind == '%' {
		w.mapHead(n)
	} else {
		w.setHead(n)
	}
	for key, v, _ := m.next(nil); key != nil; key, v, _ = m.next(key) {
		if kind == '%' {
			w.value(key, depth+4)
			w.value(v, depth+3)
		} else {
			w.value(key, depth+3)
		}
	}
}
