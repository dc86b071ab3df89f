package realredis

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/fakeredis"
	"github.com/quotalab/quotalab/sim/rediscmd"
)

func TestPrefix(t *testing.T) {
	tests := []struct {
		why, key, want string // "" cannot be had
	}{
		{"a plain key is hashed whole", "k", "p:{k}"},
		{"so is one with a brace that opens", "a{b", "p:{a{b}"},
		{"a hash tag stays one", "user:{7}:x", "p:user:{7}:x"},
		{"the first of two counts", "{a}{b}", "p:{a}{b}"},
		{"a key in braces is another than the one without", "{k}", "p:{k}}"},
		{"and than that one with a brace more", "{k}}", "p:{k}}}"},
		{"spaces and other alphabets", "a ключ", "p:{a ключ}"},
		{"an empty tag is none, and hides the braces put around", "a{}b", ""},
		{"a brace that shuts would end the tag", "a}b", ""},
		{"an empty key has nothing to hash", "", ""},
	}
	for _, tt := range tests {
		got, err := rediscmd.Prefix("p:").Of(tt.key)
		if got != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("%s: %q: got %q, %v, expected %q", tt.why, tt.key, got, err, tt.want)
		}
		if back := rediscmd.Prefix("p:").Without(got); err == nil && back != tt.key {
			t.Errorf("%s: %q: came back as %q", tt.why, tt.key, back)
		}
	}
	for _, p := range []rediscmd.Prefix{"", ":", "a{b:", "a}"} {
		if p.Check() == nil {
			t.Errorf("%q is taken for a prefix", string(p))
		}
	}
}

// keyNames are made of what matters to hashing.
func keyNames() *rapid.Generator[string] {
	return rapid.StringOfN(rapid.SampledFrom([]rune("{}ab:")), 0, 8, -1)
}

// No two keys become one, and what comes back is what was sent.
func TestPrefixIsOneToOne(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := rediscmd.Prefix("quotalab:")
		a, b := keyNames().Draw(rt, "a"), keyNames().Draw(rt, "b")
		underA, errA := p.Of(a)
		underB, errB := p.Of(b)
		if errA != nil || errB != nil {
			return
		}
		if (a == b) != (underA == underB) || p.Without(underA) != a {
			rt.Fatalf("%q → %q → %q, %q → %q", a, underA, p.Without(underA), b, underB)
		}
	})
}

// A key is on the shard that it has without the prefix, in virtual time and
// in a cluster.
func TestPrefixKeepsShards(t *testing.T) {
	names := []string{"north", "east", "south", "west"}
	fleet, err := fakeredis.NewFleet(clock.New(time.Unix(0, 0)), fakeredis.Spec{Names: names, Service: network.Constant(0), Scripts: network.Constant(0),
		Stream: func(string) *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }})
	if err != nil {
		t.Fatal(err)
	}
	defer fleet.Close()
	rtt := []network.Distribution{network.Constant(0), network.Constant(0), network.Constant(0), network.Constant(0)}
	virtual, err := fleet.Ring(fakeredis.ClientSpec{ShardNames: names, RTT: rtt, Stream: func(string) *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }})
	if err != nil {
		t.Fatal(err)
	}
	s := spawned(t, names...)
	real := made(t, fleetOn(t, s, "l"), connection(), nil).(*redis.Ring)
	byAddr := map[string]string{}
	for i, name := range names {
		byAddr[s.Hosts()[i]] = name
	}
	virtualName := map[string]string{}
	seen := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		key := rapid.OneOf(keyNames(), rapid.String()).Draw(rt, "key")
		under, err := rediscmd.Prefix(runPrefix + "l:").Of(key)
		if err != nil {
			return
		}
		was, err1 := virtual.GetShardClientForKey(key)
		is, err2 := real.GetShardClientForKey(under)
		if err1 != nil || err2 != nil {
			rt.Fatal(err1, err2)
		}
		name := byAddr[is.Options().Addr]
		if known, ok := virtualName[was.Options().Addr]; ok && known != name {
			rt.Fatalf("key %q is on %s, but another of its shard in virtual time on %s", key, name, known)
		}
		virtualName[was.Options().Addr] = name
		seen[name]++
	})
	if len(seen) != 4 || len(virtualName) != 4 {
		t.Errorf("keys on %v of four shards", seen)
	}
}

func TestPrefixKeepsSlots(t *testing.T) {
	needRedis(t)
	s, err := SpawnCluster(t.Context(), []string{"a", "b", "c"})
	open(t, s, err)
	for _, key := range []string{"k", "a{b", "user:{7}:x", "{a}{b}", "{k}", "{k}}", "a b", "}{x}", "192.0.2.1"} {
		under, err := rediscmd.Prefix(runPrefix + "l:").Of(key)
		if err != nil {
			t.Fatal(err)
		}
		slot := func(key string) int64 { return s.Admin(0).ClusterKeySlot(t.Context(), key).Val() }
		if slot(key) != slot(under) || slot(key) == 0 {
			t.Errorf("%q is in slot %d, %q in %d", key, slot(key), under, slot(under))
		}
	}
}

// Arguments are the caller's own again after a command, whatever type they
// have and whatever comes of it.
func TestArgumentsComeBack(t *testing.T) {
	s := spawned(t, "one")
	c := made(t, fleetOn(t, s, "l"), connection(), nil)
	name := "pointed"
	for _, args := range [][]any{
		{"SET", []byte("bytes"), 1}, {"get", &name}, {"incr", 42}, {"mset", "a", 1, "b", 2}, {"del", "a", "", "b"},
		{"eval", "return {KEYS[1], ARGV[1]}", 1, "key", "argument"}, {"hset", "a", "field"}, {"set", "}", 1},
		{"zunionstore", "to", 2, "x", "y"}, {"xread", "streams", "a", "0"}, {"sort", "a", "by", "b"},
	} {
		was := append([]any(nil), args...)
		cmd := redis.NewCmd(t.Context(), args...)
		_ = c.Process(t.Context(), cmd)
		_, _ = c.Pipelined(t.Context(), func(p redis.Pipeliner) error {
			p.Incr(t.Context(), "n")
			return p.Process(t.Context(), cmd)
		})
		if d := cmp.Diff(was, cmd.Args()); d != "" {
			t.Errorf("%v: − before + after:\n%s", was, d)
		}
	}
}

// Replies that name keys name them as the caller does.
func TestRepliesNameKeys(t *testing.T) {
	s := spawned(t, "one")
	c, ctx := made(t, fleetOn(t, s, "l"), connection(), nil), t.Context()
	if err := errors2(c.XAdd(ctx, &redis.XAddArgs{Stream: "stream", Values: []string{"a", "b"}}), c.RPush(ctx, "list{1}", "x", "y")); err != nil {
		t.Fatal(err)
	}
	if err := c.ZAdd(ctx, "set", redis.Z{Member: "m"}).Err(); err != nil {
		t.Fatal(err)
	}
	streams, err := c.XRead(ctx, &redis.XReadArgs{Streams: []string{"stream", "0"}, Block: -1}).Result()
	if err != nil || len(streams) != 1 || streams[0].Stream != "stream" {
		t.Errorf("XREAD: %+v, %v", streams, err)
	}
	if key, values, err := c.LMPop(ctx, "left", 1, "none{1}", "list{1}").Result(); err != nil || key != "list{1}" || len(values) != 1 {
		t.Errorf("LMPOP: %q, %q, %v", key, values, err)
	}
	if key, _, err := c.ZMPop(ctx, "min", 1, "none", "set").Result(); err != nil || key != "set" {
		t.Errorf("ZMPOP: %q, %v", key, err)
	}
	pipelined, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.XRead(ctx, &redis.XReadArgs{Streams: []string{"stream", "0"}, Block: -1})
		return nil
	})
	if err != nil || pipelined[0].(*redis.XStreamSliceCmd).Val()[0].Stream != "stream" {
		t.Errorf("XREAD in a pipeline: %v, %v", pipelined, err)
	}
}

func TestRefused(t *testing.T) {
	s := spawned(t, "one")
	c, ctx := made(t, fleetOn(t, s, "l"), connection(), nil), t.Context()
	before := surveyed(t, s)
	for _, line := range []string{
		"flushall", "FLUSHDB ASYNC", "keys *", "scan 0", "randomkey", "config set maxmemory 1", "config get *", "script flush", "script kill",
		"publish c m", "spublish c m", "select 3", "swapdb 0 1", "move k 3", "copy a b db 3", "copy a b DB 3 REPLACE", "sort k by w_*", "sort k get x_*", "SORT k STORE d", "sort_ro k by w",
		"sort k limit 0 1 get # get x", "eval return(1) 0", "evalsha abc 0", "fcall f 0", "eval return(1)", "debug sleep 0", "shutdown nosave", "replicaof no one",
		"migrate h 1 k 0 1", "object help", "memory doctor", "memory purge", "client kill id 1", "client pause 1", "client no-evict on", "cluster reset",
		"function flush", "function load x", "acl setuser x", "monitor", "subscribe c", "multi", "exec", "watch k", "blpop k 0", "wait_for_it k",
		"georadius k 1 1 1 m store d", "xread streams k 0", "lmpop 1 k left", "get", "latency reset", "failover", "slowlog reset", "module load x", "bgsave", "save", "restore-asking k 0 x", "xgroup help", "json.set k . 1",
	} {
		var args []any
		for _, w := range strings.Fields(line) {
			args = append(args, w)
		}
		single := redis.NewCmd(ctx, args...)
		if err := c.Process(ctx, single); !errors.Is(err, ErrRefused) || single.Err() == nil {
			t.Errorf("%s: %v", line, err)
		}
		cmds, err := c.Pipelined(ctx, func(p redis.Pipeliner) error {
			p.Set(ctx, "innocent", 1, 0)
			return p.Process(ctx, redis.NewCmd(ctx, args...))
		})
		if !errors.Is(err, ErrRefused) || !errors.Is(cmds[0].Err(), ErrRefused) {
			t.Errorf("%s in a pipeline: %v, and its neighbour %v", line, err, cmds[0].Err())
		}
	}
	if sent := agreed(t, s, before); sent != 0 {
		t.Errorf("%d commands sent", sent)
	}
	holdOnly(t, s, func(string) bool { return false })
}

// What goes past the Ring's hook is stopped at the shards.
func TestPastTheHook(t *testing.T) {
	s := spawned(t, "one", "two")
	ring := made(t, fleetOn(t, s, "l"), connection(), nil).(*redis.Ring)
	ctx := t.Context()
	before := surveyed(t, s)
	watch := ring.Watch(ctx, func(tx *redis.Tx) error {
		_, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error { p.Set(ctx, "k", 1, 0); return nil })
		return err
	}, "k")
	each := ring.ForEachShard(ctx, func(ctx context.Context, c *redis.Client) error { return c.FlushDB(ctx).Err() })
	shard, err := ring.GetShardClientForKey("k")
	if err != nil {
		t.Fatal(err)
	}
	_, piped := shard.Pipelined(ctx, func(p redis.Pipeliner) error { p.Del(ctx, "k"); return nil })
	for what, err := range map[string]error{
		"WATCH": watch, "each shard": each, "a shard's client": shard.Set(ctx, "k", 1, 0).Err(), "its pipeline": piped, "its SELECT": shard.Do(ctx, "select", 5).Err(),
	} {
		if !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if sent := agreed(t, s, before); sent != 0 {
		t.Errorf("%d commands sent", sent)
	}
	holdOnly(t, s, func(string) bool { return false })
}

// Harmless commands pass.
func TestHarmless(t *testing.T) {
	s := spawned(t, "one")
	c, ctx := made(t, fleetOn(t, s, "l"), connection(), nil), t.Context()
	for _, line := range []string{"ping", "PING hello", "time", "info server", "script load return(1)", "script exists abc", "client id", "client getname", "hello", "echo x", "dbsize", "command count", "wait 0 1", "memory usage k", "object encoding k", "sort k limit 0 1 desc", "copy a db", "set k 1", "type k"} {
		var args []any
		for _, w := range strings.Fields(line) {
			args = append(args, w)
		}
		if err := ignoreNil(c.Process(ctx, redis.NewCmd(ctx, args...))); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}
