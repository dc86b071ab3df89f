package redislua

import "fmt"

// The functions of Go check their arguments as those of Lua do; an argument's
// number begins at 1.

// native makes a function of Go.
func native(name string, fn func(t *thread, args []Value) []Value) *Function {
	return &Function{native: fn, name: name}
}

// argError throws that an argument is wrong, naming the function as its caller does.
func (t *thread) argError(i int, text string) {
	name := "?"
	if f := t.frame; f != nil && f.fn != nil && f.site != nil {
		switch e := f.site; e.op {
		case opLocal:
			name = e.local.name
		case opUpvalue, opGlobal:
			name = e.text
		case opMethod:
			name = e.text
			if i--; i == 0 {
				t.errorf("calling '%s' on bad self (%s)", name, text)
			}
		case opIndex:
			if e.b.op == opString {
				name = e.b.text
			}
		}
	}
	t.errorf("bad argument #%d to '%s' (%s)", i, name, text)
}

func (t *thread) typeError(args []Value, i int, want string) {
	got := "no value"
	if i <= len(args) {
		got = typeName(args[i-1])
	}
	t.argError(i, fmt.Sprintf("%s expected, got %s", want, got))
}

func arg(args []Value, i int) Value {
	if i <= len(args) {
		return args[i-1]
	}
	return nil
}

func (t *thread) checkAny(args []Value, i int) Value {
	if i > len(args) {
		t.argError(i, "value expected")
	}
	return args[i-1]
}

func (t *thread) checkTable(args []Value, i int) *Table {
	tab, ok := arg(args, i).(*Table)
	if !ok {
		t.typeError(args, i, "table")
	}
	return tab
}

func (t *thread) checkFunction(args []Value, i int) *Function {
	fn, ok := arg(args, i).(*Function)
	if !ok {
		t.typeError(args, i, "function")
	}
	return fn
}

func (t *thread) checkNumber(args []Value, i int) float64 {
	n, ok := asNumber(arg(args, i))
	if !ok {
		t.typeError(args, i, "number")
	}
	return n
}

// checkLong is an integer of 64 bits, checkInt one of 32.
func (t *thread) checkLong(args []Value, i int) int64 { return toInt(t.checkNumber(args, i)) }

func (t *thread) checkInt(args []Value, i int) int { return int(int32(t.checkLong(args, i))) }

func (t *thread) optLong(args []Value, i int, otherwise int64) int64 {
	if arg(args, i) == nil {
		return otherwise
	}
	return t.checkLong(args, i)
}

func (t *thread) optInt(args []Value, i, otherwise int) int {
	return int(int32(t.optLong(args, i, int64(otherwise))))
}

func (t *thread) checkString(args []Value, i int) string {
	s, ok := asString(arg(args, i))
	if !ok {
		t.typeError(args, i, "string")
	}
	return s
}

func (t *thread) optString(args []Value, i int, otherwise string) string {
	if arg(args, i) == nil {
		return otherwise
	}
	return t.checkString(args, i)
}

// maxStack is the number of values that a function of C may have at once.
const maxStack = 8000

// checkStack throws when n more values would not fit beside the arguments.
func (t *thread) checkStack(args []Value, n int, text string) {
	if n > maxStack || len(args)+n > maxStack {
		t.errorf("stack overflow (%s)", text)
	}
}
