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
		return constant(c.constant(e.num))
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

// constant returns a number as the function's table of constants holds it, in
// which 0 and -0 are one key.
func (c *compiler) constant(n float64) float64 {
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
	if e.b.op.computes() || e.b.op == opLocal {
		key := c.number(e.b)
		return func(f *frame) Value {
			v := of(f)
			n, other, ok := key(f)
			if ok {
				if t, ok := v.(*Table); ok {
					if i := int(n); float64(i) == n && i > 0 && i <= len(t.array) && t.array[i-1] != nil {
						return t.array[i-1]
					}
				}
				other = boxed(n)
			}
			return f.index(line, v, other, operand)
		}
	}
	key := c.expr(e.b)
	return func(f *frame) Value {
		v := of(f)
		return f.index(line, v, key(f), operand)
	}
}

// arguments puts the values of a list on the stack, behind skip places, and
// returns them; a call or "..." at the end gives all it has. spare is the room
// for all variables of the function that gets them.
func (c *compiler) arguments(list []*expr, skip int) func(f *frame, spare int) []Value {
	var more multi
	if n := len(list); n > 0 {
		if more = c.multi(list[n-1]); more != nil {
			list = list[:n-1]
		}
	}
	fixed := c.exprs(list)
	least := skip + len(fixed)
	if more == nil {
		return func(f *frame, spare int) []Value {
			out := f.t.take(least, spare)
			for i, e := range fixed {
				out[skip+i] = e(f)
			}
			return out
		}
	}
	return func(f *frame, spare int) []Value {
		out := f.t.take(least, max(spare, least+8))
		for i, e := range fixed {
			out[skip+i] = e(f)
		}
		return append(out, more(f)...)
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
	line := e.line
	spare := func(v Value) int {
		if fn, ok := v.(*Function); ok && fn.proto != nil {
			return fn.proto.slots
		}
		return 0
	}
	if e.op == opMethod {
		args, of, name, operand := c.arguments(e.list, 1), c.expr(e.a), e.text, e.a
		called := nameOf(e)
		return func(f *frame) (*Function, []Value) {
			self := of(f)
			v := f.index(line, self, name, operand)
			list := args(f, spare(v))
			list[0] = self
			f.line, f.site = line, e
			return f.t.callable(v, &list, called), list
		}
	}
	args, of, called := c.arguments(e.list, 0), c.expr(e.a), nameOf(e.a)
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
		t := f.t
		stack := t.stack
		fn, args := callee(f)
		ret := t.invoke(fn, args)
		t.stack = stack
		return ret
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
	switch e.op {
	case opLength:
		a := c.expr(e.a)
		return func(f *frame) Value { return f.length(e, a(f)) }
	case opNot, opEqual, opUnequal, opLess, opLessEqual, opGreater, opGreaterEqual:
		test := c.test(e)
		return func(f *frame) Value { return test(f) }
	}
	number := c.number(e)
	return func(f *frame) Value {
		n, other, ok := number(f)
		if ok {
			return boxed(n)
		}
		return other
	}
}

// test compiles a condition.
func (c *compiler) test(e *expr) func(f *frame) bool {
	line := e.line
	switch e.op {
	case opParen:
		return c.test(e.a)
	case opNot:
		a := c.test(e.a)
		return func(f *frame) bool { return !a(f) }
	case opAnd:
		a, b := c.test(e.a), c.test(e.b)
		return func(f *frame) bool { return a(f) && b(f) }
	case opOr:
		a, b := c.test(e.a), c.test(e.b)
		return func(f *frame) bool { return a(f) || b(f) }
	case opEqual:
		a, b := c.expr(e.a), c.expr(e.b)
		return func(f *frame) bool { v := a(f); return f.equal(line, v, b(f)) }
	case opUnequal:
		a, b := c.expr(e.a), c.expr(e.b)
		return func(f *frame) bool { v := a(f); return !f.equal(line, v, b(f)) }
	case opLess, opLessEqual, opGreater, opGreaterEqual:
		return c.comparison(e)
	}
	v := c.expr(e)
	return func(f *frame) bool { return truthy(v(f)) }
}

func (c *compiler) comparison(e *expr) func(f *frame) bool {
	a, b, line := c.number(e.a), c.number(e.b), e.line
	swapped, orEqual := e.op == opGreater || e.op == opGreaterEqual, e.op == opLessEqual || e.op == opGreaterEqual
	return func(f *frame) bool {
		x, v, xOK := a(f)
		y, w, yOK := b(f)
		if swapped {
			x, v, xOK, y, w, yOK = y, w, yOK, x, v, xOK
		}
		if xOK && yOK {
			return x < y || orEqual && x == y
		}
		return f.less(line, unless(xOK, v, x), unless(yOK, w, y), orEqual)
	}
}

// number is an expression that is likely to be a number, which then needs no
// memory: n if ok, and else the value.
type number func(f *frame) (n float64, other Value, ok bool)

// unless is the value that a number returned.
func unless(ok bool, other Value, n float64) Value {
	if ok {
		return boxed(n)
	}
	return other
}

// converted is what arithmetic makes of a number, or of another value.
func converted(n float64, other Value, ok bool) (float64, bool) {
	if ok {
		return n, true
	}
	return asNumber(other)
}

func unboxed(v Value) (n float64, other Value, ok bool) {
	if n, ok := v.(float64); ok {
		return n, nil, true
	}
	return 0, v, false
}

// computes reports whether an operator is one of arithmetic.
func (o op) computes() bool {
	switch o {
	case opAdd, opSub, opMul, opDiv, opMod, opPow, opNegate:
		return true
	}
	return false
}

func (c *compiler) number(e *expr) number {
	switch {
	case e.op == opParen:
		return c.number(e.a)
	case e.op == opNumber:
		n := c.constant(e.num)
		return func(*frame) (float64, Value, bool) { return n, nil, true }
	case e.op == opLocal && !e.local.cell:
		slot := e.local.slot
		return func(f *frame) (float64, Value, bool) { return unboxed(f.regs[slot]) }
	case e.op == opNegate:
		a := c.number(e.a)
		return func(f *frame) (float64, Value, bool) {
			n, v, ok := a(f)
			if ok {
				return -n, nil, true
			}
			return unboxed(f.arith(e, v, v))
		}
	case e.op.computes():
		a, b, o := c.number(e.a), c.number(e.b), e.op
		return func(f *frame) (float64, Value, bool) {
			x, v, xOK := a(f)
			y, w, yOK := b(f)
			if xOK && yOK {
				return arithmetic(o, x, y), nil, true
			}
			if m, ok := converted(x, v, xOK); ok {
				if n, ok := converted(y, w, yOK); ok {
					return arithmetic(o, m, n), nil, true
				}
			}
			return unboxed(f.arith(e, unless(xOK, v, x), unless(yOK, w, y)))
		}
	}
	v := c.expr(e)
	return func(f *frame) (float64, Value, bool) { return unboxed(v(f)) }
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
		stack := f.t.stack
		values := f.t.take(len(parts), 0)
		for i, p := range parts {
			values[i] = p(f)
		}
		v := f.concat(chain, values)
		f.t.stack = stack
		return v
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
