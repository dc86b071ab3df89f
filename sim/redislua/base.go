package redislua

import (
	"strings"
)

// baseFunctions are the functions that Redis leaves a script without a library's name.
var baseFunctions = map[string]func(t *thread, args []Value) []Value{
	"assert": baseAssert, "collectgarbage": collectGarbage, "error": baseError, "gcinfo": gcInfo,
	"getmetatable": getMetatable, "ipairs": baseIpairs, "load": baseLoad, "loadstring": loadString,
	"next": baseNext, "pairs": basePairs, "pcall": basePcall, "rawequal": rawEqual, "rawget": rawGet,
	"rawset": rawSet, "select": baseSelect, "setmetatable": setMetatable, "tonumber": toNumber,
	"tostring": toString, "type": baseType, "unpack": baseUnpack, "xpcall": baseXpcall,
}

func baseAssert(t *thread, args []Value) []Value {
	if !truthy(t.checkAny(args, 1)) {
		text, _, _ := strings.Cut(t.optString(args, 2, "assertion failed!"), "\x00")
		t.errorf("%s", text)
	}
	return args
}

// heap is what a script is told of the size of Lua's heap, which this one has not.
const heap = 64.0 // KiB

func gcInfo(t *thread, _ []Value) []Value { return t.results(heap) }

func collectGarbage(t *thread, args []Value) []Value {
	switch option := t.optString(args, 1, "collect"); option {
	case "count":
		return t.results(heap)
	case "collect", "stop", "restart":
		return t.results(0.0)
	case "step":
		return t.results(true)
	case "setpause", "setstepmul":
		return t.results(200.0)
	default:
		t.argError(1, "invalid option '"+option+"'")
	}
	return nil
}

func baseError(t *thread, args []Value) []Value {
	v, level := arg(args, 1), t.optInt(args, 2, 1)
	if s, ok := asString(v); ok && level > 0 {
		v = t.where(level) + s
	}
	t.raise(v)
	return nil
}

func getMetatable(t *thread, args []Value) []Value {
	m := t.metatable(t.checkAny(args, 1))
	if m == nil {
		return t.results(nil)
	}
	if hidden := m.getString("__metatable"); hidden != nil {
		return t.results(hidden)
	}
	return t.results(m)
}

func setMetatable(t *thread, args []Value) []Value {
	tab := t.checkTable(args, 1)
	meta, ok := arg(args, 2).(*Table)
	if !ok && (len(args) < 2 || args[1] != nil) {
		t.argError(2, "nil or table expected")
	}
	if tab.meta != nil && tab.meta.getString("__metatable") != nil {
		t.errorf("cannot change a protected metatable")
	}
	if tab.readonly {
		t.raise(readonlyText)
	}
	tab.meta = meta
	return t.results(tab)
}

func baseIpairs(t *thread, args []Value) []Value {
	return []Value{ipairsNext, t.checkTable(args, 1), 0.0}
}

var ipairsNext = native("ipairs", func(t *thread, args []Value) []Value {
	i := t.checkInt(args, 2) + 1
	v := t.checkTable(args, 1).getInt(i)
	if v == nil {
		return nil
	}
	return []Value{float64(i), v}
})

func basePairs(t *thread, args []Value) []Value {
	return []Value{pairsNext, t.checkTable(args, 1), nil}
}

var pairsNext = native("next", baseNext)

func baseNext(t *thread, args []Value) []Value {
	key, v, ok := t.checkTable(args, 1).next(arg(args, 2))
	if !ok {
		t.errorf("invalid key to 'next'")
	}
	if key == nil {
		return t.results(nil)
	}
	return []Value{key, v}
}

func rawEqual(t *thread, args []Value) []Value {
	t.checkAny(args, 1)
	return t.results(args[0] == t.checkAny(args, 2))
}

func rawGet(t *thread, args []Value) []Value {
	tab := t.checkTable(args, 1)
	return t.results(tab.get(t.checkAny(args, 2)))
}

func rawSet(t *thread, args []Value) []Value {
	tab := t.checkTable(args, 1)
	key := t.checkAny(args, 2)
	v := t.checkAny(args, 3)
	if text := tab.refusal(key); text != "" {
		t.raise(text)
	}
	tab.set(key, v)
	return t.results(tab)
}

func baseSelect(t *thread, args []Value) []Value {
	if s, ok := arg(args, 1).(string); ok && strings.HasPrefix(s, "#") {
		return t.results(float64(len(args) - 1))
	}
	i := t.checkInt(args, 1)
	if i < 0 {
		i += len(args)
	} else if i > len(args) {
		i = len(args)
	}
	if i < 1 {
		t.argError(1, "index out of range")
	}
	return args[i:]
}

func toNumber(t *thread, args []Value) []Value {
	base := t.optInt(args, 2, 10)
	if base == 10 {
		if n, ok := asNumber(t.checkAny(args, 1)); ok {
			return t.results(boxed(n))
		}
		return t.results(nil)
	}
	s := t.checkString(args, 1)
	if base < 2 || base > 36 {
		t.argError(2, "base out of range")
	}
	if n, ok := strtoul(s, base); ok {
		return t.results(float64(n))
	}
	return t.results(nil)
}

// strtoul reads a whole string as C's function does, with spaces around it.
func strtoul(s string, base int) (uint64, bool) {
	if i := strings.IndexByte(s, 0); i >= 0 {
		s = s[:i]
	}
	s = strings.Trim(s, " \t\n\v\f\r")
	negative := strings.HasPrefix(s, "-")
	if negative || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	if base == 16 && len(s) > 2 && hasWord(s, "0x") && isHex(s[2]) {
		s = s[2:]
	}
	var n uint64
	over := false
	for i := range len(s) {
		d := digitValue(s[i])
		if d >= base {
			return 0, false
		}
		over = over || n > (1<<64-1-uint64(d))/uint64(base)
		n = n*uint64(base) + uint64(d)
	}
	if over {
		n = 1<<64 - 1
	} else if negative {
		n = -n
	}
	return n, s != ""
}

func digitValue(c byte) int {
	switch {
	case isDigit(c):
		return int(c - '0')
	case isAlpha(c):
		return int(c|0x20-'a') + 10
	}
	return 99
}

func toString(t *thread, args []Value) []Value {
	v := t.checkAny(args, 1)
	if fn := t.metamethod(v, "__tostring"); fn != nil {
		return t.results(first(t.call(fn, v)))
	}
	return t.results(t.describe(v))
}

func baseType(t *thread, args []Value) []Value {
	return t.results(typeName(t.checkAny(args, 1)))
}

func baseUnpack(t *thread, args []Value) []Value {
	tab := t.checkTable(args, 1)
	from := t.optInt(args, 2, 1)
	to := 0
	if arg(args, 3) == nil {
		to = tab.length()
	} else {
		to = t.checkInt(args, 3)
	}
	if from > to {
		return nil
	}
	n := to - from + 1
	if n > maxStack || len(args)+n > maxStack {
		t.errorf("too many results to unpack")
	}
	out := make([]Value, n)
	for i := range out {
		out[i] = tab.getInt(from + i)
	}
	return out
}

// basePcall is Redis's own: of an error that is a table with the field err it
// returns only that field.
func basePcall(t *thread, args []Value) []Value {
	if len(args) == 0 {
		args = []Value{true} // what C has at the bottom of its stack
	}
	ret, thrown := t.protect(args[0], args[1:])
	if thrown == nil {
		return append([]Value{true}, ret...)
	}
	if e, ok := thrown.value.(*Table); ok {
		text := t.getIndex(e, "err")
		if s, ok := asString(text); ok {
			return []Value{false, s}
		}
		return []Value{false, e, text}
	}
	return []Value{false, thrown.value}
}

func baseXpcall(t *thread, args []Value) []Value {
	t.checkAny(args, 2)
	ret, thrown := t.protect(args[0], nil)
	if thrown == nil {
		return append([]Value{true}, ret...)
	}
	ret, failed := t.protect(args[1], []Value{thrown.value})
	if failed != nil {
		return []Value{false, "error in error handling"}
	}
	return append([]Value{false}, first(ret))
}

// chunkName shortens the name of a chunk as Lua's errors do.
func chunkName(source string) string {
	const room = 60
	switch {
	case strings.HasPrefix(source, "="):
		return source[1:min(len(source), room)]
	case strings.HasPrefix(source, "@"):
		name := source[1:]
		if most := room - len(" '...' ") - 1; len(name) > most {
			return "..." + name[len(name)-most:]
		}
		return name
	}
	line, _, _ := strings.Cut(source, "\x00")
	whole := line
	if i := strings.IndexAny(line, "\r\n"); i >= 0 {
		line = line[:i]
	}
	if most := room - len(` [string "..."] `) - 1; len(line) > most {
		line = line[:most]
	}
	if line != whole {
		line += "..."
	}
	return `[string "` + line + `"]`
}

// load compiles a chunk for a script; what is wrong with it is a result.
func (t *thread) load(text, source string) []Value {
	fn, err := parse(text, chunkName(source))
	if err != nil {
		return []Value{nil, err.Error()}
	}
	return t.results(&Function{proto: compile(fn, source)})
}

func loadString(t *thread, args []Value) []Value {
	text := t.checkString(args, 1)
	return t.load(text, t.optString(args, 2, text))
}

func baseLoad(t *thread, args []Value) []Value {
	fn := t.checkFunction(args, 1)
	source := t.optString(args, 2, "=(load)")
	var b strings.Builder
	for {
		part := first(t.call(fn))
		s, ok := asString(part)
		if part != nil && !ok {
			return []Value{nil, "reader function must return a string"}
		}
		if s == "" {
			return t.load(b.String(), source)
		}
		b.WriteString(s)
		if b.Len() > maxText {
			t.raise("not enough memory")
		}
	}
}
