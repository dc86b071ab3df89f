package fakeredis

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
)

// libraryFunctions are all but those whose last digit is Go's, those that
// need a seed, and those that could take for ever.
var libraryFunctions = strings.Fields(`string.byte string.char string.find string.format string.gsub string.len string.lower string.match string.reverse string.sub string.upper string.gmatch
math.abs math.ceil math.deg math.floor math.fmod math.frexp math.ldexp math.max math.min math.mod math.modf math.rad math.sqrt 
table.concat table.getn table.maxn table.sort table.foreach table.foreachi table.setn
tonumber tostring type select rawget rawequal next ipairs pairs unpack getmetatable setmetatable assert error pcall xpcall loadstring
cjson.encode cjson.decode cmsgpack.pack cmsgpack.unpack cmsgpack.unpack_one cmsgpack.unpack_limit struct.pack struct.unpack struct.size
bit.band bit.bor bit.bxor bit.bnot bit.tobit bit.tohex bit.lshift bit.rshift bit.arshift bit.rol bit.ror bit.bswap
redis.sha1hex redis.status_reply redis.error_reply redis.log redis.setresp redis.set_repl 
coroutine.create coroutine.resume coroutine.status coroutine.running coroutine.wrap coroutine.yield`)

// oddValues are arguments of every type, in Lua.
var oddValues = []string{"nil", "true", "false", "0", "-0", "1", "-1", "2", "3", "7", "3.7", "-3.7", "0.5", "1e15", "1e16", "2^31", "2^31-1", "-2^31", "2^32", "2^53", "2^63", "-2^63", "2^64", "1e300", "1e-300", "1/0", "-1/0", "0/0", "255", "256", "65", "1000", "16", "36", "37",
	"''", "'a'", "'abc'", "'10'", "'0x10'", "' 5 '", "'1e3'", "'nan'", "'inf'", "'-inf'", "'0x'", "'1e'", "'a\\0b'", "'10\\0'", "'%d'", "'%s'", "'%5.2f|%-8s'", "'[a-z]+'", "'(a)(b?)'", "'%'", "'[a'", "'hello world'", "'(%w+)%s*(%w*)'", "'()'", "'%b()'", "'f(a(b)c)d'", "'%f[%w]%w+'", "'.-b'", "'^a'", "'b$'", "'%1'", "'(a)%1'", "'aa'",
	"'[1,2,{\"a\":null}]'", "'{\"a\":1.5,\"b\":[]}'", "'\"\\\\u00e9\\\\ud83d\\\\ude00\"'", "'[1,'", "'\\147\\1\\2\\3'", "'\\129\\161a\\1'", "'\\203\\63\\240\\0\\0\\0\\0\\0\\0'", "'>i4'", "'<I2bB'", "'!4hi8'", "'s'", "'c0'", "'bc0'", "'d'", "'f'", "'x'", "'\\1\\2\\3\\4\\5\\6\\7\\8'", "'i16'", "'i33'", "'collect'", "'#'", "'return 1, 2'", "'x ='",
	"{}", "{1,2,3}", "{a=1}", "{1,nil,3}", "{3,1,2}", "{'b','a'}", "{[1]=1,[2]=2,[4]=4}", "{[1000]=1}", "{1.5,'x',true}", "{{}}", "{x={y={1}}}", "{[0.5]=1}", "{1,2,3,4,5,6,7,8,9,10,a=1,b=2,c=3}", "setmetatable({},{__index=function(t,k) return k end})", "setmetatable({},{__tostring=function() return 'T' end})", "setmetatable({},{__metatable='m'})",
	"function() end", "function(a,b) return a end", "function(...) return ... end", "function(a,b) return a<b end", "function(a,b) return b<a end", "coroutine.create(function(a) return a end)", "cjson.null", "string", "tostring", "error"}

// textsFrom and textsTo are where the texts among oddValues are.
const (
	numbersFrom = 3
	textsFrom   = 35
	textsTo     = 68
)

// odd draws a value, often of the type that a function wants.
func odd(rng *rand.Rand, function string) string {
	switch {
	case strings.HasPrefix(function, "string.") && rng.IntN(2) == 0:
		return oddValues[textsFrom+rng.IntN(textsTo-textsFrom)]
	case strings.HasPrefix(function, "math.") && rng.IntN(3) > 0:
		return oddValues[numbersFrom+rng.IntN(textsFrom-numbersFrom)]
	}
	return oddValues[rng.IntN(len(oddValues))]
}

func drawFormat(rng *rand.Rand) string {
	s := "%"
	for range rng.IntN(3) {
		s += string("-+ #0"[rng.IntN(5)])
	}
	if rng.IntN(2) == 0 {
		s += fmt.Sprint(rng.IntN(25))
	}
	if rng.IntN(2) == 0 {
		s += fmt.Sprint(".", rng.IntN(25))
	}
	return s + string("cdiouxXeEfgGqs"[rng.IntN(14)])
}

func drawText(rng *rand.Rand, most int, of ...string) string {
	var s strings.Builder
	for range rng.IntN(most) {
		s.WriteString(of[rng.IntN(len(of))])
	}
	return s.String()
}

// drawCall draws a call of a library function.
func drawCall(rng *rand.Rand) string {
	f := libraryFunctions[rng.IntN(len(libraryFunctions))]
	words := []string{f}
	for range rng.IntN(5) {
		words = append(words, odd(rng, f))
	}
	switch {
	case f == "string.format" && rng.IntN(4) > 0:
		words = append([]string{f, "'" + drawFormat(rng) + "'"}, words[1:]...)
	case (f == "string.find" || f == "string.match" || f == "string.gsub") && len(words) > 2:
		words[1] = "'" + drawText(rng, 12, "a", "b", "c", "A", "1", "2", " ", "(", ")", ".", "_", `\0`, "]", "%%") + "'"
		words[2] = "'" + drawText(rng, 6, "a", "b", ".", "%a", "%d", "%s", "%w", "%p", "%u", "[ab]", "[^a]", "[%d_]", "[a-c]", "(", ")", "()", "*", "+", "-", "?",
			"%1", "^", "$", "%b()", "%f[%a]", "%z", "%x", "[]]", "[^]]", "[a-]", "%%", "%.") + "'"
	}
	return "run(" + strings.Join(words, ", ") + ")\n"
}

func TestRandomLibraryCallsAreRedis(t *testing.T) {
	show, err := os.ReadFile("testdata/show.lua")
	if err != nil {
		t.Fatal(err)
	}
	playRandom(t, 300, func(rng *rand.Rand) (steps []step) {
		for range 10 { // scripts of 10 calls
			var calls strings.Builder
			for range 10 {
				calls.WriteString(drawCall(rng))
			}
			steps = append(steps, step{words: []string{"EVAL", string(show) + calls.String() + "return out", "0"}})
		}
		return steps
	})
}
