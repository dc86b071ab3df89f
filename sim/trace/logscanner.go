package trace

import "bytes"

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

// more tells whether anything but blanks is left.
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
