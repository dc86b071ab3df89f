package fakeredis

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
	waits                         // may wait for another client, or for good
	everything = writes | setsTTL | readsTTL
)

// effects holds the commands whose effect is known to be less than
// everything, or more. A command that is not here is taken to do everything
// to its keys, which is slower but never wrong.
var effects = map[string]effect{
	"get": reads, "mget": reads, "strlen": reads, "exists": reads, "type": reads, "getrange": reads,
	"hget": reads, "hgetall": reads, "hmget": reads, "hlen": reads, "llen": reads, "lrange": reads, "scard": reads,
	"zscore": reads, "zcard": reads, "zrange": reads, "zcount": reads, "xlen": reads, "xrange": reads,
	"ttl": readsTTL, "pttl": readsTTL, "expiretime": readsTTL, "pexpiretime": readsTTL,
	"incr": writes, "incrby": writes, "decr": writes, "decrby": writes, "incrbyfloat": writes, "append": writes,
	"hset": writes, "hincrby": writes, "rpush": writes, "lpush": writes, "sadd": writes, "zadd": writes, "xadd": writes,
	"set": everything, "setnx": everything, "setex": everything, "psetex": everything, // may leave the deadline as it was
	"del": writes | setsTTL, "unlink": writes | setsTTL,
	"eval": everything | scripted, "evalsha": everything | scripted, "fcall": everything | scripted,
	"eval_ro": readsTTL | scripted, "evalsha_ro": readsTTL | scripted, "fcall_ro": readsTTL | scripted,
	"ping": keyless, "time": keyless, "script": keyless, "client": keyless, "hello": keyless, "auth": keyless,
	"select": keyless, "multi": keyless, "exec": keyless, "discard": keyless, "info": keyless, "dbsize": keyless,
	"command": keyless, "echo": keyless, "wait": keyless, "function": keyless, "publish": keyless, "config": keyless,
	"keys": keyless, "scan": keyless, "randomkey": keyless, "unwatch": keyless, "memory": readsTTL, "object": readsTTL,
	"flushall": keyless | writes, "flushdb": keyless | writes,
	"blpop": waits, "brpop": waits, "brpoplpush": waits, "blmove": waits, "blmpop": waits,
	"bzpopmin": waits, "bzpopmax": waits, "bzmpop": waits,
	"subscribe": waits, "psubscribe": waits, "ssubscribe": waits, "monitor": waits,
}

// span says where a command's keys are: from the first argument to the last
// (counted from the end if negative), each step-th.
type span struct{ first, last, step int }

var oneKey = span{1, 1, 1}

// spans of the commands with other keys than their first argument.
var spans = map[string]span{
	"mget": {1, -1, 1}, "del": {1, -1, 1}, "unlink": {1, -1, 1}, "exists": {1, -1, 1}, "touch": {1, -1, 1}, "watch": {1, -1, 1},
	"mset": {1, -1, 2}, "msetnx": {1, -1, 2}, "rename": {1, 2, 1}, "renamenx": {1, 2, 1}, "copy": {1, 2, 1},
	"rpoplpush": {1, 2, 1}, "lmove": {1, 2, 1}, "smove": {1, 2, 1}, "geosearchstore": {1, 2, 1}, "zrangestore": {1, 2, 1},
	"sinter": {1, -1, 1}, "sunion": {1, -1, 1}, "sdiff": {1, -1, 1}, "pfcount": {1, -1, 1}, "pfmerge": {1, -1, 1}, "lcs": {1, 2, 1},
	"sinterstore": {1, -1, 1}, "sunionstore": {1, -1, 1}, "sdiffstore": {1, -1, 1}, "bitop": {2, -1, 1},
	"object": {2, 2, 1}, "xgroup": {2, 2, 1}, "xinfo": {2, 2, 1}, "memory": {2, 2, 1},
}

// counted are the commands that say how many keys follow, by the argument
// that says so. What stores its result names another key before it.
var counted = map[string]int{
	"eval": 2, "evalsha": 2, "fcall": 2, "eval_ro": 2, "evalsha_ro": 2, "fcall_ro": 2,
	"zunion": 1, "zinter": 1, "zdiff": 1, "zintercard": 1, "sintercard": 1, "lmpop": 1, "zmpop": 1,
	"zunionstore": 2, "zinterstore": 2, "zdiffstore": 2,
}

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
	keysAt(name, e, n, arg, func(at int) { yield(arg(at)) })
}

// keysAt calls yield for the position of each key.
func keysAt(name string, e effect, n int, arg func(int) string, yield func(at int)) {
	if e&keyless != 0 || n < 2 {
		return
	}
	if at, ok := counted[name]; ok {
		countedKeys(e, at, n, arg, yield)
		return
	}
	switch name {
	case "xread":
		streamsAt(1, n, arg, yield)
		return
	case "xreadgroup":
		streamsAt(4, n, arg, yield) // behind GROUP group consumer
		return
	}
	s, ok := spans[name]
	if !ok {
		s = oneKey
	}
	if s.last < 0 {
		s.last += n
	}
	for i := s.first; i < n && i <= s.last; i += s.step {
		yield(i)
	}
}

func countedKeys(e effect, at, n int, arg func(int) string, yield func(at int)) {
	if e&scripted == 0 && at == 2 {
		yield(1) // where the result is stored
	}
	if at >= n {
		return
	}
	count, err := strconv.Atoi(arg(at))
	if err != nil {
		return
	}
	for i := at + 1; i < n && i-at <= count; i++ {
		yield(i)
	}
}

// streamsAt yields the positions of the keys of XREAD … STREAMS key… id….
func streamsAt(from, n int, arg func(int) string, yield func(at int)) {
	for i := from; i < n; i++ {
		if lowerName(arg(i)) != "streams" {
			continue
		}
		for k := i + 1; k <= i+(n-1-i)/2; k++ {
			yield(k)
		}
		return
	}
}

// mayWait tells whether a command could wait for what another client does.
func mayWait(name string, e effect, n int, arg func(int) string) bool {
	if name != "xread" && name != "xreadgroup" {
		return e&waits != 0
	}
	for i := 1; i < n; i++ {
		switch lowerName(arg(i)) {
		case "block":
			return true
		case "streams":
			return false
		}
	}
	return false
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
