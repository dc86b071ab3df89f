package limiter_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/quotalab/quotalab/models/limits"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/limiter"
)

// call is one request of a schedule.
type call struct {
	at      time.Duration
	client  int
	request limiter.Request
}

// answer is what came of it.
type answer struct {
	Done       time.Duration
	Allowed    bool
	Remaining  int64
	RetryAfter time.Duration
	Error      string
}

// jitter is any delay up to its length.
type jitter time.Duration

func (j jitter) Sample(rng *rand.Rand) time.Duration {
	return time.Duration(rng.Int64N(int64(j) + 1))
}
func (j jitter) Mean() time.Duration              { return time.Duration(j) / 2 }
func (j jitter) Quantile(p float64) time.Duration { return time.Duration(p * float64(j)) }

// play plays a schedule against a subject on one shard, whose clients' clocks
// are off by offsets, and returns the answers. Delays depend on the number
// of commands only, so that limiters that do the same see the same delays.
func play(t testing.TB, s subject, rtt time.Duration, offsets []time.Duration, schedule []call) []answer {
	t.Helper()
	w := newWorld(t, 1, jitter(rtt))
	var clients []limiter.Limiter
	for _, offset := range offsets {
		l, err := limiter.Builtin()[s.kind].New(environment(w.ring(s), w.clock(offset), s, record.TakeMode))
		if err != nil {
			t.Fatal(err)
		}
		clients = append(clients, l)
	}
	answers := make([]answer, len(schedule))
	for i, c := range schedule {
		w.sched.Call(int64(c.at), func() {
			w.sched.Go(func(p *clock.Proc) {
				d, err := clients[c.client].Take(context.Background(), c.request)
				answers[i] = answer{time.Duration(p.Now()), d.Allowed, d.Remaining, d.RetryAfter, fmt.Sprint(err)}
			})
		})
	}
	w.sched.Run()
	return answers
}

// Two limiters of which one is Let's Encrypt's and one is ours decide alike
// on every schedule, races included, to the nanosecond and the token.
func TestBoulderIsTATWithSetNX(t *testing.T) {
	denied, allowed := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		l := limit("a", rapid.Int64Range(1, 100).Draw(rt, "count"), time.Duration(rapid.Int64Range(1e6, 1e12).Draw(rt, "period")), rapid.Int64Range(1, 12).Draw(rt, "burst"))
		addresses := []string{"192.0.2.1", "2001:db8::1"}
		var schedule []call
		for range rapid.IntRange(10, 80).Draw(rt, "requests") {
			at, client := instant(rt, l.Period/time.Duration(l.Count)), rapid.IntRange(0, 2).Draw(rt, "client")
			schedule = append(schedule, call{at, client, take("a", rapid.SampledFrom(addresses).Draw(rt, "address"), 1)})
		}
		rtt, offsets := conditions(rt)
		want := play(t, adapter("boulder").with(l), rtt, offsets, schedule)
		got := play(t, adapter("tat setnx").with(l), rtt, offsets, schedule)
		if d := cmp.Diff(want, got); d != "" {
			rt.Fatalf("boulder − tat: %s", d)
		}
		for _, a := range want {
			if a.Allowed {
				allowed++
			} else {
				denied++
			}
		}
	})
	t.Logf("%d decisions allowed, %d denied", allowed, denied)
	if min(allowed, denied) < 200 {
		t.Errorf("%d allowed, %d denied: the schedules test too little", allowed, denied)
	}
}

// instant is a time at which a request comes: within a few intervals, and
// often together with others.
func instant(rt *rapid.T, interval time.Duration) time.Duration {
	if rapid.Bool().Draw(rt, "together") {
		return time.Duration(rapid.Int64Range(0, 5).Draw(rt, "interval")) * interval
	}
	return time.Duration(rapid.Int64Range(0, int64(20*interval)).Draw(rt, "at"))
}

func conditions(rt *rapid.T) (rtt time.Duration, offsets []time.Duration) {
	rtt = time.Duration(rapid.Int64Range(0, 1e9).Draw(rt, "rtt"))
	for range 3 {
		offsets = append(offsets, time.Duration(rapid.Int64Range(-1e9, 1e9).Draw(rt, "offset")))
	}
	return rtt, offsets
}

// The same for batches: new accounts from IPv6 take from the limits of
// their address and of its range.
func TestBoulderBatchIsTATBatch(t *testing.T) {
	denied, allowed := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(name string) record.Limit {
			return limit(name, rapid.Int64Range(1, 50).Draw(rt, "count"), time.Duration(rapid.Int64Range(1e9, 1e12).Draw(rt, "period")), rapid.Int64Range(1, 9).Draw(rt, "burst"))
		}
		account := newAccount().with(draw(perAddress), draw(perRange))
		interval := min(account.limits[0].Period/time.Duration(account.limits[0].Count), account.limits[1].Period/time.Duration(account.limits[1].Count))
		var accounts, batches []call
		for range rapid.IntRange(10, 60).Draw(rt, "requests") {
			at, client := instant(rt, interval), rapid.IntRange(0, 2).Draw(rt, "client")
			host := rapid.IntRange(1, 4).Draw(rt, "host")
			cidr := fmt.Sprintf("2001:db8:%x::/48", rapid.IntRange(1, 2).Draw(rt, "range"))
			address := fmt.Sprintf("%s%x", cidr[:len(cidr)-len("/48")], host)
			batch := limiter.Request{Takes: append(take(perAddress, address, 1).Takes, take(perRange, cidr, 1).Takes...)}
			accounts = append(accounts, call{at, client, take(perAddress, address, 1)})
			batches = append(batches, call{at, client, batch})
		}
		rtt, offsets := conditions(rt)
		want := play(t, account, rtt, offsets, accounts)
		got := play(t, adapter("tat setnx").with(account.limits...), rtt, offsets, batches)
		if d := cmp.Diff(want, got); d != "" {
			rt.Fatalf("boulder − tat: %s", d)
		}
		for _, a := range want {
			if a.Allowed {
				allowed++
			} else {
				denied++
			}
		}
	})
	t.Logf("%d decisions allowed, %d denied", allowed, denied)
	if min(allowed, denied) < 200 {
		t.Errorf("%d allowed, %d denied: the schedules test too little", allowed, denied)
	}
}

// Called once after another, limiters agree with the reference: decision,
// tokens and wait, exactly, for limits from microseconds to decades.
func TestExactAgainstTheReference(t *testing.T) {
	for _, s := range adapters {
		if s.kind == "redis_rate" || s.name == "tat incr" {
			continue // floating point; idle credit
		}
		t.Run(s.name, func(t *testing.T) { rapid.Check(t, func(rt *rapid.T) { exact(t, rt, s) }) })
	}
}

func exact(t *testing.T, rt *rapid.T, s subject) {
	l := limit("a", rapid.Int64Range(1, 1000).Draw(rt, "count"), 0, rapid.Int64Range(1, 50).Draw(rt, "burst"))
	unit := rapid.SampledFrom([]time.Duration{time.Microsecond, time.Millisecond, time.Second, time.Hour, 24 * time.Hour}).Draw(rt, "unit")
	l.Period = time.Duration(l.Count) * unit * time.Duration(rapid.Int64Range(1, 200).Draw(rt, "units"))
	odd := rapid.Int64Range(0, l.Count-1).Draw(rt, "odd") // rounded away
	l.Period += time.Duration(odd)
	reference, err := limits.New("gcra", limits.Limit{Count: l.Count, Period: l.Period, Burst: l.Burst})
	if err != nil {
		rt.Skip(err) // longer than 36 years
	}
	interval := int64(l.Period) / l.Count
	if s.name != "tat lua" && s.name != "tat set" {
		// EXPIRE takes whole seconds: see TestExpireForgetsAFractionOfASecond.
		if offset := interval * l.Burst; offset > int64(time.Second) && offset%int64(time.Second) != 0 {
			return
		}
	}
	embedded(t, func(b *bench) {
		one := b.open(s.with(l), record.TakeMode)
		var now int64
		for i := range rapid.IntRange(5, 40).Draw(rt, "requests") {
			gap := rapid.Int64Range(0, 3*interval).Draw(rt, "gap")
			if rapid.IntRange(0, 9).Draw(rt, "rest") == 0 {
				gap = rapid.Int64Range(0, 2*interval*l.Burst).Draw(rt, "long")
			}
			gap -= gap % int64(time.Microsecond) // Redis' TIME
			b.wait(time.Duration(gap))
			now += gap
			cost := rapid.Int64Range(1, l.Burst).Draw(rt, "cost")
			if s.kind == "boulder" {
				cost = 1
			}
			mode := rapid.SampledFrom([]record.Mode{record.TakeMode, record.TakeMode, record.CheckMode}).Draw(rt, "mode")
			if s.kind == "boulder" {
				mode = record.TakeMode // each client of Boulder has its own
			}
			got := b.ask(one, inMode(take("a", "k", cost), mode))
			want := reference.Peek(now, cost)
			if want.Allowed && mode == record.TakeMode {
				reference.Spend(now, cost)
			}
			if got.Allowed != want.Allowed || got.Remaining != want.Remaining || got.RetryAfter != want.RetryAfter {
				rt.Fatalf("%+v: request %d at %v of cost %d: %v, %d left, wait %v; reference %v, %d, %v", l, i, time.Duration(now), cost,
					got.Allowed, got.Remaining, got.RetryAfter, want.Allowed, want.Remaining, want.RetryAfter)
			}
		}
	})
}
