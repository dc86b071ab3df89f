package redislua

// op is what an expression does.
type op uint8

const (
	opNil op = iota
	opTrue
	opFalse
	opNumber
	opString
	opVararg
	opFunction
	opLocal
	opUpvalue
	opGlobal
	opIndex
	opCall
	opMethod
	opTable
	opParen
	opAnd
	opOr
	opNot
	opNegate
	opLength
	opConcat
	opAdd
	opSub
	opMul
	opDiv
	opMod
	opPow
	opEqual
	opUnequal
	opLess
	opLessEqual
	opGreater
	opGreaterEqual
)

// expr is an expression of a script.
type expr struct {
	op    op
	line  int
	a, b  *expr // operands; of an index the table and the key, of a call the function
	list  []*expr
	items []item // of a table
	num   float64
	text  string // a string, a global's or a method's name
	local *local
	up    int
	fn    *funcNode
}

// item is a field of a table constructor; key is nil in the list part.
type item struct{ key, value *expr }

// local is a local variable. It lives in a slot of its function's frame, in a
// cell when an inner function uses it too.
type local struct {
	name string
	slot int
	cell bool
}

// upvalue says where a closure finds a variable of an outer function.
type upvalue struct {
	name  string
	local *local // of the function around, or
	outer int    // one of its own upvalues
}

// funcNode is a function as it was read.
type funcNode struct {
	outer    *funcNode
	params   []*local
	vararg   bool
	usesDots bool
	arg      *local // the table of the surplus arguments, unless "..." is used
	ups      []upvalue
	body     []stmt
	slots    int
	line     int
	active   []*local
	block    *scope
	zeroSign float64 // 1 or -1: of the zero that was the first constant
	sawZero  bool
}

type scope struct {
	outer *scope
	loop  bool
	base  int // active locals when it began
}

// stmt is a statement of a script.
type stmt struct {
	kind    stmtKind
	line    int
	targets []*expr // of an assignment
	exprs   []*expr
	locals  []*local
	body    []stmt
	other   []stmt // of else
}

type stmtKind uint8

const (
	stLocal stmtKind = iota
	stAssign
	stCall
	stDo
	stWhile
	stRepeat
	stIf
	stNumericFor
	stGenericFor
	stFunctionLocal
	stReturn
	stBreak
)
