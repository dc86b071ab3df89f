package fakeredis

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/rediscmd"
)

// recorder notes which of a plain Ring's shards a command goes to, and lets
// none of them out.
type recorder struct {
	shard string
	got   *[]string
}

func (r recorder) DialHook(next redis.DialHook) redis.DialHook { return next }

func (r recorder) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(context.Context, redis.Cmder) error { *r.got = append(*r.got, r.shard); return nil }
}

func (r recorder) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(context.Context, []redis.Cmder) error { *r.got = append(*r.got, r.shard); return nil }
}

// plainRing is go-redis' own Ring to shards of the rig's names.
func plainRing(r *rig) (ring *redis.Ring, got *[]string) {
	got = new([]string)
	addrs := map[string]string{}
	for _, s := range r.fleet.Shards {
		addrs[s.Name] = s.Name
	}
	ring = redis.NewRing(&redis.RingOptions{
		Addrs: addrs, HeartbeatFrequency: time.Hour,
		NewClient: func(o *redis.Options) *redis.Client {
			o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
			c := redis.NewClient(o)
			c.AddHook(recorder{o.Addr, got})
			return c
		},
	})
	r.t.Cleanup(func() { _ = ring.Close() })
	return ring, got
}

// routed are commands with keys a, b and c of which a Ring chooses one, or
// something else, to route by.
var routed = map[string]func(ctx context.Context, c redis.Cmdable, a, b, d string){
	"GET":               func(ctx context.Context, c redis.Cmdable, a, _, _ string) { c.Get(ctx, a) },
	"SET":               func(ctx context.Context, c redis.Cmdable, a, b, _ string) { c.Set(ctx, a, b, time.Second) },
	"SETNX":             func(ctx context.Context, c redis.Cmdable, a, b, _ string) { c.SetNX(ctx, a, b, time.Second) },
	"a hash tag":        func(ctx context.Context, c redis.Cmdable, a, b, _ string) { c.Get(ctx, a+"{"+b+"}") },
	"an empty hash tag": func(ctx context.Context, c redis.Cmdable, a, b, _ string) { c.Get(ctx, a+"{}"+b) },
	"MGET":              func(ctx context.Context, c redis.Cmdable, a, b, d string) { c.MGet(ctx, b, a, d) },
	"DEL of many":       func(ctx context.Context, c redis.Cmdable, a, b, d string) { c.Del(ctx, d, a, b) },
	"MSET":              func(ctx context.Context, c redis.Cmdable, a, b, d string) { c.MSet(ctx, a, b, d, b) },
	"RENAME":            func(ctx context.Context, c redis.Cmdable, a, b, _ string) { c.Rename(ctx, a, b) },
	"EVAL":              func(ctx context.Context, c redis.Cmdable, a, b, d string) { c.Eval(ctx, "return 1", []string{b, a}, d) },
	"EVAL, raw":         func(ctx context.Context, c redis.Cmdable, a, b, d string) { raw(ctx, c, "EVAL", "return 1", "1", b, a) },
	"EVALSHA":           func(ctx context.Context, c redis.Cmdable, a, b, d string) { c.EvalSha(ctx, d, []string{a}, b) },
	"EVALSHA_RO":        func(ctx context.Context, c redis.Cmdable, a, b, d string) { c.EvalShaRO(ctx, d, []string{a, b}) },
	"FCALL":             func(ctx context.Context, c redis.Cmdable, a, b, d string) { c.FCall(ctx, d, []string{a}, b) },
	"OBJECT":            func(ctx context.Context, c redis.Cmdable, a, _, _ string) { c.ObjectEncoding(ctx, a) },
	"OBJECT, raw":       func(ctx context.Context, c redis.Cmdable, a, _, _ string) { raw(ctx, c, "Object", "FREQ", a) },
	"MEMORY USAGE":      func(ctx context.Context, c redis.Cmdable, a, _, _ string) { c.MemoryUsage(ctx, a) },
	"MEMORY of another": func(ctx context.Context, c redis.Cmdable, a, b, _ string) { raw(ctx, c, "memory", b, a) },
	"XREAD":             func(ctx context.Context, c redis.Cmdable, a, b, _ string) { c.XRead(ctx, xread(-1, a, b, "0", "0")) },
	"XREAD COUNT":       func(ctx context.Context, c redis.Cmdable, a, b, _ string) { c.XRead(ctx, xread(7, a, b, "0", "0")) },
	"XREAD, raw": func(ctx context.Context, c redis.Cmdable, a, b, _ string) {
		raw(ctx, c, "xread", "COUNT", 3, "STREAMS", a, 0)
	},
	"XREADGROUP": func(ctx context.Context, c redis.Cmdable, a, b, d string) { c.XReadGroup(ctx, xreadGroup(a, b, d)) },
	"XREADGROUP, a trap": func(ctx context.Context, c redis.Cmdable, a, _, _ string) {
		c.XReadGroup(ctx, xreadGroup(a, "streams", "streams"))
	},
	"XGROUP CREATE": func(ctx context.Context, c redis.Cmdable, a, b, _ string) { c.XGroupCreate(ctx, a, b, "0") },
	"XINFO STREAM":  func(ctx context.Context, c redis.Cmdable, a, _, _ string) { c.XInfoStream(ctx, a) },
	"BITOP":         func(ctx context.Context, c redis.Cmdable, a, b, d string) { c.BitOpAnd(ctx, a, b, d) },
	"ZUNION": func(ctx context.Context, c redis.Cmdable, a, b, _ string) {
		c.ZUnion(ctx, redis.ZStore{Keys: []string{a, b}})
	},
	"ZUNIONSTORE": func(ctx context.Context, c redis.Cmdable, a, b, d string) {
		c.ZUnionStore(ctx, d, &redis.ZStore{Keys: []string{a, b}})
	},
	"ZDIFFSTORE":          func(ctx context.Context, c redis.Cmdable, a, b, d string) { c.ZDiffStore(ctx, d, a, b) },
	"ZMPOP":               func(ctx context.Context, c redis.Cmdable, a, b, _ string) { c.ZMPop(ctx, "max", 1, a, b) },
	"LMPOP":               func(ctx context.Context, c redis.Cmdable, a, b, _ string) { c.LMPop(ctx, "left", 1, a, b) },
	"SINTERCARD":          func(ctx context.Context, c redis.Cmdable, a, b, _ string) { c.SInterCard(ctx, 0, a, b) },
	"SINTERSTORE":         func(ctx context.Context, c redis.Cmdable, a, b, d string) { c.SInterStore(ctx, d, a, b) },
	"EXPIRE":              func(ctx context.Context, c redis.Cmdable, a, _, _ string) { c.Expire(ctx, a, time.Second) },
	"a key of bytes":      func(ctx context.Context, c redis.Cmdable, a, _, _ string) { raw(ctx, c, "get", []byte(a)) },
	"a key of a pointer":  func(ctx context.Context, c redis.Cmdable, a, _, _ string) { raw(ctx, c, "get", &a) },
	"a key of a number":   func(ctx context.Context, c redis.Cmdable, a, _, _ string) { raw(ctx, c, "get", len(a)*1_000_003) },
	"DBSIZE, no argument": func(ctx context.Context, c redis.Cmdable, _, _, _ string) { c.DBSize(ctx) },
	"INFO of a section":   func(ctx context.Context, c redis.Cmdable, a, _, _ string) { c.Info(ctx, a) },
	"FLUSHALL":            func(ctx context.Context, c redis.Cmdable, _, _, _ string) { c.FlushAll(ctx) },
	"KEYS":                func(ctx context.Context, c redis.Cmdable, a, _, _ string) { c.Keys(ctx, a) },
	"an unknown command":  func(ctx context.Context, c redis.Cmdable, a, b, _ string) { raw(ctx, c, "frobnicate", b, a) },
}

func xread(count int64, streams ...string) *redis.XReadArgs {
	return &redis.XReadArgs{Streams: streams, Count: count, Block: -1}
}

func xreadGroup(key, group, consumer string) *redis.XReadGroupArgs {
	return &redis.XReadGroupArgs{Group: group, Consumer: consumer, Streams: []string{key, ">"}, Block: -1}
}

// raw sends a command that go-redis has no method for, or not this form.
func raw(ctx context.Context, c redis.Cmdable, args ...any) {
	_ = c.(interface {
		Process(context.Context, redis.Cmder) error
	}).Process(ctx, redis.NewCmd(ctx, args...))
}

// A Ring with the hook on it sends every command where a plain Ring sends
// it, singly and in a pipeline.
func TestRoutingIsTheRingsOwn(t *testing.T) {
	r := newRig(t, even(7, ms))
	plain, got := plainRing(r)
	for name, send := range routed {
		var want, have [2][]string
		r.run(func(*clock.Proc) {
			for i := range 30 {
				a, b, d := fmt.Sprint("a-", i), fmt.Sprint("b-", i), fmt.Sprint("d-", i)
				for form, c := range []redis.Cmdable{plain, r.ring} {
					*got = nil
					trace := NewTrace(context.Background())
					send(trace, c, a, b, d)
					pipe := c.Pipeline()
					send(trace, pipe, a, b, d)
					_, _ = pipe.Exec(trace)
					if form == 0 {
						want[0], want[1] = append(want[0], (*got)[0]), append(want[1], (*got)[1])
						continue
					}
					have[0], have[1] = append(have[0], trace.Touched[0].Shard), append(have[1], trace.Touched[len(trace.Touched)-1].Shard)
				}
			}
		})
		if name == "DBSIZE, no argument" || name == "FLUSHALL" {
			want[1], have[1] = nil, nil // in a pipeline any shard will do
		}
		if d := cmp.Diff(want, have); d != "" {
			t.Errorf("%s: plain Ring − embedded:\n%s", name, d)
		}
	}
}

// A single command without a key goes to any shard: from the client's own
// random stream, so that it is the same in each run.
func TestKeylessCommandsAreDeterministic(t *testing.T) {
	sequence := func(client string) (shards []string) {
		r := newRig(t, even(4, 0))
		ring := r.client(client)
		r.run(func(*clock.Proc) {
			for range 200 {
				trace := NewTrace(context.Background())
				ring.Time(trace)
				shards = append(shards, trace.Touched[0].Shard)
				if len(trace.Keys) > 0 || trace.Effect >= 0 {
					t.Fatalf("TIME touched keys %v", trace.Keys)
				}
			}
		})
		return shards
	}
	a, again, other := sequence("a"), sequence("a"), sequence("b")
	if d := cmp.Diff(a, again); d != "" {
		t.Errorf("two runs differ: %s", d)
	}
	if cmp.Equal(a, other) {
		t.Error("two clients with other streams go to the same shards")
	}
	count := map[string]int{}
	for _, s := range a {
		count[s]++
	}
	for s, n := range count {
		if n < 25 || n > 75 || len(count) != 4 { // mean 50, 4 standard deviations are 24
			t.Errorf("%d of 200 TIMEs went to %s of %d shards, expected about 50 of 4", n, s, len(count))
		}
	}
}

// In a pipeline a Ring routes TIME by its name.
func TestPipelinedTimeGoesToTheShardOfItsName(t *testing.T) {
	r := newRig(t, even(5, 0))
	plain, got := plainRing(r)
	r.run(func(*clock.Proc) {
		pipe := plain.Pipeline()
		pipe.Time(context.Background())
		_, _ = pipe.Exec(context.Background())
		for range 20 {
			trace := NewTrace(context.Background())
			pipe := r.ring.Pipeline()
			pipe.Time(trace)
			if _, err := pipe.Exec(trace); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff((*got)[0], trace.Touched[0].Shard); d != "" {
				t.Fatal(d)
			}
		}
	})
}

func TestKeysOf(t *testing.T) {
	for _, tt := range []struct {
		why  string
		cmd  []string
		want []string
	}{
		{"the usual", []string{"get", "k"}, []string{"k"}},
		{"every key", []string{"del", "a", "b", "c"}, []string{"a", "b", "c"}},
		{"every other argument", []string{"mset", "a", "1", "b", "2"}, []string{"a", "b"}},
		{"source and destination", []string{"rename", "a", "b"}, []string{"a", "b"}},
		{"as many as the script says", []string{"evalsha", "sha", "2", "a", "b", "arg"}, []string{"a", "b"}},
		{"a script says more than there are", []string{"eval", "src", "9", "a"}, []string{"a"}},
		{"a script says nonsense", []string{"eval", "src", "x", "a"}, nil},
		{"a script without keys", []string{"eval", "src", "0", "arg"}, nil},
		{"a script cut short", []string{"eval", "src"}, nil},
		{"where the result goes, and the operands", []string{"zunionstore", "d", "2", "a", "b", "weights", "1", "2"}, []string{"d", "a", "b"}},
		{"streams, not their ids", []string{"xread", "count", "2", "STREAMS", "a", "b", "0", "0"}, []string{"a", "b"}},
		{"behind the subcommand", []string{"object", "encoding", "k"}, []string{"k"}},
		{"a subcommand without a key", []string{"object", "help"}, nil},
		{"no key", []string{"time"}, nil},
		{"an argument that is no key", []string{"ping", "hello"}, nil},
		{"unknown: the first argument", []string{"frobnicate", "k", "v"}, []string{"k"}},
		{"unknown, no argument", []string{"frobnicate"}, nil},
	} {
		var got []string
		rediscmd.Of(tt.cmd[0]).Keys(len(tt.cmd), func(i int) string { return tt.cmd[i] }, func(at int) { got = append(got, tt.cmd[at]) })
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s: %v: %s", tt.why, tt.cmd, d)
		}
	}
}
