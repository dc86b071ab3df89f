package limiter_test

import (
	"testing"
	"time"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/limiter"
)

// conformance is what every limiter does when it is called once after
// another. A frozen clock stands for calls that follow each other closely.
var conformance = map[string]func(b *bench, s subject){
	"a full burst, then nothing":        fullBurst,
	"the wait after a denial is tight":  tightWait,
	"tokens come back one by one":       refill,
	"an idle bucket holds a burst":      idle,
	"checking does not spend":           checking,
	"keys are apart":                    keysApart,
	"limits are apart":                  limitsApart,
	"overrides are for their keys only": overrides,
	"costs above one":                   costs,
	"more than a burst is never had":    moreThanBurst,
	"a batch is all or nothing":         batches,
}

func TestConformance(t *testing.T) {
	for _, on := range []struct {
		name string
		play func(testing.TB, func(*bench))
	}{{"embedded", embedded}, {"loopback", loopback}} {
		for _, s := range adapters {
			for name, check := range conformance {
				t.Run(on.name+"/"+s.name+"/"+name, func(t *testing.T) {
					on.play(t, func(b *bench) { check(b, s) })
				})
			}
		}
	}
}

func fullBurst(b *bench, s subject) {
	const burst = 20
	l := b.open(s.with(hourly("a", burst)), record.TakeMode)
	for i := range burst {
		d := b.ask(l, take("a", "k", 1))
		if !d.Allowed || d.RetryAfter != 0 || d.Remaining != burst-1-int64(i) {
			b.Errorf("request %d of a burst of %d: %+v", i+1, burst, d)
		}
	}
	for range 3 {
		d := b.ask(l, take("a", "k", 1))
		if d.Allowed || d.RetryAfter <= 0 || d.RetryAfter > time.Hour || d.Remaining != 0 {
			b.Errorf("after a burst: %+v", d)
		}
	}
}

// resolution is by how much a limiter's waits may be off. Those that judge by
// the client's clock are exact.
func resolution(s subject) time.Duration {
	if s.name == "tat lua" || s.name == "redis_rate" {
		return limiter.Builtin()[s.kind].Resolution
	}
	return 0
}

func tightWait(b *bench, s subject) {
	for _, l := range []record.Limit{hourly("a", 3), limit("a", 7, 10*time.Second, 3), limit("a", 300, 3*time.Hour, 10), limit("a", 3, 1234567*time.Microsecond, 5)} {
		one := b.open(s.with(l), record.TakeMode)
		b.wait(123456789 * time.Nanosecond)
		if got := b.admitted(one, take("a", "k", 1), int(l.Burst)); got != int(l.Burst) {
			b.Fatalf("%+v: %d admitted", l, got)
		}
		b.wait(l.Period / time.Duration(l.Count) / 3)
		wait, off := b.ask(one, take("a", "k", 1)).RetryAfter, resolution(s)
		b.wait(wait - off - 1)
		if d := b.ask(one, take("a", "k", 1)); d.Allowed || d.RetryAfter > 2*off+1 {
			b.Errorf("%+v: %v and a little before the end of a wait of %v: %+v", l, off, wait, d)
		}
		b.wait(2*off + 1)
		if d := b.ask(one, take("a", "k", 1)); !d.Allowed {
			b.Errorf("%+v: %v after a wait of %v: %+v", l, off, wait, d)
		}
		if d := b.ask(one, take("a", "k", 1)); d.Allowed {
			b.Errorf("%+v: two tokens after the wait for one", l)
		}
		b.wait(1000 * time.Hour)
	}
}

func refill(b *bench, s subject) {
	l := b.open(s.with(limit("a", 60, time.Hour, 10)), record.TakeMode)
	if got := b.admitted(l, take("a", "k", 1), 12); got != 10 {
		b.Fatalf("%d of a burst of 10", got)
	}
	b.wait(3*time.Minute + 30*time.Second)
	if got := b.admitted(l, take("a", "k", 1), 5); got != 3 {
		b.Errorf("%d tokens after 3.5 minutes, expected 3", got)
	}
	b.wait(31 * time.Second)
	if got := b.admitted(l, take("a", "k", 1), 5); got != 1 {
		b.Errorf("%d tokens half a minute later, expected 1", got)
	}
}

// idle comes too late for the bucket: its key has expired.
func idle(b *bench, s subject) {
	l := b.open(s.with(limit("a", 60, time.Hour, 10)), record.TakeMode)
	b.admitted(l, take("a", "k", 1), 12)
	b.wait(5 * time.Hour)
	if got := b.admitted(l, take("a", "k", 1), 40); got != 10 {
		b.Errorf("%d admitted after a long rest, expected 10", got)
	}
}

func checking(b *bench, s subject) {
	s = s.with(hourly("a", 5))
	taker, checker := b.open(s, record.TakeMode), b.open(s, record.CheckMode)
	check := inMode(take("a", "k", 1), record.CheckMode)
	if got := b.admitted(checker, check, 20); got != 20 {
		b.Errorf("%d of 20 checks of a full bucket allowed", got)
	}
	if got := b.admitted(taker, take("a", "k", 1), 4); got != 4 {
		b.Errorf("%d of 4 takes allowed after checks", got)
	}
	if got := b.admitted(checker, check, 20); got != 20 {
		b.Errorf("%d of 20 checks of the last token allowed", got)
	}
	if got := b.admitted(taker, take("a", "k", 1), 2); got != 1 {
		b.Errorf("%d of 2 takes of the last token allowed", got)
	}
	if got := b.admitted(checker, check, 5); got != 0 {
		b.Errorf("%d of 5 checks of an empty bucket allowed", got)
	}
}

func keysApart(b *bench, s subject) {
	l := b.open(s.with(hourly("a", 4)), record.TakeMode)
	for _, key := range []string{"k", "k1", "K", "10.0.0.1", "10.0.0.2", "2001:db8::1", "a:k", "user@example.com", "ключ", "a b"} {
		if got := b.admitted(l, take("a", key, 1), 6); got != 4 {
			b.Errorf("%d admitted of key %q, expected 4", got, key)
		}
	}
}

func limitsApart(b *bench, s subject) {
	if s.kind == "boulder" {
		return // override_request is one limit; see TestNewAccount
	}
	l := b.open(s.with(hourly("a", 4), hourly("b", 7)), record.TakeMode)
	if got := b.admitted(l, take("a", "k", 1), 9); got != 4 {
		b.Errorf("%d of limit a, expected 4", got)
	}
	if got := b.admitted(l, take("b", "k", 1), 9); got != 7 {
		b.Errorf("%d of limit b, expected 7", got)
	}
	if _, err := l.Take(b.Context(), take("c", "k", 1)); err == nil {
		b.Error("a limit that does not exist is no error")
	}
}

func overrides(b *bench, s subject) {
	s = s.with(hourly("a", 4))
	s.overrides = []record.Limit{
		{Name: "a", Key: "vip", Count: 1, Period: time.Minute, Burst: 9},
		{Name: "a", Key: "10.0.0.9", Count: 1, Period: time.Hour, Burst: 1},
	}
	l := b.open(s, record.TakeMode)
	for key, want := range map[string]int{"k": 4, "vip": 9, "10.0.0.9": 1, "10.0.0.8": 4} {
		if got := b.admitted(l, take("a", key, 1), 12); got != want {
			b.Errorf("%d admitted of key %s, expected %d", got, key, want)
		}
	}
	if d := b.ask(l, take("a", "vip", 1)); d.RetryAfter != time.Minute {
		b.Errorf("wait of an override of one a minute: %v", d.RetryAfter)
	}
}

func costs(b *bench, s subject) {
	l := b.open(s.with(limit("a", 60, time.Hour, 10)), record.TakeMode)
	if s.kind == "boulder" {
		if d, err := l.Take(b.Context(), take("a", "k", 3)); err == nil {
			b.Errorf("a cost of 3, which Boulder's transactions do not have: %+v", d)
		}
		return
	}
	if got := b.admitted(l, take("a", "k", 3), 5); got != 3 {
		b.Errorf("%d costs of 3 from a burst of 10, expected 3", got)
	}
	d := b.ask(l, take("a", "k", 3))
	if d.Allowed || d.RetryAfter != 2*time.Minute {
		b.Errorf("3 with 1 left: %+v, expected a wait of 2 minutes", d)
	}
	if got := b.admitted(l, take("a", "k", 1), 3); got != 1 {
		b.Errorf("%d of the last token, expected 1", got)
	}
	if d := b.ask(l, take("a", "full", 10)); !d.Allowed || d.Remaining != 0 {
		b.Errorf("a whole burst at once: %+v", d)
	}
}

func moreThanBurst(b *bench, s subject) {
	l := b.open(s.with(limit("a", 60, time.Hour, 10)), record.TakeMode)
	if s.kind == "boulder" {
		return // see costs
	}
	for _, cost := range []int64{11, 1 << 40, 1 << 62} {
		if d := b.ask(l, take("a", "k", cost)); d.Allowed || d.RetryAfter != -1 {
			b.Errorf("%d from a burst of 10: %+v, expected never", cost, d)
		}
	}
	if d, err := l.Take(b.Context(), take("a", "k", -1)); err == nil {
		b.Errorf("a cost below 0: %+v", d)
	}
	if got := b.admitted(l, take("a", "k", 1), 12); got != 10 {
		b.Errorf("%d admitted afterwards, expected 10", got)
	}
}

func batches(b *bench, s subject) {
	both := limiter.Request{Takes: append(take("a", "k", 1).Takes, take("b", "j", 2).Takes...)}
	if s.kind == "boulder" {
		return // see TestNewAccount
	}
	l := b.open(s.with(hourly("a", 5), hourly("b", 7)), record.TakeMode)
	if s.kind != "tat" || s.options["write"] == "lua" {
		if d, err := l.Take(b.Context(), both); err == nil {
			b.Errorf("a batch, which it does not have: %+v", d)
		}
		return
	}
	if got := b.admitted(l, both, 9); got != 3 {
		b.Errorf("%d batches of 1 of 5 and 2 of 7, expected 3", got)
	}
	if d := b.ask(l, both); d.Allowed || d.RetryAfter != time.Hour || d.Remaining != 1 {
		b.Errorf("denied by b, which has 1 left: %+v", d)
	}
	if got := b.admitted(l, take("a", "k", 1), 9); got != 2 {
		b.Errorf("%d left of a after denied batches, expected 2", got)
	}
	if got := b.admitted(l, take("b", "j", 1), 9); got != 1 {
		b.Errorf("%d left of b after denied batches, expected 1", got)
	}
}
