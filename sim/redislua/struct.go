package redislua

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
)

var structFunctions = map[string]func(t *thread, args []Value) []Value{
	"pack": structPack, "unpack": structUnpack, "size": structSize,
}

// layout walks through a format of the struct library.
type layout struct {
	t      *thread
	format string
	at     int
	big    bool
	align  int
}

// newLayout takes a format up to a zero byte, where C ends.
func (t *thread) newLayout(args []Value) *layout {
	format, _, _ := strings.Cut(t.checkString(args, 1), "\x00")
	return &layout{t: t, format: format, align: 1}
}

const (
	maxInteger = 32 // bytes
	maxAlign   = 8  // of a double on amd64
)

func (l *layout) number(otherwise int) int {
	if l.at >= len(l.format) || !isDigit(l.format[l.at]) {
		return otherwise
	}
	n := 0
	for ; l.at < len(l.format) && isDigit(l.format[l.at]); l.at++ {
		d := int(l.format[l.at] - '0')
		if n > math.MaxInt32/10 || n*10 > math.MaxInt32-d {
			l.t.errorf("integral size overflow")
		}
		n = n*10 + d
	}
	return n
}

// next returns the next option, its size, and the bytes of padding before it.
func (l *layout) next(total int) (option byte, size, padding int) {
	option = l.format[l.at]
	l.at++
	switch option {
	case 'b', 'B', 'x':
		size = 1
	case 'h', 'H':
		size = 2
	case 'l', 'L', 'T', 'd':
		size = 8
	case 'f':
		size = 4
	case 'c':
		size = l.number(1)
	case 'i', 'I':
		size = l.number(4)
		if size > maxInteger {
			l.t.errorf("integral size %d is larger than limit of %d", size, maxInteger)
		}
	}
	if size == 0 || option == 'c' {
		return option, size, 0
	}
	unit := min(size, l.align)
	return option, size, (unit - total&(unit-1)) & (unit - 1)
}

// control obeys an option that is not of a value.
func (l *layout) control(option byte) {
	switch option {
	case ' ':
	case '>':
		l.big = true
	case '<':
		l.big = false
	case '!':
		l.align = l.number(maxAlign)
		if l.align <= 0 || l.align&(l.align-1) != 0 {
			l.t.errorf("alignment %d is not a power of 2", l.align)
		}
	default:
		l.t.argError(1, "invalid format option '"+string([]byte{option})+"'")
	}
}

func isInteger(option byte) bool { return strings.IndexByte("bBhHlLTiI", option) >= 0 }

func (l *layout) ordered(b []byte) []byte {
	if l.big {
		slices.Reverse(b)
	}
	return b
}

// bytes writes a number in size bytes.
func (l *layout) bytes(f float64, size int) []byte {
	u := uint64(toInt(f))
	if f >= 0 {
		u = toUint(f)
	}
	out := make([]byte, size)
	for i := range out {
		out[i] = byte(u)
		u >>= 8
	}
	return l.ordered(out)
}

func structPack(t *thread, args []Value) []Value {
	l := t.newLayout(args)
	args = append(args, nil) // C marks the end of the arguments so
	var out []byte
	at := 2
	for l.at < len(l.format) {
		option, size, padding := l.next(len(out))
		out = append(out, make([]byte, padding)...)
		switch {
		case isInteger(option):
			out = append(out, l.bytes(t.checkNumber(args, at), size)...)
			at++
		case option == 'x':
			out = append(out, 0)
		case option == 'f':
			out = append(out, l.ordered(binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(t.checkNumber(args, at)))))...)
			at++
		case option == 'd':
			out = append(out, l.ordered(binary.LittleEndian.AppendUint64(nil, math.Float64bits(t.checkNumber(args, at))))...)
			at++
		case option == 'c' || option == 's':
			s := t.checkString(args, at)
			at++
			if size == 0 {
				size = len(s)
			}
			if len(s) < size {
				t.argError(at, "string too short")
			}
			out = append(out, s[:size]...)
			if option == 's' {
				out = append(out, 0)
			}
		default:
			l.control(option)
		}
	}
	return t.results(string(out))
}

func structUnpack(t *thread, args []Value) []Value {
	l := t.newLayout(args)
	data := t.checkString(args, 2)
	at := t.optLong(args, 3, 1)
	if at == 0 {
		t.argError(3, "offset must be 1 or greater")
	}
	pos := int(at - 1)
	var out []Value
	for l.at < len(l.format) {
		option, size, padding := l.next(pos)
		pos += padding
		if size > len(data) || uint64(pos) > uint64(len(data)-size) { // C's positions have no sign
			t.argError(2, "data string too short")
		}
		t.checkStack(args, len(out)+2, "too many results")
		switch {
		case isInteger(option):
			out = append(out, l.integer(data[pos:pos+size], option >= 'a'))
		case option == 'x':
		case option == 'f':
			b := l.ordered([]byte(data[pos : pos+4]))
			out = append(out, float64(math.Float32frombits(binary.LittleEndian.Uint32(b))))
		case option == 'd':
			b := l.ordered([]byte(data[pos : pos+8]))
			out = append(out, math.Float64frombits(binary.LittleEndian.Uint64(b)))
		case option == 'c':
			if size == 0 {
				size, out = t.previousSize(out, data, pos)
			}
			out = append(out, data[pos:pos+size])
		case option == 's':
			end := strings.IndexByte(data[pos:], 0)
			if end < 0 {
				t.errorf("unfinished string in data")
			}
			size = end + 1
			out = append(out, data[pos:pos+end])
		default:
			l.control(option)
		}
		pos += size
	}
	return append(out, float64(pos+1))
}

// previousSize takes the size of "c0" from the last value.
func (t *thread) previousSize(out []Value, data string, pos int) (int, []Value) {
	if len(out) == 0 {
		t.errorf("format 'c0' needs a previous size")
	}
	f, ok := asNumber(out[len(out)-1])
	if !ok {
		t.errorf("format 'c0' needs a previous size")
	}
	if f != f || f < 0 || f > float64(len(data)-pos) {
		t.argError(2, "data string too short")
	}
	return int(f), out[:len(out)-1]
}

func (l *layout) integer(s string, signed bool) Value {
	var u uint64
	b := l.ordered([]byte(s))
	for i := len(b) - 1; i >= 0; i-- {
		u = u<<8 | uint64(b[i])
	}
	if !signed {
		return float64(u)
	}
	if n := uint(len(b) * 8); n > 0 && n < 64 {
		u = uint64(int64(u<<(64-n)) >> (64 - n))
	}
	return float64(int64(u))
}

func structSize(t *thread, args []Value) []Value {
	l := t.newLayout(args)
	total := 0
	for l.at < len(l.format) {
		option, size, padding := l.next(total)
		total += padding
		switch {
		case option == 's':
			t.argError(1, "option 's' has no fixed size")
		case option == 'c' && size == 0:
			t.argError(1, "option 'c0' has no fixed size")
		case !isAlnum(option):
			l.control(option)
		}
		total += size
	}
	return t.results(float64(total))
}
