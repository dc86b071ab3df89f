package redislua

import "strings"

var tableFunctions = map[string]func(t *thread, args []Value) []Value{
	"concat": tableConcat, "foreach": tableForeach, "foreachi": tableForeachi, "getn": tableGetn, "insert": tableInsert,
	"maxn": tableMaxn, "remove": tableRemove, "setn": tableSetn, "sort": tableSort,
}

// put sets an element for a function of Go.
func (t *thread) put(tab *Table, i int, v Value) {
	if tab.readonly {
		t.raise(readonlyText)
	}
	tab.setInt(i, v)
}

func tableConcat(t *thread, args []Value) []Value {
	separator := t.optString(args, 2, "")
	tab := t.checkTable(args, 1)
	from, to := t.optInt(args, 3, 1), 0
	if arg(args, 4) == nil {
		to = tab.length()
	} else {
		to = t.checkInt(args, 4)
	}
	var b strings.Builder
	for i := from; i <= to; i++ {
		s, ok := asString(tab.getInt(i))
		if !ok {
			t.errorf("invalid value (%s) at index %d in table for 'concat'", typeName(tab.getInt(i)), i)
		}
		if i > from {
			b.WriteString(separator)
		}
		b.WriteString(s)
		if b.Len() > maxText {
			t.raise("not enough memory")
		}
	}
	return t.results(b.String())
}

func tableForeach(t *thread, args []Value) []Value {
	tab, fn := t.checkTable(args, 1), t.checkFunction(args, 2)
	for key, v, ok := tab.next(nil); key != nil; key, v, ok = tab.next(key) {
		if r := first(t.call(fn, key, v)); r != nil {
			return t.results(r)
		}
		if !ok {
			t.errorf("invalid key to 'next'")
		}
	}
	return nil
}

func tableForeachi(t *thread, args []Value) []Value {
	tab, n := t.checkTable(args, 1), 0
	n = tab.length()
	fn := t.checkFunction(args, 2)
	for i := 1; i <= n; i++ {
		if r := first(t.call(fn, float64(i), tab.getInt(i))); r != nil {
			return t.results(r)
		}
	}
	return nil
}

func tableGetn(t *thread, args []Value) []Value {
	return t.results(float64(t.checkTable(args, 1).length()))
}

func tableSetn(t *thread, args []Value) []Value {
	t.checkTable(args, 1)
	t.errorf("'setn' is obsolete")
	return nil
}

func tableMaxn(t *thread, args []Value) []Value {
	tab, most := t.checkTable(args, 1), 0.0
	for key, _, _ := tab.next(nil); key != nil; key, _, _ = tab.next(key) {
		if n, ok := key.(float64); ok && n > most {
			most = n
		}
	}
	return t.results(most)
}

func tableInsert(t *thread, args []Value) []Value {
	tab := t.checkTable(args, 1)
	end := tab.length() + 1
	at := end
	switch len(args) {
	case 2:
	case 3:
		at = t.checkInt(args, 2)
		for i := max(end, at); i > at; i-- {
			t.step()
			t.put(tab, i, tab.getInt(i-1))
		}
	default:
		t.errorf("wrong number of arguments to 'insert'")
	}
	t.put(tab, at, args[len(args)-1])
	return nil
}

func tableRemove(t *thread, args []Value) []Value {
	tab := t.checkTable(args, 1)
	end := tab.length()
	at := t.optInt(args, 2, end)
	if at < 1 || at > end {
		return nil
	}
	v := tab.getInt(at)
	for ; at < end; at++ {
		t.put(tab, at, tab.getInt(at+1))
	}
	t.put(tab, end, nil)
	return t.results(v)
}

// sorter sorts a table as Lua does, comparison for comparison: what a bad
// order function gives, or throws, is the same.
type sorter struct {
	t    *thread
	tab  *Table
	less Value
}

func tableSort(t *thread, args []Value) []Value {
	s := &sorter{t: t, tab: t.checkTable(args, 1)}
	n := s.tab.length()
	if arg(args, 2) != nil {
		s.less = t.checkFunction(args, 2)
	}
	s.sort(1, n)
	return nil
}

func (s *sorter) before(a, b Value) bool {
	s.t.step()
	if s.less != nil {
		return truthy(first(s.t.call(s.less, a, b)))
	}
	return s.t.lessThan(a, b)
}

func (s *sorter) swap(i, j int) {
	a, b := s.tab.getInt(i), s.tab.getInt(j)
	s.t.put(s.tab, i, b)
	s.t.put(s.tab, j, a)
}

func (s *sorter) order(i, j int) {
	if s.before(s.tab.getInt(j), s.tab.getInt(i)) {
		s.swap(i, j)
	}
}

func (s *sorter) sort(low, high int) {
	for low < high {
		s.order(low, high)
		if high-low == 1 {
			return
		}
		middle := (low + high) / 2
		if s.before(s.tab.getInt(middle), s.tab.getInt(low)) {
			s.swap(middle, low)
		} else {
			s.order(middle, high)
		}
		if high-low == 2 {
			return
		}
		pivot := s.tab.getInt(middle)
		s.swap(middle, high-1)
		i := s.partition(low, high, pivot)
		s.swap(high-1, i)
		if i-low < high-i {
			s.sort(low, i-1)
			low = i + 1
		} else {
			s.sort(i+1, high)
			high = i - 1
		}
	}
}

func (s *sorter) partition(low, high int, pivot Value) int {
	i, j := low, high-1
	for {
		for i++; s.before(s.tab.getInt(i), pivot); i++ {
			if i > high {
				s.t.errorf("invalid order function for sorting")
			}
		}
		for j--; s.before(pivot, s.tab.getInt(j)); j-- {
			if j < low {
				s.t.errorf("invalid order function for sorting")
			}
		}
		if j < i {
			return i
		}
		s.swap(i, j)
	}
}

// inGo is what the frame of an operator runs that a function of Go uses.
var inGo = &proto{}

func (t *thread) pseudo() *frame { return &frame{t: t, fn: &Function{proto: inGo}} }

// lessThan is a < b for a function of Go.
func (t *thread) lessThan(a, b Value) bool { return t.pseudo().less(0, a, b, false) }

// getIndex is v[key] for a function of Go.
func (t *thread) getIndex(v, key Value) Value { return t.pseudo().index(0, v, key, nil) }
