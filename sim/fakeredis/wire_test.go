package fakeredis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/sim/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// distances are shards at 2, 6 and 10 ms with 1 ms of service a command and
// 3 ms a script.
func distances() layout {
	l := even(0, 0)
	for _, rtt := range []time.Duration{2 * ms, 6 * ms, 10 * ms} {
		l.rtt = append(l.rtt, network.Constant(rtt))
	}
	l.service, l.scripts = network.Constant(ms), network.Constant(3*ms)
	return l
}

// A call returns when the last of its replies is back.
func TestReplyIsTheLastOfAllShards(t *testing.T) {
	for _, tt := range []struct {
		why    string
		shards []int // of each command
		want   time.Duration
	}{
		{"the near shard: 2 + 1", []int{0}, 3 * ms},
		{"the far shard: 10 + 1", []int{2}, 11 * ms},
		{"both at once: the far one", []int{0, 2}, 11 * ms},
		{"whatever the order", []int{2, 0, 1}, 11 * ms},
		{"three commands on one shard: 2 + 3", []int{0, 0, 0}, 5 * ms},
		{"the near shard is last when it has more to do: 2 + 6", []int{0, 1, 0, 0, 0, 0, 0}, 8 * ms},
	} {
		r := newRig(t, distances())
		r.run(func(p *clock.Proc) {
			trace := NewTrace(context.Background())
			_, err := r.ring.Pipelined(trace, func(pipe redis.Pipeliner) error {
				for i, s := range tt.shards {
					pipe.Set(trace, r.keyOn(s, fmt.Sprint("k", i)), i, 0)
				}
				return nil
			})
			if err != nil || p.Now() != int64(tt.want) || trace.RoundTrips != 1 || len(trace.Keys) != len(tt.shards) {
				t.Errorf("%s: took %v, want %v; %d round trips, want 1; %d keys; error %v",
					tt.why, time.Duration(p.Now()), tt.want, trace.RoundTrips, len(trace.Keys), err)
			}
		})
	}
}

// A script takes a script's time, and one that the shard does not know yet
// takes a second round trip.
func TestScriptsTakeTheirTime(t *testing.T) {
	r := newRig(t, distances())
	script := redis.NewScript("return redis.call('INCR', KEYS[1])")
	r.run(func(p *clock.Proc) {
		key := []string{r.keyOn(1, "k")}
		for i, want := range []time.Duration{2 * (6 + 3) * ms, (6 + 3) * ms} {
			start, trace := p.Now(), NewTrace(context.Background())
			n, err := script.Run(trace, r.ring, key).Int()
			if took := time.Duration(p.Now() - start); took != want || n != i+1 || err != nil {
				t.Errorf("call %d: took %v, want %v; returned %d, error %v", i, took, want, n, err)
			}
		}
	})
}

// Between one request's GET and its SET there is time for another's.
func TestRequestsInterleave(t *testing.T) {
	r := newRig(t, even(1, 4*ms))
	increment := func(p *clock.Proc) {
		n, err := r.ring.Get(context.Background(), "n").Int()
		if err != nil && !errors.Is(err, redis.Nil) {
			t.Error(err)
		}
		r.ring.Set(context.Background(), "n", n+1, 0)
	}
	r.at(0, increment)
	r.at(3*ms, increment) // its GET comes at 5, the other's SET at 6
	r.at(8*ms, increment) // alone
	r.at(20*ms, func(*clock.Proc) {
		if got := r.do("GET", "n"); got != "2" {
			t.Errorf("3 increments of which 2 overlap left %s, want 2", got)
		}
	})
	r.sched.Run()
}

// Commands are served in the order in which they arrive, one at a time,
// also when they arrive at one instant.
func TestQueueIsFirstInFirstOut(t *testing.T) {
	l := even(1, 2*ms)
	l.service = network.Constant(ms)
	r := newRig(t, l)
	type served struct {
		Name string
		Done time.Duration
	}
	var got []served
	request := func(name string, commands int) func(*clock.Proc) {
		return func(p *clock.Proc) {
			_, err := r.ring.Pipelined(context.Background(), func(pipe redis.Pipeliner) error {
				for range commands {
					pipe.Append(context.Background(), "log", name)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			got = append(got, served{name, time.Duration(p.Now())})
		}
	}
	r.at(0, request("a", 3)) // served from 1 to 4
	r.at(ms, request("b", 1))
	r.at(ms, request("c", 2))
	r.at(0, request("d", 1)) // scheduled after c, arrives before it
	r.at(20*ms, request("e", 1))
	r.at(30*ms, func(*clock.Proc) {
		if log := r.do("GET", "log"); log != "aaadbcce" {
			t.Errorf("executed in the order %s, want aaadbcce", log)
		}
	})
	r.sched.Run()
	want := []served{{"a", 5 * ms}, {"d", 6 * ms}, {"b", 7 * ms}, {"c", 9 * ms}, {"e", 23 * ms}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A command that takes no time keeps its place too.
func TestQueueKeepsPlacesOfCommandsWithoutServiceTime(t *testing.T) {
	l := even(1, 0)
	l.scripts = network.Constant(5 * ms)
	r := newRig(t, l)
	appendTo := func(name string) func(*clock.Proc) {
		return func(*clock.Proc) { r.ring.Append(context.Background(), "log", name) }
	}
	r.at(0, func(p *clock.Proc) { // arrives as the queue empties, by an event older than the second's
		p.SleepUntil(int64(5 * ms))
		appendTo("third")(p)
	})
	r.at(0, func(*clock.Proc) {
		r.ring.Eval(context.Background(), "return redis.call('APPEND', KEYS[1], 'first ')", []string{"log"})
	})
	r.at(ms, appendTo("second ")) // waits for the script
	r.at(9*ms, func(*clock.Proc) {
		if got := r.do("GET", "log"); got != "first second third" {
			t.Errorf("executed in the order %q", got)
		}
	})
	r.sched.Run()
}

func TestTransactions(t *testing.T) {
	r := newRig(t, distances())
	ctx := context.Background()
	r.run(func(p *clock.Proc) {
		near, far := r.keyOn(0, "near"), r.keyOn(2, "far")
		start, trace := p.Now(), NewTrace(ctx)
		var incr *redis.IntCmd
		var get, wrong *redis.StringCmd
		_, err := r.ring.TxPipelined(trace, func(tx redis.Pipeliner) error {
			tx.Set(trace, near, "5", 0)
			incr = tx.Incr(trace, near)
			tx.LPush(trace, far, "x")
			wrong = tx.Get(trace, far)
			get = tx.Get(trace, near)
			return nil
		})
		if !strings.HasPrefix(fmt.Sprint(err), "WRONGTYPE") || wrong.Err() != err {
			t.Errorf("error %v, of the command %v; want its WRONGTYPE", err, wrong.Err())
		}
		if incr.Val() != 6 || get.Val() != "6" {
			t.Errorf("INCR %d, GET %q, want 6 and 6", incr.Val(), get.Val())
		}
		if took := time.Duration(p.Now() - start); took != 12*ms || trace.RoundTrips != 1 {
			t.Errorf("took %v and %d round trips, want 12ms and 1", took, trace.RoundTrips)
		}
	})
}

func TestErrorsReachTheCaller(t *testing.T) {
	r := newRig(t, even(2, ms))
	ctx := context.Background()
	r.run(func(*clock.Proc) {
		r.do("LPUSH", "list", "x")
		err := r.ring.Get(ctx, "list").Err()
		var reply redis.Error
		if !errors.As(err, &reply) || err.Error() != "WRONGTYPE Operation against a key holding the wrong kind of value" {
			t.Errorf("GET of a list: %T %v", err, err)
		}
		if err := r.ring.Get(ctx, "missing").Err(); err != redis.Nil {
			t.Errorf("GET of nothing: %v, want redis.Nil itself", err)
		}
		if err := r.ring.EvalSha(ctx, "0123", []string{"k"}).Err(); !redis.HasErrorPrefix(err, "NOSCRIPT") {
			t.Errorf("EVALSHA of an unknown script: %v", err)
		}
		if err := r.ring.Do(ctx, "FROBNICATE", "k").Err(); !strings.Contains(fmt.Sprint(err), "unknown command") {
			t.Errorf("unknown command: %v", err)
		}
		cmds, err := r.ring.Pipelined(ctx, func(p redis.Pipeliner) error {
			p.Get(ctx, "missing")
			p.Get(ctx, "list")
			p.Set(ctx, "set", "1", 0)
			return nil
		})
		if err != redis.Nil || cmds[0].Err() != redis.Nil || !redis.HasErrorPrefix(cmds[1].Err(), "WRONGTYPE") || cmds[2].Err() != nil {
			t.Errorf("pipeline: %v: %v", err, cmds)
		}
		if got := r.do("BLPOP", "nothing", 0); !strings.Contains(got, "blpop waits") {
			t.Errorf("BLPOP: %s, expected to be told that it cannot wait", got)
		}
		if err := r.ring.XRead(ctx, &redis.XReadArgs{Streams: []string{"s", "0"}, Block: 0}).Err(); !strings.Contains(fmt.Sprint(err), "xread waits") {
			t.Errorf("XREAD BLOCK: %v, expected to be told that it cannot wait", err)
		}
	})
	for name, err := range map[string]error{
		"a command":  r.ring.Set(ctx, "k", "v", 0).Err(),
		"a pipeline": pipelineErr(r.ring.Pipelined(ctx, func(p redis.Pipeliner) error { p.Get(ctx, "k"); return nil })),
	} {
		if !strings.Contains(fmt.Sprint(err), "outside of a request") {
			t.Errorf("%s outside of a Proc: %v", name, err)
		}
	}
}

func pipelineErr(_ []redis.Cmder, err error) error { return err }

// A run that is interrupted ends its requests as they would have ended:
// wall time has no say in virtual time.
func TestCancelledContextDoesNotReachTheShard(t *testing.T) {
	r := newRig(t, even(2, ms))
	ctx, cancel := context.WithCancel(context.Background())
	r.run(func(*clock.Proc) {
		cancel()
		if err := r.ring.Set(NewTrace(ctx), "k", "v", 0).Err(); err != nil {
			t.Error(err)
		}
		if _, err := r.ring.Pipelined(ctx, func(p redis.Pipeliner) error { p.Get(ctx, "k"); return nil }); err != nil {
			t.Error(err)
		}
	})
}

// An embedded fleet opens no socket, neither a listener nor one to look up
// a name.
func TestNoSocketIsOpened(t *testing.T) {
	defer func(r *net.Resolver) { net.DefaultResolver = r }(net.DefaultResolver)
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(_ context.Context, network, address string) (net.Conn, error) {
		t.Errorf("a name is looked up at %s %s", network, address)
		return nil, errors.New("no name server here")
	}}
	before := sockets(t)
	r := newRig(t, even(4, ms))
	r.run(func(*clock.Proc) { r.do("SET", "k", "v"); r.do("EVAL", "return 1", 1, "k") })
	if d := cmp.Diff(before, sockets(t)); d != "" {
		t.Errorf("sockets of this process: %s", d)
	}
}

// sockets lists the sockets among this process' open files.
func sockets(t *testing.T) (open []string) {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("no /proc: %v", err)
	}
	for _, f := range files {
		if to, err := os.Readlink("/proc/self/fd/" + f.Name()); err == nil && strings.HasPrefix(to, "socket:") {
			open = append(open, to)
		}
	}
	return open
}

// What saves, waits in wall time or changes the server is refused with the
// reason, alone and in a pipeline, before any time passes or anything is sent.
func TestRefusesWhatIsOutsideTime(t *testing.T) {
	r := newRig(t, even(2, ms))
	r.run(func(p *clock.Proc) {
		for command, why := range map[string]string{
			"BGSAVE": "saves data in wall time", "SAVE": "saves data in wall time", "BGREWRITEAOF": "saves data in wall time",
			"DEBUG SLEEP 1": "changes the server, or lets it sleep in wall time", "REPLICAOF NO ONE": "is about replicas", "WAITAOF 0 0 0": "is about replicas",
			"MIGRATE host 1 k 0 5": "writes to another server", "SHUTDOWN NOSAVE": "ends a server that a fault of the scenario would end",
			"BLPOP k 1": "waits for other clients", "BRPOP k 1": "waits for other clients", "BZMPOP 1 1 z MIN": "waits for other clients", "BLMOVE a b LEFT LEFT 1": "waits for other clients",
			"XREAD BLOCK 5 STREAMS x $": "waits for other clients", "WAIT 1 5": "is about replicas", "CLIENT PAUSE 5": "holds up clients in wall time",
			"client reply off": "keeps a reply", "SUBSCRIBE c": "waits for other clients", "MONITOR": "waits for other clients",
		} {
			var words []any
			for _, w := range strings.Fields(command) {
				words = append(words, w)
			}
			single := r.ring.Do(t.Context(), words...).Err()
			cmds, _ := r.ring.Pipelined(t.Context(), func(pipe redis.Pipeliner) error {
				pipe.Do(t.Context(), words...)
				return pipe.Set(t.Context(), "written", "v", 0).Err()
			})
			for _, err := range []error{single, cmds[0].Err(), cmds[1].Err()} {
				if err == nil || !strings.Contains(err.Error(), why) {
					t.Errorf("%s: error %v, expected %q in it", command, err, why)
				}
			}
		}
		if p.Now() != 0 {
			t.Errorf("refusing took %v", time.Duration(p.Now()))
		}
		if r.ring.Exists(t.Context(), "written").Val() != 0 {
			t.Error("what stood behind a refused command was written")
		}
		if name, err := r.ring.Do(t.Context(), "CLIENT", "GETNAME").Result(); err != nil && err != redis.Nil {
			t.Errorf("CLIENT GETNAME: %v, error %v", name, err)
		}
	})
}
