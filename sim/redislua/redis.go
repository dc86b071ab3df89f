package redislua

import (
	"crypto/sha1"
	"encoding/hex"
	"maps"
	"math"
	"slices"
	"strings"
)

// redisFunctions are those of the table redis that every script has.
var redisFunctions = map[string]func(t *thread, args []Value) []Value{
	"call":               func(t *thread, args []Value) []Value { return t.redisCall(args, true) },
	"pcall":              func(t *thread, args []Value) []Value { return t.redisCall(args, false) },
	"acl_check_cmd":      aclCheck,
	"breakpoint":         func(t *thread, _ []Value) []Value { return t.results(false) },
	"debug":              func(*thread, []Value) []Value { return nil },
	"error_reply":        errorReply,
	"log":                redisLog,
	"replicate_commands": func(t *thread, _ []Value) []Value { return t.results(true) },
	"set_repl":           setRepl,
	"setresp":            setResp,
	"sha1hex":            sha1Hex,
	"status_reply":       statusReply,
}

// redisConstants are the numbers in the table redis, as of the version that
// the embedded shards are compared with.
var redisConstants = map[string]Value{
	"LOG_DEBUG": 0.0, "LOG_VERBOSE": 1.0, "LOG_NOTICE": 2.0, "LOG_WARNING": 3.0,
	"REPL_NONE": 0.0, "REPL_AOF": 1.0, "REPL_SLAVE": 2.0, "REPL_REPLICA": 2.0, "REPL_ALL": 3.0,
	"REDIS_VERSION": "7.0.15", "REDIS_VERSION_NUM": float64(7<<16 | 15),
}

// refuse throws an error of the table redis itself.
func (t *thread) refuse(text string) { t.raise(t.failure(text, false)) }

// noScript are the commands that Redis does not let scripts call; one with a
// subcommand that it knows is refused too.
var noScript = map[string]bool{
	"acl": true, "asking": true, "auth": true, "bgrewriteaof": true, "bgsave": true, "blmove": true, "blmpop": true, "blpop": true,
	"brpop": true, "brpoplpush": true, "bzmpop": true, "bzpopmax": true, "bzpopmin": true, "client": true, "config": true, "debug": true,
	"discard": true, "eval": true, "eval_ro": true, "evalsha": true, "evalsha_ro": true, "exec": true, "failover": true, "fcall": true,
	"fcall_ro": true, "function": true, "hello": true, "latency": true, "module": true, "monitor": true, "multi": true, "pfdebug": true,
	"pfselftest": true, "psubscribe": true, "psync": true, "punsubscribe": true, "quit": true, "replconf": true, "replicaof": true, "reset": true,
	"restore-asking": true, "role": true, "save": true, "script": true, "shutdown": true, "slaveof": true, "slowlog": true, "ssubscribe": true,
	"subscribe": true, "sunsubscribe": true, "sync": true, "unsubscribe": true, "unwatch": true, "wait": true, "watch": true,
}

// redisCall is redis.call, which throws a command's error, and redis.pcall,
// which returns it.
func (t *thread) redisCall(args []Value, throw bool) []Value {
	reply := t.command(args)
	if e, ok := reply.(*Table); ok && throw && e.getString("ignore_error_stats_update") == true {
		t.raise(e)
	}
	return t.results(reply)
}

// words are a command's words: strings, and numbers as "%.17g" writes them. They
// are valid until the next command's.
func (t *thread) words(args []Value) []string {
	words := t.state.words[:0]
	for _, a := range args {
		switch v := a.(type) {
		case string:
			words = append(words, v)
		case float64:
			words = append(words, argumentText(v))
		default:
			return nil
		}
	}
	t.state.words = words
	return words
}

// mostNames is how many names of commands are remembered; more are of a script
// that makes them up.
const mostNames = 1000

func (e *Engine) named(word string) named {
	n, ok := e.names[word]
	if !ok {
		n.name = strings.ToLower(word)
		n.refused = noScript[n.name]
		if len(e.names) < mostNames {
			e.names[word] = n
		}
	}
	return n
}

// command executes a command and returns its reply, errors too.
func (t *thread) command(args []Value) Value {
	if len(args) == 0 {
		return t.failure("Please specify at least one argument for this redis lib call", true)
	}
	words := t.words(args)
	if words == nil {
		return t.failure("Lua redis lib command arguments must be strings or integers", true)
	}
	run := t.state.run
	command := t.state.redis.named(words[0])
	name, server := command.name, t.state.redis.server
	switch {
	case command.refused:
		return t.failure("This Redis command is not allowed from script", true)
	case run.readOnly && (server.Writes(words) || name == "publish" || name == "spublish" || name == "pfcount"): // which may write, or reach replicas
		return t.failure("Write commands are not allowed from read-only scripts.", true)
	}
	if strings.HasPrefix(name, "xread") && waits(words) {
		return t.failure("-ERR "+name+" command is not allowed with BLOCK option from scripts", true)
	}
	r := replyReader{t: t, rest: server.Call(name, words, run.resp3)}
	reply := r.value()
	if e, ok := reply.(*Table); ok {
		if text, ok := e.getString("err").(string); ok {
			e.set("err", asScript(text))
		}
	}
	return reply
}

// waits reports whether an XREAD may wait for other clients.
func waits(words []string) bool {
	for _, word := range words[1:] {
		if strings.EqualFold(word, "streams") {
			return false
		}
		if strings.EqualFold(word, "block") {
			return true
		}
	}
	return false
}

// asScript puts what is wrong with a call itself as Redis tells a script.
func asScript(text string) string {
	switch {
	case strings.HasPrefix(text, "ERR unknown command"), strings.HasPrefix(text, "ERR unknown subcommand"):
		return "ERR Unknown Redis command called from script"
	case strings.HasPrefix(text, "ERR wrong number of arguments for '"):
		return "ERR Wrong number of args calling Redis command from script"
	}
	return text
}

func statusReply(t *thread, args []Value) []Value {
	s, ok := arg(args, 1).(string)
	if !ok || len(args) != 1 {
		return t.results(t.failure("wrong number or type of arguments", false))
	}
	return t.results(t.single("ok", s))
}

func errorReply(t *thread, args []Value) []Value {
	s, ok := arg(args, 1).(string)
	if !ok || len(args) != 1 {
		return t.results(t.failure("wrong number or type of arguments", false))
	}
	return t.results(t.failure("-"+strings.TrimPrefix(s, "-"), false))
}

func redisLog(t *thread, args []Value) []Value {
	if len(args) < 2 {
		t.refuse("redis.log() requires two arguments or more.")
	}
	level, ok := asNumber(args[0])
	if !ok {
		t.refuse("First argument must be a number (log level).")
	}
	if n := toInt(level); n < 0 || n > 3 {
		t.refuse("Invalid debug level.")
	}
	return nil
}

func setRepl(t *thread, args []Value) []Value {
	if len(args) != 1 {
		t.refuse("redis.set_repl() requires two arguments.")
	}
	f, _ := asNumber(args[0])
	if toInt(f)&^3 != 0 {
		t.refuse("Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.")
	}
	return nil
}

func setResp(t *thread, args []Value) []Value {
	if len(args) != 1 {
		t.refuse("redis.setresp() requires one argument.")
	}
	f, _ := asNumber(args[0])
	if n := toInt(f); n != 2 && n != 3 {
		t.refuse("RESP version must be 2 or 3.")
	} else {
		t.state.run.resp3 = n == 3
	}
	return nil
}

func sha1Hex(t *thread, args []Value) []Value {
	if len(args) != 1 {
		t.refuse("wrong number of arguments")
	}
	s, _ := asString(args[0])
	return t.results(Digest(s))
}

// Digest returns a script's SHA-1 in hexadecimal, by which EVALSHA names it.
func Digest(script string) string {
	sum := sha1.Sum([]byte(script))
	return hex.EncodeToString(sum[:])
}

func aclCheck(t *thread, args []Value) []Value {
	if len(args) == 0 {
		t.refuse("Please specify at least one argument for this redis lib call")
	}
	words := t.words(args)
	if words == nil {
		t.refuse("redis.acl_check_cmd() require all arguments to be strings")
	}
	if !t.state.redis.server.Knows(words) {
		t.refuse("Invalid command passed to redis.acl_check_cmd()")
	}
	return t.results(true)
}

// library makes a table of functions of Go.
func (s *state) library(fns map[string]func(t *thread, args []Value) []Value) *Table {
	t := newTable(&s.ids, 0, len(fns))
	for _, name := range slices.Sorted(maps.Keys(fns)) {
		t.set(name, native(name, fns[name]))
	}
	return t
}

// globalGuard is the __index of the globals.
func globalGuard(t *thread, args []Value) []Value {
	name, ok := asString(arg(args, 2))
	if !ok {
		name = typeName(arg(args, 2))
	}
	t.errorf("Script attempted to access nonexistent global variable '%s'", name)
	return nil
}

// newState makes the globals and libraries of a Lua state; all but
// KEYS and ARGV are read-only: what a script does is not seen by the next.
func newState(e *Engine) *state {
	s := &state{redis: e}
	g := s.library(baseFunctions)
	s.globals = g
	libraries := map[string]*Table{
		"string": s.library(stringFunctions), "table": s.library(tableFunctions), "math": s.library(mathFunctions()),
		"bit": s.library(bitFunctions()), "struct": s.library(structFunctions), "cmsgpack": s.library(msgpackFunctions),
		"cjson": s.cjson(newJSONConfig()), "coroutine": s.library(coroutineFunctions), "redis": s.library(redisFunctions),
	}
	libraries["math"].set("pi", math.Pi)
	libraries["math"].set("huge", math.Inf(1))
	for name, text := range map[string]string{
		"_NAME": "cmsgpack", "_VERSION": "lua-cmsgpack 0.4.0", "_COPYRIGHT": "Copyright (C) 2012, Salvatore Sanfilippo",
		"_DESCRIPTION": "MessagePack C implementation for Lua",
	} {
		libraries["cmsgpack"].set(name, text)
	}
	for _, name := range slices.Sorted(maps.Keys(redisConstants)) {
		libraries["redis"].set(name, redisConstants[name])
	}
	for _, name := range slices.Sorted(maps.Keys(libraries)) {
		libraries[name].readonly = true
		g.set(name, libraries[name])
	}
	g.set("_G", g)
	g.set("_VERSION", "Lua 5.1")
	g.set("__redis__err__handler", native("__redis__err__handler", errorHandler))
	s.strings = newTable(&s.ids, 0, 1)
	s.strings.set("__index", libraries["string"])
	g.meta = newTable(&s.ids, 0, 1)
	g.meta.set("__index", native("__index", globalGuard))
	s.strings.readonly, g.meta.readonly, g.readonly = true, true, true
	return s
}
