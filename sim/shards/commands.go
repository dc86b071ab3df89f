package shards

import (
	"strconv"
	"strings"
)

// effect says what a command may do, as far as the harness must know.
type effect uint8

const (
	reads      effect = 0
	writes     effect = 1 << iota // may change a value
	setsTTL                       // may set, clear or change a deadline, or delete the key
	readsTTL                      // its result may depend on the time left
	keyless                       // its arguments hold no key
	scripted                      // runs a script
	everything = writes | setsTTL | readsTTL
)

// effects holds the commands whose effect is known to be less than
// everything. A command that is not here is taken to do everything to the
// key in its first argument, which is slower but never wrong.
var effects = map[string]effect{
	"get": reads, "mget": reads, "strlen": reads, "exists": reads, "type": reads, "getrange": reads,
	"hget": reads, "hgetall": reads, "hmget": reads, "hlen": reads, "llen": reads, "lrange": reads, "scard": reads,
	"zscore": reads, "zcard": reads, "zrange": reads, "zcount": reads, "xlen": reads, "xrange": reads,
	"ttl": readsTTL, "pttl": readsTTL, "expiretime": readsTTL, "pexpiretime": readsTTL,
	"incr": writes, "incrby": writes, "decr": writes, "decrby": writes, "incrbyfloat": writes, "append": writes,
	"hset": writes, "hincrby": writes, "rpush": writes, "lpush": writes, "sadd": writes, "zadd": writes, "xadd": writes,
	"set": writes | setsTTL | readsTTL, "setnx": writes | setsTTL, "setex": writes | setsTTL, "psetex": writes | setsTTL,
	"del": writes | setsTTL, "unlink": writes | setsTTL,
	"eval": everything | scripted, "evalsha": everything | scripted, "fcall": everything | scripted,
	"eval_ro": readsTTL | scripted, "evalsha_ro": readsTTL | scripted, "fcall_ro": readsTTL | scripted,
	"ping": keyless, "time": keyless, "script": keyless, "client": keyless, "hello": keyless, "auth": keyless,
	"select": keyless, "multi": keyless, "exec": keyless, "discard": keyless, "info": keyless, "dbsize": keyless,
	"command": keyless, "echo": keyless, "wait": keyless, "function": keyless, "flushall": keyless | everything, "flushdb": keyless | everything,
}

// manyKeys are the commands all of whose arguments are keys.
var manyKeys = map[string]bool{"mget": true, "del": true, "unlink": true, "exists": true, "touch": true}

// subcommanded are the commands whose first argument is a subcommand.
var subcommanded = map[string]bool{"object": true, "xgroup": true, "xinfo": true, "memory": true}

// effectOf returns the effect of a command by its lower-case name.
func effectOf(name string) effect {
	if e, ok := effects[name]; ok {
		return e
	}
	return everything
}

// keysOf calls yield for each key among the arguments; arg(i) is the i-th
// word of the command, of which there are n, the name included.
func keysOf(name string, e effect, n int, arg func(int) string, yield func(key string)) {
	switch {
	case e&keyless != 0 || n < 2:
	case e&scripted != 0:
		if n < 3 {
			return
		}
		count, err := strconv.Atoi(arg(2))
		if err != nil {
			return
		}
		for i := 3; i < n && i < 3+count; i++ {
			yield(arg(i))
		}
	case manyKeys[name]:
		for i := 1; i < n; i++ {
			yield(arg(i))
		}
	case subcommanded[name]:
		if n > 2 {
			yield(arg(2))
		}
	case name == "xread" || name == "xreadgroup":
		streamsOf(n, arg, yield)
	default:
		yield(arg(1))
	}
}

// streamsOf yields the keys of XREAD … STREAMS key… id….
func streamsOf(n int, arg func(int) string, yield func(key string)) {
	for i := 1; i < n; i++ {
		if lowerName(arg(i)) != "streams" {
			continue
		}
		for k := i + 1; k <= i+(n-1-i)/2; k++ {
			yield(arg(k))
		}
		return
	}
}

// lowerName avoids an allocation where the name is lower case already.
func lowerName(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			return strings.ToLower(s)
		}
	}
	return s
}
