package redislua

func (c *compiler) block(body []stmt) exec {
	list := make([]exec, len(body))
	for i := range body {
		list[i] = c.statement(&body[i])
	}
	switch len(list) {
	case 0:
		return func(*frame) signal { return goesOn }
	case 1:
		return list[0]
	}
	return func(f *frame) signal {
		for _, s := range list {
			if sig := s(f); sig != goesOn {
				return sig
			}
		}
		return goesOn
	}
}

func (c *compiler) statement(s *stmt) exec {
	switch s.kind {
	case stLocal:
		return c.localStatement(s)
	case stAssign:
		return c.assign(s)
	case stCall:
		call := c.call(s.exprs[0])
		return func(f *frame) signal { call(f); return goesOn }
	case stDo:
		return c.block(s.body)
	case stWhile:
		return c.while(s)
	case stRepeat:
		return c.repeat(s)
	case stIf:
		return c.ifStatement(s)
	case stNumericFor:
		return c.numericFor(s)
	case stGenericFor:
		return c.genericFor(s)
	case stFunctionLocal:
		fn, l := c.function(s.exprs[0]), s.locals[0]
		if !l.cell {
			return func(f *frame) signal { f.regs[l.slot] = fn(f); return goesOn }
		}
		return func(f *frame) signal {
			box := &cell{}
			f.regs[l.slot] = box
			box.v = fn(f)
			return goesOn
		}
	case stReturn:
		return c.returnStatement(s)
	}
	return func(*frame) signal { return breaks }
}

// declare gives a new local variable its first value.
func (f *frame) declare(l *local, v Value) {
	if l.cell {
		v = &cell{v}
	}
	f.regs[l.slot] = v
}

func (c *compiler) localStatement(s *stmt) exec {
	n := len(s.exprs)
	if n == 1 && len(s.locals) == 1 {
		l, value := s.locals[0], c.expr(s.exprs[0])
		return func(f *frame) signal { f.declare(l, value(f)); return goesOn }
	}
	if n == 0 || n == len(s.locals) && c.multi(s.exprs[n-1]) == nil { // no value sees a new variable
		values := c.exprs(s.exprs)
		return func(f *frame) signal {
			for i, l := range s.locals {
				var v Value
				if n > 0 {
					v = values[i](f)
				}
				f.declare(l, v)
			}
			return goesOn
		}
	}
	values := c.arguments(s.exprs, 0)
	return func(f *frame) signal {
		stack := f.t.stack
		f.declareAll(s.locals, values(f, 0))
		f.t.stack = stack
		return goesOn
	}
}

// declareAll gives new local variables the values of a list, nil behind its end.
func (f *frame) declareAll(locals []*local, list []Value) {
	for i, l := range locals {
		f.declare(l, arg(list, i+1))
	}
}

// target is what an assignment stores into: its table and key are evaluated
// before the values.
type target struct {
	of, key eval
	store   func(f *frame, of, key, value Value)
}

func (c *compiler) target(e *expr) target {
	switch e.op {
	case opLocal:
		l := e.local
		if l.cell {
			return target{store: func(f *frame, _, _, v Value) { f.regs[l.slot].(*cell).v = v }}
		}
		return target{store: func(f *frame, _, _, v Value) { f.regs[l.slot] = v }}
	case opUpvalue:
		i := e.up
		return target{store: func(f *frame, _, _, v Value) { f.fn.up[i].v = v }}
	case opGlobal:
		name, line := e.text, e.line
		return target{store: func(f *frame, _, _, v Value) { f.setIndex(line, f.t.state.globals, name, v, nil) }}
	}
	line, operand := e.line, e.a
	return target{of: c.expr(e.a), key: c.expr(e.b), store: func(f *frame, of, key, v Value) { f.setIndex(line, of, key, v, operand) }}
}

func (c *compiler) assign(s *stmt) exec {
	targets := make([]target, len(s.targets))
	for i, e := range s.targets {
		targets[i] = c.target(e)
	}
	if len(targets) == 1 && len(s.exprs) == 1 {
		t, value := targets[0], c.expr(s.exprs[0])
		if t.of == nil {
			return func(f *frame) signal { t.store(f, nil, nil, value(f)); return goesOn }
		}
		return func(f *frame) signal {
			of, key := t.of(f), t.key(f)
			t.store(f, of, key, value(f))
			return goesOn
		}
	}
	values := c.arguments(s.exprs, 0)
	return func(f *frame) signal {
		stack := f.t.stack
		places := f.t.take(2*len(targets), 0)
		for i, t := range targets {
			if t.of != nil {
				places[2*i], places[2*i+1] = t.of(f), t.key(f)
			}
		}
		list := values(f, 0)
		for i := len(targets) - 1; i >= 0; i-- {
			targets[i].store(f, places[2*i], places[2*i+1], arg(list, i+1))
		}
		f.t.stack = stack
		return goesOn
	}
}

func (c *compiler) while(s *stmt) exec {
	test, body := c.test(s.exprs[0]), c.block(s.body)
	return func(f *frame) signal {
		for test(f) {
			f.t.step()
			if sig := body(f); sig == breaks {
				break
			} else if sig == returns {
				return sig
			}
		}
		return goesOn
	}
}

func (c *compiler) repeat(s *stmt) exec {
	body, test := c.block(s.body), c.test(s.exprs[0])
	return func(f *frame) signal {
		for {
			f.t.step()
			if sig := body(f); sig == breaks {
				return goesOn
			} else if sig == returns {
				return sig
			}
			if test(f) {
				return goesOn
			}
		}
	}
}

func (c *compiler) ifStatement(s *stmt) exec {
	test, body := c.test(s.exprs[0]), c.block(s.body)
	if len(s.other) == 0 {
		return func(f *frame) signal {
			if test(f) {
				return body(f)
			}
			return goesOn
		}
	}
	other := c.block(s.other)
	return func(f *frame) signal {
		if test(f) {
			return body(f)
		}
		return other(f)
	}
}

func (c *compiler) numericFor(s *stmt) exec {
	from, to := c.expr(s.exprs[0]), c.expr(s.exprs[1])
	by := constant(1.0)
	if len(s.exprs) > 2 {
		by = c.expr(s.exprs[2])
	}
	l, body, line := s.locals[0], c.block(s.body), s.line
	return func(f *frame) signal {
		a, b, d := from(f), to(f), by(f)
		start := f.bound(line, a, "initial value")
		limit := f.bound(line, b, "limit")
		step := f.bound(line, d, "step")
		for i := start - step; ; {
			i += step
			if step > 0 && !(i <= limit) || !(step > 0) && !(limit <= i) {
				return goesOn
			}
			f.t.step()
			f.declare(l, boxed(i))
			if sig := body(f); sig == breaks {
				return goesOn
			} else if sig == returns {
				return sig
			}
		}
	}
}

func (f *frame) bound(line int, v Value, what string) float64 {
	n, ok := asNumber(v)
	if !ok {
		f.errorf(line, "'for' %s must be a number", what)
	}
	return n
}

// generator is what Lua calls the function that a loop calls.
var generator = &expr{op: opLocal, local: &local{name: "(for generator)"}}

func (c *compiler) genericFor(s *stmt) exec {
	values, body, line := c.arguments(s.exprs, 0), c.block(s.body), s.line
	return func(f *frame) signal {
		t := f.t
		stack := t.stack
		var state [3]Value
		for i, v := range values(f, 0) {
			if i < len(state) {
				state[i] = v
			}
		}
		t.stack = stack
		for {
			t.step()
			f.line, f.site = line, generator
			args := t.take(2, 8)
			args[0], args[1] = state[1], state[2]
			fn := t.callable(state[0], &args, "")
			t.enterGo()
			list := t.invoke(fn, args)
			t.nested--
			t.stack = stack
			if len(list) == 0 || list[0] == nil {
				return goesOn
			}
			state[2] = list[0]
			f.declareAll(s.locals, list)
			if sig := body(f); sig == breaks {
				return goesOn
			} else if sig == returns {
				return sig
			}
		}
	}
}

func (c *compiler) returnStatement(s *stmt) exec {
	if len(s.exprs) == 0 {
		return func(f *frame) signal { f.ret = nil; return returns }
	}
	if len(s.exprs) == 1 {
		e := s.exprs[0]
		if e.op == opCall || e.op == opMethod {
			return c.tailCall(e)
		}
		if e.op != opVararg {
			value := c.expr(e)
			return func(f *frame) signal { f.ret = f.t.results(value(f)); return returns }
		}
	}
	values := c.arguments(s.exprs, 0)
	return func(f *frame) signal { f.ret = values(f, 0); return returns }
}

// tailCall returns what another function returns, which takes this one's place.
func (c *compiler) tailCall(e *expr) exec {
	callee := c.callee(e)
	return func(f *frame) signal {
		fn, args := callee(f)
		if fn.native != nil {
			f.ret = fn.native(f.t, args)
		} else {
			f.tail, f.ret = fn, args
		}
		return returns
	}
}
