package redislua

import (
	"maps"
	"slices"
	"strings"

	"github.com/quotalab/quotalab/sim/rediscmd"
)

// library is what FUNCTION LOAD loaded.
type library struct {
	name, code string
	functions  map[string]*libraryFunction
}

type libraryFunction struct {
	name, description string
	flags             []string
	fn                *Function
	library           *library
}

func (f *libraryFunction) noWrites() bool { return slices.Contains(f.flags, "no-writes") }

func (e *Engine) findFunction(name string) *libraryFunction {
	for _, l := range e.libraries {
		if f := l.functions[name]; f != nil {
			return f
		}
	}
	return nil
}

func (e *Engine) callFunction(w *replyWriter, name string, words []string) {
	if len(words) < 3 {
		w.wrongNumber(name)
		return
	}
	f := e.findFunction(words[1])
	if f == nil {
		w.err("ERR Function not found")
		return
	}
	keys, args, ok := w.keys(words, "ERR Bad number of keys provided")
	if !ok {
		return
	}
	if name == "fcall_ro" && !f.noWrites() {
		w.err("ERR Can not execute a script with write flag using *_ro command.")
		return
	}
	s := e.state(&e.functions)
	s.call(w, f.name, &run{readOnly: f.noWrites()}, f.fn, s.list(new(list), keys, nil), s.list(new(list), args, nil))
}

func (e *Engine) function(w *replyWriter, words []string) {
	if len(words) < 2 {
		w.wrongNumber("function")
		return
	}
	switch sub := strings.ToLower(words[1]); {
	case sub == "load" && len(words) > 2:
		e.loadLibrary(w, words[2:])
	case sub == "delete" && len(words) == 3:
		if e.libraries[words[2]] == nil {
			w.err("ERR Library not found")
			return
		}
		delete(e.libraries, words[2])
		w.text('+', "OK")
	case sub == "flush":
		if !flushMode(words) {
			w.err("ERR FUNCTION FLUSH only supports SYNC|ASYNC option")
			return
		}
		clear(e.libraries)
		e.functions = nil
		w.text('+', "OK")
	case sub == "list":
		e.listLibraries(w, words[2:])
	case sub == "stats" && len(words) == 2:
		e.functionStats(w)
	case sub == "kill" && len(words) == 2:
		w.err("NOTBUSY No scripts in execution right now.")
	case sub == "dump" || sub == "restore":
		w.err("ERR FUNCTION " + strings.ToUpper(sub) + " is not of the embedded shards: load the library's code with FUNCTION LOAD")
	case sub == "help" && len(words) == 2:
		w.lines("FUNCTION <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", "LOAD [REPLACE] <FUNCTION CODE>", "DELETE <LIBRARY NAME>",
			"LIST [LIBRARYNAME PATTERN] [WITHCODE]", "STATS", "FLUSH [ASYNC|SYNC]", "HELP")
	case slices.Contains([]string{"load", "delete", "stats", "kill", "help"}, sub):
		w.wrongNumber("function|" + sub)
	default:
		w.err("ERR unknown subcommand '" + words[1] + "'. Try FUNCTION HELP.")
	}
}

// loadLibrary is FUNCTION LOAD [REPLACE] code.
func (e *Engine) loadLibrary(w *replyWriter, words []string) {
	replace := len(words) > 1
	for _, word := range words[:len(words)-1] {
		if !strings.EqualFold(word, "replace") {
			w.err("ERR Unknown option given: " + word)
			return
		}
	}
	code := words[len(words)-1]
	name, body, text := libraryName(code)
	if text == "" && e.libraries[name] != nil && !replace {
		text = "Library '" + name + "' already exists"
	}
	if text != "" {
		w.err("ERR " + text)
		return
	}
	l := &library{name: name, code: code, functions: map[string]*libraryFunction{}}
	if text := e.register(l, body); text != "" {
		w.err("ERR " + text)
		return
	}
	e.libraries[name] = l
	w.bulk(name)
}

// libraryName reads the first line of a library's code.
func libraryName(code string) (name, body, text string) {
	if !strings.HasPrefix(code, "#!") {
		return "", "", "Missing library metadata"
	}
	end := strings.IndexByte(code, '\n')
	if end < 0 {
		return "", "", "Invalid library metadata"
	}
	words := strings.Fields(code[:end])
	engine, given := strings.TrimPrefix(words[0], "#!"), false
	for _, word := range words[1:] {
		value, ok := strings.CutPrefix(word, "name=")
		if !ok {
			return "", "", "Invalid metadata value given: " + word
		}
		if given {
			return "", "", "Invalid metadata value, name argument was given multiple times"
		}
		name, given = value, true
	}
	switch {
	case !given:
		return "", "", "Library name was not given"
	case !plainName(name):
		return "", "", "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long"
	case !strings.EqualFold(engine, "lua"):
		return "", "", "Engine '" + engine + "' not found"
	}
	return name, code[end:], ""
}

func plainName(s string) bool {
	for i := range len(s) {
		if !isAlnum(s[i]) && s[i] != '_' {
			return false
		}
	}
	return s != ""
}

// register runs a library's code, which registers its functions.
func (e *Engine) register(l *library, body string) string {
	fn, err := parse(body, "user_function")
	if err != nil {
		return "Error compiling function: " + err.Error()
	}
	s := e.state(&e.functions)
	api := s.library(map[string]func(t *thread, args []Value) []Value{"register_function": l.registerFunction, "log": redisLog})
	for _, name := range []string{"LOG_DEBUG", "LOG_VERBOSE", "LOG_NOTICE", "LOG_WARNING", "REDIS_VERSION", "REDIS_VERSION_NUM"} {
		api.set(name, redisConstants[name])
	}
	whole := s.globals
	defer func() { s.globals = whole }()
	s.globals = newTable(&s.ids, 0, 1) // there is nothing else while a library is loaded
	s.globals.set("redis", api)
	for _, t := range []*Table{api, s.globals} {
		t.meta, t.readonly = whole.meta, true
	}
	w := &replyWriter{}
	s.call(w, "", &run{}, &Function{proto: compile(fn, "@user_function")})
	if text, failed := strings.CutPrefix(string(w.out), "-"); failed {
		text, _, _ = strings.Cut(text, " script: , on ")
		return "Error registering functions: " + strings.TrimRight(text, "\r\n")
	}
	if len(l.functions) == 0 {
		return "No functions registered"
	}
	for name := range l.functions {
		if old := e.findFunction(name); old != nil && old.library.name != l.name {
			return "Function " + name + " already exists"
		}
	}
	return ""
}

// registerFunction is redis.register_function, with a name and a function or
// with a table of fields.
func (l *library) registerFunction(t *thread, args []Value) []Value {
	f := &libraryFunction{library: l}
	if len(args) < 1 || len(args) > 2 {
		t.refuse("wrong number of arguments to redis.register_function")
	}
	if tab, ok := args[0].(*Table); ok && len(args) == 1 {
		t.namedArguments(f, tab)
	} else {
		if len(args) == 1 {
			t.refuse("calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments).")
		}
		if f.name, ok = asString(args[0]); !ok {
			t.refuse("first argument to redis.register_function must be a string")
		}
		if f.fn, ok = args[1].(*Function); !ok {
			t.refuse("second argument to redis.register_function must be a function")
		}
	}
	switch {
	case !plainName(f.name):
		t.refuse("Library names can only contain letters, numbers, or underscores(_) and must be at least one character long")
	case l.functions[f.name] != nil:
		t.refuse("Function already exists in the library")
	}
	l.functions[f.name] = f
	return nil
}

func (t *thread) namedArguments(f *libraryFunction, tab *Table) {
	for key, v, _ := tab.next(nil); key != nil; key, v, _ = tab.next(key) {
		ok := false
		switch key {
		case "function_name":
			if f.name, ok = asString(v); !ok {
				t.refuse("function_name argument given to redis.register_function must be a string")
			}
		case "description":
			if f.description, ok = asString(v); !ok {
				t.refuse("description argument given to redis.register_function must be a string")
			}
		case "callback":
			if f.fn, ok = v.(*Function); !ok {
				t.refuse("callback argument given to redis.register_function must be a function")
			}
		case "flags":
			f.flags = t.functionFlags(v)
		default:
			t.refuse("unknown argument given to redis.register_function")
		}
	}
	if f.name == "" {
		t.refuse("redis.register_function must get a function name argument")
	}
	if f.fn == nil {
		t.refuse("redis.register_function must get a callback argument")
	}
}

func (t *thread) functionFlags(v Value) []string {
	tab, ok := v.(*Table)
	if !ok {
		t.refuse("flags argument to redis.register_function must be a table representing function flags")
	}
	var out []string
	for i := 1; tab.getInt(i) != nil; i++ {
		name, _ := tab.getInt(i).(string)
		if !flagNames[name] {
			t.refuse("unknown flag given")
		}
		out = append(out, name)
	}
	return out
}

// listLibraries is FUNCTION LIST, in the order of names; Redis has none.
func (e *Engine) listLibraries(w *replyWriter, words []string) {
	pattern, code, named := "*", false, false
	for i := 0; i < len(words); i++ {
		switch {
		case strings.EqualFold(words[i], "withcode") && !code:
			code = true
		case strings.EqualFold(words[i], "libraryname") && !named && i+1 < len(words):
			i++
			pattern, named = words[i], true
		case strings.EqualFold(words[i], "libraryname") && !named:
			w.err("ERR library name argument was not given")
			return
		default:
			w.err("ERR Unknown argument " + words[i])
			return
		}
	}
	var found []*library
	for _, name := range slices.Sorted(maps.Keys(e.libraries)) {
		if rediscmd.Matches(pattern, name) {
			found = append(found, e.libraries[name])
		}
	}
	w.head('*', int64(len(found)))
	for _, l := range found {
		l.write(w, code)
	}
}

func (l *library) write(w *replyWriter, code bool) {
	fields := int64(3)
	if code {
		fields++
	}
	w.mapHead(fields)
	w.bulk("library_name")
	w.bulk(l.name)
	w.bulk("engine")
	w.bulk("LUA")
	w.bulk("functions")
	w.head('*', int64(len(l.functions)))
	for _, name := range slices.Sorted(maps.Keys(l.functions)) {
		f := l.functions[name]
		w.mapHead(3)
		w.bulk("name")
		w.bulk(f.name)
		w.bulk("description")
		if f.description == "" {
			w.null()
		} else {
			w.bulk(f.description)
		}
		w.bulk("flags")
		w.setHead(int64(len(f.flags)))
		for _, flag := range f.flags {
			w.text('+', flag)
		}
	}
	if code {
		w.bulk("library_code")
		w.bulk(l.code)
	}
}

func (w *replyWriter) mapHead(n int64) {
	if w.resp3 {
		w.head('%', n)
	} else {
		w.head('*', 2*n)
	}
}

func (w *replyWriter) setHead(n int64) {
	if w.resp3 {
		w.head('~', n)
	} else {
		w.head('*', n)
	}
}

func (e *Engine) functionStats(w *replyWriter) {
	count := 0
	for _, l := range e.libraries {
		count += len(l.functions)
	}
	w.mapHead(2)
	w.bulk("running_script")
	w.null()
	w.bulk("engines")
	w.mapHead(1)
	w.bulk("LUA")
	w.mapHead(2)
	w.bulk("libraries_count")
	w.head(':', int64(len(e.libraries)))
	w.bulk("functions_count")
	w.head(':', int64(count))
}
