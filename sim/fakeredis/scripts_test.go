package fakeredis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/sim/clock"
)

// scriptsUnderTest get the keys a and b and the arguments 7, 1.5 and x.
var scriptsUnderTest = map[string]string{
	"nothing":                     `local x = 1`,
	"nil":                         `return nil`,
	"true":                        `return true`,
	"false":                       `return false`,
	"a number loses its fraction": `return 3.99`,
	"a negative number too":       `return -3.99`,
	"a big number":                `return 9007199254740992`,
	"a string":                    `return 'text'`,
	"a string of any bytes":       `return 'a\0b\r\n'`,
	"a number as text":            `return tostring(0.1)`,
	"arguments are text":          `return {type(ARGV[1]), ARGV[1] + 1, ARGV[2] * 2, ARGV[3] .. KEYS[2], #KEYS, #ARGV}`,
	"a table ends at nil":         `return {1, nil, 3}`,
	"a table within a table":      `return {1, {2, {3, 'x'}}, {}}`,
	"a map is an empty array":     `return {a = 1}`,
	"false within a table":        `return {false, true, 1}`,
	"a status":                    `return redis.status_reply('FINE')`,
	"a status by hand":            `return {ok = 'FINE'}`,
	"an error":                    `return redis.error_reply('ERR wrong')`,
	"an error of one word":        `return redis.error_reply('wrong')`,
	"an error by hand":            `return {err = 'MY wrong'}`,
	"GET of nothing":              `return redis.call('GET', KEYS[1])`,
	"GET of nothing is false":     `return redis.call('GET', KEYS[1]) == false`,
	"SET is a status":             `return redis.call('SET', KEYS[1], ARGV[1])`,
	"a status is a table":         `return redis.call('SET', KEYS[1], ARGV[1]).ok`,
	"SET and GET":                 `redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1])`,
	"numbers for arguments":       `redis.call('SET', KEYS[1], 42) return redis.call('INCRBY', KEYS[1], 8)`,
	"MGET with a gap":             `redis.call('SET', KEYS[2], 'x') return redis.call('MGET', KEYS[1], KEYS[2])`,
	"a list":                      `redis.call('RPUSH', KEYS[1], 1, 2, 3) return redis.call('LRANGE', KEYS[1], 0, -1)`,
	"TTL":                         `redis.call('SET', KEYS[1], 1, 'EX', 100) return redis.call('TTL', KEYS[1])`,
	"a key of its own making":     `redis.call('SET', 'c', 1) return redis.call('EXISTS', 'c')`,
	"call raises WRONGTYPE":       `redis.call('RPUSH', KEYS[1], 1) return redis.call('GET', KEYS[1])`,
	"pcall returns WRONGTYPE":     `redis.call('RPUSH', KEYS[1], 1) return redis.pcall('GET', KEYS[1])`,
	"pcall lets it go on":         `redis.call('RPUSH', KEYS[1], 1) local e = redis.pcall('GET', KEYS[1]) return e.err ~= nil`,
	"an unknown command":          `return redis.call('FROBNICATE', KEYS[1])`,
	"too few arguments":           `return redis.call('SET', KEYS[1])`,
	"call without arguments":      `return redis.call()`,
	"call with a table":           `return redis.call('SET', KEYS[1], {})`,
	"arithmetic on nil":           `return nil + 1`,
	"error":                       `error('thrown')`,
	"a syntax error":              `return return`,
	"a new global":                `leak = 1 return leak`,
	"an unknown global":           `return unknown`,
	"a script in a script":        `return redis.call('EVAL', 'return 1', 0)`,
	"string functions":            `return {string.format('%d%09d', 1767225600, 5), string.sub('123456', 1, -3), ('x'):rep(3)}`,
	"math functions":              `return {math.ceil(1.1), math.floor(-1.1), math.max(1, 2), tostring(math.huge)}`,
	"table functions":             `local t = {3, 1, 2} table.sort(t) return {table.concat(t, ','), unpack(t)}`,
	"a function and a loop":       `local function f(n) if n < 2 then return n end return f(n-1) + f(n-2) end return f(15)`,
	"what only miniredis has":     `return cjson.encode({1, 2})`,
	"sha1hex":                     `return redis.sha1hex('')`,
	"replicate_commands":          `redis.replicate_commands() return 1`,
	"a log level":                 `redis.log(redis.LOG_WARNING, 'x') return redis.LOG_WARNING`,
	"nothing is left of a run":    `local x = KEYS[1] KEYS[1] = 'other' return {x, KEYS[1]}`,
	"and nothing was left":        `return KEYS`,
}

// The shards' own way of running scripts answers as miniredis does.
func TestScriptsAnswerAsMiniredis(t *testing.T) {
	r := newRig(t, even(1, 0))
	plain := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr(), Protocol: 2, DisableIdentity: true})
	defer plain.Close()
	r.run(func(*clock.Proc) {
		for why, script := range scriptsUnderTest {
			for round := range 2 { // the second time by its digest
				want, have := answer(plain, script, round), answer(r.ring, script, round)
				if d := cmp.Diff(want, have); d != "" {
					t.Errorf("%s, round %d: %s\nminiredis − embedded: %s", why, round, script, d)
				}
			}
		}
	})
}

// answer is a script's reply and what it left behind. Of an error of Lua
// itself only the kind is compared.
func answer(c redis.UniversalClient, script string, round int) []string {
	ctx := context.Background()
	c.Del(ctx, "a")
	c.Del(ctx, "b")
	args := []any{7, 1.5, "x"}
	var v any
	var err error
	if round == 0 {
		v, err = c.Eval(ctx, script, []string{"a", "b"}, args...).Result()
	} else {
		v, err = redis.NewScript(script).Run(ctx, c, []string{"a", "b"}, args...).Result()
	}
	text := ""
	if err != nil {
		text = err.Error()
		code, _, _ := strings.Cut(text, " ")
		switch {
		case strings.Contains(text, "WRONGTYPE"):
			text = "WRONGTYPE" // miniredis puts ERR before it where a script does not catch it, Redis 7 does not
		case code == "ERR" && !strings.HasPrefix(script, "return redis.error_reply"), !isCode(code) && !errors.Is(err, redis.Nil):
			text = "an error of Lua or of a command in it"
		}
	}
	return []string{fmt.Sprintf("%#v", v), text, fmt.Sprint(c.Type(ctx, "a").Val(), c.Get(ctx, "b").Val(), c.TTL(ctx, "a").Val())}
}

func isCode(word string) bool {
	return word != "" && strings.ToUpper(word) == word && !strings.Contains(word, ":")
}

// A script's digest is unknown until it is loaded, and again after FLUSH.
func TestScriptCache(t *testing.T) {
	r := newRig(t, even(1, 0))
	ctx := context.Background()
	script := redis.NewScript("return KEYS[1]")
	r.run(func(*clock.Proc) {
		known := func(want bool, when string) {
			t.Helper()
			err := script.EvalSha(ctx, r.ring, []string{"k"}).Err()
			if got := !redis.HasErrorPrefix(err, "NOSCRIPT"); got != want {
				t.Errorf("%s: known %v (%v), want %v", when, got, err, want)
			}
			if got := script.Exists(ctx, r.ring).Val(); got[0] != want {
				t.Errorf("%s: SCRIPT EXISTS %v, want %v", when, got, want)
			}
		}
		known(false, "at first")
		script.Load(ctx, r.ring)
		known(true, "loaded")
		r.ring.ScriptFlush(ctx)
		known(false, "flushed")
		script.Eval(ctx, r.ring, []string{"k"})
		known(true, "evaluated")
		_, err := r.ring.TxPipelined(ctx, func(tx redis.Pipeliner) error {
			if got := script.EvalSha(ctx, tx, []string{"k"}); got == nil {
				t.Error("no command")
			}
			return nil
		})
		if err != nil {
			t.Errorf("in a transaction: %v", err)
		}
	})
}
