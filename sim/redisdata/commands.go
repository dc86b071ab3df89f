package redisdata

import (
	"fmt"
	"strings"
)

// command is how a command is executed. Its words include its name; a
// negative arity is the least number of words.
type command struct {
	arity     int
	container bool // its second word names what it does
	run       func(s *Store, w []string)
}

// Check returns the error with which Redis refuses a command before it is
// executed or queued, "" where it does not: there is no such command, or it
// has too many or too few words. name is its name in lower case.
func Check(name string, words []string) string {
	arity, ok := arities[name]
	if !ok {
		return unknown(words)
	}
	if containers[name] && len(words) > 1 {
		sub := strings.ToLower(words[1])
		if arity, ok = arities[name+"|"+sub]; !ok {
			return fmt.Sprintf("ERR unknown subcommand '%.128s'. Try %s HELP.", words[1], strings.ToUpper(name))
		}
		name += "|" + sub
	}
	if arity > 0 && len(words) != arity || len(words) < -arity {
		return fmt.Sprintf("ERR wrong number of arguments for '%s' command", name)
	}
	return ""
}

// longestQuote is how much of an unknown command an error shows.
const longestQuote = 128

func unknown(words []string) string {
	var args strings.Builder
	for _, w := range words[1:] {
		if args.Len() >= longestQuote {
			break
		}
		fmt.Fprintf(&args, "'%s' ", w[:min(len(w), longestQuote-args.Len())])
	}
	return fmt.Sprintf("ERR unknown command '%s', with args beginning with: %s", words[0][:min(len(words[0]), longestQuote)], args.String())
}

// Execute executes a client's command and returns its reply, which is valid until the next command. name is its
// name in lower case.
func (s *Store) Execute(client *Client, name string, words []string) (reply []byte) {
	s.out, s.client = s.out[:0], client
	defer func() {
		switch p := recover().(type) {
		case nil:
		case failure:
			s.failure(string(p))
			reply = s.out
		default:
			panic(p)
		}
	}()
	c, ok := commands[name]
	if !ok || c.container || len(words) != c.arity && (c.arity > 0 || len(words) < -c.arity) {
		if text := Check(name, words); text != "" {
			s.fail(text)
		}
	}
	if ok {
		s.db = s.dbs[client.DB]
		c.run(s, words)
	} else {
		s.refuse(name)
	}
	return s.out
}

// refuse answers a command of Redis that is not here.
func (s *Store) refuse(what string) {
	s.fail(fmt.Sprintf("ERR quotalab: the embedded shard does not have %s; shards with engine: redis do", strings.ToUpper(what)))
}

var commands = index()

// index builds the table of commands.
func index() map[string]command {
	all := map[string]command{}
	for _, group := range []map[string]func(*Store, []string){
		generic, stringCommands, bitCommands, hashCommands, listCommands, setCommands, zsetCommands, zstoreCommands, streamCommands, groupCommands, countCommands, serverCommands,
	} {
		for names, run := range group {
			for _, name := range strings.Fields(names) {
				all[name] = command{arities[name], containers[name], run}
			}
		}
	}
	return all
}

// arities are those of all commands that Redis 7.0 has, also of those that are
// not executed here: a transaction takes them in. A command's subcommand stands
// behind a bar.
var arities, containers = func() (all map[string]int, containers map[string]bool) {
	all, containers = map[string]int{}, map[string]bool{}
	for arity, names := range map[int]string{
		-1: `bgsave command failover flushall flushdb hello info lolwut ping punsubscribe quit replconf shutdown sunsubscribe unsubscribe`,
		1:  `asking bgrewriteaof dbsize discard exec lastsave monitor multi pfselftest randomkey readonly readwrite reset role save sync time unwatch`,
		-2: `acl acl|cat acl|genpass acl|log auth bitcount bitfield bitfield_ro client client|list cluster cluster|failover cluster|reset command|docs command|info
			command|list config debug del exists function function|flush function|list geohash geopos getex hrandfield latency latency|histogram latency|reset
			lpop memory mget module object pfadd pfcount pfmerge psubscribe pubsub pubsub|channels pubsub|numsub pubsub|shardchannels pubsub|shardnumsub rpop scan
			script script|flush sdiff sinter slowlog slowlog|get sort sort_ro spop srandmember ssubscribe subscribe sunion touch unlink watch xgroup xinfo zpopmax
			zpopmin zrandmember`,
		2: `acl|help acl|list acl|load acl|save acl|users acl|whoami client|getname client|getredir client|help client|id client|info client|trackinginfo
			client|unpause cluster|bumpepoch cluster|flushslots cluster|help cluster|info cluster|links cluster|myid cluster|nodes cluster|saveconfig
			cluster|shards cluster|slots command|count command|help config|help config|resetstat config|rewrite decr dump echo expiretime function|dump
			function|help function|kill function|stats get getdel hgetall hkeys hlen hvals incr keys latency|doctor latency|help latency|latest llen memory|doctor
			memory|help memory|malloc-stats memory|purge memory|stats module|help module|list object|help persist pexpiretime pttl pubsub|help pubsub|numpat scard
			script|help script|kill select slowlog|help slowlog|len slowlog|reset smembers strlen ttl type xgroup|help xinfo|help xlen zcard`,
		-3: `acl|deluser acl|setuser bitpos blpop brpop bzpopmax bzpopmin client|kill client|pause client|tracking client|unblock cluster|addslots cluster|delslots
			config|get copy eval eval_ro evalsha evalsha_ro expire expireat fcall fcall_ro function|load function|restore hdel hmget hscan lcs lpos lpush lpushx
			memory|usage module|load module|loadex mset msetnx pexpire pexpireat psync rpush rpushx sadd script|exists sdiffstore set sintercard sinterstore
			smismember srem sscan sunionstore xdel xinfo|stream xpending xsetid zdiff zinter zintercard zmscore zrem zscan zunion`,
		3: `acl|getuser append client|caching client|no-evict client|reply client|setname cluster|count-failure-reports cluster|countkeysinslot cluster|forget
			cluster|keyslot cluster|replicas cluster|replicate cluster|set-config-epoch cluster|slaves decrby function|delete getbit getset hexists hget hstrlen
			incrby incrbyfloat latency|graph latency|history lindex module|unload move object|encoding object|freq object|idletime object|refcount pfdebug publish
			rename renamenx replicaof rpoplpush script|debug script|load setnx sismember slaveof spublish swapdb wait xinfo|groups zrank zrevrank zscore`,
		-4: `acl|dryrun bitop cluster|addslotsrange cluster|delslotsrange cluster|meet cluster|setslot command|getkeys command|getkeysandflags config|set geodist
			hmset hset lmpop restore restore-asking xack xrange xread xrevrange xtrim zadd zdiffstore zinterstore zmpop zrange zrangebylex zrangebyscore zrevrange
			zrevrangebylex zrevrangebyscore zunionstore`,
		4: `brpoplpush cluster|getkeysinslot getrange hincrby hincrbyfloat hsetnx lrange lrem lset ltrim psetex setbit setex setrange smove substr xgroup|destroy
			xinfo|consumers zcount zincrby zlexcount zremrangebylex zremrangebyrank zremrangebyscore`,
		-5: `blmpop bzmpop geoadd georadiusbymember georadiusbymember_ro xadd xgroup|create xgroup|setid zrangestore`,
		5:  `linsert lmove xgroup|createconsumer xgroup|delconsumer`,
		-6: `georadius georadius_ro migrate xautoclaim xclaim`,
		6:  `blmove`,
		-7: `geosearch xreadgroup`,
		-8: `geosearchstore`,
	} {
		for _, name := range strings.Fields(names) {
			all[name] = arity
			if container, _, ok := strings.Cut(name, "|"); ok {
				containers[container] = true
			}
		}
	}
	return all, containers
}()
