package fakeredis

import (
	"strings"
	"testing"
)

// ownSequences are written by hand, each with its reason: a line is a command,
// +1.5 waits so many milliseconds, and #1 before a command names its client.
var ownSequences = []struct{ why, steps string }{
	{"TTL rounds to the nearest second, and up at a half", "SET k v PX 1500; TTL k; +1; TTL k; PTTL k; +499; TTL k; +500; TTL k; PTTL k"},
	{"a key lives in the millisecond of its deadline", "SET k v PX 2; +2; GET k; PTTL k; +0.9; EXISTS k; +0.1; EXISTS k; PTTL k"},
	{"milliseconds are whole, whenever they begin", "+0.7; SET k v PX 1; PTTL k; +0.4; PTTL k; +0.8; PTTL k; +0.2; GET k"},
	{"a deadline in the past deletes", "SET k v; EXPIREAT k 1; EXISTS k; SET k v; PEXPIRE k -1; EXISTS k; SET k v; EXPIRE k 0; GET k"},
	{"SET with a past instant leaves no key", "SET k v PXAT 1; GET k; SET k v EXAT 1; INCR k; TTL k"},
	{"the instant that is now is not past for SET, and is for EXPIRE", "SET k v PXAT 1767225600000; GET k; PEXPIREAT k 1767225600000; GET k"},
	{"GETEX reads before it deletes", "SET k v; GETEX k PXAT 1; GETEX k; SET k v; GETEX k EX 10; TTL k; GETEX k PERSIST; TTL k; GETEX k KEEPTTL"},
	{"times to live of centuries", "SET k v EX 9223372036854775; SET k v EX 9223372035; TTL k; EXPIRE k 9223372036854775807; PEXPIRE k 9223372036854775807; PEXPIRE k 9223370000000000; PTTL k"},
	{"no time to live", "SET k v EX 0; SET k v PX -1; SETEX k 0 v; PSETEX k -5 v; SET k v EX 1.5; SET k v EX +1; SET k v EX 01; EXISTS k"},
	{"options of SET that exclude each other", "SET k v KEEPTTL EX 10; SET k v EX 10 PX 10; SET k v NX XX; SET k v EX; SET k v EX 10 EX 20; TTL k; SET k v PERSIST"},
	{"SET NX GET answers with the old value", "SET k 1 NX GET; SET k 2 NX GET; GET k; SET k 3 XX GET PX 50; PTTL k; RPUSH l 1; SET l v GET; SET l v NX GET"},
	{"EXPIRE's conditions", "SET k v; EXPIRE k 10 XX; EXPIRE k 10 GT; EXPIRE k 10 LT; EXPIRE k 20 LT; EXPIRE k 5 GT; EXPIRE k 20 GT; EXPIRE k 3 NX; TTL k; EXPIRE k 1 NX XX; EXPIRE k 1 GT LT; EXPIRE k 1 XX GT; EXPIRE k 1 FOO"},
	{"what carries a deadline along", "SET a v PX 5000; RENAME a b; PTTL b; COPY b c; PTTL c; SET d v PX 9000; RENAME c d; PTTL d; MOVE d 1; SELECT 1; PTTL d; PERSIST d; TTL d"},
	{"what keeps it and what clears it", "SET k 1 PX 5000; INCR k; APPEND k 2; SETRANGE k 0 9; INCRBYFLOAT k 1; PTTL k; GETSET k v; PTTL k; SET k 1 PX 5000; MSET k 2; PTTL k"},
	{"a key that is emptied loses its deadline", "RPUSH l a; PEXPIRE l 9000; LPOP l; RPUSH l b; PTTL l; ZADD z 1 a; PEXPIRE z 9000; ZREMRANGEBYSCORE z 0 1; ZADD z 1 a; PTTL z"},
	{"every database has its deadlines", "SELECT 3; SET k v PX 10; SELECT 4; SET k v PX 20; +15; SELECT 3; GET k; SELECT 4; GET k; SWAPDB 3 4; SELECT 3; PTTL k; +20; GET k; FLUSHDB"},

	{"WATCH: reading a TTL is no change", "SET k v PX 5000; WATCH k; #1 TTL k; #1 PTTL k; #1 OBJECT ENCODING k; MULTI; GET k; EXEC"},
	{"WATCH: a losing SET NX is none", "SET k v; WATCH k; #1 SET k w NX; #1 SETNX k w; #1 MSETNX k 1 j 2; MULTI; GET k; EXEC"},
	{"WATCH: a ZADD, SADD and HSETNX without effect are none", "ZADD z 1 a; SADD t a; HSET h f v; WATCH z t h; #1 ZADD z 1 a; #1 ZADD z XX 2 b; #1 SADD t a; #1 HSETNX h f w; #1 ZREM z b; #1 HDEL h g; MULTI; PING; EXEC"},
	{"WATCH: an HSET of what is there is one", "HSET h f v; WATCH h; #1 HSET h f v; MULTI; PING; EXEC"},
	{"WATCH: INCRBY 0 and SET of the same are changes", "SET k 1; WATCH k; #1 INCRBY k 0; MULTI; PING; EXEC; WATCH k; #1 SET k 1; MULTI; PING; EXEC"},
	{"WATCH: EXPIRE is one, a refused one is none", "SET k v; WATCH k; #1 EXPIRE k 10; MULTI; PING; EXEC; WATCH k; #1 EXPIRE k 10 NX; MULTI; PING; EXEC; WATCH k; #1 PERSIST k; MULTI; PING; EXEC"},
	{"WATCH: FLUSHALL of a key, and of none", "SET k v; WATCH k; #1 FLUSHALL; MULTI; PING; EXEC; WATCH k; #1 FLUSHALL; MULTI; PING; EXEC"},
	{"WATCH: expiry is one, but not before WATCH", "SET k v PX 10; WATCH k; +20; MULTI; PING; EXEC; SET k v PX 10; +20; WATCH k; MULTI; PING; EXEC"},
	{"WATCH: SWAPDB of a key, in either database", "SET k v; WATCH k; #1 SWAPDB 0 1; MULTI; PING; EXEC; WATCH none; #1 SWAPDB 0 2; MULTI; PING; EXEC"},
	{"WATCH: RENAME, COPY and MOVE onto it", "WATCH k; #1 SET a v; #1 RENAME a k; MULTI; PING; EXEC; WATCH j; #1 COPY k j; MULTI; PING; EXEC; WATCH k; #1 MOVE k 1; MULTI; PING; EXEC"},
	{"WATCH: another database's key of that name", "WATCH k; #1 SELECT 1; #1 SET k v; MULTI; PING; EXEC"},
	{"WATCH: one's own change, UNWATCH and DISCARD", "WATCH k; SET k v; MULTI; PING; EXEC; WATCH k; #1 SET k 1; UNWATCH; MULTI; PING; EXEC; WATCH k; #1 SET k 2; MULTI; DISCARD; MULTI; PING; EXEC"},

	{"MULTI: an unknown command fails all", "MULTI; FROBNICATE k; SET k v; EXEC; GET k"},
	{"MULTI: too few words fail all", "MULTI; GET; SET k v; EXEC; GET k; MULTI; OBJECT FOO k; EXEC; MULTI; XGROUP CREATE x; EXEC"},
	{"MULTI: a bad argument fails its command alone", "MULTI; INCRBY k abc; ZADD z abc m; SET k v EX 0; SET k v FOO; EXPIRE k abc; SET j v; EXEC; GET j"},
	{"MULTI: a wrong type fails its command alone", "RPUSH l a; MULTI; GET l; INCR l; SET j v; EXEC; GET j"},
	{"MULTI: nested, WATCH inside, EXEC and DISCARD outside", "EXEC; DISCARD; MULTI; MULTI; WATCH k; SET k v; EXEC; GET k"},
	{"MULTI: SELECT takes effect at EXEC", "MULTI; SELECT 1; SET k v; EXEC; GET k; SELECT 0; GET k"},
	{"MULTI: what would block does not", "MULTI; BLPOP k 1; BRPOPLPUSH a b 1; BLMOVE a b LEFT RIGHT 1; BZPOPMIN z 1; BLMPOP 1 1 k LEFT; XREAD BLOCK 1 STREAMS x $; EXEC"},
	{"MULTI: scripts run at EXEC", "MULTI; EVAL return{redis.call('set',KEYS[1],'v','px',1000)} 1 k; PTTL k; EXEC; PTTL k"},

	{"integers are strict", "SET k +1; INCR k; SET k 01; INCR k; SET k -0; INCR k; SET k 9223372036854775807; INCR k; DECRBY k -1; DECRBY k -9223372036854775808; INCRBY k 1.0; INCRBY n 0x10"},
	{"long doubles", "INCRBYFLOAT f 0.1; INCRBYFLOAT f 0.2; INCRBYFLOAT f 1767225600.123456; INCRBYFLOAT g 1e20; INCRBYFLOAT g 0.5; INCRBYFLOAT h -0; INCRBYFLOAT i 3.0e3; INCRBYFLOAT i inf; INCRBYFLOAT i nan; SET j abc; INCRBYFLOAT j 1"},
	{"long doubles in hashes", "HINCRBYFLOAT h f 0.1; HINCRBYFLOAT h f 0.2; HSET h g abc; HINCRBYFLOAT h g 1; HINCRBYFLOAT new f inf; EXISTS new; HINCRBY h f 1; HINCRBY h n 9223372036854775807; HINCRBY h n 1"},
	{"scores have 17 digits", "ZADD z 0.1 a 1e17 b 123456789012345678 c 1e-5 d -0 e inf f 1767225600.123456 g; ZRANGE z 0 -1 WITHSCORES; ZINCRBY z 0.2 a; ZSCORE z a; ZMSCORE z a b none; ZSCAN z 0"},
	{"ZADD's conditions", "ZADD z NX 1 a; ZADD z NX 2 a; ZADD z XX 2 b; ZADD z GT CH 3 a 0 b; ZADD z LT CH 2 a; ZADD z GT INCR -1 a; ZADD z INCR 1 a 2 b; ZADD z NX GT 1 a; ZADD z XX NX 1 a; ZADD z GT LT 1 a; ZADD z nan a; ZADD z inf a; ZADD z INCR -inf a"},
	{"ends of ranges", "ZADD z 1 a 2 b 3 c; ZRANGEBYSCORE z (1 3; ZRANGEBYSCORE z (1 (3; ZRANGEBYSCORE z -inf +inf LIMIT 1 1; ZRANGEBYSCORE z 3 1; ZREVRANGEBYSCORE z 3 1; ZCOUNT z ( 3; ZRANGE z 1 2 BYSCORE; ZRANGE z 3 1 BYSCORE REV LIMIT 0 2; ZRANGE z 0 1 LIMIT 0 1; ZRANGE z [a (c BYLEX; ZREMRANGEBYSCORE z (1 2"},
	{"LIMIT of ranges of names", "ZADD z 0 a 0 b 0 c 0 d; ZRANGEBYLEX z - + LIMIT 1 2; ZREVRANGEBYLEX z + [b LIMIT 2 3; ZREVRANGEBYLEX z + - LIMIT 1 -1; ZRANGE z (d [a BYLEX REV LIMIT 0 2; ZRANGEBYLEX z - + LIMIT -1 2"},
	{"counts of zero and below", "ZADD z 1 a; ZPOPMIN z 0; ZPOPMIN z -1; RPUSH l a; LPOP l 0; LPOP none 0; LPOP none; LPOP l -1; SADD t a; SPOP t 0; SRANDMEMBER t 0; LMPOP 1 l LEFT COUNT 0; LMPOP 0 l LEFT; ZMPOP 1 none MIN; ZINTERCARD 1 z LIMIT -1"},
	{"bits", "SETBIT b 7 1; GET b; BITCOUNT b 0 -1 BIT; BITPOS b 1; BITPOS b 0 1; BITFIELD b GET u8 0 INCRBY u2 #1 5 OVERFLOW SAT SET i4 4 9; BITFIELD b OVERFLOW FAIL INCRBY u1 0 5; BITFIELD_RO b GET i8 0; BITOP NOT c b; GET c; SETBIT b -1 1; SETBIT b 4294967296 1"},
	{"wrong types have one reply", "SET k v; XLEN k; LLEN k; SCARD k; ZCARD k; HLEN k; XADD k * f v; GET k; RPUSH l a; GET l; PFADD l a; PFCOUNT k"},
	{"streams", "XADD x 0-0 f v; XADD x 5 f v; XADD x 5-0 f v; XADD x 5-* f v; XADD x 4 f v; XADD x * f; XADD x MAXLEN -1 * f v; XADD x MAXLEN 2 * f v; XLEN x; XADD none NOMKSTREAM * f v; XADD x LIMIT 5 * f v; XADD x MAXLEN 2 LIMIT 5 * f v; XRANGE x - +; XRANGE x (5 + COUNT 0; XTRIM x MAXLEN 0; XADD x 1-1 f v; XDEL x 1-1"},
	{"consumer groups", "XGROUP CREATE x g $; XGROUP CREATE x g $ MKSTREAM; XGROUP CREATE x g 0; XADD x 1-1 f v; XADD x 2-1 f v; XREADGROUP GROUP g c COUNT 1 STREAMS x >; XREADGROUP GROUP g c STREAMS x 0; XPENDING x g; XACK x g 1-1 9-9; XREADGROUP GROUP g d STREAMS x >; XDEL x 2-1; XREADGROUP GROUP g d STREAMS x 0; XPENDING x g - + 10; XREADGROUP GROUP none c STREAMS x >"},
	{"HyperLogLogs", "PFADD p a b c d e; PFADD p a; PFCOUNT p; PFADD p2 a z; PFCOUNT p p2; PFMERGE p3 p p2; PFCOUNT p3; TYPE p3; PFADD p4; EXISTS p4"},
	{"sets of integers are in order", "SADD t 10 9 -1; SMEMBERS t; SADD t a; SINTERCARD 1 t; OBJECT ENCODING t; SMOVE t u 9; SMEMBERS u"},
	{"both versions of the protocol", "HSET h f v; ZADD z 1.5 a; SADD t 1; HELLO 3; HGETALL h; ZSCORE z a; ZRANGE z 0 -1 WITHSCORES; ZPOPMIN z; SMEMBERS t; GET none; LPOP none 1; HRANDFIELD h 1 WITHVALUES; XADD x 1-1 f v; XREAD STREAMS x 0; HELLO 2; GET none; HELLO 4; HELLO abc"},
	{"commands in upper and lower case", "set k v ex 10 nx; GeT k; TTL k; eXpIrE k 5 lt; ttl k"},
	{"words too many and too few", "GET; GET a b; SET k; EXPIRE k; MSET a; MSET a 1 b; HSET h f; ZADD z 1; PING a b; ECHO; SELECT; SELECT abc; SELECT 16; OBJECT; CLIENT FOO; RENAME none k; COPY k k; MOVE k 0"},
}

func TestOwnSequencesAreRedis(t *testing.T) {
	p := newPair(t)
	defer p.close()
	for _, sequence := range ownSequences {
		var lines [][]string
		for line := range strings.SplitSeq(sequence.steps, ";") {
			lines = append(lines, strings.Fields(line))
		}
		p.check(sequence.why, readSteps(t, lines))
	}
}

// What would wait is refused, unless there is something to answer with.
func TestCommandsThatWouldWait(t *testing.T) {
	r := newRig(t, even(1, 0))
	c := newInlineConn(r.fleet.Shards[0].backend.(*embedded))
	for _, tt := range []struct{ command, want string }{
		{"BLPOP l 0", "-ERR quotalab: blpop would wait"}, {"XREAD BLOCK 5 STREAMS x $", "-ERR quotalab: xread would wait"},
		{"XREAD STREAMS x 0", "*-1"}, {"RPUSH l a", ":1"}, {"BLPOP l 0", "*2"}, {"LPOP l", "$-1"}, {"SUBSCRIBE c", "-ERR quotalab: the embedded shard does not have SUBSCRIBE"},
	} {
		c.replies.Reset()
		if _, err := c.Write(encode(strings.Fields(tt.command))); err != nil {
			t.Fatal(err)
		}
		if got := c.replies.String(); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: %q, expected %s", tt.command, got, tt.want)
		}
	}
}

// The differential test has to find what differs.
func TestDifferencesAreFound(t *testing.T) {
	p := newPair(t)
	defer p.close()
	for why, change := range map[string]func(){
		"a reply":       func() {},
		"a deadline":    func() { p.askEmbedded(1, [][]string{{"PEXPIRE", "k", "999999"}}) },
		"a value":       func() { p.askEmbedded(1, [][]string{{"SET", "k", "other"}}) },
		"one key more":  func() { p.askEmbedded(1, [][]string{{"SET", "more", "v"}}) },
		"one key fewer": func() { p.askEmbedded(1, [][]string{{"DEL", "k"}}) },
	} {
		if d := p.play([]step{{words: []string{"SET", "k", "v", "PX", "5000"}}}); d != nil {
			t.Fatalf("%s: differs before the change: %+v", why, d)
		}
		change()
		d := p.compareState(0)
		if why == "a reply" {
			d = p.compare(0, [][]string{{"LASTSAVE"}}) // which the embedded shard refuses
		}
		if d == nil {
			t.Errorf("%s differs, and nothing was found", why)
		}
	}
}
