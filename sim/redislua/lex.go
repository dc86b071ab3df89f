package redislua

import (
	"fmt"
	"strings"
)

// The kinds of tokens that are not themselves a character or a word.
const (
	tokenEnd    = "<eof>"
	tokenName   = "<name>"
	tokenString = "<string>"
	tokenNumber = "<number>"
)

// token is a token of a script: an operator or a keyword is its own kind.
type token struct {
	kind string
	text string // of a name or a string
	num  float64
	raw  string // as it was written, for errors
}

var keywords = map[string]bool{
	"and": true, "break": true, "do": true, "else": true, "elseif": true, "end": true, "false": true, "for": true,
	"function": true, "if": true, "in": true, "local": true, "nil": true, "not": true, "or": true, "repeat": true,
	"return": true, "then": true, "true": true, "until": true, "while": true,
}

// lexer cuts a script into tokens as Lua 5.1 does.
type lexer struct {
	chunk     string // as errors name it
	source    string
	at        int
	line      int
	last      int // line of the token before the present one
	token     token
	ahead     token
	looking   bool
	aheadLine int
}

// syntaxError is what is wrong with a script.
type syntaxError string

func (e syntaxError) Error() string { return string(e) }

func (l *lexer) fail(near, format string, args ...any) {
	text := fmt.Sprintf("%s:%d: %s", l.chunk, l.line, fmt.Sprintf(format, args...))
	if i := strings.IndexByte(near, 0); i > 0 {
		near = near[:i]
	}
	if near != "" && near != "\x00" {
		text += " near '" + near + "'"
	}
	panic(syntaxError(text))
}

// failNear reports what is wrong at the present token.
func (l *lexer) failNear(format string, args ...any) { l.fail(l.token.near(), format, args...) }

func (t token) near() string {
	if t.raw != "" {
		return t.raw
	}
	return t.kind
}

// next reads the next token.
func (l *lexer) next() {
	l.last = l.line
	if l.looking {
		l.token, l.looking = l.ahead, false
		l.line = l.aheadLine
		return
	}
	l.token = l.read()
}

// peek returns the token after the present one.
func (l *lexer) peek() token {
	line := l.line
	l.ahead, l.looking = l.read(), true
	l.aheadLine, l.line = l.line, line
	return l.ahead
}

func (l *lexer) char() byte {
	if l.at < len(l.source) {
		return l.source[l.at]
	}
	return 0
}

func (l *lexer) newline() {
	c := l.source[l.at]
	l.at++
	if l.at < len(l.source) && (l.source[l.at] == '\n' || l.source[l.at] == '\r') && l.source[l.at] != c {
		l.at++
	}
	l.line++
}

func (l *lexer) read() token {
	for l.at < len(l.source) {
		c := l.source[l.at]
		switch {
		case c == '\n' || c == '\r':
			l.newline()
		case isSpace(c):
			l.at++
		case c == '-' && strings.HasPrefix(l.source[l.at:], "--"):
			l.at += 2
			l.comment()
		default:
			return l.word(c)
		}
	}
	return token{kind: tokenEnd}
}

func (l *lexer) comment() {
	if l.char() == '[' {
		if level := l.bracket(); level >= 0 {
			l.long(level, "comment")
			return
		}
	}
	for l.at < len(l.source) && l.source[l.at] != '\n' && l.source[l.at] != '\r' {
		l.at++
	}
}

// bracket returns the level of a long bracket that opens here, or -1.
func (l *lexer) bracket() int {
	i := l.at + 1
	for i < len(l.source) && l.source[i] == '=' {
		i++
	}
	if i < len(l.source) && l.source[i] == l.source[l.at] {
		return i - l.at - 1
	}
	return -1
}

func (l *lexer) word(c byte) token {
	rest := l.source[l.at:]
	switch {
	case isAlpha(c) || c == '_':
		n := 1
		for n < len(rest) && (isAlnum(rest[n]) || rest[n] == '_') {
			n++
		}
		l.at += n
		if keywords[rest[:n]] {
			return token{kind: rest[:n]}
		}
		return token{kind: tokenName, text: rest[:n], raw: rest[:n]}
	case isDigit(c) || c == '.' && len(rest) > 1 && isDigit(rest[1]):
		return l.number()
	case c == '"' || c == '\'':
		return l.quoted(c)
	case c == '[':
		if level := l.bracket(); level >= 0 {
			return l.long(level, "string")
		} else if strings.HasPrefix(rest, "[=") {
			l.at += 1 + len(rest[1:]) - len(strings.TrimLeft(rest[1:], "="))
			l.fail(l.source[l.at-len(rest)+len(l.source[l.at:]):l.at], "invalid long string delimiter")
		}
	}
	for _, op := range []string{"...", "..", "==", "~=", "<=", ">="} {
		if strings.HasPrefix(rest, op) {
			l.at += len(op)
			return token{kind: op}
		}
	}
	l.at++
	if c == 0 {
		return token{kind: "\x00"} // C names no place near it
	}
	if c < ' ' || c == 127 {
		return token{kind: fmt.Sprintf("char(%d)", c)}
	}
	return token{kind: rest[:1]}
}

func (l *lexer) number() token {
	rest := l.source[l.at:]
	n := 0
	for n < len(rest) && (isDigit(rest[n]) || rest[n] == '.') {
		n++
	}
	if n < len(rest) && rest[n]|0x20 == 'e' {
		n++
		if n < len(rest) && (rest[n] == '+' || rest[n] == '-') {
			n++
		}
	}
	for n < len(rest) && (isAlnum(rest[n]) || rest[n] == '_') {
		n++
	}
	l.at += n
	f, ok := readNumber(rest[:n])
	if !ok {
		l.fail(rest[:n], "malformed number")
	}
	return token{kind: tokenNumber, num: f, raw: rest[:n]}
}

var escapes = map[byte]byte{'a': '\a', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}

func (l *lexer) quoted(quote byte) token {
	var b strings.Builder
	for l.at++; ; {
		if l.at >= len(l.source) {
			l.fail(tokenEnd, "unfinished string")
		}
		c := l.source[l.at]
		switch {
		case c == quote:
			l.at++
			return token{kind: tokenString, text: b.String(), raw: string(quote) + b.String() + string(quote)}
		case c == '\n' || c == '\r':
			l.fail(string(quote)+b.String(), "unfinished string")
		case c == '\\':
			l.escape(&b, quote)
		default:
			b.WriteByte(c)
			l.at++
		}
	}
}

func (l *lexer) escape(b *strings.Builder, quote byte) {
	l.at++
	if l.at >= len(l.source) {
		return // the string is unfinished
	}
	c := l.source[l.at]
	if e, ok := escapes[c]; ok {
		c = e
	} else if c == '\n' || c == '\r' {
		l.newline()
		b.WriteByte('\n')
		return
	} else if isDigit(c) {
		value, n := 0, 0
		for n < 3 && l.at < len(l.source) && isDigit(l.source[l.at]) {
			value = value*10 + int(l.source[l.at]-'0')
			l.at++
			n++
		}
		if value > 255 {
			l.fail(string(quote)+b.String(), "escape sequence too large")
		}
		b.WriteByte(byte(value))
		return
	}
	b.WriteByte(c)
	l.at++
}

// long reads a long string or comment, whose bracket opens here.
func (l *lexer) long(level int, what string) token {
	start := l.at
	l.at += level + 2
	if c := l.char(); c == '\n' || c == '\r' {
		l.newline()
	}
	var b strings.Builder
	for l.at < len(l.source) {
		c := l.source[l.at]
		switch {
		case c == ']' && l.bracket() == level:
			l.at += level + 2
			return token{kind: tokenString, text: b.String(), raw: l.source[start:l.at]}
		case c == '[' && level == 0 && l.bracket() == 0:
			l.fail("[", "nesting of [[...]] is deprecated")
		case c == '\n' || c == '\r':
			l.newline()
			b.WriteByte('\n')
		default:
			b.WriteByte(c)
			l.at++
		}
	}
	l.fail(tokenEnd, "unfinished long %s", what)
	return token{}
}
