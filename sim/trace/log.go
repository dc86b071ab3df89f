package trace

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// logTime is the time of access logs, as %t of Apache's LogFormat writes it.
const logTime = "02/Jan/2006:15:04:05 -0700"

// logFields are the names of the fields that can be keys.
var logFields = []string{"host", "user", "path", "agent"}

// logLine is one line of an access log taken apart:
//
//	host ident user [time] "request" status bytes "referer" "agent" anything
//
// The last three are missing from the common format. Each is a slice of the line.
type logLine struct {
	host, user, time, request, agent []byte
}

func decodeLog(r io.Reader, f fields, c *collector) error {
	if !slices.Contains(logFields, f.key) {
		return fmt.Errorf("access logs have no key field %q; expected one of %s", f.key, strings.Join(logFields, ", "))
	}
	return c.eachLine(r, func(line []byte) (time.Time, []byte, *LineError) { return logEntry(line, f) })
}

func logEntry(line []byte, f fields) (at time.Time, key []byte, bad *LineError) {
	l, bad := splitLog(line)
	if bad != nil {
		return at, nil, bad
	}
	if f.wantTime {
		var err error
		if at, err = time.Parse(logTime, string(l.time)); err != nil {
			return at, nil, &LineError{Column: offset(line, l.time) + 1,
				Msg: "expected a time like 17/May/2015:10:05:03 +0000, found " + excerpt(l.time)}
		}
		if at, err = inRange(at.UTC()); err != nil {
			return at, nil, &LineError{Column: offset(line, l.time) + 1, Msg: err.Error()}
		}
	}
	switch f.key {
	case "user":
		return at, l.user, nil
	case "path":
		return at, requestPath(l.request), nil
	case "agent":
		if l.agent == nil {
			return at, nil, &LineError{Column: len(line) + 1,
				Msg: `expected "referer" "agent" after the size; a common log has no agent: use another key field`}
		}
		return at, orDash(l.agent), nil
	}
	return at, l.host, nil
}

// splitLog takes a line apart from left to right.
func splitLog(line []byte) (l logLine, bad *LineError) {
	s := logScanner{line: line}
	l.host = s.word("host")
	s.word("ident")
	l.user = s.word("user")
	l.time = s.bracketed("time")
	l.request = s.quoted("request")
	s.number("status")
	s.number("size")
	if s.more() {
		s.quoted("referer")
		l.agent = s.lastQuoted("agent")
	}
	return l, s.bad
}

// requestPath is the target of a request line without its query. What is no
// request line (a TLS greeting sent to a plain port, say) is its own path.
func requestPath(request []byte) []byte {
	_, rest, ok := bytes.Cut(request, []byte(" "))
	if !ok {
		return request
	}
	target, _, _ := bytes.Cut(rest, []byte(" "))
	if path, _, _ := bytes.Cut(target, []byte("?")); len(path) > 0 {
		return path
	}
	return request
}

// offset returns where part, a slice of line, begins in it.
func offset(line, part []byte) int { return cap(line) - cap(part) }

// logScanner cuts fields off an access log's line. After its first error it
// cuts nothing more, so that the grammar reads as one list of fields.
type logScanner struct {
	line []byte
	pos  int
	bad  *LineError
}

func (s *logScanner) fail(msg string) []byte {
	if s.bad == nil {
		found := "the end of the line"
		if s.pos < len(s.line) {
			found = excerpt(s.line[s.pos:])
		}
		s.bad = &LineError{Column: s.pos + 1, Msg: msg + ", found " + found}
	}
	return nil
}

// more reports whether anything but blanks is left.
func (s *logScanner) more() bool {
	return s.bad == nil && len(bytes.TrimRight(s.line[s.pos:], " \t\r")) > 0
}

// word ends at a blank.
func (s *logScanner) word(name string) []byte {
	if s.bad != nil {
		return nil
	}
	rest := s.line[s.pos:]
	n := bytes.IndexByte(rest, ' ')
	if n <= 0 {
		return s.fail("expected " + name + " and a blank")
	}
	s.pos += n + 1
	return rest[:n]
}

// number is a word of digits, or "-".
func (s *logScanner) number(name string) {
	if s.bad != nil {
		return
	}
	rest := s.line[s.pos:]
	n := 0
	for n < len(rest) && '0' <= rest[n] && rest[n] <= '9' {
		n++
	}
	if n == 0 && len(rest) > 0 && rest[0] == '-' {
		n = 1
	}
	if n == 0 || n < len(rest) && rest[n] != ' ' && rest[n] != '\r' {
		s.fail("expected " + name + " as a number or -")
		return
	}
	s.pos += min(n+1, len(rest))
}

// bracketed stands in [ and ], and a blank follows.
func (s *logScanner) bracketed(name string) []byte {
	if s.bad != nil {
		return nil
	}
	rest := s.line[s.pos:]
	n := bytes.IndexByte(rest, ']')
	if n < 0 || rest[0] != '[' {
		return s.fail("expected " + name + " in [ ]")
	}
	s.pos += n + 1
	s.blank()
	return rest[1:n]
}

// quoted stands in double quotes, within which a backslash escapes, and a
// blank follows.
func (s *logScanner) quoted(name string) []byte {
	found, closed := s.quote(name)
	if s.bad == nil && !closed {
		return s.fail("expected " + name + " to end with a double quote")
	}
	s.blank()
	return found
}

// lastQuoted is quoted, but the line may end within it: servers cut long
// lines off there, and no field is lost.
func (s *logScanner) lastQuoted(name string) []byte {
	found, _ := s.quote(name)
	return found
}

func (s *logScanner) quote(name string) (found []byte, closed bool) {
	if s.bad != nil {
		return nil, false
	}
	rest := s.line[s.pos:]
	if len(rest) == 0 || rest[0] != '"' {
		return s.fail("expected " + name + " in double quotes"), false
	}
	for n := 1; n < len(rest); n++ {
		switch rest[n] {
		case '\\':
			n++
		case '"':
			s.pos += n + 1
			return rest[1:n], true
		}
	}
	s.pos = len(s.line)
	return bytes.TrimSuffix(rest[1:], []byte("\r")), false
}

func (s *logScanner) blank() {
	if s.bad != nil {
		return
	}
	if s.pos >= len(s.line) || s.line[s.pos] != ' ' {
		s.fail("expected a blank")
		return
	}
	s.pos++
}
