package shards

import (
	"crypto/sha1"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/alicebob/miniredis/v2/server"
	lua "github.com/yuin/gopher-lua"
)

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
	if effectOf(lowerName(words[0]))&scripted != 0 {
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
