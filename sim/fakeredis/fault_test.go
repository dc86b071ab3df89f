package fakeredis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/fault"
	"github.com/quotalab/quotalab/sim/limiter"
)

// faulty is shards at 4 ms with 2 ms of service a command, and clients that
// wait 50 ms and look at their shards every 100 ms.
func faulty(shards int) layout {
	l := even(shards, 4*ms)
	l.service, l.scripts = network.Constant(2*ms), network.Constant(2*ms)
	l.faults = true
	l.connection = scenarios.Connection{ReadTimeout: scenarios.Duration(50 * ms), Heartbeat: scenarios.Duration(100 * ms)}
	return l
}

// fault plays a fault of shard 0 at the instants at and until.
func (r *rig) fault(at, until time.Duration, f fault.Fault) {
	f.At, f.Until = int64(at), int64(until)
	if until > at {
		r.sched.Call(f.Until, func() {
			if err := r.fleet.End(f); err != nil {
				r.t.Error(err)
			}
		})
	}
	r.sched.Call(f.At, func() {
		if err := r.fleet.Begin(f); err != nil {
			r.t.Error(err)
		}
	})
}

// seen is what a request sees of its INCR.
type seen struct {
	Took  time.Duration
	Reply int64
	Error string // kind
}

// increments sends INCR of a key of shard 0 at each instant and returns what
// each request saw, and the key's value at the end.
func (r *rig) increments(sent ...time.Duration) (got []seen, value string) {
	key := r.keyOn(0, "n")
	got = make([]seen, len(sent))
	for i, at := range sent {
		r.at(at, func(p *clock.Proc) {
			n, err := r.ring.Incr(context.Background(), key).Result()
			got[i] = seen{Took: time.Duration(p.Now()) - at, Reply: n}
			if err != nil {
				got[i].Reply, got[i].Error = 0, limiter.ErrorKind(err)
			}
		})
	}
	r.sched.Run()
	value, found := r.fleet.Shards[0].peek(key)
	if !found {
		value = "none"
	}
	return got, value
}

// Each fault as a request sees it that is sent at an instant, and what the
// shard has of it. Without a fault an INCR takes 2 ms there, 2 ms of service
// and 2 ms back.
func TestFaultsAsRequestsSeeThem(t *testing.T) {
	type at = []time.Duration
	narrow := 23_000.0 // bytes a second: the request of 23 bytes takes 1 ms, the reply of 4 the time
	reply := (4*ms + 22) / 23
	for _, tt := range []struct {
		why         string
		kind        fault.Kind
		from, until time.Duration
		sent        at
		want        []seen
		value       string
	}{
		{"nothing goes wrong", fault.FlushScripts, ms, 0, at{0, 10 * ms}, []seen{{6 * ms, 1, ""}, {6 * ms, 2, ""}}, "2"},
		{"restart: the count begins again, and what is queued runs", fault.Restart, 13 * ms, 0, at{0, 10 * ms, 11 * ms}, []seen{{6 * ms, 1, ""}, {6 * ms, 2, ""}, {7 * ms, 1, ""}}, "1"},
		{"down: arriving at a dead shard", fault.Down, 11 * ms, 20 * ms, at{10 * ms, 17*ms + 999*us}, []seen{{4 * ms, 0, "refused"}, {4 * ms, 0, "refused"}}, "none"},
		{"down: it comes back empty", fault.Down, 11 * ms, 20 * ms, at{0, 18 * ms}, []seen{{6 * ms, 1, ""}, {6 * ms, 1, ""}}, "1"},
		{"down: in service and in the queue when it dies", fault.Down, 13 * ms, 20 * ms, at{10 * ms, 10*ms + us}, []seen{{5 * ms, 0, "connection"}, {5*ms - us, 0, "connection"}}, "none"},
		{"down: its queue dies with it", fault.Down, 13 * ms, 14 * ms, at{10 * ms, 10 * ms, 10 * ms, 12 * ms}, []seen{{5 * ms, 0, "connection"}, {5 * ms, 0, "connection"}, {5 * ms, 0, "connection"}, {6 * ms, 1, ""}}, "1"},
		{"down: a reply on its way back gets through", fault.Down, 15 * ms, 20 * ms, at{10 * ms}, []seen{{6 * ms, 1, ""}}, "none"},
		{"frozen: served when it goes on", fault.Frozen, 11 * ms, 31 * ms, at{10 * ms, 15 * ms, 30 * ms}, []seen{{25 * ms, 1, ""}, {22 * ms, 2, ""}, {9 * ms, 3, ""}}, "3"},
		{"frozen: in service, which takes the rest of its time then", fault.Frozen, 13 * ms, 33 * ms, at{10 * ms}, []seen{{26 * ms, 1, ""}}, "1"},
		{"frozen: nobody waits that long, and it is executed all the same", fault.Frozen, 11 * ms, 100 * ms, at{10 * ms, 96 * ms}, []seen{{50 * ms, 0, "timeout"}, {10 * ms, 2, ""}}, "2"},
		{"frozen: the reply of what had been executed comes too late", fault.Frozen, 13 * ms, 100 * ms, at{10 * ms}, []seen{{50 * ms, 0, "timeout"}}, "1"},
		{"delay: half of it each way", fault.Delay, 10 * ms, 20 * ms, at{9 * ms, 10 * ms, 20 * ms}, []seen{{6 * ms, 1, ""}, {16 * ms, 2, ""}, {6 * ms, 3, ""}}, "3"},
		{"bandwidth: one after another, each way", fault.Bandwidth, 10 * ms, 40 * ms, at{10 * ms, 10 * ms}, []seen{{7*ms + reply, 1, ""}, {9*ms + reply, 2, ""}}, "2"},
		{"bandwidth: what is on the link gets through at its end", fault.Bandwidth, 10 * ms, 12*ms + 500*us, at{10 * ms, 10 * ms}, []seen{{6*ms + 500*us, 1, ""}, {8*ms + 500*us, 2, ""}}, "2"},
		{"reset: on the way there, which never arrives", fault.Reset, 11 * ms, 0, at{10 * ms, 11 * ms}, []seen{{1 * ms, 0, "connection"}, {6 * ms, 1, ""}}, "1"},
		{"reset: in the queue, which is never executed", fault.Reset, 13 * ms, 0, at{10 * ms, 10*ms + us, 11 * ms}, []seen{{3 * ms, 0, "connection"}, {3*ms - us, 0, "connection"}, {2 * ms, 0, "connection"}}, "1"},
		{"reset: on the way back, which has been executed", fault.Reset, 15 * ms, 0, at{10 * ms, 14 * ms}, []seen{{5 * ms, 0, "connection"}, {1 * ms, 0, "connection"}}, "1"},
		{"reset: it has nothing else to do then", fault.Reset, 13 * ms, 0, at{10 * ms, 10 * ms, 10 * ms, 13 * ms}, []seen{{3 * ms, 0, "connection"}, {3 * ms, 0, "connection"}, {3 * ms, 0, "connection"}, {6 * ms, 2, ""}}, "2"},
		{"read-only", fault.ReadOnly, 10 * ms, 20 * ms, at{0, 10 * ms, 18 * ms}, []seen{{6 * ms, 1, ""}, {6 * ms, 0, "server"}, {6 * ms, 2, ""}}, "2"},
		{"out of memory", fault.OutOfMemory, 10 * ms, 20 * ms, at{0, 10 * ms, 18 * ms}, []seen{{6 * ms, 1, ""}, {6 * ms, 0, "server"}, {6 * ms, 2, ""}}, "2"},
	} {
		r := newRig(t, faulty(1))
		r.fault(tt.from, tt.until, fault.Fault{Kind: tt.kind, RTT: network.Constant(10 * ms), BytesPerSecond: narrow})
		got, value := r.increments(tt.sent...)
		if d := cmp.Diff(tt.want, got); d != "" || value != tt.value {
			t.Errorf("%s: the key is %s, want %s; requests (−want +got) %s", tt.why, value, tt.value, d)
		}
		if n := len(r.fleet.Shards[0].underWay); n > 0 {
			t.Errorf("%s: %d round trips are under way at the end", tt.why, n)
		}
	}
}

// What the table above does not tell apart: services that take longer than the
// way, or no time, and two faults at once.
func TestFaultsOfQueues(t *testing.T) {
	for _, tt := range []struct {
		why     string
		service time.Duration
		faults  []fault.Fault
		sent    []time.Duration
		want    []seen
		effects []time.Duration // instants at which the key was reached
	}{
		{"reset: the next waits for what is in service", 10 * ms, []fault.Fault{{Kind: fault.Reset, At: int64(3 * ms)}},
			[]time.Duration{0, 3 * ms}, []seen{{3 * ms, 0, "connection"}, {21 * ms, 2, ""}}, []time.Duration{2 * ms, 12 * ms}},
		{"frozen: one after another when it goes on", 2 * ms, []fault.Fault{{Kind: fault.Frozen, Until: int64(20 * ms)}},
			[]time.Duration{0, 5 * ms}, []seen{{24 * ms, 1, ""}, {21 * ms, 2, ""}}, []time.Duration{20 * ms, 22 * ms}},
		{"reset of a frozen shard, whose queue is empty then", 2 * ms, []fault.Fault{{Kind: fault.Frozen, Until: int64(20 * ms)}, {Kind: fault.Reset, At: int64(10 * ms)}},
			[]time.Duration{0, 10 * ms}, []seen{{10 * ms, 0, "connection"}, {14 * ms, 1, ""}}, []time.Duration{-1, 20 * ms}},
		{"bandwidth: requests, and then replies, one after another", 0, []fault.Fault{{Kind: fault.Bandwidth, Until: int64(time.Second), BytesPerSecond: 4000}}, // 23 bytes there, 4 back
			[]time.Duration{0, 0}, []seen{{10*ms + 750*us, 1, ""}, {16*ms + 500*us, 2, ""}}, []time.Duration{7*ms + 750*us, 13*ms + 500*us}},
		{"bandwidth: replies on the link get through at its end", 0, []fault.Fault{{Kind: fault.Bandwidth, Until: int64(8 * ms), BytesPerSecond: 4000}},
			[]time.Duration{0, 0}, []seen{{10 * ms, 1, ""}, {10 * ms, 2, ""}}, []time.Duration{7*ms + 750*us, 8 * ms}},
		{"bandwidth: of a link that is narrow again, what was there is gone", 0, []fault.Fault{
			{Kind: fault.Bandwidth, Until: int64(8 * ms), BytesPerSecond: 23}, {Kind: fault.Bandwidth, At: int64(9 * ms), Until: int64(time.Second), BytesPerSecond: 23_000}},
			[]time.Duration{0, 8 * ms}, []seen{{10 * ms, 1, ""}, {5*ms + (4*ms+22)/23, 2, ""}}, []time.Duration{8 * ms, 11 * ms}},
	} {
		l := faulty(1)
		l.service = network.Constant(tt.service)
		r := newRig(t, l)
		for _, f := range tt.faults {
			r.fault(time.Duration(f.At), time.Duration(f.Until), f)
		}
		key := r.keyOn(0, "n")
		got, effects := make([]seen, len(tt.sent)), make([]time.Duration, len(tt.sent))
		for i, at := range tt.sent {
			r.at(at, func(p *clock.Proc) {
				trace := NewTrace(context.Background())
				n, err := r.ring.Incr(trace, key).Result()
				got[i], effects[i] = seen{Took: time.Duration(p.Now()) - at, Reply: n}, time.Duration(trace.Effect)
				if err != nil {
					got[i].Reply, got[i].Error = 0, limiter.ErrorKind(err)
				}
				if trace.Effect < 0 {
					effects[i] = -1
				}
			})
		}
		r.sched.Run()
		if d := cmp.Diff(tt.want, got) + cmp.Diff(tt.effects, effects); d != "" {
			t.Errorf("%s (−want +got) %s", tt.why, d)
		}
	}
}

// A client's patience ends also where no fault is the reason.
func TestReadTimeout(t *testing.T) {
	for _, tt := range []struct {
		why    string
		rtt    time.Duration
		sent   int
		failed int
	}{
		{"in time: 4 + 22·2", 4 * ms, 22, 0},
		{"as its patience ends: 4 + 23·2", 4 * ms, 23, 1},
		{"the queue is too long for half of them", 4 * ms, 44, 22},
		{"too far away", 60 * ms, 1, 1},
		{"too far to arrive", 101 * ms, 1, 1},
	} {
		for _, faults := range []bool{false, true} {
			l := faulty(1)
			l.faults, l.rtt = faults, []network.Distribution{network.Constant(tt.rtt)}
			r := newRig(t, l)
			got, value := r.increments(make([]time.Duration, tt.sent)...)
			failed := 0
			for _, s := range got {
				if s.Error == "timeout" && s.Took == 50*ms {
					failed++
				}
			}
			if failed != tt.failed || value != fmt.Sprint(tt.sent) {
				t.Errorf("%s (faults: %v): %d of %d timed out, want %d; %s have been executed", tt.why, faults, failed, tt.sent, tt.failed, value)
			}
		}
	}
}

// What a request has given up leaves its trace and its commands alone.
func TestNothingIsWrittenToARequestThatIsOver(t *testing.T) {
	for _, faults := range []bool{false, true} {
		l := faulty(2)
		l.faults = faults
		l.rtt[1] = network.Constant(200 * ms)
		r := newRig(t, l)
		near, far := r.keyOn(0, "near"), r.keyOn(1, "far")
		r.run(func(p *clock.Proc) {
			trace := NewTrace(context.Background())
			var there, beyond *redis.StatusCmd
			_, err := r.ring.Pipelined(trace, func(pipe redis.Pipeliner) error {
				there, beyond = pipe.Set(trace, near, "1", 0), pipe.Set(trace, far, "1", 0)
				return nil
			})
			if limiter.ErrorKind(err) != "timeout" || p.Now() != int64(50*ms) || there.Err() != nil || err != beyond.Err() {
				t.Errorf("after %v: %v; near %v, far %v", time.Duration(p.Now()), err, there.Err(), beyond.Err())
			}
			before := *trace
			p.Sleep(200 * ms)
			if v, found := r.fleet.Shards[1].peek(far); v != "1" {
				t.Errorf("the far key is %q, found %v: it was not executed", v, found)
			}
			if len(trace.Keys) != 1 || trace.Keys[0].Key != near || trace.Order != before.Order || limiter.ErrorKind(beyond.Err()) != "timeout" {
				t.Errorf("a trace that is over has %+v, a command that failed %v", trace.Keys, beyond)
			}
		})
	}
}

// Tracking what is under way changes nothing of it.
func TestTrackedFlightsAreAsOthers(t *testing.T) {
	play := func(faults bool) (log []string) {
		l := even(3, 0)
		l.rtt = []network.Distribution{jitter{}, jitter{}, jitter{}}
		l.service, l.scripts = jitter{}, jitter{}
		l.connection.ReadTimeout = scenarios.Duration(80 * ms)
		l.faults = faults
		r := newRig(t, l)
		for i := range 300 {
			r.at(time.Duration(i)*3*ms+time.Duration(i*i%977)*us, func(p *clock.Proc) {
				trace := NewTrace(context.Background())
				var err error
				switch i % 3 {
				case 0:
					err = r.ring.Append(trace, fmt.Sprint("k", i%7), fmt.Sprint(i)).Err()
				case 1:
					_, err = r.ring.TxPipelined(trace, func(pipe redis.Pipeliner) error {
						for k := range 4 {
							pipe.Append(trace, fmt.Sprint("k", k), fmt.Sprint(i))
						}
						return nil
					})
				case 2:
					err = r.ring.Eval(trace, "return redis.call('APPEND', KEYS[1], ARGV[1])", []string{fmt.Sprint("k", i%5)}, i).Err()
				}
				log = append(log, fmt.Sprint(i, p.Now(), err, trace.Keys, trace.Effect, trace.Order))
			})
		}
		r.at(5*time.Second, func(*clock.Proc) {
			for k := range 7 {
				log = append(log, r.do("GET", fmt.Sprint("k", k)))
			}
		})
		r.sched.Run()
		return log
	}
	plain := play(false)
	if d := cmp.Diff(plain, play(true)); d != "" {
		t.Errorf("(−plain +tracked) %s", d)
	}
	if timeouts := strings.Count(fmt.Sprint(plain), "i/o timeout"); timeouts == 0 || timeouts > 250 {
		t.Errorf("%d of 300 requests timed out: the test shows nothing", timeouts)
	}
}

// A Ring loses a shard at the third look in a row that fails, and has it
// again at the first that does not.
func TestRingFindsShardsDown(t *testing.T) {
	const second = time.Second
	for _, tt := range []struct {
		why         string
		kind        fault.Kind
		from, until time.Duration
		rtt         time.Duration // of a delay
		lost, back  time.Duration // 0: never
	}{
		{"looks at 300, 400 and 500 ms, one round trip each, and one to the shard that is well", fault.Down, 250 * ms, second, 0, 508 * ms, 1008 * ms},
		{"the look at that very instant", fault.Down, 300 * ms, second, 0, 508 * ms, 1008 * ms},
		{"just after a look", fault.Down, 300*ms + us, second, 0, 608 * ms, 1008 * ms},
		{"over before the third look", fault.Down, 250 * ms, 490 * ms, 0, 0, 0},
		{"three looks one behind another, each with its timeout of 50 ms", fault.Frozen, 250 * ms, second, 0, 554 * ms, 1008 * ms},
		{"the look waits for the shard to go on, and is answered", fault.Frozen, 250 * ms, 510 * ms, 0, 0, 0},
		{"too far away", fault.Delay, 250 * ms, second, 60 * ms, 554 * ms, 1008 * ms},
		{"not so far", fault.Delay, 250 * ms, second, 30 * ms, 0, 0},
		{"read-only shards answer", fault.ReadOnly, 250 * ms, second, 0, 0, 0},
		{"shards out of memory answer", fault.OutOfMemory, 250 * ms, second, 0, 0, 0},
	} {
		l := faulty(2)
		l.service = network.Constant(0)
		r := newRig(t, l)
		r.fault(tt.from, tt.until, fault.Fault{Kind: tt.kind, RTT: network.Constant(tt.rtt)})
		key := r.keyOn(0, "k")
		var lost, back time.Duration
		on := 0
		for now := time.Duration(0); now < 2*second; now += ms {
			r.sched.Call(int64(now+us), func() {
				c, err := r.ring.GetShardClientForKey(key)
				if err != nil {
					t.Error(err)
				}
				switch is := slices.IndexFunc(r.fleet.Shards, func(s *Shard) bool { return s.addr == c.Options().Addr }); {
				case is != on && is == 1:
					lost, on = now, is
				case is != on:
					back, on = now, is
				}
			})
		}
		r.sched.Run()
		if lost != tt.lost || back != tt.back {
			t.Errorf("%s: lost at %v, back at %v; want %v and %v", tt.why, lost, back, tt.lost, tt.back)
		}
	}
}

// The timeouts of looks keep the next ones waiting: with go-redis' defaults, a
// frozen shard is lost after 9 s and more, not after 1.5 s.
func TestFrozenShardIsLostLate(t *testing.T) {
	l := faulty(1)
	l.connection = scenarios.Connection{ReadTimeout: scenarios.Duration(3200 * ms), Heartbeat: scenarios.Duration(500 * ms)}
	r := newRig(t, l)
	r.fault(10*ms, 20*time.Second, fault.Fault{Kind: fault.Frozen})
	var lost time.Duration
	for now := time.Duration(0); now < 19*time.Second; now += 100 * ms {
		r.sched.Call(int64(now+us), func() {
			if _, err := r.ring.GetShardClientForKey("k"); err != nil && lost == 0 {
				lost = now
			}
		})
	}
	r.sched.Run()
	if lost != 10100*ms {
		t.Errorf("lost after %v, want 0.5 s to the first look and three timeouts of 3.2 s", lost)
	}
}

// A Ring that has lost shards maps keys as one that never had them.
func TestLostShardsKeysMove(t *testing.T) {
	r := newRig(t, faulty(4))
	for _, s := range []int{1, 3} {
		r.fault(0, time.Second, fault.Fault{Kind: fault.Down, Shard: s})
	}
	two := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"shard-1": r.fleet.Shards[0].addr, "shard-3": r.fleet.Shards[2].addr}})
	four := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"shard-1": "embedded-0:6379", "shard-2": "embedded-1:6379", "shard-3": "embedded-2:6379", "shard-4": "embedded-3:6379"}})
	defer func() { _, _ = two.Close(), four.Close() }()
	as := func(want *redis.Ring, when string) func(*clock.Proc) {
		return func(*clock.Proc) {
			for i := range 500 {
				key := fmt.Sprint("key-", i)
				a, err := r.ring.GetShardClientForKey(key)
				b, _ := want.GetShardClientForKey(key)
				if err != nil || a.Options().Addr != b.Options().Addr {
					t.Fatalf("%s: %s is on %v, %v; want %s", when, key, a, err, b.Options().Addr)
				}
			}
		}
	}
	r.at(900*ms, as(two, "two shards are lost"))
	r.at(1500*ms, as(four, "they are back"))
	r.sched.Run()
}

func TestAllShardsDown(t *testing.T) {
	r := newRig(t, faulty(2))
	for s := range 2 {
		r.fault(0, time.Second, fault.Fault{Kind: fault.Down, Shard: s})
	}
	r.at(800*ms, func(p *clock.Proc) {
		ctx := context.Background()
		single := r.ring.Incr(ctx, "k").Err()
		_, pipelined := r.ring.Pipelined(ctx, func(pipe redis.Pipeliner) error { pipe.Incr(ctx, "k"); return nil })
		for _, err := range []error{single, pipelined} {
			if fmt.Sprint(err) != "redis: all ring shards are down" || limiter.ErrorKind(err) != "refused" || p.Now() != int64(800*ms) {
				t.Errorf("%v after %v", err, time.Duration(p.Now())-800*ms)
			}
		}
	})
	r.at(1200*ms, func(*clock.Proc) {
		if got := r.do("INCR", "k"); got != "1" {
			t.Errorf("after the shards' return: %s", got)
		}
	})
	r.sched.Run()
}

// What a frozen shard was sent before the Ring lost it is executed when it
// goes on, although the Ring has closed its client; and its old values are
// there again when the Ring has it back.
func TestLateCommandsOfALostShard(t *testing.T) {
	r := newRig(t, faulty(2))
	key := r.keyOn(0, "n")
	r.fault(10*ms, 2*time.Second, fault.Fault{Kind: fault.Frozen})
	r.at(0, func(*clock.Proc) { r.do("INCR", key) })
	r.at(20*ms, func(*clock.Proc) {
		if got := r.do("INCR", key); !strings.Contains(got, "i/o timeout") {
			t.Errorf("of a frozen shard: %s", got)
		}
	})
	r.at(time.Second, func(*clock.Proc) {
		if got := r.do("INCR", key); got != "1" {
			t.Errorf("on the other shard: %s, want a fresh count", got)
		}
	})
	r.at(3*time.Second, func(*clock.Proc) {
		if got := r.do("GET", key); got != "2" {
			t.Errorf("the frozen shard has %s, want 2: the INCR before and the one that timed out", got)
		}
	})
	r.sched.Run()
}

func TestRenameAndAdd(t *testing.T) {
	r := newRig(t, faulty(2))
	l := r.l
	l.rtt = append(l.rtt, network.Constant(8*ms))
	ring, err := r.fleet.Ring(ClientSpec{ShardNames: []string{"x", "y"}, RTT: l.rtt, Stream: from("other"), Connection: l.connection})
	if err != nil {
		t.Fatal(err)
	}
	r.fleet.wires[0].rtt = l.rtt
	r.fault(100*ms, 0, fault.Fault{Kind: fault.Rename, Name: "z"})
	r.fault(200*ms, 0, fault.Fault{Kind: fault.Add, Name: "added"})
	names := func(rings ...*redis.Ring) (all []string) {
		for _, ring := range rings {
			var of []string
			for name := range r.fleet.wires[slices.IndexFunc(r.fleet.wires, func(w *wire) bool { return w.ring == ring })].addrs() {
				of = append(of, name)
			}
			slices.Sort(of)
			all = append(all, strings.Join(of, " "))
		}
		return all
	}
	moved := func(before, after map[string]string) (n int, to map[string]int) {
		to = map[string]int{}
		for key, s := range before {
			if after[key] != s {
				n++
				to[after[key]]++
			}
		}
		return n, to
	}
	shardOf := func() map[string]string {
		m := map[string]string{}
		for i := range 600 {
			key := fmt.Sprint("key-", i)
			c, _ := r.ring.GetShardClientForKey(key)
			m[key] = r.fleet.byAddr[c.Options().Addr].Name
		}
		return m
	}
	before := shardOf()
	var renamed, added map[string]string
	r.at(150*ms, func(*clock.Proc) {
		renamed = shardOf()
		if d := cmp.Diff([]string{"shard-2 z", "y z"}, names(r.ring, ring)); d != "" {
			t.Errorf("after the renaming: %s", d)
		}
		trace := NewTrace(context.Background())
		for key, s := range renamed {
			if s == "shard-1" {
				if err := r.ring.Set(trace, key, 1, 0).Err(); err != nil || trace.Keys[0].Shard != "shard-1" {
					t.Errorf("%v, a record calls the renamed shard %q", err, trace.Keys[0].Shard)
				}
				break
			}
		}
	})
	r.at(250*ms, func(p *clock.Proc) {
		added = shardOf()
		if d := cmp.Diff([]string{"added shard-2 z", "added y z"}, names(r.ring, ring)); d != "" {
			t.Errorf("after the addition: %s", d)
		}
		for key, s := range added {
			if s == "added" {
				start := p.Now()
				if got := r.do("INCR", key); got != "1" || p.Now()-start != int64(10*ms) {
					t.Errorf("on the new shard: %s after %v", got, time.Duration(p.Now()-start))
				}
				break
			}
		}
	})
	r.sched.Run()
	if n, _ := moved(before, renamed); n < 200 || n > 400 {
		t.Errorf("%d of 600 keys moved by another name of one of two shards, want about half", n)
	}
	if n, to := moved(renamed, added); n < 140 || n > 260 || to["added"] != n {
		t.Errorf("%d of 600 keys moved, to %v, want about a third, all to the new shard", n, to)
	}
	if err := r.fleet.Begin(fault.Fault{Kind: fault.Rename, Shard: 1, Name: "z"}); err == nil {
		t.Error("two shards of one name are accepted")
	}
}

// Faults of what there is not, and of fleets that are not prepared for them,
// are errors.
func TestImpossibleFaults(t *testing.T) {
	r := newRig(t, faulty(2))
	for _, f := range []fault.Fault{
		{Kind: fault.Down, Shard: 2}, {Kind: fault.Down, Shard: -1}, {Kind: fault.Clock}, {Kind: "flood"}, {Kind: fault.Add, Name: "far"}, // no delays to it
	} {
		if err := r.fleet.Begin(f); err == nil {
			t.Errorf("%+v began", f)
		}
	}
	if err := r.fleet.End(fault.Fault{Kind: fault.Restart}); err == nil {
		t.Error("a restart ended")
	}
	if err := newRig(t, even(1, ms)).fleet.Begin(fault.Fault{Kind: fault.Down}); !errors.Is(err, errFaultless) {
		t.Errorf("a fleet without faults: %v", err)
	}
}

// Keys of a shard that was down have a state of their own afterwards.
func TestKeyStatesAfterLoss(t *testing.T) {
	r := newRig(t, faulty(1))
	r.fault(20*ms, 30*ms, fault.Fault{Kind: fault.Down})
	state := func(at time.Duration, want ...record.KeyState) {
		r.at(at, func(*clock.Proc) {
			trace := NewTrace(context.Background())
			_ = r.ring.Incr(trace, "k").Err()
			var got []record.KeyState
			for _, k := range trace.Keys {
				got = append(got, k.State)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("sent at %v: %s", at, d)
			}
		})
	}
	state(0, record.NotFound)
	state(8*ms, record.Found)
	state(20 * ms) // refused: it reached no key
	state(30*ms, record.NotFound)
	r.sched.Run()
}
