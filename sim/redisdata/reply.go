package redisdata

import (
	"math"
	"strconv"
)

// reply is the bytes of a reply as they are written.
type reply []byte

const (
	wrongType  = "WRONGTYPE Operation against a key holding the wrong kind of value"
	notInteger = "ERR value is not an integer or out of range"
	notFloat   = "ERR value is not a valid float"
	syntax     = "ERR syntax error"
	noKey      = "ERR no such key"
	outOfRange = "ERR value is out of range"
)

func (r *reply) number(kind byte, n int64) {
	b := append(*r, kind)
	b = strconv.AppendInt(b, n, 10)
	*r = append(b, '\r', '\n')
}

func (s *Store) integer(n int64) { s.out.number(':', n) }
func (s *Store) length(n int)    { s.out.number('*', int64(n)) }
func (s *Store) ok()             { s.status("OK") }

func (s *Store) count(n int) { s.integer(int64(n)) }

func (s *Store) yes(b bool) {
	if b {
		s.integer(1)
	} else {
		s.integer(0)
	}
}

func (s *Store) status(text string) {
	s.out = append(append(append(s.out, '+'), text...), '\r', '\n')
}

// failure is what ends a command with an error.
type failure string

// fail ends the command with an error: it does not return.
func (s *Store) fail(text string) { panic(failure(text)) }

// failure answers with an error, in one line.
func (s *Store) failure(text string) {
	s.out = append(s.out, '-')
	for i := range len(text) {
		if c := text[i]; c == '\r' || c == '\n' {
			s.out = append(s.out, ' ')
		} else {
			s.out = append(s.out, c)
		}
	}
	s.out = append(s.out, '\r', '\n')
}

func (s *Store) bulk(text string) {
	s.out.number('$', int64(len(text)))
	s.out = append(append(s.out, text...), '\r', '\n')
}

func (s *Store) null() {
	if s.client.RESP3 {
		s.out = append(s.out, "_\r\n"...)
	} else {
		s.out = append(s.out, "$-1\r\n"...)
	}
}

func (s *Store) nullList() {
	if s.client.RESP3 {
		s.null()
	} else {
		s.out = append(s.out, "*-1\r\n"...)
	}
}

// pairs begins a list of n names and values, which is a map of the third
// version.
func (s *Store) pairs(n int) {
	if s.client.RESP3 {
		s.out.number('%', int64(n))
	} else {
		s.length(2 * n)
	}
}

// members answers with texts in no order.
func (s *Store) members(texts []string) {
	at := len(s.out)
	s.bulks(texts)
	if s.client.RESP3 {
		s.out[at] = '~'
	}
}

// verbatim answers with a text for people.
func (s *Store) verbatim(text string) {
	if s.client.RESP3 {
		s.out.number('=', int64(len(text)+len("txt:")))
		s.out = append(append(s.out, "txt:"...), text...)
		s.out = append(s.out, '\r', '\n')
	} else {
		s.bulk(text)
	}
}

func (s *Store) bulks(texts []string) {
	s.length(len(texts))
	for _, t := range texts {
		s.bulk(t)
	}
}

// score answers with a score as Redis 7.0 writes one.
func (s *Store) score(f float64) {
	if s.client.RESP3 {
		s.out = append(append(append(s.out, ','), scoreText(f)...), '\r', '\n')
	} else {
		s.bulk(scoreText(f))
	}
}

func scoreText(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	return strconv.FormatFloat(f, 'g', 17, 64)
}
