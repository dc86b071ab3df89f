package redislua

import (
	"fmt"
)

// maxDepth is the number of Lua calls that may be nested: Lua's own limit,
// at which it would double its array of them past 20,000.
const maxDepth = 16380

// state is what all threads of a script share.
type state struct {
	ids       identity
	globals   *Table
	strings   *Table // the metatable of strings
	steps     int    // of loops and calls that a script may still make
	redis     *Engine
	run       *run
	suspended []*thread // coroutines that have not ended
	main      *thread   // of the next script; nil: a new one
	words     []string  // of the command that is called
	keys      list      // of the script, and its arguments
	args      list
}

// thread is a coroutine, or the script itself.
type thread struct {
	state  *state
	frame  *frame // of the innermost call
	depth  int    // of Lua calls
	nested int    // calls that came from functions of Go
	one    [1]Value
	stack  []Value // of arguments and variables of the calls under way
	larger []Value // for when that is full
	idle   *frame  // for calls to come, and its parent
	id     uint64
	co     *coroutine // nil for the script itself
}

// frame is a function's call.
type frame struct {
	t      *thread
	fn     *Function // nil where a function of Go made a call
	regs   []Value
	dots   []Value // the surplus arguments
	ret    []Value
	tail   *Function // to be called in this one's place, with ret
	tails  int       // calls that this one has taken the place of
	line   int
	site   *expr // what is called in this line
	parent *frame
}

// raised is an error on its way: it is the value of a panic.
type raised struct {
	value  Value
	source string
	line   int
}

// exhausted ends a script that has made too many steps. No pcall catches it.
type exhausted struct{}

// raise throws a value.
func (t *thread) raise(v Value) {
	r := &raised{value: v, source: "=[C]", line: -1}
	if f := t.frame; f != nil && f.fn != nil {
		r.source, r.line = f.fn.proto.source, f.line
	}
	panic(r)
}

// where names the place of the call at a level: 1 is the function that called
// the function of Go that asks.
func (t *thread) where(level int) string {
	f := t.frame
	for ; f != nil; f = f.parent {
		level--
		if level == 0 {
			break
		}
		if level -= f.tails; level <= 0 {
			return ""
		}
	}
	if f == nil || f.fn == nil {
		return ""
	}
	return fmt.Sprintf("%s:%d: ", f.fn.proto.chunk, f.line)
}

// errorf throws an error of a function of Go, with the place of its call.
func (t *thread) errorf(format string, args ...any) {
	t.raise(t.where(1) + fmt.Sprintf(format, args...))
}

// errorf throws an error of an operator; one of a function of Go has no place.
func (f *frame) errorf(line int, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if f.fn.proto != inGo {
		f.line = line
		text = fmt.Sprintf("%s:%d: ", f.fn.proto.chunk, line) + text
	}
	f.t.raise(text)
}

func (t *thread) step() {
	t.state.steps--
	if t.state.steps < 0 {
		panic(exhausted{})
	}
}

// take returns n places on the stack that hold anything, with room for size
// behind the first. Who takes puts the stack back as it was before: then they
// are valid until somebody takes again.
func (t *thread) take(n, size int) []Value {
	at, size := len(t.stack), max(n, size)
	if at+size > cap(t.stack) { // what is on this one stays there, and no call under way uses a larger one
		if cap(t.larger) <= cap(t.stack) || cap(t.larger) < size {
			t.larger = make([]Value, 0, max(2*cap(t.stack), size, 256))
		}
		t.stack, at = t.larger[:0], 0
	}
	t.stack = t.stack[:at+size]
	return t.stack[at : at+n : at+size]
}

// results returns one value as a function's results. They are valid until
// the next call.
func (t *thread) results(v Value) []Value {
	t.one[0] = v
	return t.one[:]
}

// call calls a value from a function of Go.
func (t *thread) call(fn Value, args ...Value) []Value {
	before := t.frame
	t.frame = &frame{t: t, parent: before}
	t.enterGo()
	ret := t.invoke(t.callable(fn, &args, ""), args)
	t.nested--
	t.frame = before
	return ret
}

func (t *thread) enterGo() {
	t.nested++
	if t.nested >= maxNesting {
		if t.nested > maxNesting+25 {
			t.raise("error in error handling")
		}
		t.errorf("C stack overflow")
	}
}

// callable returns the function that a call of v calls. For a metamethod v
// goes before the arguments.
func (t *thread) callable(v Value, args *[]Value, name string) *Function {
	if fn, ok := v.(*Function); ok {
		return fn
	}
	fn, ok := t.metamethod(v, "__call").(*Function)
	if !ok {
		if name != "" {
			name += " "
		}
		text := fmt.Sprintf("attempt to call %s(a %s value)", name, typeName(v))
		if name == "" {
			text = fmt.Sprintf("attempt to call a %s value", typeName(v))
		}
		t.errorf("%s", text)
	}
	*args = append([]Value{v}, *args...)
	return fn
}

// invoke runs a function, and those that it calls last in its own place.
func (t *thread) invoke(fn *Function, args []Value) []Value {
	if fn.native != nil {
		return fn.native(t, args)
	}
	t.step()
	t.depth++
	if t.depth > maxDepth {
		t.depth -= 100 // for what catches it
		defer func() { t.depth += 100 }()
		t.errorf("stack overflow")
	}
	before, stack := t.frame, t.stack
	f := t.idle
	if f == nil {
		f = &frame{t: t}
	} else {
		t.idle = f.parent
	}
	f.parent, t.frame = before, f
	for {
		f.begin(fn, args)
		fn.proto.body(f)
		if f.tail == nil {
			break
		}
		t.step()
		fn, t.stack = f.tail, stack
		args = t.take(len(f.ret), fn.proto.slots)
		copy(args, f.ret)
		f.tail, f.ret, f.dots = nil, nil, nil
		f.tails++
	}
	ret := f.ret
	*f = frame{t: t, parent: t.idle}
	t.idle, t.frame, t.stack = f, before, stack
	t.depth--
	return ret
}

// begin puts the arguments into the function's slots.
func (f *frame) begin(fn *Function, args []Value) {
	p := fn.proto
	f.fn = fn
	if p.vararg && len(args) > p.params {
		f.dots = args[p.params:len(args):len(args)]
	}
	if cap(args) >= p.slots && !p.vararg {
		n := min(len(args), p.params)
		f.regs = args[:p.slots]
		clear(f.regs[n:])
	} else {
		f.regs = f.t.take(p.slots, 0)
		clear(f.regs[copy(f.regs[:p.params], args):])
	}
	for _, slot := range p.cells {
		f.regs[slot] = &cell{f.regs[slot]}
	}
	if p.arg != nil {
		t := newTable(&f.t.state.ids, len(f.dots), 1)
		for i, v := range f.dots {
			t.setInt(i+1, v)
		}
		t.set("n", float64(len(f.dots)))
		f.regs[p.arg.slot] = t
		if p.arg.cell {
			f.regs[p.arg.slot] = &cell{t}
		}
	}
}

// protect calls a value and returns what it threw.
func (t *thread) protect(fn Value, args []Value) (ret []Value, thrown *raised) {
	frame, depth, nested, stack := t.frame, t.depth, t.nested, t.stack
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		r, ok := p.(*raised)
		if !ok {
			panic(p)
		}
		t.frame, t.depth, t.nested, t.stack = frame, depth, nested, stack
		thrown = r
	}()
	return t.call(fn, args...), nil
}
