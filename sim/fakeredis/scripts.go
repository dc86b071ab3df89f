package fakeredis

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/alicebob/miniredis/v2/server"
	lua "github.com/yuin/gopher-lua"
	luaparse "github.com/yuin/gopher-lua/parse"

	"github.com/quotalab/quotalab/sim/rediscmd"
)

// scripts runs EVAL and EVALSHA on one Lua state that stays open. miniredis
// opens a state and all of its libraries for every call, which is most of a
// call's time. The commands that a script calls go through Shard.execute like
// any other, so that the deadlines of keys are exact here too.
//
// Scripts that need what the state does not have are left to miniredis.
type scripts struct {
	shard  *Shard
	state  *lua.LState // opened at the first script
	known  map[string]*lua.FunctionProto
	reply  bytes.Buffer
	reader *bufio.Reader
	peer   *server.Peer
}

func newScripts(s *Shard) *scripts {
	e := &scripts{shard: s, known: map[string]*lua.FunctionProto{}}
	e.reader = bufio.NewReader(&e.reply)
	e.peer = server.NewPeer(bufio.NewWriter(&e.reply))
	return e
}

// foreign are the names that only miniredis' own state offers.
var foreign = map[string]bool{
	"cjson": true, "cmsgpack": true, "struct": true, "bit": true, "os": true, "debug": true, "coroutine": true, "require": true, "package": true,
	"server": true, "setresp": true, "set_repl": true, "random": true, "randomseed": true,
	"load": true, "loadstring": true, "getfenv": true, "setfenv": true,
}

// usesForeign looks for foreign names among a script's constants, which
// every global and field that it names is one of.
func usesForeign(p *lua.FunctionProto) bool {
	for _, c := range p.Constants {
		if s, ok := c.(lua.LString); ok && foreign[string(s)] {
			return true
		}
	}
	return slices.ContainsFunc(p.FunctionPrototypes, usesForeign)
}

// run executes a script call, or returns false when it is miniredis' to
// execute: an unknown digest, a script with foreign names or mistakes.
func (e *scripts) run(peer *server.Peer, name string, words []string) bool {
	if name == "script" {
		e.manage(words)
		peer.WriteOK()
		return true
	}
	if len(words) < 3 || name != "eval" && name != "evalsha" {
		return false
	}
	proto := e.known[words[1]]
	if name == "eval" {
		proto = e.learn(words[1])
	}
	count, err := strconv.Atoi(words[2])
	if proto == nil || err != nil || count < 0 || count > len(words)-3 {
		return false
	}
	if e.state == nil {
		e.open()
	}
	l := e.state
	l.G.Global.RawSetString("KEYS", e.table(words[3:3+count]))
	l.G.Global.RawSetString("ARGV", e.table(words[3+count:]))
	l.Push(l.NewFunctionFromProto(proto))
	if err := l.PCall(0, 1, nil); err != nil {
		peer.WriteError(errorText(err, words[1]))
	} else {
		writeLua(peer, l.Get(-1))
	}
	l.SetTop(0)
	return true
}

// learn compiles a script once, and lets miniredis know it too, which
// answers SCRIPT EXISTS and runs scripts inside MULTI.
func (e *scripts) learn(source string) *lua.FunctionProto {
	sum := sha1.Sum([]byte(source))
	sha := hex.EncodeToString(sum[:])
	if p := e.known[sha]; p != nil {
		return p
	}
	chunk, err := luaparse.Parse(strings.NewReader(source), "user_script")
	if err != nil {
		return nil // miniredis says what is wrong with it
	}
	proto, err := lua.Compile(chunk, "user_script")
	if err != nil || usesForeign(proto) {
		return nil
	}
	e.known[sha] = proto
	return proto
}

// manage follows SCRIPT LOAD and SCRIPT FLUSH, which miniredis executes.
func (e *scripts) manage(words []string) {
	if len(words) < 2 {
		return
	}
	switch strings.ToLower(words[1]) {
	case "load":
		if len(words) == 3 {
			e.learn(words[2])
		}
	case "flush":
		e.forget()
	}
}

// forget drops all scripts.
func (e *scripts) forget() { clear(e.known) }

// call executes a command on the shard and returns its reply.
func (e *scripts) call(words []string) (any, error) {
	e.peer.Flush()
	e.reply.Reset()
	e.reader.Reset(&e.reply)
	e.shard.execute(e.peer, words)
	e.peer.Flush()
	return server.ParseReply(e.reader)
}

func (e *scripts) table(words []string) *lua.LTable {
	t := e.state.CreateTable(len(words), 0)
	for _, w := range words {
		t.Append(lua.LString(w))
	}
	return t
}

// open makes the state: Redis' libraries, and globals that a script can
// neither add nor miss.
func (e *scripts) open() {
	l := lua.NewState(lua.Options{SkipOpenLibs: true})
	for _, lib := range []struct {
		name string
		open lua.LGFunction
	}{{lua.BaseLibName, lua.OpenBase}, {lua.TabLibName, lua.OpenTable}, {lua.StringLibName, lua.OpenString}, {lua.MathLibName, lua.OpenMath}} {
		l.Push(l.NewFunction(lib.open))
		l.Push(lua.LString(lib.name))
		l.Call(1, 0)
	}
	l.SetGlobal("redis", l.SetFuncs(l.NewTable(), map[string]lua.LGFunction{
		"call":               func(l *lua.LState) int { return e.redisCall(l, true) },
		"pcall":              func(l *lua.LState) int { return e.redisCall(l, false) },
		"error_reply":        func(l *lua.LState) int { return replyTable(l, "err") },
		"status_reply":       func(l *lua.LState) int { return replyTable(l, "ok") },
		"sha1hex":            sha1hex,
		"log":                func(*lua.LState) int { return 0 },
		"replicate_commands": func(l *lua.LState) int { l.Push(lua.LTrue); return 1 },
	}))
	for i, level := range []string{"LOG_DEBUG", "LOG_VERBOSE", "LOG_NOTICE", "LOG_WARNING"} {
		l.GetGlobal("redis").(*lua.LTable).RawSetString(level, lua.LNumber(i))
	}
	guard := l.SetFuncs(l.NewTable(), map[string]lua.LGFunction{
		"__newindex": func(l *lua.LState) int {
			l.RaiseError("Script attempted to create global variable '%s'", l.CheckString(2))
			return 0
		},
		"__index": func(l *lua.LState) int {
			l.RaiseError("Script attempted to access nonexistent global variable '%s'", l.CheckString(2))
			return 0
		},
	})
	l.G.Global.RawSetString("KEYS", lua.LNil)
	l.G.Global.RawSetString("ARGV", lua.LNil)
	l.SetMetatable(l.G.Global, guard)
	e.state = l
}

func (e *scripts) close() {
	if e.state != nil {
		e.state.Close()
	}
}

func errorText(err error, script string) string {
	var text string
	if api, ok := err.(*lua.ApiError); ok && api.Object != nil {
		text = api.Object.String()
		if t, ok := api.Object.(*lua.LTable); ok {
			text = t.RawGetString("err").String()
		}
	} else {
		text = err.Error()
	}
	text = strings.ReplaceAll(text, "\n", " ")
	if code, _, _ := strings.Cut(text, " "); code != "" && strings.ToUpper(code) == code && !strings.ContainsAny(code, ":[") {
		return text
	}
	return fmt.Sprintf("ERR %s script: %.40s", text, script)
}

// redisCall is redis.call, which raises a command's error, and redis.pcall,
// which returns it.
func (e *scripts) redisCall(l *lua.LState, raise bool) int {
	words := make([]string, l.GetTop())
	for i := range words {
		switch a := l.Get(i + 1).(type) {
		case lua.LString:
			words[i] = string(a)
		case lua.LNumber:
			words[i] = strconv.FormatFloat(float64(a), 'g', 17, 64) // as Redis' %.17g
		default:
			l.RaiseError("Lua redis lib command arguments must be strings or integers")
		}
	}
	if len(words) == 0 {
		l.RaiseError("Please specify at least one argument for this redis lib call")
	}
	if rediscmd.Of(rediscmd.Lower(words[0])).Has(rediscmd.Script) {
		l.RaiseError("This Redis command is not allowed from script")
	}
	reply, err := e.call(words)
	if err != nil {
		t := l.NewTable()
		t.RawSetString("err", lua.LString(err.Error()))
		if raise {
			l.Error(t, 1)
		}
		l.Push(t)
		return 1
	}
	l.Push(luaValue(l, reply))
	return 1
}

// luaValue converts a reply as Redis does: nil is false, a status is a table
// with the field ok.
func luaValue(l *lua.LState, reply any) lua.LValue {
	switch r := reply.(type) {
	case int:
		return lua.LNumber(r)
	case string:
		return lua.LString(r)
	case server.Simple:
		t := l.NewTable()
		t.RawSetString("ok", lua.LString(string(r)))
		return t
	case []any:
		t := l.CreateTable(len(r), 0)
		for _, v := range r {
			t.Append(luaValue(l, v))
		}
		return t
	default:
		return lua.LFalse
	}
}

// writeLua converts a script's result as Redis does: numbers lose their
// fraction, a table ends at its first nil.
func writeLua(p *server.Peer, v lua.LValue) {
	switch v := v.(type) {
	case lua.LBool:
		if v {
			p.WriteInt(1)
		} else {
			p.WriteNull()
		}
	case lua.LNumber:
		p.WriteInt(int(v))
	case lua.LString:
		p.WriteBulk(string(v))
	case *lua.LTable:
		writeTable(p, v)
	default:
		p.WriteNull()
	}
}

func writeTable(p *server.Peer, t *lua.LTable) {
	if s := t.RawGetString("err"); s != lua.LNil {
		p.WriteError(s.String())
		return
	}
	if s := t.RawGetString("ok"); s != lua.LNil {
		p.WriteInline(s.String())
		return
	}
	n := 0
	for t.RawGetInt(n+1) != lua.LNil {
		n++
	}
	p.WriteLen(n)
	for i := range n {
		writeLua(p, t.RawGetInt(i+1))
	}
}

// replyTable is redis.error_reply and redis.status_reply.
func replyTable(l *lua.LState, field string) int {
	text := l.CheckString(1)
	if field == "err" {
		text = strings.TrimPrefix(text, "-")
		if !strings.Contains(text, " ") {
			text = "ERR " + text
		}
	}
	t := l.NewTable()
	t.RawSetString(field, lua.LString(text))
	l.Push(t)
	return 1
}

func sha1hex(l *lua.LState) int {
	sum := sha1.Sum([]byte(l.CheckString(1)))
	l.Push(lua.LString(hex.EncodeToString(sum[:])))
	return 1
}
