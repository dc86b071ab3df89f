package redislua

import "iter"

// coroutine is the other side of a thread that is not the script itself.
type coroutine struct {
	body   *Function
	resume func() ([]Value, bool)
	stop   func()
	yield  func([]Value) bool
	sent   []Value // by the one that resumes it
	base   int     // nested calls of Go where it began
	thrown any
	status string
}

var coroutineFunctions = map[string]func(t *thread, args []Value) []Value{
	"create": coCreate, "resume": coResume, "running": coRunning, "status": coStatus, "wrap": coWrap, "yield": coYield,
}

// stopped unwinds a coroutine that nobody will resume.
type stopped struct{}

func (t *thread) start(args []Value) *thread {
	fn, ok := arg(args, 1).(*Function)
	if !ok || fn.proto == nil {
		t.argError(1, "Lua function expected")
	}
	co := &thread{state: t.state, co: &coroutine{body: fn, status: "suspended"}}
	co.co.resume, co.co.stop = iter.Pull(func(yield func([]Value) bool) {
		co.co.yield = yield
		defer func() {
			p := recover()
			if _, ok := p.(stopped); !ok {
				co.co.thrown = p
			}
		}()
		yield(co.invoke(fn, co.co.sent))
	})
	t.state.suspended = append(t.state.suspended, co)
	return co
}

// end stops the coroutines that a script leaves behind.
func (s *state) end() {
	for _, co := range s.suspended {
		co.co.stop()
	}
	s.suspended = nil
}

func coCreate(t *thread, args []Value) []Value { return t.results(t.start(args)) }

func coWrap(t *thread, args []Value) []Value {
	co := t.start(args)
	return t.results(native("wrap", func(t *thread, args []Value) []Value {
		ret, thrown := t.resume(co, args)
		if thrown != nil {
			if s, ok := asString(thrown.value); ok {
				thrown.value = t.where(1) + s
			}
			t.raise(thrown.value)
		}
		return ret
	}))
}

func (t *thread) checkThread(args []Value) *thread {
	co, ok := arg(args, 1).(*thread)
	if !ok {
		t.argError(1, "coroutine expected")
	}
	return co
}

func coResume(t *thread, args []Value) []Value {
	co := t.checkThread(args)
	ret, thrown := t.resume(co, args[1:])
	if thrown != nil {
		return []Value{false, thrown.value}
	}
	return append([]Value{true}, ret...)
}

// resume goes on with a coroutine until it yields, ends or throws.
func (t *thread) resume(co *thread, args []Value) ([]Value, *raised) {
	if status := t.statusOf(co); status != "suspended" {
		return nil, &raised{value: "cannot resume " + status + " coroutine"}
	}
	c := co.co
	t.enterGo()
	defer func() { t.nested-- }()
	before := "running"
	if t.co != nil {
		before, t.co.status = t.co.status, "normal"
	}
	c.status, c.sent = "running", append([]Value(nil), args...)
	co.nested, c.base = t.nested, t.nested
	ret, more := c.resume()
	if t.co != nil {
		t.co.status = before
	}
	if c.status == "suspended" {
		return ret, nil
	}
	c.status = "dead"
	if more {
		c.stop()
	}
	return ret, c.failure()
}

// failure returns what a coroutine threw.
func (c *coroutine) failure() *raised {
	if c.thrown == nil {
		return nil
	}
	r, ok := c.thrown.(*raised)
	if !ok {
		panic(c.thrown)
	}
	return r
}

func coYield(t *thread, args []Value) []Value {
	if t.co == nil || t.nested > t.co.base {
		t.raise("attempt to yield across metamethod/C-call boundary")
	}
	t.co.status = "suspended"
	if !t.co.yield(append([]Value(nil), args...)) {
		panic(stopped{})
	}
	return t.co.sent
}

func coStatus(t *thread, args []Value) []Value { return t.results(t.statusOf(t.checkThread(args))) }

func (t *thread) statusOf(co *thread) string {
	switch {
	case co == t:
		return "running"
	case co.co == nil:
		return "normal"
	}
	return co.co.status
}

func coRunning(t *thread, _ []Value) []Value {
	if t.co == nil {
		return t.results(nil)
	}
	return t.results(t)
}
