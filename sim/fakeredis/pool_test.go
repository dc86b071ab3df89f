package fakeredis

import (
	"bufio"
	"context"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/fault"
	"github.com/quotalab/quotalab/sim/limiter"
)

// pooled is faulty's shard with connections that are played: one dial,
// one attempt and one turn are all.
func pooled(change func(*scenarios.Connection)) layout {
	l := faulty(1)
	l.connection.Pooled, l.connection.PoolSize, l.connection.DialerRetries = true, 1, 1
	l.connection.Heartbeat = 0
	change(&l.connection)
	return l
}

func span(d time.Duration) scenarios.Duration { return scenarios.Duration(d) }

// What go-redis makes of its options, by requests at some instants. On an open
// connection an INCR takes 6 ms; a new connection takes 8 ms more.
func TestConnectionsAsRequestsSeeThem(t *testing.T) {
	type at = []time.Duration
	for _, tt := range []struct {
		why         string
		connection  func(*scenarios.Connection)
		kind        fault.Kind
		from, until time.Duration
		sent        at
		want        []seen
		value       string
	}{
		{"one connection: one after another, first come, first served", func(*scenarios.Connection) {}, fault.FlushScripts, 0, 0,
			at{0, ms, 2 * ms}, []seen{{6 * ms, 1, ""}, {11 * ms, 2, ""}, {16 * ms, 3, ""}}, "3"},
		{"two connections: the third waits for the first, and the shard for none", func(c *scenarios.Connection) { c.PoolSize = 2 }, fault.FlushScripts, 0, 0,
			at{0, 0, 0}, []seen{{6 * ms, 1, ""}, {8 * ms, 2, ""}, {12 * ms, 3, ""}}, "3"},
		{"a connection that is opened when it is needed", func(c *scenarios.Connection) { c.PoolSize, c.MinIdle = 2, 1 }, fault.FlushScripts, 0, 0,
			at{0, 0, 20 * ms, 20 * ms}, []seen{{6 * ms, 1, ""}, {14 * ms, 2, ""}, {6 * ms, 3, ""}, {8 * ms, 4, ""}}, "4"},
		{"who waits too long for a turn", func(c *scenarios.Connection) { c.PoolTimeout = span(7 * ms) }, fault.FlushScripts, 0, 0,
			at{0, 0, 0}, []seen{{6 * ms, 1, ""}, {12 * ms, 2, ""}, {7 * ms, 0, "pool_exhausted"}}, "2"},
		{"who has the turn next finds its connection closed, and no HELLO on a new one", func(*scenarios.Connection) {}, fault.Frozen, 0, 2 * time.Second,
			at{0, 0}, []seen{{50 * ms, 0, "timeout"}, {104 * ms, 0, "timeout"}}, "1"},
		{"a frozen shard accepts connections, and answers no HELLO: the second was never sent", func(c *scenarios.Connection) { c.PoolSize, c.MinIdle = 2, 1 }, fault.Frozen, 0, 200 * ms,
			at{0, 0}, []seen{{50 * ms, 0, "timeout"}, {54 * ms, 0, "timeout"}}, "1"},
		{"reset: the connection in use fails, and the next is a new one", func(*scenarios.Connection) {}, fault.Reset, 11 * ms, 0,
			at{0, 10 * ms, 20 * ms}, []seen{{6 * ms, 1, ""}, {1 * ms, 0, "connection"}, {14 * ms, 2, ""}}, "2"},
		{"down: arriving at a dead shard on an open connection, and without one", func(*scenarios.Connection) {}, fault.Down, 11 * ms, 40 * ms,
			at{10 * ms, 20 * ms}, []seen{{4 * ms, 0, "connection"}, {4 * ms, 0, "refused"}}, "none"},
		{"dials are tried again after 100 ms", func(c *scenarios.Connection) { c.DialerRetries = 3 }, fault.Down, 0, time.Second,
			at{10 * ms}, []seen{{212 * ms, 0, "refused"}}, "none"},
		{"a dial that succeeds at last", func(c *scenarios.Connection) { c.DialerRetries = 3 }, fault.Down, 0, 120 * ms,
			at{10 * ms}, []seen{{222 * ms, 1, ""}}, "1"},
		{"after as many failures as there are turns nobody dials, until a probe succeeds", func(c *scenarios.Connection) { c.PoolSize = 2 }, fault.Down, 0, 500 * ms,
			at{10 * ms, 20 * ms, 30 * ms, 900 * ms, 1100 * ms}, []seen{{4 * ms, 0, "refused"}, {4 * ms, 0, "refused"}, {0, 0, "refused"}, {0, 0, "refused"}, {14 * ms, 1, ""}}, "1"},
		{"a dial takes too long", func(c *scenarios.Connection) { c.DialTimeout = span(10 * ms) }, fault.Delay, 0, 0,
			at{0, 100 * ms}, []seen{{50 * ms, 0, "timeout"}, {10 * ms, 0, "timeout"}}, "1"},
	} {
		l := pooled(tt.connection)
		r := newRig(t, l)
		until := tt.until
		if tt.kind == fault.Delay {
			until = time.Second
		}
		r.fault(tt.from, until, fault.Fault{Kind: tt.kind, RTT: network.Constant(60 * ms)})
		got, value := r.increments(tt.sent...)
		if d := cmp.Diff(tt.want, got); d != "" || value != tt.value {
			t.Errorf("%s: the key is %s, want %s; requests (−want +got) %s", tt.why, value, tt.value, d)
		}
		turns, idle, waiting := r.fleet.wires[0].free(r.fleet.Shards[0])
		if size := r.fleet.wires[0].poolSize(); turns != size || idle > size || waiting > 0 || len(r.fleet.Shards[0].underWay) > 0 {
			t.Errorf("%s: at the end %d of %d turns are free, %d connections idle, %d callers wait and %d round trips are under way", tt.why, turns, size, idle, waiting, len(r.fleet.Shards[0].underWay))
		}
	}
}

// A retry sends the command again, which the shard may have executed.
func TestRetriesAreExecutedAgain(t *testing.T) {
	for _, tt := range []struct {
		why         string
		connection  func(*scenarios.Connection)
		kind        fault.Kind
		from, until time.Duration
		least, most time.Duration
		want        seen
		value       string
	}{
		{"each of four attempts on a frozen shard is executed when it goes on", func(c *scenarios.Connection) { c.PoolSize, c.MaxRetries = 10, 3 }, fault.Frozen, 0, time.Second,
			230 * ms, 370 * ms, seen{0, 0, "timeout"}, "4"},
		{"late, but in time: one attempt", func(c *scenarios.Connection) { c.PoolSize, c.MaxRetries = 10, 3 }, fault.Frozen, 0, 40 * ms,
			6 * ms, 50 * ms, seen{0, 1, ""}, "1"},
		{"the second attempt is answered, and counts twice", func(c *scenarios.Connection) { c.PoolSize, c.MaxRetries = 10, 3 }, fault.Frozen, 0, 55 * ms,
			60 * ms, 90 * ms, seen{0, 2, ""}, "2"},
		{"without a retry it counts once, and the caller has an error", func(c *scenarios.Connection) { c.PoolSize = 10 }, fault.Frozen, 0, 55 * ms,
			50 * ms, 50 * ms, seen{0, 0, "timeout"}, "1"},
		{"refused four times, each after five dials: 1.77 s on average", func(c *scenarios.Connection) { c.PoolSize, c.MaxRetries, c.DialerRetries = 10, 3, 5 }, fault.Down, 0, 10 * time.Second,
			1710 * ms, 1850 * ms, seen{0, 0, "refused"}, "none"},
		{"refused once after five dials: 0.41 s", func(c *scenarios.Connection) { c.PoolSize, c.DialerRetries = 10, 5 }, fault.Down, 0, 10 * time.Second,
			420 * ms, 420 * ms, seen{0, 0, "refused"}, "none"},
		{"a replica's refusal is tried again", func(c *scenarios.Connection) { c.PoolSize, c.MaxRetries = 10, 3 }, fault.ReadOnly, 0, 20 * ms,
			20 * ms, 120 * ms, seen{0, 1, ""}, "1"},
		{"another refusal is not", func(c *scenarios.Connection) { c.PoolSize, c.MaxRetries = 10, 3 }, fault.OutOfMemory, 0, 20 * ms,
			6 * ms, 6 * ms, seen{0, 0, "server"}, "none"},
		{"whose turn did not come asks for another", func(c *scenarios.Connection) { c.MaxRetries, c.PoolTimeout = 1, span(ms) }, fault.FlushScripts, 0, 0,
			6 * ms, 6 * ms, seen{0, 1, ""}, "1"},
	} {
		r := newRig(t, pooled(tt.connection))
		r.fault(tt.from, tt.until, fault.Fault{Kind: tt.kind})
		got, value := r.increments(0)
		if took := got[0].Took; took < tt.least || took > tt.most {
			t.Errorf("%s: it took %s, want %s to %s", tt.why, took, tt.least, tt.most)
		}
		got[0].Took = 0
		if d := cmp.Diff(tt.want, got[0]); d != "" || value != tt.value {
			t.Errorf("%s: the key is %s, want %s; request (−want +got) %s", tt.why, value, tt.value, d)
		}
	}
}

// A Ring sends a pipeline once, whatever its retries; a ClusterClient sends it
// again, and a transaction.
func TestRetriesOfPipelines(t *testing.T) {
	for _, tt := range []struct {
		cluster, tx bool
		want        string
	}{{false, false, "1"}, {false, true, "1"}, {true, false, "3"}, {true, true, "3"}} {
		l := pooled(func(c *scenarios.Connection) { c.PoolSize, c.MaxRetries = 10, 2 })
		l.cluster = tt.cluster
		r := newRig(t, l)
		r.fault(0, time.Second, fault.Fault{Kind: fault.Frozen})
		r.at(0, func(*clock.Proc) {
			pipe := r.ring.Pipeline()
			if tt.tx {
				pipe = r.ring.TxPipeline()
			}
			pipe.Incr(context.Background(), "{k}1")
			pipe.Incr(context.Background(), "{k}2")
			if _, err := pipe.Exec(context.Background()); limiter.ErrorKind(err) != "timeout" {
				t.Errorf("%+v: %v", tt, err)
			}
		})
		r.sched.Run()
		for _, key := range []string{"{k}1", "{k}2"} {
			if value, _ := r.fleet.Shards[0].peek(key); value != tt.want {
				t.Errorf("%+v: counted %s times", tt, value)
			}
		}
	}
}

// What is asked of several shards at once waits for a turn on each, and fails
// where there is none.
func TestTurnsOfSeveralShards(t *testing.T) {
	l := faulty(2)
	l.connection = scenarios.Connection{Pooled: true, PoolSize: 1, PoolTimeout: span(20 * ms), ReadTimeout: span(time.Second), DialerRetries: 1}
	r := newRig(t, l)
	near, far := r.keyOn(0, "near"), r.keyOn(1, "far")
	r.fault(0, 100*ms, fault.Fault{Kind: fault.Frozen, Shard: 1})
	r.at(0, func(p *clock.Proc) {
		if err := r.ring.Incr(context.Background(), far).Err(); err != nil || p.Now() != int64(104*ms) {
			t.Errorf("who has the turn is answered at %s: %v", time.Duration(p.Now()), err)
		}
	})
	r.at(10*ms, func(p *clock.Proc) {
		trace := NewTrace(context.Background())
		pipe := r.ring.Pipeline()
		there, beyond := pipe.Incr(trace, near), pipe.Incr(trace, far)
		if _, err := pipe.Exec(trace); limiter.ErrorKind(err) != "pool_exhausted" || p.Now() != int64(30*ms) || there.Err() != nil || beyond.Err() != err {
			t.Errorf("at %s: %v, of both %v and %v", time.Duration(p.Now()), err, there.Err(), beyond.Err())
		}
		if trace.RoundTrips != 1 || len(trace.Touched) != 1 {
			t.Errorf("%d round trips, to %v", trace.RoundTrips, trace.Touched)
		}
	})
	r.sched.Run()
}

// A caller's deadline ends what go-redis lets it end.
func TestDeadlinesOfCallers(t *testing.T) {
	frozen := fault.Fault{Kind: fault.Frozen}
	for _, tt := range []struct {
		why        string
		connection func(*scenarios.Connection)
		fault      fault.Fault
		sent       []time.Duration // with a deadline 20 ms later
		want       []time.Duration
	}{
		{"a reply is waited for as long as the client does", func(*scenarios.Connection) {}, frozen, []time.Duration{0}, []time.Duration{50 * ms}},
		{"unless the client heeds deadlines", func(c *scenarios.Connection) { c.ContextTimeout = true }, frozen, []time.Duration{0}, []time.Duration{20 * ms}},
		{"also one whose connections are not played", func(c *scenarios.Connection) { c.ContextTimeout, c.Pooled = true, false }, frozen, []time.Duration{0}, []time.Duration{20 * ms}},
		{"a turn is waited for until then", func(*scenarios.Connection) {}, frozen, []time.Duration{0, 0}, []time.Duration{50 * ms, 20 * ms}},
		{"there is no attempt after it", func(c *scenarios.Connection) { c.MaxRetries = 3 }, frozen, []time.Duration{0}, []time.Duration{50 * ms}},
		{"nor the rest of a wait before one", func(c *scenarios.Connection) { c.MaxRetries = 3; c.ReadTimeout = span(15 * ms) }, frozen, []time.Duration{0}, []time.Duration{20 * ms}},
		{"nor of dials, which go on without it", func(c *scenarios.Connection) { c.DialerRetries = 5 }, fault.Fault{Kind: fault.Down}, []time.Duration{10 * ms}, []time.Duration{20 * ms}},
	} {
		r := newRig(t, pooled(tt.connection))
		r.fault(0, time.Second, tt.fault)
		got := make([]time.Duration, len(tt.sent))
		for i, at := range tt.sent {
			r.at(at, func(p *clock.Proc) {
				ctx := NewTrace(context.Background())
				ctx.Until(r.sched, p.Now()+int64(20*ms))
				err := r.ring.Incr(ctx, "key").Err()
				got[i] = time.Duration(p.Now()) - at
				if again := r.ring.Incr(ctx, "key").Err(); err == nil || again != context.DeadlineExceeded || ctx.Err() != context.DeadlineExceeded {
					t.Errorf("%s: after its deadline it gets %v, and the next command %v, whose context says %v", tt.why, err, again, ctx.Err())
				}
			})
		}
		r.sched.Run()
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s: callers wait (−want +got) %s", tt.why, d)
		}
	}
}

// The same options of a real Ring, on a server that answers HELLO and nothing
// else, or on none, come to the same errors, attempts and times, but for what a
// wall clock adds.
func TestConnectionsAreThoseOfGoRedis(t *testing.T) {
	for _, tt := range []struct {
		why         string
		ring        redis.RingOptions
		serves      bool
		calls, incr int
		errors      []string
		least       time.Duration
	}{
		{"four attempts, each sent", redis.RingOptions{ReadTimeout: 20 * ms, MaxRetries: 3, PoolSize: 4}, true, 1, 4, []string{"timeout"}, 110 * ms},
		{"one attempt", redis.RingOptions{ReadTimeout: 20 * ms, MaxRetries: -1, PoolSize: 4}, true, 1, 1, []string{"timeout"}, 20 * ms},
		{"no turn", redis.RingOptions{ReadTimeout: 60 * ms, MaxRetries: -1, PoolSize: 1, PoolTimeout: 10 * ms}, true, 2, 1, []string{"pool_exhausted", "timeout"}, 60 * ms},
		{"refused, each attempt after two dials", redis.RingOptions{MaxRetries: 1, DialerRetries: 2, PoolSize: 4}, false, 1, 0, []string{"refused"}, 210 * ms},
	} {
		server := newSilent(t, tt.serves)
		o := tt.ring
		o.Addrs, o.Protocol, o.DisableIdentity, o.PipelinePoolSize, o.HeartbeatFrequency = map[string]string{"one": server.addr}, 2, true, -1, noHeartbeat
		o.NewClient = func(o *redis.Options) *redis.Client {
			o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
			return redis.NewClient(o)
		}
		ring := redis.NewRing(&o)
		real := callers(tt.calls, func(i int) string { return limiter.ErrorKind(ring.Incr(context.Background(), "key").Err()) })
		if err := ring.Close(); err != nil {
			t.Error(err)
		}
		executed := server.close()

		r := newRig(t, pooled(func(c *scenarios.Connection) {
			c.PoolSize, c.MaxRetries, c.DialerRetries = scenarios.Count(o.PoolSize), scenarios.Count(max(o.MaxRetries, 0)), scenarios.Count(o.DialerRetries)
			c.ReadTimeout, c.PoolTimeout = span(o.ReadTimeout), span(o.PoolTimeout)
		}))
		r.l.rtt[0] = network.Constant(0)
		kind := fault.Frozen
		if !tt.serves {
			kind = fault.Down
		}
		r.fault(0, time.Hour, fault.Fault{Kind: kind})
		var simulated []string
		var last int64
		for range tt.calls {
			r.at(0, func(p *clock.Proc) {
				simulated = append(simulated, limiter.ErrorKind(r.ring.Incr(context.Background(), "key").Err()))
				last = max(last, p.Now())
			})
		}
		r.sched.Run()
		slices.Sort(simulated)
		value, _ := r.fleet.Shards[0].peek("key")
		sent, _ := strconv.Atoi(value)
		if !slices.Equal(real.errors, tt.errors) || !slices.Equal(simulated, tt.errors) || executed != tt.incr || real.took < tt.least || last < int64(tt.least) || sent != tt.incr {
			t.Errorf("%s: want %v, %d sent, in %s or more; go-redis: %v, %d sent, %s; simulated: %v, %d sent, %s", tt.why, tt.errors, tt.incr, tt.least, real.errors, executed, real.took, simulated, sent, time.Duration(last))
		}
	}
}

// called is what callers at once saw.
type called struct {
	errors []string
	took   time.Duration
}

func callers(n int, call func(int) string) (c called) {
	begun := time.Now()
	c.errors = make([]string, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { c.errors[i] = call(i) })
	}
	wg.Wait()
	c.took = time.Since(begun)
	slices.Sort(c.errors)
	return c
}

// silent is a server that answers HELLO alone, and counts INCR.
type silent struct {
	addr     string
	listener net.Listener
	incr     atomic.Int64
	open     sync.WaitGroup
}

func newSilent(t *testing.T, serves bool) *silent {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &silent{addr: l.Addr().String(), listener: l}
	if !serves {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return s
	}
	s.open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.open.Go(func() { s.serve(c) })
		}
	})
	return s
}

func (s *silent) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	for in := bufio.NewScanner(c); in.Scan(); {
		switch strings.ToLower(in.Text()) {
		case "hello":
			_, _ = c.Write([]byte("-ERR unknown command\r\n"))
		case "incr":
			s.incr.Add(1)
		}
	}
}

// close ends the server and returns how many INCR it was sent.
func (s *silent) close() int {
	_ = s.listener.Close() // twice where it does not serve
	s.open.Wait()
	return int(s.incr.Load())
}
