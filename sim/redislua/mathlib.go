package redislua

import "math"

// rand48 is the generator of math.random: that of C's lrand48, which Redis
// has its own copy of.
type rand48 uint64

func (r *rand48) seed(n int32) { *r = rand48(uint64(uint32(n))<<16 | 0x330E) }

func (r *rand48) next() int32 {
	*r = (*r*0x5DEECE66D + 0xB) & (1<<48 - 1)
	return int32(*r >> 17)
}

// radian is a degree as C computes it: from pi as it is rounded.
var radian = func(pi float64) float64 { return pi / 180 }(math.Pi)

func mathFunctions() map[string]func(t *thread, args []Value) []Value {
	fns := map[string]func(t *thread, args []Value) []Value{
		"atan2":  mathTwo(func(a, b float64) float64 { return settle(a, b, math.Atan2(a, b)) }),
		"fmod":   mathTwo(func(a, b float64) float64 { return settle(a, b, math.Mod(a, b)) }),
		"mod":    mathTwo(func(a, b float64) float64 { return settle(a, b, math.Mod(a, b)) }),
		"pow":    mathTwo(power),
		"frexp":  mathFrexp,
		"ldexp":  mathLdexp,
		"modf":   mathModf,
		"max":    mathMost(func(a, b float64) bool { return a > b }),
		"min":    mathMost(func(a, b float64) bool { return a < b }),
		"random": mathRandom, "randomseed": mathRandomSeed,
	}
	for name, fn := range map[string]func(float64) float64{
		"abs": math.Abs, "acos": positive(math.Acos), "asin": positive(math.Asin), "atan": math.Atan, "ceil": math.Ceil,
		"cos": math.Cos, "cosh": hyperbolicCosine, "deg": func(x float64) float64 { return x / radian },
		"exp": exp, "floor": math.Floor, "log": logarithm, "log10": positive(logarithm10),
		"rad": func(x float64) float64 { return x * radian }, "sin": math.Sin,
		"sinh": hyperbolicSine, "sqrt": math.Sqrt, "tan": math.Tan, "tanh": math.Tanh,
	} {
		fns[name] = func(t *thread, args []Value) []Value {
			x := t.checkNumber(args, 1)
			if x != x && name != "abs" {
				return t.results(x)
			}
			r := fn(x)
			if r != r && math.Float64bits(r) != math.Float64bits(quiet) {
				r = settle(x, x, r)
			}
			return t.results(r)
		}
	}
	return fns
}

// positive gives a function the NaN that glibc's wrapper returns.
func positive(fn func(float64) float64) func(float64) float64 {
	return func(x float64) float64 {
		if r := fn(x); r == r || x != x {
			return r
		}
		return quiet
	}
}

func mathTwo(fn func(a, b float64) float64) func(t *thread, args []Value) []Value {
	return func(t *thread, args []Value) []Value {
		b := t.checkNumber(args, 2) // first, as C's compiler has it
		return t.results(fn(t.checkNumber(args, 1), b))
	}
}

func mathFrexp(t *thread, args []Value) []Value {
	f, e := math.Frexp(t.checkNumber(args, 1))
	return []Value{f, float64(e)}
}

func mathLdexp(t *thread, args []Value) []Value {
	e := t.checkInt(args, 2)
	return t.results(math.Ldexp(t.checkNumber(args, 1), e))
}

func mathModf(t *thread, args []Value) []Value {
	f := t.checkNumber(args, 1)
	if math.IsInf(f, 0) {
		return []Value{f, math.Copysign(0, f)}
	}
	whole := math.Trunc(f)
	return []Value{whole, math.Copysign(f-whole, f)}
}

func mathMost(better func(a, b float64) bool) func(t *thread, args []Value) []Value {
	return func(t *thread, args []Value) []Value {
		most := t.checkNumber(args, 1)
		for i := 2; i <= len(args); i++ {
			if n := t.checkNumber(args, i); better(n, most) {
				most = n
			}
		}
		return t.results(most)
	}
}

func mathRandom(t *thread, args []Value) []Value {
	r := float64(t.state.redis.random.next()%math.MaxInt32) / math.MaxInt32
	switch len(args) {
	case 0:
		return t.results(r)
	case 1:
		high := t.checkInt(args, 1)
		if high < 1 {
			t.argError(1, "interval is empty")
		}
		return t.results(math.Floor(r*float64(high)) + 1)
	case 2:
		low, high := t.checkInt(args, 1), t.checkInt(args, 2)
		if low > high {
			t.argError(2, "interval is empty")
		}
		return t.results(math.Floor(r*float64(int32(high-low+1))) + float64(low))
	}
	t.errorf("wrong number of arguments")
	return nil
}

func mathRandomSeed(t *thread, args []Value) []Value {
	t.state.redis.random.seed(int32(t.checkInt(args, 1)))
	return nil
}
