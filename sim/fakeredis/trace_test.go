package fakeredis

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/rediscmd"
)

// nanoTAT reads a TAT stored as Unix nanoseconds.
func nanoTAT(value string) (time.Time, bool) {
	n, err := strconv.ParseInt(value, 10, 64)
	return time.Unix(0, n), err == nil
}

// The state of a key is what the request's first command on it found.
func TestKeyStates(t *testing.T) {
	in := func(d time.Duration) string { return fmt.Sprint(epoch.Add(d).UnixNano()) }
	for _, tt := range []struct {
		why      string
		before   string // SET k …, "" nothing
		commands []string
		tat      func(string) (time.Time, bool)
		want     record.KeyState
	}{
		{"no command", "", nil, nanoTAT, record.Unread},
		{"a command without a key", "", []string{"TIME"}, nanoTAT, record.Unread},
		{"nothing there", "", []string{"GET k"}, nanoTAT, record.NotFound},
		{"the first command counts", "", []string{"SET k 1", "GET k"}, nanoTAT, record.NotFound},
		{"a write finds it too", in(time.Hour), []string{"INCR k"}, nanoTAT, record.Found},
		{"a TAT to come", in(10*time.Millisecond + 1), []string{"GET k"}, nanoTAT, record.Found},
		{"a TAT right now is in the past", in(10 * time.Millisecond), []string{"GET k"}, nanoTAT, record.Stale},
		{"a TAT in the past", in(0), []string{"GET k"}, nanoTAT, record.Stale},
		{"no TAT", "x", []string{"GET k"}, nanoTAT, record.Found},
		{"nobody reads TATs", in(0), []string{"GET k"}, nil, record.Found},
		{"expired", in(0) + " PX 9", []string{"GET k"}, nanoTAT, record.NotFound},
		{"not yet expired", in(0) + " PX 11", []string{"GET k"}, nanoTAT, record.Stale},
		{"another type", "", []string{"LPUSH k x", "GET k"}, nanoTAT, record.NotFound},
		{"one found, one not", in(time.Hour), []string{"MGET k j"}, nanoTAT, record.Mixed},
		{"a stale one and a missing one", in(0), []string{"GET k", "GET j"}, nanoTAT, record.Mixed},
		{"both missing", "", []string{"MGET i j"}, nanoTAT, record.NotFound},
		{"a script's keys", in(0), []string{"EVAL return{redis.call('SET',KEYS[1],1)} 1 k"}, nanoTAT, record.Stale},
	} {
		l := even(3, 0)
		l.tat = tt.tat
		r := newRig(t, l)
		r.run(func(p *clock.Proc) {
			if tt.before != "" {
				r.do(words("SET k " + tt.before)...)
			}
			p.Sleep(10 * time.Millisecond)
			trace := NewTrace(context.Background())
			for _, c := range tt.commands {
				_ = r.ring.Do(trace, words(c)...).Err()
			}
			if got := trace.State(); got != tt.want {
				t.Errorf("%s: %q, then %v: %s, want %s (%+v)", tt.why, tt.before, tt.commands, got, tt.want, trace.Keys)
			}
		})
	}
}

type limitersOwn struct{}

// What a Trace holds of a request with two round trips to two shards.
func TestTraceOfARequest(t *testing.T) {
	r := newRig(t, distances())
	r.run(func(p *clock.Proc) {
		near, far := r.keyOn(0, "near"), r.keyOn(2, "far")
		trace := NewTrace(context.Background())
		trace.ReadClock(p.Now())
		other := context.WithValue(context.WithoutCancel(trace), limitersOwn{}, 1) // as limiters derive contexts
		_, _ = r.ring.Pipelined(other, func(pipe redis.Pipeliner) error {
			pipe.Get(other, far)
			pipe.Get(other, near)
			return nil
		})
		trace.ReadClock(p.Now()) // decides
		judged := p.Now()
		_, err := r.ring.Pipelined(other, func(pipe redis.Pipeliner) error {
			pipe.Set(other, near, 1, 0)
			pipe.Set(other, far, 1, 0)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		trace.ReadClock(p.Now()) // for telemetry
		want := &Trace{
			RoundTrips: 2, wrote: true, Judged: judged, Order: 4,
			Touched: []record.Touch{{Shard: "shard-1", Commands: 2}, {Shard: "shard-3", Commands: 2}},
			Keys:    []KeyTouch{{near, "shard-1", record.NotFound}, {far, "shard-3", record.NotFound}}, // as they were reached
			Effect:  int64(11*ms) + int64(5*ms),
			weight:  rediscmd.Writing,
		}
		if d := cmp.Diff(want, trace, cmp.AllowUnexported(Trace{}), cmpopts.IgnoreFields(Trace{}, "Context")); d != "" {
			t.Error(d)
		}
		if k, ok := trace.Key(far); !ok || k.Shard != "shard-3" {
			t.Errorf("Key(%s) = %v, %v", far, k, ok)
		}
		if k, ok := trace.Key("other"); ok {
			t.Errorf("a key that was not touched: %v", k)
		}
	})
}

// Two fleets with equal seeds do everything alike, also where a limiter
// builds its pipelines in another order.
func TestOrderWithinAPipelineDrawsTheSameDelays(t *testing.T) {
	took := func(keys ...string) time.Duration {
		l := even(0, 0)
		for range 4 {
			l.rtt = append(l.rtt, jitter{})
		}
		l.service = jitter{}
		r := newRig(t, l)
		r.run(func(*clock.Proc) {
			_, _ = r.ring.Pipelined(context.Background(), func(p redis.Pipeliner) error {
				for _, k := range keys {
					p.Get(context.Background(), k)
				}
				return nil
			})
		})
		return time.Duration(r.sched.Now())
	}
	if a, b := took("a", "b", "c", "d", "e", "f"), took("f", "c", "e", "b", "d", "a"); a != b || a == 0 {
		t.Errorf("took %v in one order, %v in another", a, b)
	}
}

// Each shard executes its part of a pipeline when that part arrives, not
// when the part before it has been served.
func TestFlightsDoNotWaitForOneAnother(t *testing.T) {
	l := even(0, 0)
	for _, rtt := range []time.Duration{10 * ms, 2 * ms, 6 * ms} {
		l.rtt = append(l.rtt, network.Constant(rtt))
	}
	l.service, l.scripts = network.Constant(0), network.Constant(0)
	r := newRig(t, l)
	far, near, middle := r.keyOn(0, "far"), r.keyOn(1, "near"), r.keyOn(2, "middle")
	r.at(0, func(p *clock.Proc) {
		_, err := r.ring.Pipelined(context.Background(), func(pipe redis.Pipeliner) error {
			for _, k := range []string{far, near, middle} {
				pipe.Set(context.Background(), k, 1, 0)
			}
			return nil
		})
		if err != nil || p.Now() != int64(10*ms) {
			t.Errorf("took %v, error %v", time.Duration(p.Now()), err)
		}
	})
	for key, at := range map[string]time.Duration{far: 5 * ms, near: ms, middle: 3 * ms} {
		for _, off := range []time.Duration{-1, 1} {
			r.sched.Call(int64(at+off), func() {
				s := r.fleet.Shards[map[string]int{far: 0, near: 1, middle: 2}[key]]
				if _, found := s.peek(key); found != (off > 0) {
					t.Errorf("%s at %v: found %v", key, at+off, found)
				}
			})
		}
	}
	r.sched.Run()
}

// A request takes effect by its deciding command: the last that writes more
// than a deadline, else the last that reads.
func TestDecidingCommand(t *testing.T) {
	for _, tt := range []struct {
		why      string
		pipeline bool
		commands []string
		want     int64 // position of the deciding command
	}{
		{"INCR decides, EXPIRE follows", false, []string{"INCR k", "EXPIRE k 10"}, 0},
		{"in a pipeline too", true, []string{"INCR k", "EXPIRE k 10"}, 0},
		{"a sliding log", true, []string{"ZREMRANGEBYSCORE z 0 5", "ZADD z 7 m", "ZCARD z", "PEXPIRE z 10"}, 1},
		{"reading back what was written", false, []string{"ZADD z 7 m", "ZREVRANGE z 0 -1"}, 0},
		{"nothing but a read", false, []string{"GET k"}, 0},
		{"the last of several reads", false, []string{"GET k", "TTL k"}, 1},
		{"a read, and a deadline put off", false, []string{"GET k", "EXPIRE k 10"}, 0},
		{"reading by GETEX", false, []string{"EXPIRE k 10", "GETEX k EX 10"}, 1},
		{"GET, then SET with a deadline", false, []string{"GET k", "SET k 1 EX 10"}, 1},
		{"the last of several writes", false, []string{"SET k 1 NX", "INCRBY k 5"}, 1},
		{"a script may write", false, []string{"INCR k", "EVAL return{redis.call('INCR',KEYS[1])} 1 k", "EXPIRE k 10"}, 1},
		{"a script that cannot be run decides nothing", false, []string{"GET k", "EVALSHA 0123456789012345678901234567890123456789 1 k"}, 0},
	} {
		r := newRig(t, even(1, 0))
		r.run(func(p *clock.Proc) {
			trace := NewTrace(context.Background())
			first := r.fleet.nextOrder(nil) + 1
			pipe := r.ring.Pipeline()
			for _, c := range tt.commands {
				if tt.pipeline {
					pipe.Do(trace, words(c)...)
				} else {
					_ = r.ring.Do(trace, words(c)...).Err()
				}
			}
			if _, err := pipe.Exec(trace); err != nil {
				t.Error(err)
			}
			if got := trace.Order - first; got != tt.want {
				t.Errorf("%s: %v: command %d decides, want %d", tt.why, tt.commands, got, tt.want)
			}
		})
	}
}
