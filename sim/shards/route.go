package shards

import "strings"

// A Ring picks the shard of a command by the argument that go-redis takes
// for its first key, which is not always one: DBSIZE has none and is sent to
// the shard of the empty key. go-redis does not export that choice; this is
// a copy of cmdFirstKeyPosWithInfo (command.go, v9.23) and of the key
// positions that its typed commands set. A test compares it with a real Ring.

// noKey are the commands that go-redis knows to have no key.
var noKey = wordSet(`acl asking auth bgrewriteaof bgsave client cluster config debug discard echo exec failover function
	hello hotkeys latency lolwut module monitor multi pfselftest ping psubscribe psync publish pubsub punsubscribe quit
	readonly readwrite replconf replicaof role save script select shutdown slaveof slowlog subscribe swapdb sync time
	unsubscribe unwatch wait`)

// firstKeys are the positions other than 1.
var firstKeys = map[string]int{
	"bitop": 2, "msetex": 2, "lmpop": 2, "zmpop": 2, "sintercard": 2, "zintercard": 2, "zunion": 2, "zinter": 2, "zdiff": 2,
	"sdiffcard": 2, "sunioncard": 2, "blmpop": 3, "bzmpop": 3, "zunionstore": 3, "zinterstore": 3,
}

// firstKeyAt returns the position of the argument that a Ring routes a
// command by, 0 where it takes any shard. It may lie beyond the arguments,
// which a Ring takes for an empty key.
func firstKeyAt(name string, n int, arg func(int) string) int {
	if noKey[name] {
		return 0
	}
	switch name {
	case "eval", "evalsha", "eval_ro", "evalsha_ro", "fcall", "fcall_ro":
		if n > 2 && arg(2) == "0" {
			return 0
		}
		return 3
	case "memory":
		if n > 1 && arg(1) == "usage" {
			return 2
		}
		return 1
	case "object", "xinfo", "xgroup":
		if n > 2 {
			return 2
		}
		return 0
	case "xread", "xreadgroup":
		return behindStreams(name, n, arg)
	}
	if at, ok := firstKeys[name]; ok {
		return at
	}
	return 1
}

func behindStreams(name string, n int, arg func(int) string) int {
	from := 1
	if name == "xreadgroup" {
		from = 4 // behind GROUP group consumer
	}
	for i := from; i < n-1; i++ {
		if strings.EqualFold(arg(i), "streams") {
			return i + 1
		}
	}
	return 0
}

// routingKey returns the key that a Ring routes a command by, false where it
// takes a shard at random. In a pipeline a Ring takes the name of a command
// without a key for its key, so that TIME always goes to the shard of "time".
func routingKey(name string, pipelined bool, n int, arg func(int) string) (string, bool) {
	at := firstKeyAt(name, n, arg)
	if at == 0 && !pipelined {
		return "", false
	}
	if at >= n {
		return "", !pipelined
	}
	key := arg(at)
	return key, key != "" || !pipelined
}

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}
