package redislua

import (
	"math"
	"strings"
)

// Lua's own limits.
const (
	maxLocals   = 200
	maxUpvalues = 60
	maxNesting  = 200 // of calls within C, in the parser too
)

// parser reads a script as Lua 5.1 does. It finds every variable's place on
// the way.
type parser struct {
	lexer
	fn    *funcNode
	depth int
}

// parse reads a chunk. Its name begins with "@" or "=", or is its text.
func parse(source, chunk string) (fn *funcNode, err error) {
	defer func() {
		if p := recover(); p != nil {
			e, ok := p.(syntaxError)
			if !ok {
				panic(p)
			}
			err = e
		}
	}()
	p := &parser{lexer: lexer{chunk: chunk, source: source, line: 1, last: 1}}
	if strings.HasPrefix(source, "\x1bLua") {
		p.fail("", "bad binary format (precompiled chunk)")
	}
	p.fn = &funcNode{vararg: true, usesDots: true}
	p.fn.block = &scope{}
	p.next()
	p.fn.body = p.chunkOf()
	if p.token.kind != tokenEnd {
		p.failNear("'<eof>' expected")
	}
	return p.fn, nil
}

func (p *parser) enter() {
	p.depth++
	if p.depth > maxNesting {
		p.fail("", "chunk has too many syntax levels")
	}
}

func (p *parser) accept(kind string) bool {
	if p.token.kind == kind {
		p.next()
		return true
	}
	return false
}

func (p *parser) expect(kind string) {
	if !p.accept(kind) {
		p.failNear("'%s' expected", kind)
	}
}

// expectMatch expects the end of what began with word in a line.
func (p *parser) expectMatch(kind, word string, line int) {
	if p.accept(kind) {
		return
	}
	if line == p.line {
		p.failNear("'%s' expected", kind)
	}
	p.failNear("'%s' expected (to close '%s' at line %d)", kind, word, line)
}

func (p *parser) name() string {
	if p.token.kind != tokenName {
		p.failNear("'<name>' expected")
	}
	text := p.token.text
	p.next()
	return text
}

func (p *parser) ends() bool {
	switch p.token.kind {
	case "else", "elseif", "end", "until", tokenEnd:
		return true
	}
	return false
}

func (p *parser) chunkOf() []stmt {
	p.enter()
	var body []stmt
	for last := false; !last && !p.ends(); {
		var s stmt
		s, last = p.statement()
		body = append(body, s)
		p.accept(";")
	}
	p.depth--
	return body
}

func (p *parser) openScope(loop bool) {
	p.fn.block = &scope{outer: p.fn.block, loop: loop, base: len(p.fn.active)}
}

func (p *parser) closeScope() {
	p.fn.active = p.fn.active[:p.fn.block.base]
	p.fn.block = p.fn.block.outer
}

func (p *parser) blockOf(loop bool) []stmt {
	p.openScope(loop)
	body := p.chunkOf()
	p.closeScope()
	return body
}

// declare makes a local variable, which is not visible yet.
func (p *parser) declare(name string, ahead int) *local {
	slot := len(p.fn.active) + ahead
	if slot+1 > maxLocals {
		p.limit(maxLocals, "local variables")
	}
	p.fn.slots = max(p.fn.slots, slot+1)
	return &local{name: name, slot: slot}
}

func (p *parser) limit(limit int, what string) {
	if p.fn.line == 0 {
		p.failNear("main function has more than %d %s", limit, what)
	}
	p.failNear("function at line %d has more than %d %s", p.fn.line, limit, what)
}

func (p *parser) activate(l ...*local) { p.fn.active = append(p.fn.active, l...) }

func (p *parser) exprList() []*expr {
	list := []*expr{p.expr()}
	for p.accept(",") {
		list = append(list, p.expr())
	}
	return list
}

// variable finds a name among the locals of this function and of those around it.
func (p *parser) variable(name string) *expr {
	if l := p.fn.find(name); l != nil {
		return &expr{op: opLocal, local: l, line: p.last}
	}
	if i := p.upvalue(p.fn, name); i >= 0 {
		return &expr{op: opUpvalue, up: i, text: name, line: p.last}
	}
	return &expr{op: opGlobal, text: name, line: p.last}
}

func (f *funcNode) find(name string) *local {
	for i := len(f.active) - 1; i >= 0; i-- {
		if f.active[i].name == name {
			return f.active[i]
		}
	}
	return nil
}

func (p *parser) upvalue(f *funcNode, name string) int {
	if f.outer == nil {
		return -1
	}
	for i, u := range f.ups {
		if u.name == name && (u.local == nil || f.outer.find(name) == u.local) {
			return i
		}
	}
	u := upvalue{name: name, local: f.outer.find(name)}
	if u.local != nil {
		u.local.cell = true
	} else if u.outer = p.upvalue(f.outer, name); u.outer < 0 {
		return -1
	}
	if len(f.ups) >= maxUpvalues {
		p.limit(maxUpvalues, "upvalues")
	}
	f.ups = append(f.ups, u)
	return len(f.ups) - 1
}

func (p *parser) prefix() *expr {
	switch p.token.kind {
	case "(":
		line := p.line
		p.next()
		e := p.expr()
		p.expectMatch(")", "(", line)
		if e.op == opCall || e.op == opMethod || e.op == opVararg {
			return &expr{op: opParen, a: e, line: p.last}
		}
		if e.op == opLocal || e.op == opUpvalue || e.op == opGlobal || e.op == opIndex {
			return &expr{op: opParen, a: e, line: p.last} // no target of an assignment
		}
		return e
	case tokenName:
		return p.variable(p.name())
	}
	p.failNear("unexpected symbol")
	return nil
}

func (p *parser) primary() *expr {
	e := p.prefix()
	for {
		switch p.token.kind {
		case ".":
			p.next()
			e = &expr{op: opIndex, a: e, b: &expr{op: opString, text: p.name()}}
		case "[":
			p.next()
			key := p.expr()
			p.expect("]")
			e = &expr{op: opIndex, a: e, b: key}
		case ":":
			p.next()
			name := p.name()
			e = p.call(&expr{op: opMethod, a: e, text: name})
		case "(", tokenString, "{":
			e = p.call(&expr{op: opCall, a: e})
		default:
			return e
		}
		if e.line == 0 {
			e.line = p.last
		}
	}
}

func (p *parser) call(e *expr) *expr {
	e.line = p.line
	switch p.token.kind {
	case "(":
		if p.line != p.last {
			p.failNear("ambiguous syntax (function call x new statement)")
		}
		line := p.line
		p.next()
		if p.token.kind != ")" {
			e.list = p.exprList()
		}
		p.expectMatch(")", "(", line)
	case "{":
		e.list = []*expr{p.table()}
	case tokenString:
		e.list = []*expr{{op: opString, text: p.token.text}}
		p.next()
	default:
		p.failNear("function arguments expected")
	}
	return e
}

func (p *parser) table() *expr {
	line := p.line
	e := &expr{op: opTable, line: line}
	p.expect("{")
	for p.token.kind != "}" {
		switch {
		case p.token.kind == tokenName && p.peek().kind == "=":
			key := &expr{op: opString, text: p.name()}
			p.expect("=")
			e.items = append(e.items, item{key, p.expr()})
		case p.token.kind == "[":
			p.next()
			key := p.expr()
			p.expect("]")
			p.expect("=")
			e.items = append(e.items, item{key, p.expr()})
		default:
			e.items = append(e.items, item{nil, p.expr()})
		}
		if !p.accept(",") && !p.accept(";") {
			break
		}
	}
	p.expectMatch("}", "{", line)
	return e
}

func (p *parser) function(self bool, line int) *expr {
	fn := &funcNode{outer: p.fn, line: line}
	p.fn = fn
	fn.block = &scope{}
	p.expect("(")
	if self {
		p.parameter("self")
	}
	for p.token.kind != ")" {
		if p.accept("...") {
			fn.vararg = true
			fn.arg = p.declare("arg", 0)
			p.activate(fn.arg)
			break
		}
		if p.token.kind != tokenName {
			p.failNear("<name> or '...' expected")
		}
		p.parameter(p.name())
		if !p.accept(",") {
			break
		}
		if p.token.kind == ")" {
			p.failNear("<name> or '...' expected")
		}
	}
	p.expect(")")
	fn.body = p.chunkOf()
	p.expectMatch("end", "function", line)
	p.fn = fn.outer
	return &expr{op: opFunction, fn: fn, line: line}
}

func (p *parser) parameter(name string) {
	l := p.declare(name, 0)
	p.fn.params = append(p.fn.params, l)
	p.activate(l)
}

func (p *parser) simple() *expr {
	e := &expr{line: p.line}
	switch p.token.kind {
	case tokenNumber:
		e.op, e.num = opNumber, p.token.num
	case tokenString:
		e.op, e.text = opString, p.token.text
	case "nil":
		e.op = opNil
	case "true":
		e.op = opTrue
	case "false":
		e.op = opFalse
	case "...":
		if !p.fn.vararg {
			p.failNear("cannot use '...' outside a vararg function")
		}
		p.fn.usesDots = true
		e.op = opVararg
	case "{":
		return p.table()
	case "function":
		p.next()
		return p.function(false, p.line)
	default:
		return p.primary()
	}
	p.next()
	return e
}

var binaryOps = map[string]struct {
	op          op
	left, right int // priorities
}{
	"+": {opAdd, 6, 6}, "-": {opSub, 6, 6}, "*": {opMul, 7, 7}, "/": {opDiv, 7, 7}, "%": {opMod, 7, 7},
	"^": {opPow, 10, 9}, "..": {opConcat, 5, 4},
	"~=": {opUnequal, 3, 3}, "==": {opEqual, 3, 3}, "<": {opLess, 3, 3}, "<=": {opLessEqual, 3, 3},
	">": {opGreater, 3, 3}, ">=": {opGreaterEqual, 3, 3}, "and": {opAnd, 2, 2}, "or": {opOr, 1, 1},
}

var unaryOps = map[string]op{"not": opNot, "-": opNegate, "#": opLength}

func (p *parser) expr() *expr { return p.subexpr(0) }

func (p *parser) subexpr(limit int) *expr {
	p.enter()
	var e *expr
	if o, ok := unaryOps[p.token.kind]; ok {
		p.next()
		e = fold(&expr{op: o, a: p.subexpr(8)})
		e.line = p.last
	} else {
		e = p.simple()
	}
	for {
		b, ok := binaryOps[p.token.kind]
		if !ok || b.left <= limit {
			break
		}
		p.next()
		e = fold(&expr{op: b.op, a: e, b: p.subexpr(b.right)})
		e.line = p.last
	}
	p.depth--
	return e
}

// fold computes what only numbers are part of, as Lua's compiler does.
func fold(e *expr) *expr {
	if e.a.op != opNumber || e.b != nil && e.b.op != opNumber {
		return e
	}
	var r float64
	switch e.op {
	case opNegate:
		r = -e.a.num
	case opAdd, opSub, opMul, opPow:
		r = arithmetic(e.op, e.a.num, e.b.num)
	case opDiv, opMod:
		if e.b.num == 0 {
			return e
		}
		r = arithmetic(e.op, e.a.num, e.b.num)
	default:
		return e
	}
	if math.IsNaN(r) {
		return e
	}
	return &expr{op: opNumber, num: r}
}
