package redislua

func (p *parser) statement() (s stmt, last bool) {
	line := p.line
	s.line = line
	switch p.token.kind {
	case "if":
		s = p.ifStatement(line)
	case "while":
		p.next()
		s = stmt{kind: stWhile, line: line, exprs: []*expr{p.expr()}}
		p.expect("do")
		s.body = p.blockOf(true)
		p.expectMatch("end", "while", line)
	case "do":
		p.next()
		s = stmt{kind: stDo, body: p.blockOf(false)}
		p.expectMatch("end", "do", line)
	case "for":
		s = p.forStatement(line)
	case "repeat":
		s = p.repeatStatement(line)
	case "function":
		s = p.functionStatement(line)
	case "local":
		p.next()
		if p.accept("function") {
			l := p.declare(p.name(), 0)
			p.activate(l)
			s = stmt{kind: stFunctionLocal, line: line, locals: []*local{l}, exprs: []*expr{p.function(false, p.line)}}
		} else {
			s = p.localStatement(line)
		}
	case "return":
		return p.returnStatement(line), true
	case "break":
		p.next()
		p.checkBreak()
		return stmt{kind: stBreak}, true
	default:
		s = p.expressionStatement(line)
	}
	return s, false
}

func (p *parser) checkBreak() {
	for b := p.fn.block; b != nil; b = b.outer {
		if b.loop {
			return
		}
	}
	p.failNear("no loop to break")
}

func (p *parser) ifStatement(line int) stmt {
	p.next()
	s := stmt{kind: stIf, line: line, exprs: []*expr{p.expr()}}
	p.expect("then")
	s.body = p.blockOf(false)
	switch p.token.kind {
	case "elseif":
		return p.elseIf(s, line)
	case "else":
		p.next()
		s.other = p.blockOf(false)
	}
	p.expectMatch("end", "if", line)
	return s
}

// elseIf reads the rest of a chain; every test is within the one before.
func (p *parser) elseIf(s stmt, line int) stmt {
	chain := []*stmt{&s}
	for p.token.kind == "elseif" {
		at := p.line
		p.next()
		next := &stmt{kind: stIf, line: at, exprs: []*expr{p.expr()}}
		p.expect("then")
		next.body = p.blockOf(false)
		chain = append(chain, next)
	}
	if p.accept("else") {
		chain[len(chain)-1].other = p.blockOf(false)
	}
	p.expectMatch("end", "if", line)
	for i := len(chain) - 1; i > 0; i-- {
		chain[i-1].other = []stmt{*chain[i]}
	}
	return s
}

func (p *parser) forStatement(line int) stmt {
	p.openScope(true)
	p.next()
	name := p.name()
	var s stmt
	switch p.token.kind {
	case "=":
		s = p.numericFor(name, line)
	case ",", "in":
		s = p.genericFor(name)
	default:
		p.failNear("'=' or 'in' expected")
	}
	p.expectMatch("end", "for", line)
	p.closeScope()
	return s
}

// reserve takes slots for what a loop itself keeps.
func (p *parser) reserve(n int) {
	for range n {
		p.activate(p.declare("(for)", 0))
	}
}

func (p *parser) numericFor(name string, line int) stmt {
	p.next()
	s := stmt{kind: stNumericFor, line: line, exprs: []*expr{p.expr()}}
	p.expect(",")
	s.exprs = append(s.exprs, p.expr())
	if p.accept(",") {
		s.exprs = append(s.exprs, p.expr())
	}
	p.reserve(3)
	p.forBody(&s, []string{name})
	return s
}

func (p *parser) genericFor(name string) stmt {
	names := []string{name}
	for p.accept(",") {
		names = append(names, p.name())
	}
	p.expect("in")
	s := stmt{kind: stGenericFor, line: p.line, exprs: p.exprList()}
	p.reserve(3)
	p.forBody(&s, names)
	return s
}

func (p *parser) forBody(s *stmt, names []string) {
	p.expect("do")
	p.openScope(false)
	for i, name := range names {
		s.locals = append(s.locals, p.declare(name, i))
	}
	p.activate(s.locals...)
	s.body = p.chunkOf()
	p.closeScope()
}

func (p *parser) repeatStatement(line int) stmt {
	p.openScope(true)
	p.openScope(false)
	p.next()
	s := stmt{kind: stRepeat, line: line, body: p.chunkOf()}
	p.expectMatch("until", "repeat", line)
	s.exprs = []*expr{p.expr()} // sees the body's locals
	p.closeScope()
	p.closeScope()
	return s
}

func (p *parser) functionStatement(line int) stmt {
	p.next()
	target := p.variable(p.name())
	self := false
	for p.token.kind == "." || p.token.kind == ":" {
		self = p.token.kind == ":"
		p.next()
		key := &expr{op: opString, text: p.name()}
		target = &expr{op: opIndex, a: target, b: key, line: p.last}
		if self {
			break
		}
	}
	return stmt{kind: stAssign, line: line, targets: []*expr{target}, exprs: []*expr{p.function(self, line)}}
}

func (p *parser) localStatement(line int) stmt {
	s := stmt{kind: stLocal, line: line}
	for ok := true; ok; ok = p.accept(",") {
		s.locals = append(s.locals, p.declare(p.name(), len(s.locals)))
	}
	if p.accept("=") {
		s.exprs = p.exprList()
	}
	p.activate(s.locals...)
	return s
}

func (p *parser) returnStatement(line int) stmt {
	p.next()
	s := stmt{kind: stReturn, line: line}
	if !p.ends() && p.token.kind != ";" {
		s.exprs = p.exprList()
	}
	return s
}

func (p *parser) expressionStatement(line int) stmt {
	e := p.primary()
	if e.op == opCall || e.op == opMethod {
		return stmt{kind: stCall, line: line, exprs: []*expr{e}}
	}
	s := stmt{kind: stAssign, line: line}
	for {
		if e.op != opLocal && e.op != opUpvalue && e.op != opGlobal && e.op != opIndex {
			p.failNear("syntax error")
		}
		s.targets = append(s.targets, e)
		if len(s.targets) > maxNesting {
			p.failNear("variables in assignment: limit of %d exceeded", maxNesting)
		}
		if !p.accept(",") {
			break
		}
		e = p.primary()
	}
	p.expect("=")
	s.exprs = p.exprList()
	return s
}
