package fakeredis

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/quotalab/quotalab/sim/clock"
)

// Commands at 0 on a key k, which then has a deadline, or none. It is there in
// the millisecond of its deadline, as in Redis, and gone behind it.
func TestDeadlineOfCommands(t *testing.T) {
	// Everything before the last command happens 4 s earlier, so that a
	// deadline that is not really left in place shows.
	const none = time.Duration(0)
	for _, tt := range []struct {
		why      string
		commands []string
		want     time.Duration // after the last command
	}{
		{"SET has none", []string{"SET k v"}, none},
		{"SET PX", []string{"SET k v PX 1500"}, 1500 * ms},
		{"SET EX", []string{"SET k v EX 7"}, 7 * time.Second},
		{"SET PXAT counts from the epoch of Unix", []string{"SET k v PXAT 1767225602345"}, 2345 * ms},
		{"SETEX", []string{"SETEX k 3 v"}, 3 * time.Second},
		{"PSETEX", []string{"PSETEX k 3 v"}, 3 * ms},
		{"EXPIRE", []string{"SET k v", "EXPIRE k 9"}, 9 * time.Second},
		{"PEXPIRE shortens", []string{"SET k v EX 100", "PEXPIRE k 1"}, ms},
		{"EXPIRE lengthens", []string{"SET k v EX 10", "EXPIRE k 10"}, 10 * time.Second},
		{"EXPIREAT", []string{"SET k v", "EXPIREAT k 1767225609"}, 5 * time.Second},
		{"EXPIRE NX leaves what there is", []string{"SET k v EX 10", "EXPIRE k 1 NX"}, 6 * time.Second},
		{"EXPIRE GT compares with what is left, and lengthens", []string{"SET k v EX 10", "EXPIRE k 7 GT"}, 7 * time.Second},
		{"EXPIRE GT compares with what is left, and does not", []string{"SET k v EX 10", "EXPIRE k 5 GT"}, 6 * time.Second},
		{"EXPIRE LT compares with what is left", []string{"SET k v EX 10", "EXPIRE k 7 LT"}, 6 * time.Second},
		{"PERSIST", []string{"SET k v EX 10", "PERSIST k"}, none},
		{"SET clears it", []string{"SET k v EX 10", "SET k w"}, none},
		{"SET KEEPTTL keeps it", []string{"SET k v EX 10", "SET k w KEEPTTL"}, 6 * time.Second},
		{"SET NX that loses keeps it", []string{"SET k v EX 10", "SET k w PX 1 NX"}, 6 * time.Second},
		{"SET XX that wins sets it", []string{"SET k v EX 10", "SET k w EX 8 XX"}, 8 * time.Second},
		{"SET that fails keeps it", []string{"SET k v EX 10", "SET k w EX 0"}, 6 * time.Second},
		{"SETNX that loses keeps it", []string{"SET k v EX 10", "SETNX k w"}, 6 * time.Second},
		{"SETEX that fails keeps it", []string{"SET k v EX 10", "SETEX k 0 w"}, 6 * time.Second},
		{"GETSET clears it", []string{"SET k v EX 10", "GETSET k w"}, none},
		{"MSET clears it, also of the second key", []string{"SET k v EX 10", "MSET j 1 k 2"}, none},
		{"GETEX sets it", []string{"SET k v", "GETEX k PX 30"}, 30 * ms},
		{"GETEX leaves it", []string{"SET k v EX 10", "GETEX k"}, 6 * time.Second},
		{"GET leaves it", []string{"SET k v EX 10", "GET k"}, 6 * time.Second},
		{"INCRBY keeps it", []string{"SET k 5 EX 10", "INCRBY k 3"}, 6 * time.Second},
		{"INCRBY and EXPIRE, as Boulder does", []string{"SET k 5 EX 10", "INCRBY k 3", "EXPIRE k 9"}, 9 * time.Second},
		{"APPEND keeps it", []string{"SET k v EX 10", "APPEND k w"}, 6 * time.Second},
		{"HINCRBY keeps it", []string{"HSET k f 1", "EXPIRE k 10", "HINCRBY k f 1"}, 6 * time.Second},
		{"TTL does not move it", []string{"SET k v EX 10", "TTL k", "PTTL k"}, 6 * time.Second},
		{"WRONGTYPE does not move it", []string{"SET k v EX 10", "LPUSH k x"}, 6 * time.Second},
		{"a command that nobody knows does not move it", []string{"SET k v EX 10", "FROBNICATE k"}, 6 * time.Second},
		{"DEL and INCR begin anew", []string{"SET k 1 EX 10", "DEL k", "INCR k"}, none},
		{"UNLINK of many", []string{"SET k 1 EX 10", "UNLINK x k", "INCR k"}, none},
		{"GETDEL", []string{"SET k 1 EX 10", "GETDEL k", "INCR k"}, none},
		{"RENAME brings it along", []string{"SET x v EX 10", "RENAME x k"}, 6 * time.Second},
		{"RENAME takes it away, from both", []string{"SET k v EX 10", "SET x v", "RENAME x k"}, none},
		{"COPY brings it along", []string{"SET x v EX 10", "COPY x k"}, 6 * time.Second},
		{"FLUSHALL", []string{"SET k 1 EX 10", "FLUSHALL", "INCR k"}, none},
		{"EVAL that sets one", []string{"EVAL redis.call('SET',KEYS[1],1,'PX','250') 1 k"}, 250 * ms},
		{"EVAL that sets none", []string{"SET k v EX 10", "EVAL redis.call('SET',KEYS[1],1) 1 k"}, none},
		{"EVAL that looks at it", []string{"SET k v EX 10", "EVAL return{redis.call('PTTL',KEYS[1])} 1 k"}, 6 * time.Second},
		{"EVAL that copies what is left", []string{"SET k v EX 10",
			"EVAL redis.call('SET',KEYS[1],1,'PX',redis.call('PTTL',KEYS[1])) 1 k"}, 6 * time.Second},
		{"EVAL that increments", []string{"SET k 1 EX 10", "EVAL return{redis.call('INCR',KEYS[1])} 1 k"}, 6 * time.Second},
		{"EVAL that fails after a SET", []string{"SET k v EX 10", "EVAL redis.call('SET',KEYS[1],1,'PX',40);redis.call('LPUSH',KEYS[1],1) 1 k"}, 40 * ms},
	} {
		r := newRig(t, even(1, 0))
		var before, at, ttl string
		r.run(func(p *clock.Proc) {
			for i, c := range tt.commands {
				if i == len(tt.commands)-1 && i > 0 {
					p.Sleep(4 * time.Second)
				}
				r.do(words(c)...)
			}
			ttl = r.do("PTTL", "k")
			if tt.want == none {
				p.Sleep(time.Hour)
				before, at = r.do("EXISTS", "k"), "0"
				return
			}
			p.Sleep(tt.want + ms - 1)
			before = r.do("EXISTS", "k")
			p.Sleep(1)
			at = r.do("EXISTS", "k")
		})
		wantTTL := "-1"
		if tt.want != none {
			wantTTL = fmt.Sprint(int64(tt.want / ms))
		}
		if before != "1" || at != "0" || ttl != wantTTL {
			t.Errorf("%s: %v: PTTL %s, want %s; exists at its end %s, want 1; behind it %s, want 0", tt.why, tt.commands, ttl, wantTTL, before, at)
		}
	}
}

func words(command string) []any {
	var args []any
	for _, w := range strings.Fields(command) {
		args = append(args, w)
	}
	return args
}

// What MULTI queues happens at EXEC, and its deadlines with it.
func TestDeadlinesOfTransactions(t *testing.T) {
	r := newRig(t, even(1, 0))
	ctx := context.Background()
	r.run(func(p *clock.Proc) {
		r.do("SET", "kept", "1", "PX", 9000)
		r.do("SET", "cleared", "1", "PX", 9000)
		p.Sleep(4 * time.Second)
		_, err := r.ring.TxPipelined(ctx, func(tx redis.Pipeliner) error {
			tx.Set(ctx, "new", "1", 3*time.Second)
			tx.Incr(ctx, "kept")
			tx.SetNX(ctx, "kept", "1", time.Second)
			tx.Set(ctx, "cleared", "1", 0)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		p.Sleep(3*time.Second + ms - 1)
		if got := r.do("EXISTS", "new", "kept", "cleared"); got != "3" {
			t.Errorf("%s of 3 keys exist at the first deadline", got)
		}
		p.Sleep(1)
		if got := r.do("EXISTS", "new"); got != "0" {
			t.Error("a key that a transaction set outlived its deadline")
		}
		p.Sleep(2 * time.Second)
		if got := r.do("EXISTS", "kept"); got != "0" {
			t.Error("a key that a transaction left alone outlived its deadline")
		}
		p.Sleep(time.Hour)
		if got := r.do("EXISTS", "cleared"); got != "1" {
			t.Error("a key whose deadline a transaction cleared is gone")
		}
	})
}

// The shard against a table of deadlines, under random commands.
func TestDeadlinesAgainstAModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t, even(rapid.IntRange(1, 3).Draw(rt, "shards"), 0))
		model := map[string]int64{} // deadline in milliseconds, −1 none
		keys := []string{"a", "b", "c"}
		r.run(func(p *clock.Proc) {
			for range rapid.IntRange(1, 60).Draw(rt, "steps") {
				for k, at := range model {
					if at >= 0 && at < p.Now()/int64(ms) {
						delete(model, k)
					}
				}
				k := rapid.SampledFrom(keys).Draw(rt, "key")
				d := rapid.Int64Range(1, 5).Draw(rt, "ms")
				deadline := p.Now()/int64(ms) + d
				at, exists := model[k]
				switch op := rapid.SampledFrom([]string{"set", "setpx", "nx", "keep", "expire", "persist", "incr", "del", "pttl", "sleep", "eval"}).Draw(rt, "op"); op {
				case "set":
					r.do("set", k, 1)
					model[k] = -1
				case "setpx":
					r.do("set", k, 1, "px", d)
					model[k] = deadline
				case "eval":
					r.do("eval", "return redis.call('set',KEYS[1],1,'px',ARGV[1])", 1, k, d)
					model[k] = deadline
				case "nx":
					r.do("set", k, 1, "px", d, "nx")
					if !exists {
						model[k] = deadline
					}
				case "keep":
					r.do("set", k, 1, "keepttl")
					if !exists {
						model[k] = -1
					}
				case "expire":
					r.do("pexpire", k, d)
					if exists {
						model[k] = deadline
					}
				case "persist":
					r.do("persist", k)
					if exists {
						model[k] = -1
					}
				case "incr":
					r.do("incr", k)
					if !exists {
						model[k] = -1
					}
				case "del":
					r.do("del", k)
					delete(model, k)
				case "pttl":
					want := "-2"
					if exists && at < 0 {
						want = "-1"
					} else if exists {
						want = fmt.Sprint(at - p.Now()/int64(ms))
					}
					if got := r.do("pttl", k); got != want {
						rt.Fatalf("PTTL %s is %s at %v, want %s", k, got, time.Duration(p.Now()), want)
					}
				case "sleep":
					p.Sleep(time.Duration(rapid.Int64Range(0, 3e6).Draw(rt, "ns")))
					if end := (at + 1) * int64(ms); exists && end > p.Now() && rapid.Bool().Draw(rt, "to the deadline") {
						p.SleepUntil(end - rapid.Int64Range(0, 1).Draw(rt, "before"))
					}
				}
			}
			for _, k := range keys {
				at, exists := model[k]
				if want := exists && (at < 0 || at >= p.Now()/int64(ms)); (r.do("exists", k) == "1") != want {
					rt.Fatalf("EXISTS %s at %v is not %v: deadline %d ms", k, time.Duration(p.Now()), want, at)
				}
			}
		})
	})
}
