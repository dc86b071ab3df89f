package fakeredis

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/fault"
	"github.com/quotalab/quotalab/sim/rediscmd"
)

// realRedis starts a redis-server for the time of the test.
func realRedis(t testing.TB) *redis.Client {
	t.Helper()
	path := testkit.Program(t, "redis-server", "redis-server")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	server := exec.Command(path, "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + port, Protocol: 2, DisableIdentity: true})
	t.Cleanup(func() {
		_ = client.Close()
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	for range 100 {
		if err = client.Ping(context.Background()).Err(); err == nil {
			return client
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("redis-server does not answer: ", err)
	return nil
}

// Redis 7.0's own table of commands is the reference.
func TestCommandsThatWrite(t *testing.T) {
	commands, err := realRedis(t).Command(context.Background()).Result()
	if err != nil {
		t.Fatal(err)
	}
	want, got := map[string]string{}, map[string]string{}
	for name, c := range commands {
		switch {
		case slices.Contains(c.Flags, "denyoom"):
			want[name] = "writes, refused at maxmemory"
		case slices.Contains(c.Flags, "write"):
			want[name] = "writes"
		}
	}
	for _, name := range rediscmd.Names(rediscmd.Grows) {
		got[name] = "writes, refused at maxmemory"
	}
	for _, name := range rediscmd.Names(rediscmd.Frees) {
		got[name] = "writes"
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(−redis-server +ours) %s", d)
	}
}

// scriptPlace is what Redis adds to the error of a script.
var scriptPlace = regexp.MustCompile(` script: [0-9a-f]{40}, on @user_script:\d+\.`)

// refusals is what a shard answers, command by command.
func refusals(c redis.Cmdable, key string) (got []string) {
	ctx := context.Background()
	say := func(cmd redis.Cmder) {
		text := fmt.Sprint(cmd.Args()[0], " ", cmd.Err())
		got = append(got, scriptPlace.ReplaceAllString(text, ""))
	}
	say(c.Get(ctx, key))
	say(c.Set(ctx, key, 1, 0))
	say(c.Expire(ctx, key, time.Hour))
	say(c.Del(ctx, key))
	say(c.Eval(ctx, "return redis.call('GET', KEYS[1])", []string{key}))
	say(c.Eval(ctx, "return redis.call('SET', KEYS[1], 1)", []string{key}))
	say(c.Eval(ctx, "redis.call('DEL', KEYS[1]) return redis.call('SET', KEYS[1], 1)", []string{key}))
	say(c.Eval(ctx, "return redis.pcall('SET', KEYS[1], 1)", []string{key}))
	say(c.Eval(ctx, "cjson.encode({}) return redis.pcall('SET', KEYS[1], 1)", []string{key}))
	say(c.EvalSha(ctx, "0123456789012345678901234567890123456789", []string{key}))
	for _, run := range []func(context.Context, func(redis.Pipeliner) error) ([]redis.Cmder, error){c.Pipelined, c.TxPipelined} {
		cmds, err := run(ctx, func(p redis.Pipeliner) error {
			p.Get(ctx, key)
			p.Incr(ctx, key)
			p.Get(ctx, key)
			return nil
		})
		for _, cmd := range cmds {
			say(cmd)
		}
		got = append(got, fmt.Sprint("all: ", err))
	}
	got = append(got, fmt.Sprint("the key: ", c.Get(ctx, key).Val()))
	return got
}

// A shard refuses what a redis-server refuses, in the same words.
func TestRefusalsAsARealShards(t *testing.T) {
	server := realRedis(t)
	ctx := context.Background()
	for _, tt := range []struct {
		kind  fault.Kind
		begin func() error
		end   func() error
	}{
		{fault.FlushScripts, func() error { return nil }, func() error { return nil }}, // no refusals at all
		{fault.OutOfMemory, func() error { return server.ConfigSet(ctx, "maxmemory", "1").Err() }, func() error { return server.ConfigSet(ctx, "maxmemory", "0").Err() }},
		{fault.ReadOnly, func() error { return server.ReplicaOf(ctx, "127.0.0.1", "1").Err() }, func() error { return server.ReplicaOf(ctx, "NO", "ONE").Err() }},
	} {
		r := newRig(t, faulty(1))
		var got []string
		r.run(func(*clock.Proc) {
			r.ring.Set(ctx, "k", 5, 0)
			if err := r.fleet.Begin(fault.Fault{Kind: tt.kind}); err != nil {
				t.Error(err)
			}
			got = refusals(r.ring, "k")
			if tt.kind == fault.FlushScripts {
				return
			}
			if err := r.fleet.End(fault.Fault{Kind: tt.kind}); err != nil {
				t.Error(err)
			}
			if v := r.do("APPEND", "k", "9"); v[0] == '(' {
				t.Errorf("%s: refused after its end: %s", tt.kind, v)
			}
		})
		server.Set(ctx, "k", 5, 0)
		if err := tt.begin(); err != nil {
			t.Fatal(err)
		}
		want := refusals(server, "k")
		if err := tt.end(); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (−redis-server +ours): %s", tt.kind, d)
		}
	}
}
