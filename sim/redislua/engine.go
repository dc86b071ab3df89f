// Package redislua is Lua as Redis runs it: the language, its libraries, the
// cache of scripts and the functions that scripts are called by. It knows no
// Redis: commands go to a Server.
//
// What flows in: EVAL, EVALSHA, SCRIPT, FUNCTION, FCALL and their like, as
// words. What flows out: their replies in RESP, and the commands that scripts
// call. Only sim/ imports it.
//
// The language is Lua 5.1 with the limits, messages and tables of the C code,
// because all of them show in what a script returns: the order of pairs in
// the text that cjson writes, "#" of a table with holes, the names of
// variables in an error that pcall caught. A script is parsed once (lex.go,
// parse.go), compiled to Go functions that call each other (compile.go,
// statement.go), and run with fresh variables on read-only libraries.
package redislua

import (
	"fmt"
	"strings"

	"github.com/quotalab/quotalab/sim/rediscmd"
)

// Server executes the commands of scripts.
type Server interface {
	// Call executes a command for the client whose script runs, and returns its
	// reply, in RESP 3 where asked for. It is valid until the next call, and so
	// are the words. name is words[0] in lower case.
	Call(name string, words []string, resp3 bool) []byte
	// Writes reports whether Redis marks the command as writing.
	Writes(words []string) bool
	// Knows reports whether there is such a command.
	Knows(words []string) bool
}

// DefaultSteps is how many loops and calls a script may make before it is
// taken to be endless. Redis would wait for it.
const DefaultSteps = 200_000_000

// roomOfArrays is how many values the arrays of a script's tables hold before
// they need memory of their own.
const roomOfArrays = 2048

// Engine holds a server's scripts and function libraries.
type Engine struct {
	Steps     int // how many loops and calls a script may make
	server    Server
	scripts   map[string]*script
	eval      *state // made when first needed
	functions *state
	libraries map[string]*library
	random    rand48
	out       []byte           // the last reply
	names     map[string]named // of the commands that scripts called, as they wrote them
}

// script is a script in the cache.
type script struct {
	fn    *proto
	flags flags
}

// named is a command that scripts call.
type named struct {
	name    string // in lower case
	refused bool   // to scripts
}

// run is one call of a script.
type run struct {
	readOnly bool
	resp3    bool
}

// New returns an engine without scripts.
func New(server Server) *Engine {
	return &Engine{Steps: DefaultSteps, server: server, scripts: map[string]*script{}, libraries: map[string]*library{}, names: map[string]named{}, random: 0x1234ABCD330E}
}

// Flush forgets all scripts, and what they changed of cjson.
func (e *Engine) Flush() {
	clear(e.scripts)
	e.eval = nil
}

// Execute executes a command that is about scripts and returns its reply, which
// is valid until the next, or nil when the command is not of these. name is words[0]
// in lower case. values are the words as the client has them, or nil: its strings
// are a script's as they are.
func (e *Engine) Execute(name string, words []string, values []any, resp3 bool) []byte {
	w := &replyWriter{out: e.out[:0], resp3: resp3}
	switch name {
	case "eval", "eval_ro", "evalsha", "evalsha_ro":
		e.evaluate(w, name, words, values)
	case "script":
		e.script(w, words)
	case "fcall", "fcall_ro":
		e.callFunction(w, name, words)
	case "function":
		e.function(w, words)
	default:
		return nil
	}
	e.out = w.out
	return w.out
}

func (w *replyWriter) wrongNumber(name string) {
	w.err("ERR wrong number of arguments for '" + name + "' command")
}

// keys returns the keys and arguments of a script's call, false after an error: noNumber where
// how many keys there are is no number.
func (w *replyWriter) keys(words []string, noNumber string) (keys, args []string, ok bool) {
	n, valid := rediscmd.Integer(words[2])
	switch {
	case !valid:
		w.err(noNumber)
	case n > int64(len(words)-3):
		w.err("ERR Number of keys can't be greater than number of args")
	case n < 0:
		w.err("ERR Number of keys can't be negative")
	default:
		return words[3 : 3+n], words[3+n:], true
	}
	return nil, nil, false
}

func (e *Engine) evaluate(w *replyWriter, name string, words []string, values []any) {
	if len(words) < 3 {
		w.wrongNumber(name)
		return
	}
	keys, args, ok := w.keys(words, "ERR value is not an integer or out of range")
	if !ok {
		return
	}
	digest := words[1]
	if strings.HasPrefix(name, "evalsha") {
		digest = strings.ToLower(digest)
	} else {
		digest = Digest(words[1])
		if text := e.load(digest, words[1]); text != "" {
			w.err(text)
			return
		}
	}
	s := e.scripts[digest]
	if s == nil {
		w.err("NOSCRIPT No matching script. Please use EVAL.")
		return
	}
	readOnly := strings.HasSuffix(name, "_ro")
	if readOnly && s.flags.given && !s.flags.noWrites {
		w.err("ERR Can not execute a script with write flag using *_ro command.")
		return
	}
	st := e.state(&e.eval)
	var given [2][]any
	if len(values) == len(words) {
		given = [2][]any{values[3:], values[3+len(keys):]}
	}
	st.globals.set("KEYS", st.list(&st.keys, keys, given[0]))
	st.globals.set("ARGV", st.list(&st.args, args, given[1]))
	st.call(w, digest, &run{readOnly: readOnly || s.flags.noWrites}, &Function{proto: s.fn})
	st.ids.free(roomOfArrays)
}

// state returns a Lua state, which it makes at the first call.
func (e *Engine) state(of **state) *state {
	if *of == nil {
		*of = newState(e)
	}
	return *of
}

// list is a table of words, and its memory.
type list struct {
	Table
	values []Value
}

// list fills a table with words; those that are strings among given need no
// memory of their own. For a script it is the table of the script before;
// nothing of that is left, but variables of a function may still hold theirs.
func (s *state) list(of *list, words []string, given []any) *Table {
	of.values = of.values[:0]
	for i, w := range words {
		if i < len(given) {
			if _, ok := given[i].(string); ok {
				of.values = append(of.values, given[i])
				continue
			}
		}
		of.values = append(of.values, w)
	}
	of.Table = Table{ids: &s.ids, array: of.values}
	return &of.Table
}

// load compiles a script into the cache; the text is that of an error.
func (e *Engine) load(digest, source string) string {
	if e.scripts[digest] != nil {
		return ""
	}
	f, body, text := shebang(source)
	if text != "" {
		return text
	}
	fn, err := parse(body, "user_script")
	if err != nil {
		return "ERR Error compiling script (new function): " + err.Error()
	}
	e.scripts[digest] = &script{fn: compile(fn, "@user_script"), flags: f}
	return ""
}

// call runs a function and writes its result, or its error.
func (s *state) call(w *replyWriter, name string, r *run, fn Value, args ...Value) {
	s.run, s.steps = r, s.redis.Steps
	t := s.main
	if t == nil {
		t = &thread{state: s}
	}
	s.main = nil // while it runs
	before := len(w.out)
	defer s.end()
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(exhausted); !ok {
				panic(p)
			}
			w.out = w.out[:before]
			w.err(fmt.Sprintf("ERR script %s: expected it to end within %d loops and calls, and it had not: an endless loop? The embedded shards stop it, Redis would wait", name, s.redis.Steps))
		}
	}()
	ret, thrown := t.protect(fn, args)
	s.main = t
	if thrown != nil {
		w.err(t.errorText(thrown, name))
		return
	}
	w.t = t
	w.value(first(ret), 0)
}

// errorHandler is the function of Lua's that Redis puts errors into form with.
func errorHandler(t *thread, args []Value) []Value {
	v := arg(args, 1)
	if _, ok := v.(*Table); !ok {
		v = t.single("err", "ERR "+t.describe(v))
	}
	return t.results(v)
}

// errorText is the reply to an error that nobody caught.
func (t *thread) errorText(r *raised, name string) string {
	tab, ok := r.value.(*Table)
	if !ok {
		return fmt.Sprintf("ERR %s script: %s, on %s:%d.", t.describe(r.value), name, r.source, r.line)
	}
	text, ok := asString(t.getIndex(tab, "err"))
	if !ok {
		return fmt.Sprintf("ERR script %s threw a table without the field err, at which Redis 7.0 crashes", name)
	}
	return fmt.Sprintf("%s script: %s, on %s:%d.", text, name, r.source, r.line)
}

func (e *Engine) script(w *replyWriter, words []string) {
	if len(words) < 2 {
		w.wrongNumber("script")
		return
	}
	switch sub := strings.ToLower(words[1]); {
	case sub == "load" && len(words) == 3:
		digest := Digest(words[2])
		if text := e.load(digest, words[2]); text != "" {
			w.err(text)
			return
		}
		w.bulk(digest)
	case sub == "exists" && len(words) > 2:
		w.head('*', int64(len(words)-2))
		for _, digest := range words[2:] {
			found := int64(0)
			if e.scripts[strings.ToLower(digest)] != nil {
				found = 1
			}
			w.head(':', found)
		}
	case sub == "flush":
		if !flushMode(words) {
			w.err("ERR SCRIPT FLUSH only support SYNC|ASYNC option")
			return
		}
		e.Flush()
		w.text('+', "OK")
	case sub == "kill" && len(words) == 2:
		w.err("NOTBUSY No scripts in execution right now.")
	case sub == "debug" && len(words) == 3 && strings.EqualFold(words[2], "no"):
		w.text('+', "OK")
	case sub == "debug" && len(words) == 3:
		w.err("ERR SCRIPT DEBUG: the embedded shards have no debugger")
	case sub == "help" && len(words) == 2:
		w.lines("SCRIPT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", "EXISTS <sha1> [<sha1> ...]", "FLUSH [ASYNC|SYNC]", "LOAD <script>", "HELP")
	case sub == "load" || sub == "exists" || sub == "kill" || sub == "debug" || sub == "help":
		w.wrongNumber("script|" + sub)
	default:
		w.err("ERR unknown subcommand '" + words[1] + "'. Try SCRIPT HELP.")
	}
}

func flushMode(words []string) bool {
	return len(words) == 2 || len(words) == 3 && (strings.EqualFold(words[2], "sync") || strings.EqualFold(words[2], "async"))
}

func (w *replyWriter) lines(lines ...string) {
	w.head('*', int64(len(lines)))
	for _, l := range lines {
		w.text('+', l)
	}
}

// flags are what a script declares of itself.
type flags struct {
	given    bool
	noWrites bool
}

var flagNames = map[string]bool{"no-writes": true, "allow-oom": true, "allow-stale": true, "no-cluster": true, "allow-cross-slot-keys": true}

// shebang reads a script's first line. The body keeps the line's end, so that
// errors name the right line.
func shebang(source string) (f flags, body, text string) {
	if !strings.HasPrefix(source, "#!") {
		return f, source, ""
	}
	end := strings.IndexByte(source, '\n')
	if end < 0 {
		return f, "", "ERR Invalid script shebang"
	}
	f.given = true
	words := strings.Fields(source[:end])
	if words[0] != "#!lua" {
		return f, "", "ERR Unexpected engine in script shebang: " + words[0]
	}
	for _, word := range words[1:] {
		list, ok := strings.CutPrefix(word, "flags=")
		if !ok {
			return f, "", "ERR Unknown lua shebang option: " + word
		}
		for name := range strings.SplitSeq(list, ",") {
			if name != "" && !flagNames[name] {
				return f, "", "ERR Unexpected flag in script shebang: " + name
			}
			f.noWrites = f.noWrites || name == "no-writes"
		}
	}
	return f, source[end:], ""
}
