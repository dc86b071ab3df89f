package realredis

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/sim/fakeredis"
)

// BenchmarkHooks is what the two hooks cost a command, without its way to the
// server.
func BenchmarkHooks(b *testing.B) {
	s := &Servers{names: []string{"a", "b"}, hosts: []string{"127.0.0.1:1", "127.0.0.1:2"}}
	f := fleetOn(b, s, "l")
	ring := made(b, f, connection(), nil).(*redis.Ring)
	h := &hook{prefix: f.prefix, tracer: tracer{shardOf: func(_ context.Context, key string) *member {
		n, err := ring.GetShardClientForKey(key)
		if err != nil {
			b.Fatal(err)
		}
		return f.memberOf(n)
	}}}
	n := f.hookOn(f.members[0])
	nowhere := func(context.Context, redis.Cmder) error { return nil }
	call := h.ProcessHook(n.ProcessHook(nowhere))
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		trace := fakeredis.NewTrace(ctx)
		if err := call(trace, redis.NewStringCmd(ctx, "get", "key")); err != nil {
			b.Fatal(err)
		}
	}
}
