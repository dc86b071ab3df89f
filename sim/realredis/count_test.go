package realredis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/scenarios"
)

func TestNotSent(t *testing.T) {
	tests := []struct {
		why  string
		err  error
		want bool
	}{
		{"an answer", nil, false},
		{"no connection was free", redis.ErrPoolTimeout, true},
		{"the client is closed", fmt.Errorf("shard: %w", redis.ErrClosed), true},
		{"the caller gave up while it waited for a connection", context.DeadlineExceeded, true},
		{"nobody listens", &net.OpError{Op: "dial", Err: errors.New("refused")}, true},
		{"the connection broke while it was read from", &net.OpError{Op: "read", Err: errors.New("reset")}, false},
		{"a nil reply", redis.Nil, false},
	}
	for _, tt := range tests {
		if got := notSent(tt.err); got != tt.want {
			t.Errorf("%s: %v", tt.why, got)
		}
	}
}

// rows are the commands of one server that are not as they should be.
func rows(facts []record.Server) map[string]record.CommandCount {
	byName := map[string]record.CommandCount{}
	for _, fact := range facts {
		for _, c := range fact.Commands {
			byName[c.Name] = c
		}
	}
	return byName
}

// The servers' counts are compared with all that makes commands count twice,
// not at all, or without a client.
func TestCountsCompared(t *testing.T) {
	s := spawned(t, "one")
	ctx := t.Context()
	tests := []struct {
		why   string
		do    func(f *Fleet, c redis.UniversalClient)
		rows  map[string]record.CommandCount
		wrong string // part of what Disagreements says
	}{
		{"connections and heartbeats speak for themselves", func(_ *Fleet, c redis.UniversalClient) {
			c.Ping(ctx)
			c.Get(ctx, "k")
		}, map[string]record.CommandCount{"get": {Sent: 1, Server: 1}}, ""},
		{"rejected commands count", func(_ *Fleet, c redis.UniversalClient) { c.Do(ctx, "get", "k", "too", "many") },
			map[string]record.CommandCount{"get": {Sent: 1, Server: 1}}, ""},
		{"what a server does not know it does not count", func(_ *Fleet, c redis.UniversalClient) { c.Do(ctx, "hexpire", "k", 1) }, nil, ""},
		{"subcommands count as their command", func(_ *Fleet, c redis.UniversalClient) {
			c.ScriptLoad(ctx, "return 1")
			c.ScriptExists(ctx, "x")
			c.XGroupCreateMkStream(ctx, "k", "g", "$")
		}, map[string]record.CommandCount{"script": {Sent: 2, Server: 2}, "xgroup": {Sent: 1, Server: 1}}, ""},
		{"a transaction's frame is sent", func(_ *Fleet, c redis.UniversalClient) {
			_, _ = c.TxPipelined(ctx, func(p redis.Pipeliner) error { p.Incr(ctx, "n"); p.Incr(ctx, "n"); return nil })
		}, map[string]record.CommandCount{"multi": {Sent: 1, Server: 1}, "exec": {Sent: 1, Server: 1}, "incr": {Sent: 2, Server: 2}}, ""},
		{"of one that is aborted nothing is executed", func(_ *Fleet, c redis.UniversalClient) {
			_, _ = c.TxPipelined(ctx, func(p redis.Pipeliner) error { p.Incr(ctx, "n"); p.Do(ctx, "set", "k"); return nil })
		}, map[string]record.CommandCount{"multi": {Sent: 1, Server: 1}, "exec": {Sent: 1, Server: 1}, "set": {Sent: 1, Server: 1}}, ""},
		{"of one with an error in it all is", func(_ *Fleet, c redis.UniversalClient) {
			c.Set(ctx, "text", "x", 0)
			_, _ = c.TxPipelined(ctx, func(p redis.Pipeliner) error { p.Incr(ctx, "text"); p.Incr(ctx, "n"); return nil })
		}, map[string]record.CommandCount{"multi": {Sent: 1, Server: 1}, "exec": {Sent: 1, Server: 1}, "set": {Sent: 1, Server: 1}, "incr": {Sent: 2, Server: 2}}, ""},
		{"a script that is told of", func(f *Fleet, c redis.UniversalClient) {
			c.Eval(ctx, "return redis.call('GET', KEYS[1])", []string{"k"})
			f.ScriptRan("one", []string{"get"})
		}, map[string]record.CommandCount{"eval": {Sent: 1, Server: 1}, "get": {Script: 1, Server: 1}}, ""},
		{"one that is not", func(_ *Fleet, c redis.UniversalClient) {
			c.Get(ctx, "k")
			c.Eval(ctx, "return redis.call('GET', KEYS[1])", []string{"k"})
		}, map[string]record.CommandCount{"eval": {Sent: 1, Server: 1}, "get": {Sent: 1, Script: -1, Server: 2}}, ""},
		{"one that the server does not have ran nothing", func(_ *Fleet, c redis.UniversalClient) {
			c.Get(ctx, "k")
			c.EvalSha(ctx, strings.Repeat("0", 40), []string{"k"})
		}, map[string]record.CommandCount{"evalsha": {Sent: 1, Server: 1}, "get": {Sent: 1, Server: 1}}, ""},
		{"told wrongly", func(f *Fleet, c redis.UniversalClient) {
			c.Eval(ctx, "return redis.call('GET', KEYS[1])", []string{"k"})
			f.ScriptRan("one", []string{"get", "set"})
		}, map[string]record.CommandCount{"eval": {Sent: 1, Server: 1}, "get": {Script: 1, Server: 1}, "set": {Script: 1}}, "set: clients sent 0 and scripts called 1, the server counted 0"},
		{"somebody else uses the server", func(_ *Fleet, c redis.UniversalClient) {
			c.Get(ctx, "k")
			s.Admin(0).LPush(ctx, "theirs", 1)
			s.Admin(0).Get(ctx, "theirs")
		}, map[string]record.CommandCount{"get": {Sent: 1, Server: 2}, "lpush": {Server: 1}}, "lpush: clients sent 0 and scripts called 0, the server counted 1"},
		{"what the harness sends too", func(_ *Fleet, c redis.UniversalClient) {
			c.Info(ctx)
			c.DBSize(ctx)
			c.Unlink(ctx, "k")
			c.MemoryUsage(ctx, "k")
		}, map[string]record.CommandCount{"info": {Sent: 1, Server: 1}, "dbsize": {Sent: 1, Server: 1}, "unlink": {Sent: 1, Server: 1}, "memory": {Sent: 1, Server: 1}}, ""},
	}
	for _, tt := range tests {
		f := fleetOn(t, s, "l")
		c := made(t, f, connection(), nil)
		before := surveyed(t, s)
		tt.do(f, c)
		facts := s.Facts(before, surveyed(t, s), s.Work([]*Fleet{f}))
		want := map[string]record.CommandCount{}
		for name, row := range tt.rows {
			row.Name = name
			want[name] = row
		}
		if d := cmp.Diff(want, rows(facts)); d != "" {
			t.Errorf("%s: − expected + found:\n%s", tt.why, d)
		}
		wrong := strings.Join(facts[0].Disagreements(), "; ")
		if (wrong == "") != (tt.wrong == "") || !strings.Contains(wrong, tt.wrong) {
			t.Errorf("%s: expected %q in %q", tt.why, tt.wrong, wrong)
		}
		if err := errors.Join(append(s.CleanUp(ctx, runPrefix), f.Close())...); err != nil {
			t.Fatal(err)
		}
		s.Admin(0).Del(ctx, "theirs")
	}
}

// A server whose counts began anew, or that is gone, is not compared.
func TestCountsThatCannotBeCompared(t *testing.T) {
	s := spawned(t, "one", "two", "three")
	ctx := t.Context()
	f := fleetOn(t, s, "l")
	made(t, f, connection(), nil)
	before := surveyed(t, s)
	if err := s.Admin(0).ConfigResetStat(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.own[1].kill(), s.own[1].restart(ctx), s.own[2].kill()); err != nil {
		t.Fatal(err)
	}
	after, err := s.Survey(ctx)
	if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "shard three") || strings.Contains(err.Error(), "shard two") {
		t.Errorf("the error of the survey: %v", err)
	}
	facts := s.Facts(before, after, s.Work([]*Fleet{f}))
	for i, want := range []string{"began to count anew", "began to count anew", "could not be asked"} {
		if got := strings.Join(facts[i].Disagreements(), "; "); !strings.Contains(got, want) {
			t.Errorf("shard %s: expected %q in %q", facts[i].Shard, want, got)
		}
	}
	if !facts[0].Restarted || !facts[1].Restarted || facts[2].Restarted || facts[2].Unreachable == "" || facts[2].KeysAfter != -1 || facts[2].MemoryAfter != -1 || facts[2].MemoryBefore <= 0 {
		t.Errorf("%+v", facts)
	}
	if err := s.own[2].restart(ctx); err != nil { // so that closing finds it
		t.Fatal(err)
	}
}

// Pools are open and greeted before the first request.
func TestWarmUp(t *testing.T) {
	s := spawned(t, "one", "two")
	ctx := t.Context()
	clients := func() int {
		return strings.Count(s.Admin(0).ClientList(ctx).Val(), "\n")
	}
	for _, tt := range []struct {
		why                string
		pool, idle         int
		pipelining         string
		opened, connection int
	}{
		{"as many as asked for", 20, 7, "none", 7, 7},
		{"as the pool has", 5, 0, "none", 5, 5},
		{"16 of a large one", 100, 0, "none", 16, 16},
		{"never more than the pool has", 3, 7, "none", 3, 3},
		{"and one for the batches of all", 20, 7, "auto", 8, 8},
	} {
		f := fleetOn(t, s, "l")
		conn := connection()
		conn.PoolSize, conn.MinIdle, conn.Pipelining, conn.Heartbeat = scenarios.Count(tt.pool), scenarios.Count(tt.idle), tt.pipelining, 3600e9
		c := made(t, f, conn, nil)
		before := clients()
		if err := f.WarmUp(ctx); err != nil {
			t.Fatal(err)
		}
		if got := clients() - before; got != tt.opened {
			t.Errorf("%s: %d connections opened, expected %d", tt.why, got, tt.opened)
		}
		for n := range 50 {
			if err := c.Incr(ctx, fmt.Sprint("k", n)).Err(); err != nil {
				t.Fatal(err)
			}
		}
		if got := clients() - before; got != tt.connection {
			t.Errorf("%s: %d connections after requests, expected %d", tt.why, got, tt.connection)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(5 * time.Second); clients() > before && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
	}
	if err := s.own[1].kill(); err != nil {
		t.Fatal(err)
	}
	f := fleetOn(t, s, "l")
	conn := connection()
	conn.DialerRetries = 1
	made(t, f, conn, nil)
	if err := f.WarmUp(ctx); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "shard two ("+s.Hosts()[1]) || strings.Contains(err.Error(), "shard one") {
		t.Errorf("a server that is gone: %v", err)
	}
	if err := s.own[1].restart(ctx); err != nil {
		t.Fatal(err)
	}
}

// TestWarmUpIsPatient: how long a reply may take in the run is not asked of a
// pool's greetings.
func TestWarmUpIsPatient(t *testing.T) {
	s := spawned(t, "one")
	f := fleetOn(t, s, "l")
	conn := connection()
	conn.ReadTimeout, conn.Heartbeat, conn.MaxRetries = 5e6, 3600e9, 0
	made(t, f, conn, nil)
	if err := s.own[0].stop(); err != nil {
		t.Fatal(err)
	}
	resumed := make(chan error, 1)
	time.AfterFunc(200*time.Millisecond, func() { resumed <- s.own[0].resume() })
	if err := f.WarmUp(t.Context()); err != nil {
		t.Errorf("of a server that takes 200 ms to answer: %v", err)
	}
	if err := <-resumed; err != nil {
		t.Error(err)
	}
}
