package redislua

import (
	"math"
	"math/bits"
)

func bitFunctions() map[string]func(t *thread, args []Value) []Value {
	fns := map[string]func(t *thread, args []Value) []Value{
		"band":  bitFold(func(a, b uint32) uint32 { return a & b }),
		"bor":   bitFold(func(a, b uint32) uint32 { return a | b }),
		"bxor":  bitFold(func(a, b uint32) uint32 { return a ^ b }),
		"tobit": bitOne(func(a uint32) uint32 { return a }), "bnot": bitOne(func(a uint32) uint32 { return ^a }),
		"bswap": bitOne(bits.ReverseBytes32),
		"tohex": bitHex,
	}
	for name, fn := range map[string]func(a uint32, n int) uint32{
		"lshift": func(a uint32, n int) uint32 { return a << n }, "rshift": func(a uint32, n int) uint32 { return a >> n },
		"arshift": func(a uint32, n int) uint32 { return uint32(int32(a) >> n) },
		"rol":     func(a uint32, n int) uint32 { return bits.RotateLeft32(a, n) },
		"ror":     func(a uint32, n int) uint32 { return bits.RotateLeft32(a, -n) },
	} {
		fns[name] = func(t *thread, args []Value) []Value {
			a := t.checkBits(args, 1)
			return bitResult(t, fn(a, int(t.checkBits(args, 2)&31)))
		}
	}
	return fns
}

// checkBits is a number as 32 bits: rounded, and what is above them cut off.
func (t *thread) checkBits(args []Value, i int) uint32 {
	return uint32(math.Float64bits(t.checkNumber(args, i) + 6755399441055744.0))
}

func bitResult(t *thread, b uint32) []Value { return t.results(float64(int32(b))) }

func bitOne(fn func(uint32) uint32) func(t *thread, args []Value) []Value {
	return func(t *thread, args []Value) []Value { return bitResult(t, fn(t.checkBits(args, 1))) }
}

func bitFold(fn func(a, b uint32) uint32) func(t *thread, args []Value) []Value {
	return func(t *thread, args []Value) []Value {
		all := t.checkBits(args, 1)
		for i := len(args); i > 1; i-- {
			all = fn(all, t.checkBits(args, i))
		}
		return bitResult(t, all)
	}
}

func bitHex(t *thread, args []Value) []Value {
	b, n := t.checkBits(args, 1), int32(8)
	if len(args) > 1 {
		n = int32(t.checkBits(args, 2))
	}
	digits := "0123456789abcdef"
	if n < 0 {
		n, digits = -n, "0123456789ABCDEF"
	}
	if n > 8 || n < 0 {
		n = 8
	}
	out := make([]byte, n)
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = digits[b&15]
		b >>= 4
	}
	return t.results(string(out))
}
