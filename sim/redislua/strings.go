package redislua

import (
	"strings"
)

var stringFunctions = map[string]func(t *thread, args []Value) []Value{
	"byte": stringByte, "char": stringChar, "dump": stringDump, "find": stringFind, "format": stringFormat,
	"gfind": stringGmatch, "gmatch": stringGmatch, "gsub": stringGsub, "len": stringLen, "lower": stringLower,
	"match": stringMatch, "rep": stringRep, "reverse": stringReverse, "sub": stringSub, "upper": stringUpper,
}

// relative makes a position that counts from the end one from the beginning.
func relative(at int64, length int) int64 {
	if at < 0 {
		at += int64(length) + 1
	}
	return max(at, 0)
}

func stringByte(t *thread, args []Value) []Value {
	s := t.checkString(args, 1)
	from := relative(t.optLong(args, 2, 1), len(s))
	to := relative(t.optLong(args, 3, from), len(s))
	from, to = max(from, 1), min(to, int64(len(s)))
	if from > to {
		return nil
	}
	n := int(to - from + 1)
	t.checkStack(args, n, "string slice too long")
	out := make([]Value, n)
	for i := range out {
		out[i] = float64(s[int(from)-1+i])
	}
	return out
}

func stringChar(t *thread, args []Value) []Value {
	out := make([]byte, len(args))
	for i := range args {
		c := t.checkInt(args, i+1)
		if c < 0 || c > 255 {
			t.argError(i+1, "invalid value")
		}
		out[i] = byte(c)
	}
	return t.results(string(out))
}

// stringDump refuses: there is no code of Lua's own machine to show.
func stringDump(t *thread, args []Value) []Value {
	t.checkFunction(args, 1)
	t.errorf("unable to dump given function")
	return nil
}

func stringLen(t *thread, args []Value) []Value {
	return t.results(float64(len(t.checkString(args, 1))))
}

// mapBytes changes the case of ASCII letters, as the C locale does.
func mapBytes(s string, from byte) string {
	out := []byte(s)
	for i, c := range out {
		if c >= from && c < from+26 {
			out[i] = c ^ 0x20
		}
	}
	return string(out)
}

func stringLower(t *thread, args []Value) []Value {
	return t.results(mapBytes(t.checkString(args, 1), 'A'))
}

func stringUpper(t *thread, args []Value) []Value {
	return t.results(mapBytes(t.checkString(args, 1), 'a'))
}

func stringRep(t *thread, args []Value) []Value {
	s, n := t.checkString(args, 1), max(t.checkInt(args, 2), 0)
	if len(s)*n > maxText {
		t.raise("not enough memory")
	}
	return t.results(strings.Repeat(s, n))
}

func stringReverse(t *thread, args []Value) []Value {
	s := t.checkString(args, 1)
	out := make([]byte, len(s))
	for i := range out {
		out[i] = s[len(s)-1-i]
	}
	return t.results(string(out))
}

func stringSub(t *thread, args []Value) []Value {
	s := t.checkString(args, 1)
	from := relative(t.checkLong(args, 2), len(s))
	to := relative(t.optLong(args, 3, -1), len(s))
	from, to = max(from, 1), min(to, int64(len(s)))
	if from > to {
		return t.results("")
	}
	return t.results(s[from-1 : to])
}
