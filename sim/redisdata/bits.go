package redisdata

import (
	"math"
	"math/bits"
	"strings"

	"github.com/quotalab/quotalab/sim/rediscmd"
)

var bitCommands = map[string]func(*Store, []string){
	"setbit":      (*Store).setBit,
	"getbit":      (*Store).getBit,
	"bitcount":    (*Store).bitCount,
	"bitpos":      (*Store).bitPos,
	"bitop":       (*Store).bitOp,
	"bitfield":    func(s *Store, w []string) { s.bitField(w, false) },
	"bitfield_ro": func(s *Store, w []string) { s.bitField(w, true) },
}

// bitOffset reads the position of a bit. With # it counts in fields of so
// many bits.
func (s *Store) bitOffset(word string, field int64) int64 {
	size := int64(1)
	if field > 0 && strings.HasPrefix(word, "#") {
		word, size = word[1:], field
	}
	n, ok := rediscmd.Integer(word)
	if !ok || n < 0 || n > math.MaxInt64/size || n*size>>3 >= longestText {
		s.fail("ERR bit offset is not an integer or out of range")
	}
	return n * size
}

func (s *Store) setBit(w []string) {
	at := s.bitOffset(w[2], 0)
	on, ok := rediscmd.Integer(w[3])
	if !ok || on&^1 != 0 {
		s.fail("ERR bit is not an integer or out of range")
	}
	text, found := s.textOf(w[1])
	b := grow([]byte(text), int(at>>3)+1)
	old := b[at>>3] >> (7 - at&7) & 1
	if len(b) != len(text) || !found || old != byte(on) {
		b[at>>3] = b[at>>3]&^(1<<(7-at&7)) | byte(on)<<(7-at&7)
		s.setRaw(w[1], string(b))
	}
	s.integer(int64(old))
}

// bit returns a bit of a text, 0 behind its end.
func bit(text string, at int64) uint64 {
	if at>>3 >= int64(len(text)) {
		return 0
	}
	return uint64(text[at>>3] >> (7 - at&7) & 1)
}

func (s *Store) getBit(w []string) {
	at := s.bitOffset(w[2], 0)
	text, _ := s.textOf(w[1])
	s.integer(int64(bit(text, at)))
}

// bitRange reads a range in bytes or bits and returns it in bits.
func bitRange(text string, start, end int64, inBits bool) (from, to int64) {
	n := int64(len(text))
	if inBits {
		n *= 8
	}
	if start < 0 {
		start = max(start+n, 0)
	}
	if end < 0 {
		end = max(end+n, 0)
	}
	end = min(end, n-1)
	if inBits {
		return start, end + 1
	}
	if start > end {
		return 0, 0
	}
	return start * 8, (end + 1) * 8
}

func (s *Store) bitCount(w []string) {
	text, found := s.textOf(w[1])
	if !found {
		s.integer(0)
		return
	}
	if len(w) == 3 || len(w) > 5 {
		s.fail(syntax)
	}
	from, to := int64(0), int64(len(text))*8
	if len(w) > 3 {
		start := s.number(w[2])
		end := s.number(w[3])
		inBits := false
		if len(w) == 5 {
			inBits = s.first(w[4], "bit", "byte")
		}
		if start < 0 && end < 0 && start > end {
			s.integer(0)
			return
		}
		from, to = bitRange(text, start, end, inBits)
	}
	n := 0
	for i := from; i < to; {
		if i&7 == 0 && to-i >= 8 {
			n += bits.OnesCount8(text[i>>3])
			i += 8
			continue
		}
		n += int(bit(text, i))
		i++
	}
	s.count(n)
}

func (s *Store) bitPos(w []string) {
	wanted := s.number(w[2])
	if wanted != 0 && wanted != 1 {
		s.fail("ERR The bit argument must be 1 or 0.")
	}
	text, found := s.textOf(w[1])
	if !found {
		s.integer(-wanted)
		return
	}
	from, to := int64(0), int64(len(text))*8
	if len(w) > 6 {
		s.fail(syntax)
	}
	if len(w) > 3 {
		start := s.number(w[3])
		end, inBits := int64(len(text))-1, false
		if len(w) == 6 {
			inBits = s.first(w[5], "bit", "byte")
		}
		if len(w) > 4 {
			end = s.number(w[4])
		}
		from, to = bitRange(text, start, end, inBits)
	}
	for i := from; i < to; i++ {
		if bit(text, i) == uint64(wanted) {
			s.integer(i)
			return
		}
	}
	if wanted == 0 && len(w) < 5 && from < to {
		s.integer(int64(len(text)) * 8)
		return
	}
	s.integer(-1)
}

func (s *Store) bitOp(w []string) {
	op := strings.ToLower(w[1])
	if op != "and" && op != "or" && op != "xor" && op != "not" {
		s.fail(syntax)
	}
	if op == "not" && len(w) != 4 {
		s.fail("ERR BITOP NOT must be called with a single source key.")
	}
	longest := 0
	texts := make([]string, len(w)-3)
	for i := range texts {
		text, _ := s.textOf(w[3+i])
		texts[i], longest = text, max(longest, len(text))
	}
	out := make([]byte, longest)
	for i := range out {
		out[i] = combine(op, texts, i)
	}
	if longest == 0 {
		s.delete(w[2])
	} else {
		s.setText(w[2], string(out), false)
		s.find(w[2]).made = inPlace
	}
	s.count(longest)
}

// combine combines the bytes at one place of texts, which are 0 behind the end.
func combine(op string, texts []string, at int) byte {
	of := func(text string) byte {
		if at < len(text) {
			return text[at]
		}
		return 0
	}
	b := of(texts[0])
	if op == "not" {
		return ^b
	}
	for _, text := range texts[1:] {
		switch c := of(text); op {
		case "and":
			b &= c
		case "or":
			b |= c
		default:
			b ^= c
		}
	}
	return b
}

// fieldOp is one operation of BITFIELD.
type fieldOp struct {
	op       byte // g, s, i
	signed   bool
	bits     int64
	at       int64
	value    int64
	overflow string
}

// fieldOps reads the operations of BITFIELD.
func (s *Store) fieldOps(w []string, readOnly bool) (ops []fieldOp) {
	overflow := "wrap"
	for i := 0; i < len(w); {
		name, left := strings.ToLower(w[i]), len(w)-i-1
		switch {
		case name == "overflow" && left >= 1:
			overflow = strings.ToLower(w[i+1])
			if overflow != "wrap" && overflow != "sat" && overflow != "fail" {
				s.fail("ERR Invalid OVERFLOW type specified")
			}
			i += 2
			continue
		case name == "get" && left >= 2, (name == "set" || name == "incrby") && left >= 3:
		default:
			s.fail(syntax)
		}
		o := fieldOp{op: name[0], overflow: overflow}
		o.signed, o.bits = s.fieldType(w[i+1])
		o.at = s.bitOffset(w[i+2], o.bits)
		i += 3
		if o.op != 'g' {
			if readOnly {
				s.fail("ERR BITFIELD_RO only supports the GET subcommand")
			}
			o.value = s.number(w[i])
			i++
		}
		ops = append(ops, o)
	}
	return ops
}

// fieldType reads a type such as u8 and i16.
func (s *Store) fieldType(word string) (signed bool, size int64) {
	ok := false
	if word != "" && (word[0] == 'u' || word[0] == 'i') {
		signed = word[0] == 'i'
		size, ok = rediscmd.Integer(word[1:])
		ok = ok && size >= 1 && (size <= 63 || signed && size == 64)
	}
	if !ok {
		s.fail("ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.")
	}
	return signed, size
}

func (s *Store) bitField(w []string, readOnly bool) {
	ops := s.fieldOps(w[2:], readOnly)
	text, found := s.textOf(w[1])
	writes, highest := false, int64(0)
	for _, o := range ops {
		if o.op != 'g' {
			writes, highest = true, max(highest, o.at+o.bits-1)
		}
	}
	b := []byte(text)
	changed := false
	if writes {
		b = grow(b, int(highest>>3)+1)
		changed = len(b) != len(text) || !found
	}
	s.length(len(ops))
	for _, o := range ops {
		old := o.read(b)
		if o.op == 'g' {
			s.integer(old)
			continue
		}
		value, fits := o.result(old)
		if !fits && o.overflow == "fail" {
			s.null()
			continue
		}
		o.write(b, value)
		changed = true
		if o.op == 's' {
			s.integer(old)
		} else {
			s.integer(value)
		}
	}
	if writes && changed {
		s.setRaw(w[1], string(b))
	}
}

func (o fieldOp) read(b []byte) int64 {
	var v uint64
	text := string(b[min(o.at>>3, int64(len(b))):min((o.at+o.bits+7)>>3, int64(len(b)))])
	for i := range o.bits {
		v = v<<1 | bit(text, o.at&7+i)
	}
	return o.extend(v)
}

// extend gives the low bits of v the field's sign.
func (o fieldOp) extend(v uint64) int64 {
	shift := 64 - o.bits
	if o.signed {
		return int64(v<<shift) >> shift
	}
	return int64(v << shift >> shift)
}

func (o fieldOp) write(b []byte, value int64) {
	for i := range o.bits {
		at := o.at + i
		mask := byte(1) << (7 - at&7)
		if value>>(o.bits-1-i)&1 != 0 {
			b[at>>3] |= mask
		} else {
			b[at>>3] &^= mask
		}
	}
}

// result returns the new value of a field as its overflow rule has it, and
// whether it fits without.
func (o fieldOp) result(old int64) (value int64, fits bool) {
	low, high := int64(0), int64(math.MaxInt64)
	if o.bits < 64 {
		high = 1<<o.bits - 1
	}
	if o.signed {
		low, high = -1<<(o.bits-1), int64(1<<(o.bits-1)-1)
	}
	base := int64(0)
	if o.op == 'i' {
		base = old
	}
	sum, whole := add(base, o.value)
	over := !whole && o.value > 0 || whole && sum > high
	under := !whole && o.value < 0 || whole && sum < low
	if o.op == 's' && !o.signed && o.value < 0 {
		over, under = true, false // Redis reads it as an unsigned number
	}
	switch {
	case !over && !under:
		return sum, true
	case o.overflow == "sat" && over:
		return high, false
	case o.overflow == "sat":
		return low, false
	}
	return o.extend(uint64(sum)), false
}

// isText reports whether a text is an integer as Redis stores it.
func isText(text string) bool {
	_, ok := rediscmd.Integer(text)
	return ok
}
