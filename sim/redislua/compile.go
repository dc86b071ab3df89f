package redislua

import "math"

// A script is compiled to Go functions that call each other: one for each
// expression and statement.
type (
	eval  func(f *frame) Value
	multi func(f *frame) []Value
	exec  func(f *frame) signal
)

// signal says how a statement ended.
type signal uint8

const (
	goesOn signal = iota
	breaks
	returns
)

// proto is a compiled function.
type proto struct {
	chunk  string // as errors name it
	source string // as it was named
	params int
	slots  int
	vararg bool
	arg    *local // of the table of surplus arguments
	cells  []int  // slots of parameters that inner functions use
	ups    []upvalue
	body   exec
}

// compiler compiles one function.
type compiler struct {
	source string
	fn     *funcNode
}

func compile(fn *funcNode, source string) *proto {
	c := &compiler{source: source, fn: fn}
	p := &proto{chunk: chunkName(source), source: source, params: len(fn.params), slots: fn.slots, vararg: fn.vararg, ups: fn.ups}
	for _, l := range fn.params {
		if l.cell {
			p.cells = append(p.cells, l.slot)
		}
	}
	if fn.arg != nil && !fn.usesDots {
		p.arg = fn.arg
	} else if fn.arg != nil && fn.arg.cell {
		p.cells = append(p.cells, fn.arg.slot)
	}
	p.body = c.block(fn.body)
	return p
}

func (c *compiler) exprs(list []*expr) []eval {
	out := make([]eval, len(list))
	for i, e := range list {
		out[i] = c.expr(e)
	}
	return out
}

func (c *compiler) expr(e *expr) eval {
	switch e.op {
	case opNil:
		return func(*frame) Value { return nil }
	case opTrue:
		return func(*frame) Value { return true }
	case opFalse:
		return func(*frame) Value { return false }
	case opNumber:
		return constant(c.number(e.num))
	case opString:
		return constant(e.text)
	case opLocal, opUpvalue, opGlobal:
		return c.variable(e)
	case opIndex:
		return c.index(e)
	case opCall, opMethod:
		call := c.call(e)
		return func(f *frame) Value { return first(call(f)) }
	case opVararg:
		return func(f *frame) Value { return first(f.dots) }
	case opFunction:
		return c.function(e)
	case opTable:
		return c.table(e)
	case opParen:
		return c.expr(e.a)
	case opAnd, opOr:
		return c.logic(e)
	}
	return c.operator(e)
}

func constant(v Value) eval { return func(*frame) Value { return v } }

// number returns a constant as the function's table of constants holds it,
// in which 0 and -0 are one key.
func (c *compiler) number(n float64) Value {
	if n == 0 {
		if !c.fn.sawZero {
			c.fn.sawZero, c.fn.zeroSign = true, math.Copysign(1, n)
		}
		n = math.Copysign(0, c.fn.zeroSign)
	}
	return n
}

func (c *compiler) variable(e *expr) eval {
	switch e.op {
	case opLocal:
		slot := e.local.slot
		if e.local.cell {
			return func(f *frame) Value { return f.regs[slot].(*cell).v }
		}
		return func(f *frame) Value { return f.regs[slot] }
	case opUpvalue:
		i := e.up
		return func(f *frame) Value { return f.fn.up[i].v }
	}
	name, line := e.text, e.line
	return func(f *frame) Value {
		if v := f.t.state.globals.getString(name); v != nil {
			return v
		}
		return f.index(line, f.t.state.globals, name, nil)
	}
}

func (c *compiler) index(e *expr) eval {
	of, line, operand := c.expr(e.a), e.line, e.a
	if e.b.op == opString {
		key := e.b.text
		return func(f *frame) Value {
			v := of(f)
			if t, ok := v.(*Table); ok {
				if r := t.getString(key); r != nil {
					return r
				}
			}
			return f.index(line, v, key, operand)
		}
	}
	key := c.expr(e.b)
	return func(f *frame) Value {
		v := of(f)
		return f.index(line, v, key(f), operand)
	}
}

// arguments returns the values of a list, of which a call or "..." at the end
// gives all it has. spare is room behind them for the function's variables.
func (c *compiler) arguments(list []*expr) func(f *frame, spare int) []Value {
	if len(list) == 0 {
		return func(f *frame, spare int) []Value { return make([]Value, 0, spare) }
	}
	last := list[len(list)-1]
	if more := c.multi(last); more != nil {
		fixed := c.exprs(list[:len(list)-1])
		return func(f *frame, spare int) []Value {
			out := make([]Value, len(fixed), max(len(fixed)+2, spare))
			for i, e := range fixed {
				out[i] = e(f)
			}
			return append(out, more(f)...)
		}
	}
	fixed := c.exprs(list)
	return func(f *frame, spare int) []Value {
		out := make([]Value, len(fixed), max(len(fixed), spare))
		for i, e := range fixed {
			out[i] = e(f)
		}
		return out
	}
}

// multi compiles an expression with any number of values; nil for any other.
func (c *compiler) multi(e *expr) multi {
	switch e.op {
	case opCall, opMethod:
		return c.call(e)
	case opVararg:
		return func(f *frame) []Value { return f.dots }
	}
	return nil
}

// callee evaluates what is called, and its arguments.
func (c *compiler) callee(e *expr) func(f *frame) (*Function, []Value) {
	args, line := c.arguments(e.list), e.line
	spare := func(v Value) int {
		if fn, ok := v.(*Function); ok && fn.proto != nil {
			return fn.proto.slots
		}
		return 0
	}
	if e.op == opMethod {
		of, name, operand := c.expr(e.a), e.text, e.a
		called := nameOf(e)
		return func(f *frame) (*Function, []Value) {
			self := of(f)
			v := f.index(line, self, name, operand)
			list := append([]Value{self}, args(f, 0)...)
			f.line, f.site = line, e
			return f.t.callable(v, &list, called), list
		}
	}
	of, called := c.expr(e.a), nameOf(e.a)
	return func(f *frame) (*Function, []Value) {
		v := of(f)
		list := args(f, spare(v))
		f.line, f.site = line, e.a
		return f.t.callable(v, &list, called), list
	}
}

func (c *compiler) call(e *expr) multi {
	callee := c.callee(e)
	return func(f *frame) []Value {
		fn, args := callee(f)
		return f.t.invoke(fn, args)
	}
}

func (c *compiler) function(e *expr) eval {
	p := compile(e.fn, c.source)
	return func(f *frame) Value {
		fn := &Function{proto: p, up: make([]*cell, len(p.ups))}
		for i, u := range p.ups {
			if u.local != nil {
				fn.up[i] = f.regs[u.local.slot].(*cell)
			} else {
				fn.up[i] = f.fn.up[u.outer]
			}
		}
		return fn
	}
}

func (c *compiler) logic(e *expr) eval {
	a, b, or := c.expr(e.a), c.expr(e.b), e.op == opOr
	return func(f *frame) Value {
		if v := a(f); truthy(v) == or {
			return v
		}
		return b(f)
	}
}

func (c *compiler) operator(e *expr) eval {
	if e.op == opConcat {
		return c.concat(e)
	}
	a := c.expr(e.a)
	switch e.op {
	case opNot:
		return func(f *frame) Value { return !truthy(a(f)) }
	case opLength:
		return func(f *frame) Value { return f.length(e, a(f)) }
	case opNegate:
		return func(f *frame) Value {
			v := a(f)
			if n, ok := v.(float64); ok {
				return -n
			}
			return f.arith(e, v, v)
		}
	}
	b, line := c.expr(e.b), e.line
	switch e.op {
	case opEqual:
		return func(f *frame) Value { v := a(f); return f.equal(line, v, b(f)) }
	case opUnequal:
		return func(f *frame) Value { v := a(f); return !f.equal(line, v, b(f)) }
	case opLess, opLessEqual:
		orEqual := e.op == opLessEqual
		return func(f *frame) Value { v := a(f); return f.less(line, v, b(f), orEqual) }
	case opGreater, opGreaterEqual:
		orEqual := e.op == opGreaterEqual
		return func(f *frame) Value { v := a(f); return f.less(line, b(f), v, orEqual) }
	}
	o := e.op
	return func(f *frame) Value {
		v, w := a(f), b(f)
		if x, ok := v.(float64); ok {
			if y, ok := w.(float64); ok {
				return arithmetic(o, x, y)
			}
		}
		return f.arith(e, v, w)
	}
}

// concat joins the whole chain of "..", which groups to the right.
func (c *compiler) concat(e *expr) eval {
	chain := &expr{op: opConcat, line: e.line}
	for at := e; ; at = at.b {
		chain.list = append(chain.list, at.a)
		if at.b.op != opConcat {
			chain.list = append(chain.list, at.b)
			break
		}
	}
	parts := c.exprs(chain.list)
	return func(f *frame) Value {
		values := make([]Value, len(parts))
		for i, p := range parts {
			values[i] = p(f)
		}
		return f.concat(chain, values)
	}
}

// flush is the number of list items that a constructor stores at once.
const flush = 50

// roundSize rounds a size up as the byte in Lua's code that holds it does.
func roundSize(n int) int {
	e := 0
	for n >= 16 {
		n = (n + 1) >> 1
		e++
	}
	return n << e
}

func (c *compiler) table(e *expr) eval {
	type field struct{ key, value eval }
	var fields []field
	var more multi
	list, hash := 0, 0
	for i, it := range e.items {
		switch {
		case it.key != nil:
			hash++
			key := c.expr(it.key)
			fields = append(fields, field{key, c.expr(it.value)})
			continue
		case i == len(e.items)-1 && c.multi(it.value) != nil:
			more = c.multi(it.value)
		default:
			list++
			fields = append(fields, field{nil, c.expr(it.value)})
		}
	}
	list, hash = roundSize(list), roundSize(hash)
	line := e.line
	return func(f *frame) Value {
		t := newTable(&f.t.state.ids, list, hash)
		n := 0
		var pending []Value
		for _, it := range fields {
			if it.key != nil {
				key := it.key(f)
				f.checkKey(line, t, key)
				t.set(key, it.value(f))
				continue
			}
			if len(pending) == flush {
				n = t.store(n, pending)
				pending = pending[:0]
			}
			pending = append(pending, it.value(f))
		}
		if more != nil {
			pending = append(pending, more(f)...)
		}
		t.store(n, pending)
		return t
	}
}

// store appends values behind the first n of a list that is being built.
func (t *Table) store(n int, values []Value) int {
	last := n + len(values)
	t.growArray(last)
	for i := len(values) - 1; i >= 0; i-- {
		t.setInt(n+i+1, values[i])
	}
	return last
}
