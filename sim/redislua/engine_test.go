package redislua

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// store is a server with strings alone.
type store map[string]string

func (s store) Call(_ string, words []string, _ bool) []byte {
	if len(words) != map[string]int{"set": 3, "get": 2, "echo": 2, "incr": 2}[strings.ToLower(words[0])] {
		return []byte("-ERR wrong number of arguments for 'x' command\r\n")
	}
	switch strings.ToLower(words[0]) {
	case "set":
		s[words[1]] = words[2]
		return []byte("+OK\r\n")
	case "get":
		v, ok := s[words[1]]
		if !ok {
			return []byte("$-1\r\n")
		}
		return fmt.Appendf(nil, "$%d\r\n%s\r\n", len(v), v)
	case "echo":
		return fmt.Appendf(nil, "$%d\r\n%s\r\n", len(words[1]), words[1])
	case "incr":
		return []byte("-WRONGTYPE Operation against a key holding the wrong kind of value\r\n")
	}
	return []byte("-ERR unknown command 'x'\r\n")
}

func (s store) Writes(words []string) bool { return strings.EqualFold(words[0], "set") }
func (s store) Knows(words []string) bool  { return strings.EqualFold(words[0], "get") }

func evaluate(e *Engine, script string, args ...string) string {
	return string(e.Execute("eval", append([]string{"EVAL", script, "0"}, args...), nil, false))
}

// show writes a reply in one line.
func show(reply string) string {
	return strings.TrimSuffix(strings.ReplaceAll(reply, "\r\n", " "), " ")
}

// Each script's answer is that of Redis 7.0.15; the differential test of the
// embedded shards says so of these and of many others.
var languageTests = []struct{ why, script, want string }{
	{"numbers have 14 digits in text", `return {tostring(0.1+0.2), 1/3 .. '', table.concat({1e15}), tostring(2^53)}`, "*4 $3 0.3 $16 0.33333333333333 $5 1e+15 $19 9.007199254741e+15"},
	{"and 17 where they are arguments", `return redis.call('echo', 0.1)`, "$19 0.10000000000000001"},
	{"whole numbers have no point", `return tostring(6/2)`, "$1 3"},
	{"a result loses its fraction", `return {3.99, -3.99, 2^62}`, "*3 :3 :-3 :4611686018427387904"},
	{"out of range as amd64 converts", `return {2^63, -1/0, 0/0}`, "*3 :-9223372036854775808 :-9223372036854775808 :-9223372036854775808"},
	{"an invalid operation is -nan", `return {tostring(0/0), tostring(-(0/0)), tostring(5%0), tostring(math.huge-math.huge)}`, "*4 $4 -nan $3 nan $4 -nan $4 -nan"},
	{"text to numbers as strtod", `return {tonumber('0x10'), tonumber('1e-05')*1e5, tostring(tonumber('inf')), tostring(tonumber('0x1p3')), tostring(tonumber('1_0'))}`, "*5 :16 :1 $3 inf $1 8 $3 nil"},
	{"a zero constant keeps the first one's sign", `local a = 0 * -1 local b = 0 return {tostring(a), tostring(b)}`, "*2 $2 -0 $2 -0"},
	{"modulo of large numbers", `return {(2^53+2) % 7, -7 % 3, 7 % -3}`, "*3 :6 :2 :-2"},
	{"format converts text", `return string.format('%d %5.1f %u %x %q', '42.7', '42.75', -1, 255, 'a"b')`, `$38 42  42.8 18446744073709551615 ff "a\"b"`},
	{"the border of a table with holes", `local t = {} t[1]=1 t[2]=2 t[4]=4 return {#t, #{1,2,nil,4}, #{1,nil,3}}`, "*3 :4 :4 :3"},
	{"the order of a table's hash", `local r = '' for k in pairs({a=1,b=2,c=3,d=4,e=5}) do r = r .. k end return r`, "$5 acbed"},
	{"which JSON shows", `return cjson.encode({x=1, y={1,2}, z='s'})`, `$25 {"y":[1,2],"x":1,"z":"s"}`},
	{"an empty table is an object", `return {cjson.encode({}), cjson.encode(cjson.decode('[1,null]')), tostring(cjson.null)}`, "*3 $2 {} $8 [1,null] $15 userdata: (nil)"},
	{"errors name variables", `local ok, e = pcall(function() local t = {} return t.x.y end) return e`, "$58 user_script:1: attempt to index field 'x' (a nil value)"},
	{"errors name functions as the caller does", `local ok, e = pcall(function() local f = math.floor f('x') end) return e`, "$74 user_script:1: bad argument #1 to 'f' (number expected, got string)"},
	{"errors of syntax", `return select(2, loadstring('x = = 1'))`, `$54 [string "x = = 1"]:1: unexpected symbol near '='`},
	{"pcall returns the text of a command's error", `local ok, e = pcall(redis.call, 'incr', 'k') return {type(e), e}`, "*2 $6 string $68 WRONGTYPE Operation against a key holding the wrong kind of value"},
	{"an error that nobody catches", `error('boom')`, "-ERR user_script:1: boom script: 82903a0434f1503e152f89c03c9acd881a0e8150, on @user_script:1."},
	{"an error's own code", `error({err='MY fault'})`, "-MY fault script: " + Digest(`error({err='MY fault'})`) + ", on @user_script:1."},
	{"libraries are read-only", `math.floor = nil`, "-ERR user_script:1: Attempt to modify a readonly table script: " + Digest(`math.floor = nil`) + ", on @user_script:1."},
	{"what threw a table crashes Redis", `error({})`, "-ERR script " + Digest(`error({})`) + " threw a table without the field err, at which Redis 7.0 crashes"},
	{"a thread as a result", `return {coroutine.create(function() end), 1}`, "*2 $-1 :1"},
	{"doubles, maps and sets", `return {{double=1.5}, {map={a=1}}, {set={b=true}}, {big_number='12'}}`, "*4 $3 1.5 *2 $1 a :1 *1 $1 b $2 12"},
	{"a closure for each turn of a loop", `local t = {} for i = 1, 3 do t[i] = function() return i end end return {t[1](), t[3]()}`, "*2 :1 :3"},
	{"assignments evaluate before they store", `local i, t = 1, {} i, t[i] = i + 1, 20 return {i, t[1]}`, "*2 :2 :20"},
	{"arguments in the table arg", `local function f(...) return arg.n end return f(nil, nil)`, ":2"},
	{"tail calls take no room", `local function f(n) if n == 0 then return 'end' end return f(n-1) end return f(100000)`, "$3 end"},
	{"recursion ends", `local function f(n) return 1 + f(n+1) end return select(2, pcall(f, 1))`, "$29 user_script:1: stack overflow"},
	{"coroutines", `local f = coroutine.wrap(function(a) local b = coroutine.yield(a+1) return b*2 end) return {f(1), f(10)}`, "*2 :2 :20"},
	{"bits", `return {bit.bnot(0), bit.lshift(1, 31), bit.tohex(255, 4)}`, "*3 :-1 :-2147483648 $4 00ff"},
	{"struct", `return {struct.unpack('>I2bc0', struct.pack('>I2bc0', 513, 3, 'abc'))}`, "*3 :513 $3 abc :7"},
	{"MessagePack", `local t = cmsgpack.unpack(cmsgpack.pack({1, {a='x'}, 1.5})) return {t[1], t[2].a, tostring(t[3])}`, "*3 :1 $1 x $3 1.5"},
	{"patterns", `return {string.gsub('hello world', '(%w+) (%w+)', '%2 %1'), string.find('a.b', '.', 1, true), string.match('k=v', '(%w+)=(%w+)')}`, "*4 $11 world hello :2 $1 k $1 v"},
	{"a key that is not there is false", `return {tostring(redis.call('get', 'nokey')), redis.call('set', 'k', 1).ok}`, "*2 $5 false $2 OK"},
}

func TestLanguage(t *testing.T) {
	for _, c := range languageTests {
		e := New(store{})
		for range 2 {
			got := show(evaluate(e, c.script))
			if stripLengths(got) != stripLengths(c.want) {
				t.Errorf("%s: %s\ngot  %s\nwant %s", c.why, c.script, got, c.want)
			}
		}
	}
}

// stripLengths takes the lengths of texts out of a reply: they are in the texts.
func stripLengths(reply string) string {
	words := strings.Split(reply, " ")
	for i, w := range words {
		if n, ok := strings.CutPrefix(w, "$"); ok && n != "-1" {
			if _, err := strconv.Atoi(n); err == nil {
				words[i] = "$"
			}
		}
	}
	return strings.Join(words, " ")
}

// A script sees nothing of the one before it.
func TestScriptsLeaveNothing(t *testing.T) {
	e := New(store{})
	for _, script := range []string{
		`KEYS[1] = 'x' ARGV[1] = 'y' return 1`, `rawset(_G, 'leak', 1)`, `getmetatable('').__add = 1`, `string.upper = nil`, `redis.setresp(3) return 1`,
		`setmetatable(string, {})`, `table.insert(redis, 1)`, `coroutine.wrap(function() coroutine.yield() end)() return 1`,
	} {
		evaluate(e, script)
	}
	got := show(evaluate(e, `return {#KEYS, #ARGV, tostring(rawget(_G, 'leak')), string.upper('a'), tostring(getmetatable('').__add), tostring(redis.call('get', 'q')), #redis}`))
	if want := "*7 :0 :0 $3 nil $1 A $3 nil $5 false :0"; got != want {
		t.Errorf("after scripts that tried to leave something: %s, want %s", got, want)
	}
}

func TestEndlessScripts(t *testing.T) {
	e := New(store{})
	e.Steps = 100_000
	for _, script := range []string{
		`while true do end`, `for i = 1, math.huge do end`, `repeat until false`, `local function f() return f() end f()`,
		`while true do pcall(error) end`, `string.find(string.rep('a', 100000), string.rep('a-', 30) .. 'b')`,
		`local f = coroutine.wrap(function() while true do end end) f()`,
	} {
		began := time.Now()
		if got := evaluate(e, script); !strings.Contains(got, "an endless loop?") {
			t.Errorf("%s: %s, want the error of an endless loop", script, got)
		}
		if d := time.Since(began); d > 10*time.Second {
			t.Errorf("%s: took %v", script, d)
		}
		if got := evaluate(e, `return 1`); got != ":1\r\n" {
			t.Errorf("after %s: %s", script, got)
		}
	}
}

// No script makes the engine panic, whatever it is.
func FuzzScripts(f *testing.F) {
	for _, c := range languageTests {
		f.Add(c.script)
	}
	e := New(store{})
	e.Steps = 20_000
	f.Fuzz(func(t *testing.T, script string) {
		if len(e.Execute("eval", []string{"EVAL", script, "0"}, nil, false)) == 0 {
			t.Errorf("%q: no reply", script)
		}
	})
}

// Scripts that are cut up and mixed do not panic either.
func TestBrokenScripts(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	e := New(store{})
	e.Steps = 20_000
	for range 20_000 {
		a, b := languageTests[rng.IntN(len(languageTests))].script, languageTests[rng.IntN(len(languageTests))].script
		script := a[:rng.IntN(len(a)+1)] + b[rng.IntN(len(b)+1):]
		if reply := evaluate(e, script); reply == "" {
			t.Fatalf("%q: no reply", script)
		}
	}
}

func BenchmarkBucket(b *testing.B) {
	e := New(store{})
	script := `local v = redis.call('get', KEYS[1]) local now = tonumber(ARGV[1]) local tokens = v and tonumber(v) or now
local t = math.max(tokens, now) + 60 / ARGV[2] if t - now > 60 then return {0, tostring(t - now)} end redis.call('set', KEYS[1], t) return {1, tostring(now - t)}`
	words := []string{"EVALSHA", Digest(script), "1", "k", "1767225600.123456", "1e9"}
	e.Execute("script", []string{"SCRIPT", "LOAD", script}, nil, false)
	for b.Loop() {
		if reply := e.Execute("evalsha", words, nil, false); reply[0] != '*' {
			b.Fatal(string(reply))
		}
	}
}
