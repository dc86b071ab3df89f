package limiter_test

import (
	"context"
	"testing"
	"time"

	"github.com/quotalab/quotalab/models/network"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/limiter"
)

// state brings the key into the state that a race starts from, and returns
// how many tokens that took.
type state func(p *clock.Proc, ask func() bool) int

func fresh(*clock.Proc, func() bool) int { return 0 }

// live leaves the key with one token spent, as does a refill.
func live(_ *clock.Proc, ask func() bool) int {
	ask()
	return 1
}

// afterIdle leaves a TAT that lies so many intervals in the past, on a key
// that is still there: INCRBY sets its time to live to the burst offset.
func afterIdle(intervals int) state {
	return func(p *clock.Proc, ask func() bool) int {
		ask()
		ask()
		p.Sleep(time.Duration(2+intervals) * time.Hour)
		return 0
	}
}

// round is the time of a round trip, which is nothing against the hour in
// which a token comes back.
const round = 5 * time.Millisecond

// race lets callers ask a limiter with one token an hour, each times in a
// row, and returns how many are admitted.
func race(t *testing.T, s subject, burst int64, from state, callers, times int) (admitted int) {
	t.Helper()
	w := newWorld(t, 2, network.Constant(round))
	s = s.with(hourly("a", burst))
	l, err := limiter.Builtin()[s.kind].New(environment(w.ring(s), w.clock(0), s, record.TakeMode))
	if err != nil {
		t.Fatal(err)
	}
	ask := func() bool {
		d, err := l.Take(context.Background(), take("a", "k", 1))
		if err != nil {
			t.Error(err)
		}
		return d.Allowed
	}
	w.sched.Go(func(p *clock.Proc) {
		admitted += from(p, ask)
		for range callers {
			w.sched.Go(func(*clock.Proc) {
				for range times {
					if ask() {
						admitted++
					}
				}
			})
		}
	})
	w.sched.Run()
	return admitted
}

// The numbers were measured on the real packages.
// Delays are constant here, so that all callers are in step and the numbers
// exact; where they were measured with real ones, they scatter by one or two.
func TestKnownBehaviour(t *testing.T) {
	for _, tt := range []struct {
		limiter string
		state   string
		from    state
		burst   int64
		want    int
		why     string
	}{
		{"tat set", "fresh", fresh, 100, 512, "every round reads before any of it writes, and the last write wins: 8 spends of 512 are kept"},
		{"tat incr", "fresh", fresh, 100, 192, "64 set the key to 1, 64 more see 1 and add themselves, 64 more see 65"},
		{"tat setnx", "fresh", fresh, 100, 129, "63 lose SET NX and add themselves, 64 more see 64; the winner is a round trip ahead and gets in once more"},
		{"boulder", "fresh", fresh, 100, 129, "as setnx"},
		{"tat setnx", "live", live, 100, 129, "64 see 1, 64 more see 65"},
		{"boulder", "live", live, 100, 129, "as setnx"},
		{"tat setnx", "stale", afterIdle(1), 100, 192, "64 overwrite each other, 64 see 1, 64 more see 65"},
		{"boulder", "stale", afterIdle(1), 100, 192, "as setnx"},
		{"tat setnx", "fresh", fresh, 1, 64, "the losers of SET NX add themselves without deciding again"},
		{"boulder", "fresh", fresh, 1, 64, "as setnx"},
		{"tat lua", "fresh", fresh, 100, 100, "atomic"},
		{"tat lua", "live", live, 100, 100, "atomic"},
		{"tat lua", "stale", afterIdle(1), 100, 100, "atomic"},
		{"tat lua", "fresh", fresh, 1, 1, "atomic"},
		{"redis_rate", "fresh", fresh, 100, 100, "atomic"},
		{"redis_rate", "live", live, 100, 100, "atomic"},
		{"redis_rate", "fresh", fresh, 1, 1, "atomic"},
	} {
		got := race(t, adapter(tt.limiter), tt.burst, tt.from, 64, 8)
		t.Logf("%s, %s key, burst %d: %d of 512 admitted (%s)", tt.limiter, tt.state, tt.burst, got, tt.why)
		if got != tt.want {
			t.Errorf("%s, %s key, burst %d: %d admitted, expected %d: %s", tt.limiter, tt.state, tt.burst, got, tt.want, tt.why)
		}
	}
}

// Idle credit: INCRBY moves a TAT that lies in the past, so the idle time
// becomes tokens on top of the burst.
func TestIdleCredit(t *testing.T) {
	for _, tt := range []struct {
		limiter   string
		intervals int
		want      int
	}{
		{"tat incr", 10, 110},
		{"tat incr", 50, 150},
		{"tat set", 10, 100},
		{"tat set", 50, 100},
		{"tat setnx", 10, 100},
		{"tat setnx", 50, 100},
		{"boulder", 10, 100},
		{"boulder", 50, 100},
		{"tat lua", 10, 100},
		{"tat lua", 50, 100},
		{"redis_rate", 10, 100},
		{"redis_rate", 50, 100},
	} {
		got := race(t, adapter(tt.limiter), 100, afterIdle(tt.intervals), 1, 300)
		t.Logf("%s: %d of a burst of 100 after %d idle intervals", tt.limiter, got, tt.intervals)
		if got != tt.want {
			t.Errorf("%s: %d of a burst of 100 after %d idle intervals, expected %d", tt.limiter, got, tt.intervals, tt.want)
		}
	}
}

// Redis' EXPIRE takes whole seconds. Boulder renews a bucket's time to live
// with it, to the burst offset; where that is not a whole number of seconds,
// the bucket is forgotten before it is full, and a second burst begins.
func TestExpireForgetsAFractionOfASecond(t *testing.T) {
	const count, period = 19, 1900 * time.Millisecond // one in 100 ms, full after 1.9 s
	for _, tt := range []struct {
		limiter string
		want    int
	}{
		{"tat lua", 10}, // what came back in 1 s
		{"boulder", count}, {"tat setnx", count}, {"tat incr", count},
	} {
		embedded(t, func(b *bench) {
			l := b.open(adapter(tt.limiter).with(limit("a", count, period, count)), record.TakeMode)
			if got := b.admitted(l, take("a", "k", 1), 30); got != count {
				t.Errorf("%s: %d of a burst of %d", tt.limiter, got, count)
			}
			b.wait(time.Second + time.Millisecond) // in the millisecond of its deadline a key is still there
			got := b.admitted(l, take("a", "k", 1), 30)
			t.Logf("%s: %d admitted a second after the burst", tt.limiter, got)
			if got != tt.want {
				t.Errorf("%s: %d admitted a second after the burst, expected %d", tt.limiter, got, tt.want)
			}
		})
	}
}
