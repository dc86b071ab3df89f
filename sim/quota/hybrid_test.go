package quota

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/clock"
)

// usages is a source that knows all usage as it happens. It is slow and
// plainly right.
type usages struct {
	byAccount map[int64][]Usage
	down      bool
}

func (u *usages) add(us ...Usage) {
	if u.byAccount == nil {
		u.byAccount = map[int64][]Usage{}
	}
	for _, x := range us {
		u.byAccount[x.Account] = append(u.byAccount[x.Account], x)
	}
}

func (u *usages) Totals(_ context.Context, account, from, to int64) (added, corrected int64, err error) {
	if u.down {
		return 0, 0, ErrSourceDown
	}
	for _, x := range u.byAccount[account] {
		if from <= x.At && x.At < to {
			added += max(x.Units, 0)
			corrected -= min(x.Units, 0)
		}
	}
	return added, corrected, nil
}

func (u *usages) IDs() (all []int64) {
	for a := range u.byAccount {
		all = append(all, a)
	}
	slices.Sort(all)
	return all
}

// hybrids makes each client's engine a hybrid, sweeps with that of the first
// one, and returns what the source's totals made due at the sweeps.
func (s *story) hybrids(every int64) (play func(int, InlineConfig) *Inline, bySource map[Claim]bool) {
	source := &usages{}
	for a := range s.truth {
		source.add(Usage{Account: a})
	}
	bySource = map[Claim]bool{}
	for _, op := range s.ops {
		s.at(op.at, func(*clock.Proc) { source.add(op.usages...) }) // before the call: it is scheduled first
	}
	sweeper := false
	d, err := NewDeliverer(s.client(s.k.rtt), Outboxes{Partitions: 8}, 1, s.got.notify)
	if err != nil {
		s.t.Fatal(err)
	}
	return func(client int, c InlineConfig) *Inline {
		h, err := NewHybrid(HybridConfig{InlineConfig: c, Accounts: source, Totals: source, Every: every})
		if err != nil {
			s.t.Fatal(err)
		}
		for at := every; !sweeper && at <= s.horizon+every; at += every {
			s.at(dayAt(0)+at, func(*clock.Proc) {
				s.seen(source, bySource)
				if err := h.Poll(context.Background()); err != nil {
					s.t.Errorf("sweep: %v", err)
				}
				if err := d.Poll(context.Background()); err != nil {
					s.t.Error(err)
				}
			})
		}
		sweeper = true
		return h.Inline
	}, bySource
}

// seen notes what the source's totals make due at this instant.
func (s *story) seen(source *usages, due map[Claim]bool) {
	for a, c := range s.truth {
		for _, t := range []int64{s.Now(), s.Now() - 3*usage.Day} {
			start, end := c.PeriodAt(t)
			if start > t {
				continue
			}
			limit := c.At(min(s.Now(), end-1)).Limit
			added, corrected, _ := source.Totals(context.Background(), a, start, min(end, s.Now()+1))
			for _, T := range standard {
				if 100*(added-corrected) >= T*limit {
					due[Claim{a, start, T}] = true
				}
			}
		}
	}
}

// The same histories as inline's, and sweeps every two days: what Redis
// executed and what the sweeps saw is due, nothing else, and nothing twice.
func TestHybridMissesNothing(t *testing.T) {
	var y tally
	rapid.Check(t, func(rt *rapid.T) {
		k := drawKnobs(rt)
		k.limits = 0 // a sweep's place among limit changes is not known here
		k.accounts /= 2
		s := newStory(rt, k, 40*usage.Day)
		play, due := s.hybrids(2 * usage.Day)
		s.play(play)
		s.end()
		for c := range newLedger(s).due {
			due[c] = true
		}
		s.check(due)
		s.checkOnce()
		if len(s.findings) > 0 {
			rt.Errorf("nothing was lost, found %v", s.findings)
		}
		y.add(s, due)
	})
	y.report(t)
}

// Shards lose everything, counters, claims, outboxes and tokens alike, and
// sweeps bring it back: without corrections and with limits that only fall,
// so that what is due once stays due, everything is delivered, and whoever
// knows a claim again gets it once. Every loss that mattered is reported.
func TestHybridSurvivesLoss(t *testing.T) {
	var y tally
	repaired := 0
	rapid.Check(t, func(rt *rapid.T) {
		k := drawKnobs(rt)
		k.corrections, k.onlyLower, k.accounts = 0, true, k.accounts/2
		k.wipes = rapid.IntRange(1, 5).Draw(rt, "wipes")
		s := newStory(rt, k, 40*usage.Day)
		play, _ := s.hybrids(2 * usage.Day)
		s.play(play)
		s.end()
		due := map[Claim]bool{}
		for a, c := range s.truth { // at the end, by all that happened
			source := &usages{}
			for _, op := range s.ops {
				if op.account == a {
					source.add(op.usages...)
				}
			}
			for _, t := range []int64{dayAt(0) - usage.Day, dayAt(0), dayAt(20), dayAt(40)} {
				start, end := c.PeriodAt(t)
				if start > t {
					continue
				}
				added, _, _ := source.Totals(context.Background(), a, start, end)
				for _, T := range standard {
					if 100*added >= T*c.At(end-1).Limit {
						due[Claim{a, start, T}] = true
					}
				}
			}
		}
		s.check(due)
		for _, f := range s.findings {
			if f.Repaired {
				repaired++
			}
		}
		y.add(s, due)
	})
	y.report(t)
	if repaired == 0 {
		t.Error("no loss was noticed")
	}
	t.Logf("%d counters set right", repaired)
}

// sweptWorld is one hybrid with a source, and what it found.
type sweptWorld struct {
	*world
	*Hybrid
	source usages
	found  []Finding
	got    delivered
}

func newSwept(t *testing.T, c usage.Contract, lag int64) *sweptWorld {
	s := &sweptWorld{world: newWorld(t, 1), got: delivered{t: t}}
	t.Cleanup(s.close)
	h, err := NewHybrid(HybridConfig{InlineConfig: InlineConfig{Redis: s.client(time.Millisecond), Clock: s.world, Contracts: fixed(c), Thresholds: standard,
		Report: func(f Finding) { s.found = append(s.found, f) }},
		Accounts: &s.source, Totals: &s.source, Every: usage.Day / 2, Lag: lag})
	if err != nil {
		t.Fatal(err)
	}
	s.Hybrid = h
	return s
}

func (s *sweptWorld) use(day float64, units int64, counted bool) {
	s.world.at(dayAt(day), func(*clock.Proc) {
		u := Usage{Account: 7, At: dayAt(day), Units: units}
		s.source.add(u)
		if counted {
			add(s.t, s.Hybrid, u)
		}
	})
}

func (s *sweptWorld) poll(day float64) {
	s.world.at(dayAt(day), func(*clock.Proc) {
		if err := s.Poll(context.Background()); err != nil {
			s.t.Error(err)
		}
	})
}

func (s *sweptWorld) wipe(day float64) {
	s.world.at(dayAt(day), func(*clock.Proc) {
		wipe(s.t, s.client(0), s.outboxes.Stream(s.outboxes.partition(7)))
	})
}

func (s *sweptWorld) ends(want []string, findings []Finding) {
	s.t.Helper()
	s.sched.Run()
	s.now(func() { s.drain(&s.got) })
	if diff := cmp.Diff(want, short(s.got.due)); diff != "" {
		s.t.Errorf("due (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(findings, s.found); diff != "" {
		s.t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func finding(cause record.FindingKind, day float64, have, want int64, repaired bool) Finding {
	return Finding{Cause: cause, Account: 7, Start: dayAt(0), At: dayAt(day), Have: have, Want: want, Repaired: repaired}
}

func TestHybridSweep(t *testing.T) {
	for _, tc := range []struct {
		why   string
		play  func(s *sweptWorld)
		want  []string
		found []Finding
	}{
		{"a call that never came is made up for",
			func(s *sweptWorld) { s.use(1, 60, true); s.use(2, 20, false); s.poll(2.5) },
			[]string{"7/01-01/75 at 01-03T12:00 80 of 100 by sweep"}, []Finding{finding(record.CounterRegressed, 2.5, 60, 80, true)}},
		{"and inline goes on from there",
			func(s *sweptWorld) { s.use(1, 60, false); s.poll(1.5); s.use(2, 20, true) },
			[]string{"7/01-01/75 at 01-03T00:00 80 of 100 by add"}, []Finding{finding(record.CounterRegressed, 1.5, 0, 60, true)}},
		{"what inline found the sweep does not send again",
			func(s *sweptWorld) { s.use(1, 80, true); s.poll(1.5); s.poll(2) },
			[]string{"7/01-01/75 at 01-02T00:00 80 of 100 by add"}, nil},
		{"what the sweep found inline does not send again",
			func(s *sweptWorld) { s.use(1, 80, false); s.poll(1.5); s.use(2, -10, true); s.use(3, 10, true) },
			[]string{"7/01-01/75 at 01-02T12:00 80 of 100 by sweep"}, []Finding{finding(record.CounterRegressed, 1.5, 0, 80, true)}},
		{"a call that is still under way is not made up for",
			func(s *sweptWorld) { s.use(1, 60, true); s.use(1.5, 10, false); s.poll(1.5 + 1/86400.0) },
			nil, nil},
		{"but what it makes due is claimed",
			func(s *sweptWorld) { s.use(1, 60, true); s.use(1.5, 20, false); s.poll(1.5 + 1/86400.0) },
			[]string{"7/01-01/75 at 01-02T12:00 80 of 100 by sweep"}, nil},
		{"corrections do not look like a loss, nor do they hide one",
			func(s *sweptWorld) {
				s.use(1, 60, true)
				s.use(2, -30, true)
				s.poll(2.5)
				s.use(3, 10, false)
				s.use(3.1, -5, false)
				s.poll(3.5)
			}, nil, []Finding{finding(record.CounterRegressed, 3.5, 30, 35, true)}},
		{"a correction that the source does not show yet",
			func(s *sweptWorld) {
				s.use(1, 60, true)
				s.world.at(dayAt(2), func(*clock.Proc) { add(s.t, s.Hybrid, Usage{Account: 7, At: dayAt(2), Units: -30}) })
				s.poll(2.5)
				s.use(3, 30, true)
			}, nil, nil},
		{"a shard that lost everything",
			func(s *sweptWorld) {
				s.use(1, 60, true)
				s.use(1.1, -10, true)
				s.wipe(2)
				s.poll(2.5)
				s.use(3, 25, true)
			},
			[]string{"7/01-01/75 at 01-04T00:00 75 of 100 by add"}, []Finding{finding(record.CounterRegressed, 2.5, 0, 50, true)}},
		{"and with it a notice that nobody had got",
			func(s *sweptWorld) { s.use(1, 80, true); s.wipe(2); s.poll(2.5) },
			[]string{"7/01-01/75 at 01-03T12:00 80 of 100 by sweep"}, []Finding{finding(record.CounterRegressed, 2.5, 0, 80, true)}},
		{"on the day of the first period's start",
			func(s *sweptWorld) { s.use(0.1, 80, false); s.poll(0.2) },
			[]string{"7/01-01/75 at 01-01T04:48 80 of 100 by sweep"}, []Finding{finding(record.CounterRegressed, 0.2, 0, 80, true)}},
		{"usage right before the end of the period",
			func(s *sweptWorld) { s.use(1, 60, true); s.poll(30.9); s.use(30.99, 20, false); s.poll(31.4) },
			[]string{"7/01-01/75 at 01-31T23:59 80 of 100 by sweep"}, []Finding{finding(record.CounterRegressed, 31.4, 60, 80, true)}},
	} {
		t.Run(tc.why, func(t *testing.T) {
			s := newSwept(t, monthly(100), 0)
			tc.play(s)
			s.ends(tc.want, tc.found)
		})
	}
}

// A sweep that could not read the source comes back to what it missed, even
// when that period is over.
func TestHybridSourceDown(t *testing.T) {
	s := newSwept(t, monthly(100), 0)
	s.use(1, 60, true)
	s.poll(30)
	s.use(30.5, 20, false)
	s.world.at(dayAt(30.6), func(*clock.Proc) {
		s.source.down = true
		if err := s.Poll(context.Background()); !errors.Is(err, ErrSourceDown) {
			t.Errorf("expected ErrSourceDown, found %v", err)
		}
	})
	s.world.at(dayAt(32.4), func(*clock.Proc) { s.source.down = false })
	s.poll(32.5)
	s.ends([]string{"7/01-01/75 at 01-31T23:59 80 of 100 by sweep"}, []Finding{finding(record.CounterRegressed, 32.5, 60, 80, true)})
}

// A closed period is swept again while its claims live, so that a notice that
// a shard lost right after the first time comes again; and not when they are
// gone, so that nothing comes again that was not lost.
func TestHybridClosedPeriod(t *testing.T) {
	for _, tc := range []struct {
		why     string
		wiped   bool
		polls   []float64
		entries int
	}{
		{"swept at its end, then lost", true, []float64{31, 31.5}, 2},
		{"swept while its claims live", false, []float64{31, 31.5, 32, 32.5, 33}, 1},
		{"no sweep until its claims are gone", false, []float64{31.5, 34}, 1},
	} {
		t.Run(tc.why, func(t *testing.T) {
			s := newSwept(t, monthly(100), 0)
			s.use(30.9, 80, true)
			s.world.at(dayAt(31.1), func(*clock.Proc) { s.drain(&s.got) })
			if tc.wiped {
				s.wipe(31.2)
			}
			for _, day := range tc.polls {
				s.poll(day)
			}
			s.sched.Run()
			s.now(func() { s.drain(&s.got) })
			if n := len(s.got.ids[Claim{7, dayAt(0), 75}]); n != tc.entries {
				t.Errorf("expected %d entries of an outbox, found %d", tc.entries, n)
			}
		})
	}
}

// A contract that restarts the period ends the one before: its usage is not
// counted there.
func TestHybridRestartedPeriod(t *testing.T) {
	c := monthly(100)
	c = append(c, usage.Segment{From: dayAt(10), Kind: usage.Period, Anchor: dayAt(10), Limit: 100})
	s := newSwept(t, c, 0)
	s.use(1, 60, true)
	s.use(10.1, 60, true)
	s.poll(10.2)
	s.use(10.5, 20, false)
	s.poll(10.7)
	s.ends([]string{"7/01-11/75 at 01-11T16:48 80 of 100 by sweep"},
		[]Finding{{Cause: record.CounterRegressed, Account: 7, Start: dayAt(10), At: dayAt(10.7), Have: 60, Want: 80, Repaired: true}})
}

func TestHybridConfig(t *testing.T) {
	w := newWorld(t, 1)
	defer w.close()
	good := HybridConfig{InlineConfig: InlineConfig{Redis: w.client(0), Clock: w, Contracts: fixed(monthly(1)), Thresholds: standard},
		Accounts: &usages{}, Totals: &usages{}, Every: 1}
	if h, err := NewHybrid(good); err != nil || h.Interval() != 1 {
		t.Errorf("expected an engine with an interval of 1 ns, found %v, %v", h, err)
	}
	for name, spoil := range map[string]func(*HybridConfig){
		"of inline":      func(c *HybridConfig) { c.Clock = nil },
		"no accounts":    func(c *HybridConfig) { c.Accounts = nil },
		"no totals":      func(c *HybridConfig) { c.Totals = nil },
		"no interval":    func(c *HybridConfig) { c.Every = 0 },
		"negative lag":   func(c *HybridConfig) { c.Lag = -1 },
		"short slack":    func(c *HybridConfig) { c.Slack, c.Every = usage.Day, usage.Day },
		"negative delay": func(c *HybridConfig) { c.Settle = -1 },
	} {
		c := good
		spoil(&c)
		if _, err := NewHybrid(c); err == nil {
			t.Errorf("%s: expected an error, found none", name)
		}
	}
}
