package redislua

import (
	"encoding/binary"
	"math"
)

var msgpackFunctions = map[string]func(t *thread, args []Value) []Value{
	"pack": msgpackPack, "unpack": msgpackUnpack, "unpack_one": msgpackUnpackOne, "unpack_limit": msgpackUnpackLimit,
}

// msgpackDepth is the depth below which a table becomes nil.
const msgpackDepth = 16

func msgpackPack(t *thread, args []Value) []Value {
	if len(args) == 0 {
		t.argError(0, "MessagePack pack needs input.")
	}
	var b []byte
	for _, v := range args {
		b = packValue(b, v, 0)
	}
	return t.results(string(b))
}

func packValue(b []byte, v Value, level int) []byte {
	switch x := v.(type) {
	case bool:
		if x {
			return append(b, 0xc3)
		}
		return append(b, 0xc2)
	case float64:
		if i := toInt(x); float64(i) == x && x < 9223372036854775808 {
			return packInt(b, i)
		}
		if f := float32(x); float64(f) == x {
			return binary.BigEndian.AppendUint32(append(b, 0xca), math.Float32bits(f))
		}
		return binary.BigEndian.AppendUint64(append(b, 0xcb), math.Float64bits(x))
	case string:
		return append(packHeader(b, len(x), 0xa0, 32, 0xd9), x...)
	case *Table:
		if level == msgpackDepth {
			break
		}
		if x.isList() {
			return packList(b, x, level)
		}
		return packMap(b, x, level)
	}
	return append(b, 0xc0)
}

// packHeader writes a length: within the first byte, or with the first of the
// codes that has room. A code of 0 for one byte means that there is none.
func packHeader(b []byte, n int, fixed byte, most int, code byte) []byte {
	switch {
	case n < most:
		return append(b, fixed|byte(n))
	case n <= 0xff && code == 0xd9:
		return append(b, code, byte(n))
	case code == 0xd9:
		code++
	}
	if n <= 0xffff {
		return binary.BigEndian.AppendUint16(append(b, code), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(b, code+1), uint32(n))
}

func packInt(b []byte, i int64) []byte {
	switch {
	case i >= -32 && i <= 127:
		return append(b, byte(i))
	case i >= 0 && i <= 0xff:
		return append(b, 0xcc, byte(i))
	case i >= 0 && i <= 0xffff:
		return binary.BigEndian.AppendUint16(append(b, 0xcd), uint16(i))
	case i >= 0 && i <= 0xffffffff:
		return binary.BigEndian.AppendUint32(append(b, 0xce), uint32(i))
	case i >= 0:
		return binary.BigEndian.AppendUint64(append(b, 0xcf), uint64(i))
	case i >= -128:
		return append(b, 0xd0, byte(i))
	case i >= -32768:
		return binary.BigEndian.AppendUint16(append(b, 0xd1), uint16(i))
	case i >= -2147483648:
		return binary.BigEndian.AppendUint32(append(b, 0xd2), uint32(i))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xd3), uint64(i))
}

// isList reports whether a table's keys are 1 to its size.
func (t *Table) isList() bool {
	count, most := 0.0, 0.0
	for key, _, _ := t.next(nil); key != nil; key, _, _ = t.next(key) {
		n, ok := key.(float64)
		if !ok || n <= 0 || float64(toInt(n)) != n {
			return false
		}
		most = max(most, n)
		count++
	}
	return most == count
}

func packList(b []byte, tab *Table, level int) []byte {
	n := tab.length()
	b = packHeader(b, n, 0x90, 16, 0xdc)
	for i := 1; i <= n; i++ {
		b = packValue(b, tab.getInt(i), level+1)
	}
	return b
}

func packMap(b []byte, tab *Table, level int) []byte {
	n := 0
	for key, _, _ := tab.next(nil); key != nil; key, _, _ = tab.next(key) {
		n++
	}
	b = packHeader(b, n, 0x80, 16, 0xde)
	for key, v, _ := tab.next(nil); key != nil; key, v, _ = tab.next(key) {
		b = packValue(packValue(b, key, level+1), v, level+1)
	}
	return b
}

func msgpackUnpack(t *thread, args []Value) []Value { return t.unpackAll(args, 0, 0) }

func msgpackUnpackOne(t *thread, args []Value) []Value {
	return t.unpackAll(args, 1, t.optLong(args, 2, 0))
}

func msgpackUnpackLimit(t *thread, args []Value) []Value {
	limit := t.checkLong(args, 2)
	return t.unpackAll(args, limit, t.optLong(args, 3, 0))
}

// unpackAll reads values from an offset on. With a limit or an offset, the
// next offset comes before them: -1 at the end.
func (t *thread) unpackAll(args []Value, limit, offset int64) []Value {
	s := t.checkString(args, 1)
	if offset < 0 || limit < 0 {
		t.errorf("Invalid request to unpack with offset of %d and limit of %d.", int32(offset), int32(len(s)))
	}
	if offset > int64(len(s)) {
		t.errorf("Start offset %d greater than input length %d.", int32(offset), len(s))
	}
	all := limit == 0 && offset == 0
	if all {
		limit = math.MaxInt32
	}
	r := &unpacker{t: t, rest: s[offset:]}
	var out []Value
	if !all {
		out = append(out, nil)
	}
	for n := int64(0); len(r.rest) > 0 && n < limit; n++ {
		out = append(out, r.value())
	}
	if !all {
		out[0] = float64(len(s) - len(r.rest))
		if len(r.rest) == 0 {
			out[0] = -1.0
		}
	}
	return out
}

type unpacker struct {
	t     *thread
	rest  string
	depth int
}

func (r *unpacker) take(n int) string {
	if n < 0 || n > len(r.rest) {
		r.t.errorf("Missing bytes in input.")
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

// number reads an unsigned integer of n bytes.
func (r *unpacker) number(n int) uint64 {
	var u uint64
	for _, c := range []byte(r.take(n)) {
		u = u<<8 | uint64(c)
	}
	return u
}

func (r *unpacker) signed(n int) Value {
	shift := 64 - 8*n
	return float64(int64(r.number(n)<<shift) >> shift)
}

func (r *unpacker) value() Value {
	c := r.take(1)[0]
	switch {
	case c <= 0x7f:
		return float64(c)
	case c >= 0xe0:
		return float64(int8(c))
	case c&0xf0 == 0x80:
		return r.table(2 * int(c&0xf))
	case c&0xf0 == 0x90:
		return r.list(int(c & 0xf))
	case c&0xe0 == 0xa0:
		return r.take(int(c & 0x1f))
	}
	switch c {
	case 0xc0:
		return nil
	case 0xc2, 0xc3:
		return c == 0xc3
	case 0xca:
		return float64(math.Float32frombits(uint32(r.number(4))))
	case 0xcb:
		return math.Float64frombits(r.number(8))
	case 0xcc, 0xcd, 0xce, 0xcf:
		return float64(r.number(1 << (c - 0xcc)))
	case 0xd0, 0xd1, 0xd2, 0xd3:
		return r.signed(1 << (c - 0xd0))
	case 0xc4, 0xc5, 0xc6:
		return r.take(int(r.number(1 << (c - 0xc4))))
	case 0xd9, 0xda, 0xdb:
		return r.take(int(r.number(1 << (c - 0xd9))))
	case 0xdc, 0xdd:
		return r.list(int(r.number(2 << (c - 0xdc))))
	case 0xde, 0xdf:
		return r.table(2 * int(r.number(2<<(c-0xde))))
	}
	r.t.errorf("Bad data format in input.")
	return nil
}

// descend makes a table for n values that follow.
func (r *unpacker) descend() *Table {
	r.depth++
	if r.depth*2 > maxStack {
		r.t.errorf("stack overflow (in function mp_decode_to_lua_type)")
	}
	return newTable(&r.t.state.ids, 0, 0)
}

func (r *unpacker) list(n int) Value {
	tab := r.descend()
	for i := range n {
		tab.set(float64(i+1), r.value())
	}
	r.depth--
	return tab
}

func (r *unpacker) table(n int) Value {
	tab := r.descend()
	for ; n > 0; n -= 2 {
		key := r.value()
		v := r.value()
		if text := tab.refusal(key); text != "" {
			r.t.raise(text)
		}
		tab.set(key, v)
	}
	r.depth--
	return tab
}
