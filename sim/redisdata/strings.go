package redisdata

import (
	"math"
	"strconv"
	"strings"
)

var stringCommands = map[string]func(*Store, []string){
	"get":             (*Store).get,
	"set":             (*Store).setCommand,
	"setnx":           (*Store).setnx,
	"setex":           func(s *Store, w []string) { s.setFor(w, 1000) },
	"psetex":          func(s *Store, w []string) { s.setFor(w, 1) },
	"getset":          (*Store).getset,
	"getdel":          (*Store).getdel,
	"getex":           (*Store).getex,
	"mget":            (*Store).mget,
	"mset":            func(s *Store, w []string) { s.mset(w, false) },
	"msetnx":          func(s *Store, w []string) { s.mset(w, true) },
	"incr":            func(s *Store, w []string) { s.incr(w[1], 1) },
	"decr":            func(s *Store, w []string) { s.incr(w[1], -1) },
	"incrby":          func(s *Store, w []string) { s.incrBy(w, false) },
	"decrby":          func(s *Store, w []string) { s.incrBy(w, true) },
	"incrbyfloat":     (*Store).incrByFloat,
	"append":          (*Store).appendCommand,
	"strlen":          (*Store).strlen,
	"getrange substr": (*Store).getRange,
	"setrange":        (*Store).setRange,
	"lcs":             (*Store).lcs,
}

// longestText is how long a string may be, in bytes.
const longestText = 512 << 20

// textOf returns a key's string, "" where there is no key. It fails
// when the key is of another type.
func (s *Store) textOf(key string) (text string, found bool) {
	e := s.find(key)
	if e == nil {
		return "", false
	}
	if _, counts := e.value.(*counter); counts {
		s.refuse("a HyperLogLog's bytes")
	} else if e.value != nil {
		s.fail(wrongType)
	}
	return e.text, true
}

// setRaw gives a key a string that was changed in its place.
func (s *Store) setRaw(key, text string) {
	s.setText(key, text, true).made = inPlace
}

// say answers with a key's string.
func (s *Store) say(key string) {
	if text, found := s.textOf(key); found {
		s.bulk(text)
	} else {
		s.null()
	}
}

func (s *Store) get(w []string) { s.say(w[1]) }

// setOptions are what stands behind SET and GETEX.
type setOptions struct {
	nx, xx, get, keep, persist bool

	unit  int64 // milliseconds of the deadline's unit; 0: no deadline
	fixed bool  // it is an instant, not a duration
	time  string
}

// readSetOptions reads the options, false where they are none or exclude each
// other.
func readSetOptions(w []string, getex bool) (o setOptions, ok bool) {
	for i := 0; i < len(w); i++ {
		unit, fixed := int64(0), false
		switch strings.ToLower(w[i]) {
		case "nx":
			o.nx, ok = true, !o.xx && !getex
		case "xx":
			o.xx, ok = true, !o.nx && !getex
		case "get":
			o.get, ok = true, !getex
		case "keepttl":
			o.keep, ok = true, !getex && o.unit == 0
		case "persist":
			o.persist, ok = true, getex && o.unit == 0
		case "ex":
			unit = 1000
		case "px":
			unit = 1
		case "exat":
			unit, fixed = 1000, true
		case "pxat":
			unit, fixed = 1, true
		default:
			return o, false
		}
		if unit != 0 {
			ok = !o.keep && !o.persist && i+1 < len(w) && (o.unit == 0 || o.unit == unit && o.fixed == fixed)
			if !ok {
				return o, false
			}
			i++
			o.unit, o.fixed, o.time = unit, fixed, w[i]
		}
		if !ok {
			return o, false
		}
	}
	return o, true
}

// until returns the deadline of the options.
func (s *Store) until(o setOptions, name string) (at int64) {
	at = s.number(o.time)
	if at <= 0 || at > math.MaxInt64/o.unit {
		s.badDeadline(name)
	}
	at *= o.unit
	if !o.fixed {
		at += s.ms
	}
	if at <= 0 {
		s.badDeadline(name)
	}
	return at
}

func (s *Store) setCommand(w []string) {
	if len(w) == 3 {
		s.setText(w[1], w[2], false)
		s.ok()
		return
	}
	o, ok := readSetOptions(w[3:], false)
	if !ok {
		s.fail(syntax)
	}
	until := int64(0)
	if o.unit != 0 {
		until = s.until(o, "set")
	}
	if o.get {
		s.say(w[1])
	}
	if found := s.find(w[1]) != nil; found && o.nx || !found && o.xx {
		if !o.get {
			s.null()
		}
		return
	}
	s.setText(w[1], w[2], o.keep)
	if until != 0 {
		s.expire(w[1], s.find(w[1]), until)
	}
	if !o.get {
		s.ok()
	}
}

func (s *Store) setnx(w []string) {
	if s.find(w[1]) != nil {
		s.integer(0)
		return
	}
	s.setText(w[1], w[2], false)
	s.integer(1)
}

func (s *Store) setFor(w []string, unit int64) {
	until := s.until(setOptions{unit: unit, time: w[2]}, strings.ToLower(w[0]))
	s.setText(w[1], w[3], false)
	s.expire(w[1], s.find(w[1]), until)
	s.ok()
}

func (s *Store) getset(w []string) {
	s.say(w[1])
	s.setText(w[1], w[2], false)
}

func (s *Store) getdel(w []string) {
	s.say(w[1])
	s.delete(w[1])
}

func (s *Store) getex(w []string) {
	o, ok := readSetOptions(w[2:], true)
	if !ok {
		s.fail(syntax)
	}
	text, found := s.textOf(w[1])
	if !found {
		s.null()
		return
	}
	until := int64(0)
	if o.unit != 0 {
		until = s.until(o, "getex")
	}
	s.bulk(text)
	e := s.find(w[1])
	switch {
	case o.fixed && until <= s.ms:
		s.delete(w[1])
	case until != 0:
		s.expire(w[1], e, until)
		s.db.touch(w[1])
	case o.persist && e.until != 0:
		e.until = 0
		s.db.touch(w[1])
	}
}

func (s *Store) mget(w []string) {
	s.length(len(w) - 1)
	for _, key := range w[1:] {
		if e := s.find(key); e != nil && e.value == nil {
			s.bulk(e.text)
		} else {
			s.null()
		}
	}
}

func (s *Store) mset(w []string, onlyNew bool) {
	if len(w)%2 == 0 {
		s.fail("ERR wrong number of arguments for '" + strings.ToLower(w[0]) + "' command")
	}
	for i := 1; onlyNew && i < len(w); i += 2 {
		if s.find(w[i]) != nil {
			s.integer(0)
			return
		}
	}
	for i := 1; i < len(w); i += 2 {
		s.setText(w[i], w[i+1], false)
	}
	if onlyNew {
		s.integer(1)
	} else {
		s.ok()
	}
}

func (s *Store) incrBy(w []string, down bool) {
	n := s.number(w[2])
	switch {
	case down && n == math.MinInt64:
		s.fail("ERR decrement would overflow")
	case down:
		s.incr(w[1], -n)
	default:
		s.incr(w[1], n)
	}
}

func (s *Store) incr(key string, by int64) {
	text, found := s.textOf(key)
	old := int64(0)
	if found {
		old = s.number(text)
	}
	sum, ok := add(old, by)
	if !ok {
		s.fail("ERR increment or decrement would overflow")
	}
	s.setText(key, strconv.FormatInt(sum, 10), true)
	s.integer(sum)
}

func (s *Store) incrByFloat(w []string) {
	text, found := s.textOf(w[1])
	if !found {
		text = "0"
	}
	old, ok := parseLong(text)
	by, also := parseLong(w[2])
	if !ok || !also {
		s.fail(notFloat)
	}
	sum, ok := addLong(old, by)
	if !ok {
		s.fail("ERR increment would produce NaN or Infinity")
	}
	s.setText(w[1], sum, true)
	s.find(w[1]).made = asText
	s.bulk(sum)
}

func (s *Store) appendCommand(w []string) {
	text, found := s.textOf(w[1])
	if len(text)+len(w[2]) > longestText {
		s.fail("ERR string exceeds maximum allowed size (proto-max-bulk-len)")
	}
	if found {
		s.setRaw(w[1], text+w[2])
	} else {
		s.setText(w[1], w[2], false)
	}
	s.count(len(text) + len(w[2]))
}

func (s *Store) strlen(w []string) {
	text, _ := s.textOf(w[1])
	s.count(len(text))
}

// bounds turns indexes of bytes that may count from the end into those of a
// slice.
func bounds(start, end int64, n int) (from, to int, ok bool) {
	if start < 0 && end < 0 && start > end {
		return 0, 0, false
	}
	if start < 0 {
		start = max(start+int64(n), 0)
	}
	if end < 0 {
		end = max(end+int64(n), 0)
	}
	end = min(end, int64(n)-1)
	return int(start), int(end) + 1, start <= end
}

func (s *Store) getRange(w []string) {
	start, end := s.number(w[2]), s.number(w[3])
	text, _ := s.textOf(w[1])
	if from, to, ok := bounds(start, end, len(text)); ok {
		s.bulk(text[from:to])
	} else {
		s.bulk("")
	}
}

func (s *Store) setRange(w []string) {
	offset := s.number(w[2])
	if offset < 0 {
		s.fail("ERR offset is out of range")
	}
	text, _ := s.textOf(w[1])
	if w[3] == "" {
		s.count(len(text))
		return
	}
	if offset > longestText-int64(len(w[3])) {
		s.fail("ERR string exceeds maximum allowed size (proto-max-bulk-len)")
	}
	b := grow([]byte(text), int(offset)+len(w[3]))
	copy(b[offset:], w[3])
	s.setRaw(w[1], string(b))
	s.count(len(b))
}

// grow makes b at least n bytes long, with zeros.
func grow(b []byte, n int) []byte {
	if n > len(b) {
		b = append(b, make([]byte, n-len(b))...)
	}
	return b
}

// longestCommon is the product of the lengths of two texts whose longest
// common subsequence is computed.
const longestCommon = 1 << 26

func (s *Store) lcs(w []string) {
	length := false
	for _, option := range w[3:] {
		if !strings.EqualFold(option, "len") {
			s.refuse("LCS with " + option)
		}
		length = true
	}
	var texts [2]string
	for i := range texts {
		e := s.find(w[1+i])
		if e != nil && e.value != nil {
			s.fail("ERR The specified keys must contain string values")
		}
		if e != nil {
			texts[i] = e.text
		}
	}
	if len(texts[0])*len(texts[1]) > longestCommon {
		s.refuse("LCS of texts that long")
	}
	common := longestSubsequence(texts[0], texts[1])
	if length {
		s.count(len(common))
	} else {
		s.bulk(common)
	}
}

// longestSubsequence returns the longest text that both contain with gaps.
func longestSubsequence(a, b string) string {
	table := make([][]uint32, len(a)+1)
	for i := range table {
		table[i] = make([]uint32, len(b)+1)
		for j := 1; i > 0 && j <= len(b); j++ {
			if a[i-1] == b[j-1] {
				table[i][j] = table[i-1][j-1] + 1
			} else {
				table[i][j] = max(table[i-1][j], table[i][j-1])
			}
		}
	}
	i, j := len(a), len(b)
	out := make([]byte, table[i][j])
	for k := len(out); k > 0; {
		switch {
		case a[i-1] == b[j-1]:
			k--
			out[k] = a[i-1]
			i, j = i-1, j-1
		case table[i-1][j] > table[i][j-1]:
			i--
		default:
			j--
		}
	}
	return string(out)
}
