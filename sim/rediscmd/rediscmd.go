// Package rediscmd is one table of Redis commands: where their keys are, what
// they may do to them, where a Ring sends them, and which of them a run may
// send to live servers.
//
// What flows in: a command's name and arguments. What flows out: its keys and
// traits, for embedded and live shards alike. sim/ and cmd/certify import it.
package rediscmd

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Traits is what a command may do and how it is treated.
type Traits uint16

const (
	Writes        Traits = 1 << iota // may change a value
	SetsTTL                          // may set, clear or change a deadline, or delete the key
	ReadsTTL                         // its result may depend on the time left
	NoKey                            // its arguments hold no key
	Script                           // runs a script, which takes longer
	Waits                            // may wait for another client, or for good
	TellsState                       // its reply is all there is to know of its key's state
	Grows                            // Redis marks it as writing, and refuses it at maxmemory
	Frees                            // Redis marks it as writing, and executes it at maxmemory
	Sent                             // a run may send it to live servers: it touches only the keys that it names
	Harmless                         // a run may send it to live servers: it touches no key
	NoRoute                          // go-redis knows that it has no key
	OfConnections                    // connections, pools and heartbeats send it for themselves: it is not counted
	OfHarness                        // the harness and replicas send it for themselves: it counts only where clients sent it too
	Expires                          // writes nothing but deadlines
	Reads                            // writes nothing, whatever its other traits allow for
	anything      = Writes | SetsTTL | ReadsTTL
)

// Command is what is known of a command.
type Command struct {
	names string // in lower case, of all commands of the row
	Traits
	at          place
	route       int      // position of the argument by which a Ring routes it; 0: the first key's, or 1
	Subcommands []string // of a harmless one, those that are harmless; nil: all
	Beyond      []string // words behind its keys by which it reaches other keys
	Keyless     []string // subcommands without a key
	Why         string   // a run may not send it to live servers
}

// place is where the keys are: from the first argument to the last (counted
// from the end if negative), each step-th; behind the argument that says how
// many follow; or behind the word STREAMS, which is looked for from an
// argument on. The zero place is the first argument.
type place struct{ first, last, step, counted, streams int }

func keys(first, last, step int) place { return place{first: first, last: last, step: step} }
func counted(at int) place             { return place{counted: at} }
func streams(from int) place           { return place{streams: from} }

// table of commands. One that is not here is taken to do anything to its
// first argument, which is slower but never wrong, and is not sent to live
// servers. The commands that write are those that Redis 7.0 marks so; a test
// compares them with a redis-server.
var table = []Command{
	{names: "eval_ro evalsha_ro fcall_ro", Traits: ReadsTTL | Script | Sent, at: counted(2)},
	{names: "ttl pttl expiretime pexpiretime", Traits: ReadsTTL | Sent},
	{names: "object", Traits: ReadsTTL | Sent, at: keys(2, 2, 1), Keyless: []string{"help"}},
	{names: "memory", Traits: ReadsTTL | Sent | OfHarness, at: keys(2, 2, 1)},
	{names: "mget exists", Traits: Sent, at: keys(1, -1, 1)},
	{names: `strlen type getrange hget hgetall hmget hlen llen lrange scard zscore zcard zrange zcount xlen
		xrange`, Traits: Sent},
	{names: "get", Traits: Sent | TellsState},
	{names: "incr incrby decr decrby incrbyfloat append hset hincrby rpush lpush sadd zadd xadd", Traits: Writes | Grows | Sent},
	{names: "del", Traits: Writes | SetsTTL | Frees | Sent, at: keys(1, -1, 1)},
	{names: "unlink", Traits: Writes | SetsTTL | Frees | Sent | OfHarness, at: keys(1, -1, 1)},
	{names: "rename renamenx smove", Traits: anything | Frees | Sent, at: keys(1, 2, 1)},
	{names: "lmpop zmpop", Traits: anything | Frees | Sent, at: counted(1), route: 2},
	{names: "expire expireat persist pexpire pexpireat", Traits: anything | Expires | Frees | Sent},
	{names: "getex", Traits: anything | Expires | Reads | Frees | Sent},
	{names: `getdel hdel lpop lrem ltrim rpop spop srem xack
		xautoclaim xclaim xdel xtrim zpopmax zpopmin zrem zremrangebylex zremrangebyrank zremrangebyscore`, Traits: anything | Frees | Sent},
	{names: "xreadgroup", Traits: anything | Frees | Sent, at: streams(4)},
	{names: `set setnx setex psetex bitfield geoadd getset hincrbyfloat hmset hsetnx linsert lpushx lset pfadd
		restore rpushx setbit setrange xsetid zincrby`, Traits: anything | Grows | Sent},
	{names: "mset msetnx", Traits: anything | Grows | Sent, at: keys(1, -1, 2)},
	{names: "copy", Traits: anything | Grows | Sent, at: keys(1, 2, 1), Beyond: []string{"db"}},
	{names: "rpoplpush lmove geosearchstore zrangestore", Traits: anything | Grows | Sent, at: keys(1, 2, 1)},
	{names: "pfmerge sinterstore sunionstore sdiffstore", Traits: anything | Grows | Sent, at: keys(1, -1, 1)},
	{names: "bitop", Traits: anything | Grows | Sent, at: keys(2, -1, 1)},
	{names: "zunionstore zinterstore", Traits: anything | Grows | Sent, at: counted(2), route: 3},
	{names: "zdiffstore", Traits: anything | Grows | Sent, at: counted(2)},
	{names: "sort", Traits: anything | Grows | Sent, Beyond: []string{"by", "get", "store"}},
	{names: "eval evalsha fcall", Traits: anything | Script | Sent, at: counted(2)},
	{names: "touch sinter sunion sdiff pfcount", Traits: anything | Reads | Sent, at: keys(1, -1, 1)},
	{names: "lcs", Traits: anything | Reads | Sent, at: keys(1, 2, 1)},
	{names: "xgroup xinfo", Traits: anything | Sent, at: keys(2, 2, 1), Keyless: []string{"help"}},
	{names: "zunion zinter zdiff zintercard sintercard", Traits: anything | Reads | Sent, at: counted(1), route: 2},
	{names: `substr getbit bitcount bitpos bitfield_ro dump hexists hkeys hvals hstrlen hrandfield hscan
		hexpiretime hpexpiretime httl hpttl
		lindex lpos smembers sismember smismember srandmember sscan zmscore zlexcount zrangebyscore
		zrangebylex zrevrange zrevrangebyscore zrevrangebylex zrank zrevrank zrandmember zscan xrevrange
		xpending geopos geodist geohash geosearch georadius_ro georadiusbymember_ro`, Traits: anything | Reads | Sent},
	{names: "hexpire hpexpire hexpireat hpexpireat hpersist", Traits: anything | Expires | Sent},
	{names: "hgetex", Traits: anything | Expires | Reads | Sent},
	{names: "hgetdel hsetex", Traits: anything | Sent},
	{names: "sort_ro", Traits: anything | Reads | Sent, Beyond: []string{"by", "get"}},
	{names: "xread", Traits: anything | Reads | Sent, at: streams(1)},
	{names: "echo", Traits: NoKey | Harmless | NoRoute},
	{names: "ping hello auth", Traits: NoKey | Harmless | NoRoute | OfConnections},
	{names: "client", Traits: NoKey | Harmless | NoRoute | OfConnections, Subcommands: []string{"id", "info", "getname", "setname", "setinfo", "list"}},
	{names: "time wait", Traits: NoKey | Harmless | NoRoute | OfHarness},
	{names: "script", Traits: NoKey | Harmless | NoRoute | OfHarness, Subcommands: []string{"load", "exists"}, Why: "of its subcommands, only LOAD and EXISTS leave what is not the run's alone"},
	{names: "command", Traits: NoKey | Harmless | OfConnections},
	{names: "info dbsize", Traits: NoKey | Harmless | OfHarness},
	{names: "lastsave", Traits: anything | Harmless},
	{names: "role", Traits: anything | Harmless | NoRoute},
	{names: "asking readonly", Traits: anything | Harmless | NoRoute | OfConnections},
	{names: "cluster", Traits: anything | Harmless | NoRoute | OfConnections, Subcommands: []string{"slots", "shards", "nodes", "info", "myid", "keyslot"}},
	{names: "keys randomkey", Traits: NoKey, Why: "it looks at all keys"},
	{names: "multi exec", Traits: NoKey | NoRoute, Why: "TxPipeline sends it"},
	{names: "discard unwatch", Traits: NoKey | NoRoute},
	{names: "publish", Traits: NoKey | NoRoute, Why: "channels have no prefix"},
	{names: "select", Traits: NoKey | NoRoute | OfConnections, Why: "it changes the database of a connection that others use"},
	{names: "function", Traits: NoKey | NoRoute | OfHarness, Why: "functions are the server's, not the run's"},
	{names: "config", Traits: NoKey | NoRoute | OfHarness, Why: "it changes the server"},
	{names: "scan", Traits: NoKey | OfHarness, Why: "it looks at all keys"},
	{names: "flushall", Traits: NoKey | Writes | Frees, Why: "it deletes all keys of the server"},
	{names: "flushdb", Traits: NoKey | Writes | Frees, Why: "it deletes all keys of the database"},
	{names: "watch", Traits: anything, at: keys(1, -1, 1), Why: "the Ring's hook does not see it"},
	{names: "msetex sdiffcard sunioncard", Traits: anything, route: 2},
	{names: "spublish", Traits: anything, Why: "channels have no prefix"},
	{names: "migrate", Traits: anything | Frees},
	{names: "move", Traits: anything | Frees, Why: "it writes to another database"},
	{names: "swapdb", Traits: anything | Frees | NoRoute, Why: "it changes databases"},
	{names: "georadius georadiusbymember", Traits: anything | Grows, Why: "its keys are not known; GEOSEARCH does the same"},
	{names: "pfdebug restore-asking", Traits: anything | Grows},
	{names: `acl bgrewriteaof bgsave failover hotkeys latency lolwut module pfselftest pubsub punsubscribe quit
		readwrite slaveof slowlog sync unsubscribe`, Traits: anything | NoRoute},
	{names: "debug psync replconf replicaof save shutdown", Traits: anything | NoRoute | OfHarness},
	{names: "ssubscribe", Traits: Waits},
	{names: "blpop brpop bzpopmin bzpopmax", Traits: Waits | Frees},
	{names: "blmpop bzmpop", Traits: Waits | Frees, route: 3},
	{names: "brpoplpush blmove", Traits: Waits | Grows},
	{names: "subscribe psubscribe monitor", Traits: Waits | NoRoute},
}

var byName, other = index(), &Command{Traits: anything}

func index() map[string]*Command {
	all := map[string]*Command{}
	for i := range table {
		for _, name := range strings.Fields(table[i].names) {
			all[name] = &table[i]
		}
	}
	return all
}

// Of returns the command of a lower-case name.
func Of(name string) *Command {
	if c := byName[name]; c != nil {
		return c
	}
	return other
}

// Names returns the lower-case names of the commands with one of the traits.
func Names(t Traits) (names []string) {
	for name, c := range byName {
		if c.Has(t) {
			names = append(names, name)
		}
	}
	return names
}

// Has reports whether the command has one of the traits.
func (t Traits) Has(one Traits) bool { return t&one != 0 }

// Weight is what a command on a key says of when a request took effect.
type Weight uint8

// The weights: a deadline alone decides nothing, and a value that is read
// decides where nothing is written.
const (
	None Weight = iota
	Deadline
	Reading
	Writing
)

// Weight returns the command's.
func (c *Command) Weight() Weight {
	switch {
	case c.Has(Expires) && c.Has(Reads):
		return Reading
	case c.Has(Expires):
		return Deadline
	case c.Has(Writes) && !c.Has(Reads):
		return Writing
	}
	return Reading
}

// Keys calls yield for the position of each key among the n words of a
// command, its name included; arg(i) is the i-th.
func (c *Command) Keys(n int, arg func(int) string, yield func(at int)) {
	switch p := c.at; {
	case c.Has(NoKey) || n < 2:
	case p.counted > 0:
		if !c.Has(Script) && p.counted == 2 {
			yield(1) // where the result is stored
		}
		if p.counted >= n {
			return
		}
		count, err := strconv.Atoi(arg(p.counted))
		for i := p.counted + 1; err == nil && i < n && i-p.counted <= count; i++ {
			yield(i)
		}
	case p.streams > 0:
		// STREAMS key… id…
		if at := c.behindStreams(n, arg); at > 0 {
			for i := at; i < at+(n-at)/2; i++ {
				yield(i)
			}
		}
	case p.step == 0:
		yield(1)
	default:
		last := p.last
		if last < 0 {
			last += n
		}
		for i := p.first; i < n && i <= last; i += p.step {
			yield(i)
		}
	}
}

// behindStreams returns the position behind the word STREAMS, 0 where there
// is none.
func (c *Command) behindStreams(n int, arg func(int) string) int {
	for i := c.at.streams; i < n; i++ {
		if Lower(arg(i)) == "streams" {
			return i + 1
		}
	}
	return 0
}

// MayWait reports whether a command could wait for what another client does.
func (c *Command) MayWait(n int, arg func(int) string) bool {
	for i := 1; c.at.streams > 0 && i < n; i++ {
		switch Lower(arg(i)) {
		case "block":
			return true
		case "streams":
			return false
		}
	}
	return c.Has(Waits)
}

// Reaches returns the word among a command's arguments by which it reaches
// beyond the keys that it names, "" if there is none.
func (c *Command) Reaches(n int, arg func(int) string) string {
	for i := max(c.at.last, 1) + 1; i < n; i++ {
		for _, word := range c.Beyond {
			if Lower(arg(i)) == word {
				return word
			}
		}
	}
	return ""
}

// A Ring picks the shard of a command by the argument that go-redis takes
// for its first key, which is not always one: DBSIZE has none and is sent to
// the shard of the empty key. go-redis does not export that choice; this is
// a copy of cmdFirstKeyPosWithInfo (command.go, v9.23) and of the key
// positions that its typed commands set. A test compares it with a real Ring.

// routeAt returns the position of the argument that a Ring routes a command
// by, 0 where it takes any shard. It may lie beyond the arguments, which a
// Ring takes for an empty key.
func (c *Command) routeAt(name string, n int, arg func(int) string) int {
	switch {
	case c.Has(NoRoute), c.Has(Script) && n > 2 && arg(2) == "0":
		return 0
	case c.Has(Script):
		return 3
	case name == "memory" && (n < 2 || arg(1) != "usage"):
		return 1
	case c.at.streams > 0:
		if at := c.behindStreams(n, arg); at < n {
			return at
		}
		return 0
	case c.route > 0:
		return c.route
	case len(c.Keyless) > 0 && n < 3:
		return 0
	case c.at.step > 0:
		return c.at.first
	}
	return 1
}

// Routing returns the key that a Ring routes a command by, false where it
// takes a shard at random. In a pipeline a Ring takes the name of a command
// without a key for its key, so that TIME always goes to the shard of "time".
func (c *Command) Routing(name string, pipelined bool, n int, arg func(int) string) (string, bool) {
	at := c.routeAt(name, n, arg)
	if at == 0 && !pipelined {
		return "", false
	}
	if at >= n {
		return "", !pipelined
	}
	key := arg(at)
	return key, key != "" || !pipelined
}

// KeysAt calls yield for the position of each key among a command's
// arguments.
func KeysAt(cmd redis.Cmder, yield func(at int)) {
	args := cmd.Args()
	Of(cmd.Name()).Keys(len(args), func(i int) string { return Word(args[i]) }, yield)
}

// Word returns an argument as it goes over the wire, for keys and names.
func Word(arg any) string {
	switch a := arg.(type) {
	case string:
		return a
	case *string:
		if a == nil {
			return ""
		}
		return *a
	case []byte:
		return string(a)
	default:
		return fmt.Sprint(a)
	}
}

// Lower returns a name in lower case, without an allocation where it is so
// already.
func Lower(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			return strings.ToLower(s)
		}
	}
	return s
}

// Integer reads an integer as strictly as Redis: no sign but -, no leading zero,
// no space.
func Integer(s string) (int64, bool) {
	if s == "" || len(s) > 20 || s[0] == '+' || s[0] == '0' && len(s) > 1 || len(s) > 1 && s[0] == '-' && s[1] == '0' {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}
