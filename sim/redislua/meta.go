package redislua

import (
	"math"
	"strings"
)

// maxLoop is the length of a chain of metatables.
const maxLoop = 100

func (t *thread) metatable(v Value) *Table {
	switch x := v.(type) {
	case *Table:
		return x.meta
	case string:
		return t.state.strings
	}
	return nil
}

func (t *thread) metamethod(v Value, event string) Value {
	if m := t.metatable(v); m != nil {
		return m.getString(event)
	}
	return nil
}

// meta calls a metamethod for an operator.
func (f *frame) meta(line int, fn Value, args ...Value) Value {
	f.line, f.site = line, nil
	t := f.t
	t.enterGo()
	ret := t.invoke(t.callable(fn, &args, ""), args)
	t.nested--
	return first(ret)
}

func first(ret []Value) Value {
	if len(ret) == 0 {
		return nil
	}
	return ret[0]
}

// typeError throws the error of an operator whose operand has a wrong type.
func (f *frame) typeError(line int, what string, v Value, e *expr) {
	if name := nameOf(e); name != "" {
		f.errorf(line, "attempt to %s %s (a %s value)", what, name, typeName(v))
	}
	f.errorf(line, "attempt to %s a %s value", what, typeName(v))
}

// nameOf says which variable an operand is, as Lua finds it from its code.
func nameOf(e *expr) string {
	if e == nil {
		return ""
	}
	switch e.op {
	case opParen:
		return nameOf(e.a)
	case opLocal:
		return "local '" + e.local.name + "'"
	case opUpvalue:
		return "upvalue '" + e.text + "'"
	case opGlobal:
		return "global '" + e.text + "'"
	case opMethod:
		return "method '" + e.text + "'"
	case opIndex:
		if e.b.op == opString {
			return "field '" + e.b.text + "'"
		}
		return "field '?'"
	}
	return ""
}

// index is v[key].
func (f *frame) index(line int, v, key Value, e *expr) Value {
	for range maxLoop {
		var handler Value
		if t, ok := v.(*Table); ok {
			r := t.get(key)
			if r != nil || t.meta == nil {
				return r
			}
			if handler = t.meta.getString("__index"); handler == nil {
				return nil
			}
		} else if handler = f.t.metamethod(v, "__index"); handler == nil {
			f.typeError(line, "index", v, e)
		}
		if _, ok := handler.(*Function); ok {
			return f.meta(line, handler, v, key)
		}
		v, e = handler, nil
	}
	f.errorf(line, "loop in gettable")
	return nil
}

// setIndex is v[key] = value.
func (f *frame) setIndex(line int, v, key, value Value, e *expr) {
	for range maxLoop {
		var handler Value
		if t, ok := v.(*Table); ok {
			f.checkKey(line, t, key)
			if t.meta != nil {
				handler = t.meta.getString("__newindex")
			}
			if handler == nil || t.get(key) != nil {
				t.set(key, value)
				return
			}
			t.set(key, nil)
		} else if handler = f.t.metamethod(v, "__newindex"); handler == nil {
			f.typeError(line, "index", v, e)
		}
		if _, ok := handler.(*Function); ok {
			f.meta(line, handler, v, key, value)
			return
		}
		v, e = handler, nil
	}
	f.errorf(line, "loop in settable")
}

const readonlyText = "Attempt to modify a readonly table"

// refusal says why a key of a table cannot be set, if it cannot.
func (t *Table) refusal(key Value) string {
	if t.readonly {
		return readonlyText
	}
	switch k := key.(type) {
	case nil:
		return "table index is nil"
	case float64:
		if k != k {
			return "table index is NaN"
		}
	}
	return ""
}

func (f *frame) checkKey(line int, t *Table, key Value) {
	if text := t.refusal(key); text != "" {
		f.errorf(line, "%s", text)
	}
}

// arithmetic computes with two numbers, every step rounded by itself.
func arithmetic(o op, a, b float64) float64 {
	switch o {
	case opAdd:
		return settle(a, b, a+b)
	case opSub:
		return settle(a, b, a-b)
	case opMul:
		return settle(a, b, a*b)
	case opDiv:
		return settle(a, b, a/b)
	case opMod:
		whole := math.Floor(settle(a, b, a/b))
		product := settle(whole, b, whole*b)
		return settle(a, product, a-product)
	}
	return power(a, b)
}

var events = map[op]string{
	opAdd: "__add", opSub: "__sub", opMul: "__mul", opDiv: "__div", opMod: "__mod", opPow: "__pow", opNegate: "__unm", opConcat: "__concat",
}

// arith computes with values that are not both numbers.
func (f *frame) arith(e *expr, a, b Value) Value {
	if x, ok := asNumber(a); ok {
		if y, ok := asNumber(b); ok {
			if e.op == opNegate {
				return -x
			}
			return arithmetic(e.op, x, y)
		}
	}
	if fn := f.binaryMeta(a, b, events[e.op]); fn != nil {
		return f.meta(e.line, fn, a, b)
	}
	operand := e.a
	if _, ok := asNumber(a); ok {
		a, operand = b, e.b
	}
	f.typeError(e.line, "perform arithmetic on", a, operand)
	return nil
}

func (f *frame) binaryMeta(a, b Value, event string) Value {
	if fn := f.t.metamethod(a, event); fn != nil {
		return fn
	}
	return f.t.metamethod(b, event)
}

// concat joins values from the right, as Lua does.
func (f *frame) concat(e *expr, values []Value) Value {
	var few [8]string // of most chains, which then need no memory
	texts := few[:0]
	for _, v := range values {
		s, ok := asString(v)
		if !ok {
			return f.concatMeta(e, values)
		}
		texts = append(texts, s)
	}
	return f.t.limitText(strings.Join(texts, ""))
}

func (f *frame) concatMeta(e *expr, values []Value) Value {
	n := len(values) - 1
	right := values[n]
	for n--; n >= 0; n-- {
		left := values[n]
		a, aText := asString(left)
		b, bText := asString(right)
		if aText && bText {
			right = f.t.limitText(a + b)
			continue
		}
		fn := f.binaryMeta(left, right, "__concat")
		if fn == nil {
			at := n
			if aText {
				left, at = right, n+1
			}
			var operand *expr
			if at < len(e.list) {
				operand = e.list[at]
			}
			f.typeError(e.line, "concatenate", left, operand)
		}
		right = f.meta(e.line, fn, left, right)
	}
	return right
}

// maxText is the size of a string at which Redis itself would be out of its
// bounds for a value.
const maxText = 512 << 20

func (t *thread) limitText(s string) string {
	if len(s) > maxText {
		t.raise("not enough memory")
	}
	return s
}

func (f *frame) equal(line int, a, b Value) bool {
	if a == b {
		return true
	}
	x, ok := a.(*Table)
	if !ok {
		return false
	}
	y, ok := b.(*Table)
	if !ok || x.meta == nil || y.meta == nil {
		return false
	}
	fn := x.meta.getString("__eq")
	if fn == nil || x.meta != y.meta && fn != y.meta.getString("__eq") {
		return false
	}
	return truthy(f.meta(line, fn, a, b))
}

// less is a < b, or a <= b.
func (f *frame) less(line int, a, b Value, orEqual bool) bool {
	switch x := a.(type) {
	case float64:
		if y, ok := b.(float64); ok {
			return x < y || orEqual && x == y
		}
	case string:
		if y, ok := b.(string); ok {
			return x < y || orEqual && x == y
		}
	}
	if typeName(a) == typeName(b) {
		if orEqual {
			if fn := f.sameMeta(a, b, "__le"); fn != nil {
				return truthy(f.meta(line, fn, a, b))
			}
			if fn := f.sameMeta(b, a, "__lt"); fn != nil {
				return !truthy(f.meta(line, fn, b, a))
			}
		} else if fn := f.sameMeta(a, b, "__lt"); fn != nil {
			return truthy(f.meta(line, fn, a, b))
		}
	}
	f.compareError(line, a, b)
	return false
}

// compareError throws that two values have no order. Lua tells types apart by
// their third letter.
func (f *frame) compareError(line int, a, b Value) {
	x, y := typeName(a), typeName(b)
	if x[2] == y[2] {
		f.errorf(line, "attempt to compare two %s values", x)
	}
	f.errorf(line, "attempt to compare %s with %s", x, y)
}

// sameMeta returns a metamethod that both operands share.
func (f *frame) sameMeta(a, b Value, event string) Value {
	fn := f.t.metamethod(a, event)
	if fn == nil || fn != f.t.metamethod(b, event) {
		return nil
	}
	return fn
}

func (f *frame) length(e *expr, v Value) Value {
	switch x := v.(type) {
	case *Table:
		return float64(x.length())
	case string:
		return float64(len(x))
	}
	f.typeError(e.line, "get length of", v, e.a)
	return nil
}
