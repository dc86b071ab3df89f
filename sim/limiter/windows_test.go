package limiter_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/quotalab/quotalab/models/limits"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/limiter"
)

// scripts are our own limiters that are no GCRA, with the options in which they keep
// their promise.
var scripts = []subject{
	{name: "fixed_window", kind: "fixed_window", options: map[string]string{"windows": "unix"}},
	{name: "fixed_window by day", kind: "fixed_window", options: map[string]string{"windows": "daily", "zone": "Europe/Berlin"}},
	{name: "fixed_window by month", kind: "fixed_window", options: map[string]string{"windows": "monthly", "zone": "UTC"}},
	{name: "fixed_window from the first hit", kind: "fixed_window", options: map[string]string{"windows": "first_hit"}},
	{name: "fixed_window, INCRBY then EXPIRE", kind: "fixed_window", options: map[string]string{"windows": "unix", "write": "incr"}},
	{name: "sliding_log", kind: "sliding_log", options: map[string]string{"member": "unique"}},
	{name: "concurrency, nothing returned", kind: "concurrency"},
	{name: "sliding_counter", kind: "sliding_counter"},
	{name: "token_bucket", kind: "token_bucket"},
	{name: "token_bucket at intervals", kind: "token_bucket", options: map[string]string{"refill": "interval"}},
	{name: "leaky_bucket", kind: "leaky_bucket"},
	{name: "ulule", kind: "ulule"},
	{name: "throttled", kind: "throttled"},
}

// filled are the options of a kind with their defaults.
func filled(s subject) subject {
	options := map[string]string{}
	for _, o := range limiter.Builtin()[s.kind].Options {
		options[o.Name] = o.Default
	}
	for name, value := range s.options {
		options[name] = value
	}
	s.options = options
	return s
}

// Called one after another, our own limiters and those of other packages decide
// as the reference that they name does, and say the same of tokens and waits, to
// the unit of Redis' clock.
func TestScriptsAreTheirReferences(t *testing.T) {
	for _, s := range scripts {
		s = filled(s)
		t.Run(s.name, func(t *testing.T) {
			allowed, denied := 0, 0
			for seed := range uint64(15) {
				a, d := agrees(t, seed, s)
				allowed, denied = allowed+a, denied+d
			}
			if min(allowed, denied) < 40 {
				t.Errorf("%d allowed, %d denied: the traffic tests too little", allowed, denied)
			}
		})
	}
}

func algorithm(s subject) string {
	kind := limiter.Builtin()[s.kind]
	if kind.AlgorithmOf != nil {
		return kind.AlgorithmOf(s.options)
	}
	return kind.Algorithm
}

func agrees(t *testing.T, seed uint64, s subject) (allowed, denied int) {
	rng := rand.New(rand.NewPCG(seed, 1))
	unit := []time.Duration{time.Second, time.Minute, time.Hour}[rng.IntN(3)]
	l := limit("a", 1+rng.Int64N(12), unit*time.Duration(1+rng.IntN(12)), 0)
	l.Burst = l.Count
	if bucket := s.kind == "token_bucket" || s.kind == "leaky_bucket" || s.kind == "throttled"; bucket {
		l.Burst = 1 + rng.Int64N(20)
		l.Period = unit * time.Duration(l.Count) // nothing is rounded
	}
	if s.options["windows"] == "daily" || s.options["windows"] == "monthly" {
		l.Period = 24 * time.Hour
	}
	full, err := limits.Maker(algorithm(s), limits.Limit{Count: l.Count, Period: l.Period, Burst: l.Burst}, epoch.UnixNano())
	if err != nil {
		t.Fatal(err)
	}
	reference := full()
	embedded(t, func(b *bench) {
		one := b.open(s.with(l), record.TakeMode)
		var now int64
		for i := range 40 {
			gap := rng.Int64N(2 * int64(l.Period) / l.Count)
			if rng.IntN(8) == 0 {
				gap = rng.Int64N(2 * int64(l.Period))
			}
			gap -= gap % int64(time.Second) // in which throttled's deadlines are exact
			if s.kind != "throttled" {
				gap += 3 * int64(time.Millisecond) // so that no deadline of a key is just now
			}
			b.wait(time.Duration(gap))
			now += gap
			cost := int64(1)
			if s.kind != "ulule" && s.options["write"] != "incr" { // which count what they deny
				cost = 1 + rng.Int64N(l.Burst)
			}
			mode := record.TakeMode
			if rng.IntN(4) == 0 && s.kind != "throttled" { // which tells no wait when it only looks
				mode = record.CheckMode
			}
			got, want := b.ask(one, inMode(take("a", "k", cost), mode)), reference.Peek(now, cost)
			if want.Allowed && mode == record.TakeMode {
				reference.Spend(now, cost)
			}
			left := want.Remaining
			if mode == record.CheckMode && s.kind == "ulule" && want.Allowed {
				left += cost // it says what is there
			}
			off := got.RetryAfter - want.RetryAfter
			tells := got.RetryAfter >= 0
			if got.Allowed != want.Allowed || got.Remaining != left || tells && (off < -2*time.Millisecond || off > 2*time.Millisecond) {
				t.Fatalf("seed %d, %+v: request %d at %v of cost %d, %s: %v, %d left, wait %v; reference %v, %d, %v", seed, l, i, time.Duration(now), cost, mode,
					got.Allowed, got.Remaining, got.RetryAfter, want.Allowed, left, want.RetryAfter)
			}
			if want.Allowed {
				allowed++
			} else {
				denied++
			}
		}
	})
	return allowed, denied
}

// A script that looks and then spends lets in what comes in between, and so does
// a sorted set whose members are instants.
func TestSplitScriptsLoseTheRace(t *testing.T) {
	for _, s := range []subject{
		{name: "split", kind: "sliding_log", options: map[string]string{"write": "split"}},
		{name: "split", kind: "sliding_counter", options: map[string]string{"write": "split"}},
		{name: "split", kind: "token_bucket", options: map[string]string{"write": "split"}},
		{name: "split", kind: "fixed_window", options: map[string]string{"write": "split"}},
		{name: "split", kind: "concurrency", options: map[string]string{"write": "split"}},
		{name: "lua", kind: "concurrency"},
		{name: "count", kind: "concurrency", options: map[string]string{"write": "count"}},
		{name: "lua", kind: "sliding_log"},
		{name: "lua", kind: "sliding_counter"},
		{name: "lua", kind: "token_bucket"},
		{name: "lua", kind: "fixed_window"},
	} {
		s = filled(s).with(limit("a", 5, time.Hour, 5))
		var schedule []call
		for range 20 {
			schedule = append(schedule, call{0, 0, take("a", "k", 1)})
		}
		got := 0
		for _, a := range play(t, s, time.Millisecond, []time.Duration{0}, schedule) {
			if a.Allowed {
				got++
			}
		}
		if atomic := s.name != "split"; atomic && got != 5 || !atomic && got <= 7 {
			t.Errorf("%s, %s: %d of 20 at once admitted by a limit of 5", s.kind, s.name, got)
		}
	}
}
