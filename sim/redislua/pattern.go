package redislua

import "strings"

// Lua's patterns, as its own matcher does them.

const (
	maxCaptures  = 32
	maxRecursion = 200
	openCapture  = -1
	position     = -2
)

type capture struct{ start, length int }

type matcher struct {
	t        *thread
	text     string
	pattern  string
	captures []capture
	few      [4]capture // which they are in while there are no more
	depth    int
}

func isClass(c, class byte) bool {
	var in bool
	switch class | 0x20 {
	case 'a':
		in = isAlpha(c)
	case 'c':
		in = c < 32 || c == 127
	case 'd':
		in = isDigit(c)
	case 'l':
		in = c >= 'a' && c <= 'z'
	case 'p':
		in = c > 32 && c < 127 && !isAlnum(c)
	case 's':
		in = isSpace(c)
	case 'u':
		in = c >= 'A' && c <= 'Z'
	case 'w':
		in = isAlnum(c)
	case 'x':
		in = isHex(c)
	case 'z':
		in = c == 0
	default:
		return class == c
	}
	if class >= 'A' && class <= 'Z' {
		return !in
	}
	return in
}

// classEnd returns where the single-character class at p ends.
func (m *matcher) classEnd(p int) int {
	c := m.pattern[p]
	p++
	switch c {
	case '%':
		if p >= len(m.pattern) {
			m.t.errorf("malformed pattern (ends with '%%')")
		}
		return p + 1
	case '[':
		if p < len(m.pattern) && m.pattern[p] == '^' {
			p++
		}
		for first := true; first || p >= len(m.pattern) || m.pattern[p] != ']'; first = false {
			if p >= len(m.pattern) {
				m.t.errorf("malformed pattern (missing ']')")
			}
			p++
			if m.pattern[p-1] == '%' && p < len(m.pattern) {
				p++
			}
		}
		return p + 1
	}
	return p
}

// inSet reports whether the set from p to its bracket at end holds c.
func (m *matcher) inSet(c byte, p, end int) bool {
	in := true
	p++
	if m.pattern[p] == '^' {
		in = false
		p++
	}
	for ; p < end; p++ {
		switch {
		case m.pattern[p] == '%':
			p++
			if isClass(c, m.pattern[p]) {
				return in
			}
		case p+2 < end && m.pattern[p+1] == '-':
			if m.pattern[p] <= c && c <= m.pattern[p+2] {
				return in
			}
			p += 2
		case m.pattern[p] == c:
			return in
		}
	}
	return !in
}

func (m *matcher) single(s, p, end int) bool {
	if s >= len(m.text) {
		return false
	}
	c := m.text[s]
	switch m.pattern[p] {
	case '.':
		return true
	case '%':
		return isClass(c, m.pattern[p+1])
	case '[':
		return m.inSet(c, p, end-1)
	}
	return m.pattern[p] == c
}

// match matches the pattern from p at s and returns where it ended, or -1.
func (m *matcher) match(s, p int) int {
	m.depth++
	defer func() { m.depth-- }()
	if m.depth > maxRecursion {
		m.t.errorf("pattern too complex")
	}
	for p < len(m.pattern) {
		m.t.step()
		switch c := m.pattern[p]; {
		case c == '(':
			if p+1 < len(m.pattern) && m.pattern[p+1] == ')' {
				return m.open(s, p+2, position)
			}
			return m.open(s, p+1, openCapture)
		case c == ')':
			return m.close(s, p+1)
		case c == '%' && p+1 < len(m.pattern) && m.pattern[p+1] == 'b':
			if s = m.balance(s, p+2); s < 0 {
				return -1
			}
			p += 4
			continue
		case c == '%' && p+1 < len(m.pattern) && m.pattern[p+1] == 'f':
			p += 2
			if p >= len(m.pattern) || m.pattern[p] != '[' {
				m.t.errorf("missing '[' after '%%f' in pattern")
			}
			end := m.classEnd(p)
			if m.inSet(m.charAt(s-1), p, end-1) || !m.inSet(m.charAt(s), p, end-1) {
				return -1
			}
			p = end
			continue
		case c == '%' && p+1 < len(m.pattern) && isDigit(m.pattern[p+1]):
			if s = m.back(s, m.pattern[p+1]); s < 0 {
				return -1
			}
			p += 2
			continue
		case c == '$' && p+1 == len(m.pattern):
			if s == len(m.text) {
				return s
			}
			return -1
		}
		end := m.classEnd(p)
		next := byte(0)
		if end < len(m.pattern) {
			next = m.pattern[end]
		}
		switch next {
		case '?':
			if m.single(s, p, end) {
				if r := m.match(s+1, end+1); r >= 0 {
					return r
				}
			}
			p = end + 1
		case '*':
			return m.greedy(s, p, end, 0)
		case '+':
			return m.greedy(s, p, end, 1)
		case '-':
			return m.lazy(s, p, end)
		default:
			if !m.single(s, p, end) {
				return -1
			}
			s, p = s+1, end
		}
	}
	return s
}

func (m *matcher) charAt(i int) byte {
	if i < 0 || i >= len(m.text) {
		return 0
	}
	return m.text[i]
}

func (m *matcher) greedy(s, p, end, least int) int {
	n := 0
	for m.single(s+n, p, end) {
		n++
	}
	for ; n >= least; n-- {
		if r := m.match(s+n, end+1); r >= 0 {
			return r
		}
	}
	return -1
}

func (m *matcher) lazy(s, p, end int) int {
	for {
		if r := m.match(s, end+1); r >= 0 {
			return r
		}
		if !m.single(s, p, end) {
			return -1
		}
		s++
	}
}

func (m *matcher) open(s, p, kind int) int {
	if len(m.captures) >= maxCaptures {
		m.t.errorf("too many captures")
	}
	n := len(m.captures)
	m.captures = append(m.captures, capture{s, kind})
	r := m.match(s, p)
	if r < 0 {
		m.captures = m.captures[:n]
	}
	return r
}

func (m *matcher) close(s, p int) int {
	for i := len(m.captures) - 1; i >= 0; i-- {
		if c := &m.captures[i]; c.length == openCapture {
			c.length = s - c.start
			r := m.match(s, p)
			if r < 0 {
				m.captures[i].length = openCapture
			}
			return r
		}
	}
	m.t.errorf("invalid pattern capture")
	return -1
}

func (m *matcher) balance(s, p int) int {
	if p+1 >= len(m.pattern) {
		m.t.errorf("unbalanced pattern")
	}
	if s >= len(m.text) || m.text[s] != m.pattern[p] {
		return -1
	}
	depth := 1
	for i := s + 1; i < len(m.text); i++ {
		switch m.text[i] {
		case m.pattern[p+1]:
			if depth--; depth == 0 {
				return i + 1
			}
		case m.pattern[p]:
			depth++
		}
	}
	return -1
}

// back matches again what a capture holds.
func (m *matcher) back(s int, digit byte) int {
	i := int(digit) - '1'
	if i < 0 || i >= len(m.captures) || m.captures[i].length == openCapture {
		m.t.errorf("invalid capture index")
	}
	c := m.captures[i]
	if c.length < 0 || !strings.HasPrefix(m.text[s:], m.text[c.start:c.start+c.length]) {
		return -1
	}
	return s + c.length
}

// capture returns a capture of a match from s to e; without any, the first is
// the match itself.
func (m *matcher) capture(i, s, e int) Value {
	if i >= len(m.captures) {
		if i != 0 {
			m.t.errorf("invalid capture index")
		}
		return m.text[s:e]
	}
	c := m.captures[i]
	switch c.length {
	case position:
		return float64(c.start + 1)
	case openCapture:
		m.t.errorf("unfinished capture")
	}
	return m.text[c.start : c.start+c.length]
}

// all returns every capture, or the match itself when there is none.
func (m *matcher) all(s, e int, whole bool) []Value {
	n := len(m.captures)
	if n == 0 && whole {
		n = 1
	}
	out := make([]Value, n)
	for i := range out {
		out[i] = m.capture(i, s, e)
	}
	return out
}

// newMatcher takes a pattern up to a zero byte, where C ends.
func (t *thread) newMatcher(text, pattern string) *matcher {
	pattern, _, _ = strings.Cut(pattern, "\x00")
	m := &matcher{t: t, text: text, pattern: pattern}
	m.captures = m.few[:0]
	return m
}

func (m *matcher) reset() { m.captures, m.depth = m.captures[:0], 0 }

// search finds the first match from s on.
func (m *matcher) search(s int) (start, end int) {
	anchored := strings.HasPrefix(m.pattern, "^")
	if anchored {
		m.pattern = m.pattern[1:]
	}
	for ; s <= len(m.text); s++ {
		m.reset()
		if e := m.match(s, 0); e >= 0 {
			return s, e
		}
		if anchored {
			break
		}
	}
	return -1, -1
}

func stringFind(t *thread, args []Value) []Value  { return t.find(args, true) }
func stringMatch(t *thread, args []Value) []Value { return t.find(args, false) }

func (t *thread) find(args []Value, find bool) []Value {
	text, pattern := t.checkString(args, 1), t.checkString(args, 2)
	from := relative(t.optLong(args, 3, 1), len(text)) - 1
	from = max(from, 0)
	if from > int64(len(text)) {
		from = int64(len(text))
	}
	start := int(from)
	m := t.newMatcher(text, pattern)
	if find && (truthy(arg(args, 4)) || !strings.ContainsAny(m.pattern, "^$*+?.([%-")) {
		if i := strings.Index(text[start:], pattern); i >= 0 {
			return []Value{float64(start + i + 1), float64(start + i + len(pattern))}
		}
		return t.results(nil)
	}
	s, e := m.search(start)
	if s < 0 {
		return t.results(nil)
	}
	if find {
		return append([]Value{float64(s + 1), float64(e)}, m.all(s, e, false)...)
	}
	return m.all(s, e, true)
}

func stringGmatch(t *thread, args []Value) []Value {
	m := t.newMatcher(t.checkString(args, 1), t.checkString(args, 2))
	at := 0
	return t.results(native("gmatch", func(t *thread, _ []Value) []Value {
		m.t = t
		for s := at; s <= len(m.text); s++ {
			m.reset()
			if e := m.match(s, 0); e >= 0 {
				at = e
				if e == s {
					at++
				}
				return m.all(s, e, true)
			}
		}
		return nil
	}))
}

func stringGsub(t *thread, args []Value) []Value {
	text, pattern := t.checkString(args, 1), t.checkString(args, 2)
	with, most := arg(args, 3), t.optInt(args, 4, len(text)+1)
	switch with.(type) {
	case float64, string, *Table, *Function:
	default:
		t.argError(3, "string/function/table expected")
	}
	anchored := strings.HasPrefix(pattern, "^")
	if anchored {
		pattern = pattern[1:]
	}
	m := t.newMatcher(text, pattern)
	var b strings.Builder
	s, n := 0, 0
	for n < most {
		m.reset()
		e := m.match(s, 0)
		if e >= 0 {
			n++
			b.WriteString(m.replacement(with, s, e))
		}
		if e >= 0 && e > s {
			s = e
		} else if s < len(text) {
			b.WriteByte(text[s])
			s++
		} else {
			break
		}
		if anchored {
			break
		}
	}
	if s < len(text) {
		b.WriteString(text[s:])
	}
	return []Value{t.limitText(b.String()), float64(n)}
}

func (m *matcher) replacement(with Value, s, e int) string {
	var v Value
	switch w := with.(type) {
	case *Function:
		v = first(m.t.call(w, m.all(s, e, true)...))
	case *Table:
		v = m.t.getIndex(w, m.capture(0, s, e))
	default:
		text, _ := asString(w)
		return m.expand(text, s, e)
	}
	if !truthy(v) {
		return m.text[s:e]
	}
	text, ok := asString(v)
	if !ok {
		m.t.errorf("invalid replacement value (a %s)", typeName(v))
	}
	return text
}

// expand puts captures into a replacement.
func (m *matcher) expand(text string, s, e int) string {
	if !strings.Contains(text, "%") {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			b.WriteByte(text[i])
			continue
		}
		i++
		switch {
		case i >= len(text):
			b.WriteByte(0)
		case !isDigit(text[i]):
			b.WriteByte(text[i])
		case text[i] == '0':
			b.WriteString(m.text[s:e])
		default:
			v, _ := asString(m.capture(int(text[i]-'1'), s, e))
			b.WriteString(v)
		}
	}
	return b.String()
}
