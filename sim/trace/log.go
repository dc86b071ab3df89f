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
	return lines(r, func(number int, line []byte) {
		at, key, err := logEntry(line, f)
		if err != nil {
			c.bad(LineError{Line: number, Column: err.Column, Msg: err.Msg})
			return
		}
		c.entry(at, key)
	})
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
		if len(l.agent) == 0 {
			return at, []byte("-"), nil // an empty header, which "-" stands for when it is missing
		}
		return at, l.agent, nil
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

// offset of part within line; part is a slice of line.
func offset(line, part []byte) int { return cap(line) - cap(part) }
