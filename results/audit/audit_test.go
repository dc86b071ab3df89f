package audit_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/models/limits"
	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/record"
)

const second = int64(time.Second)

// manifest of one limiter: 1 token a second, burst 3.
func manifest(resolution time.Duration) record.Manifest {
	return record.Manifest{Clock: "virtual", Limiters: []record.Limiter{{
		Name: "l", Algorithm: "gcra", Resolution: resolution,
		Limits: []record.Limit{
			{Name: "a", Count: 1, Period: time.Second, Burst: 3},
			{Name: "b", Count: 1, Period: time.Second, Burst: 1},
		},
		Overrides: []record.Limit{{Name: "a", Key: "vip", Count: 1, Period: time.Second, Burst: 5}},
	}}}
}

// at makes a decision that took effect at that instant, one after another.
func at(ns int64, d record.Decision, takes ...record.Take) record.Observation {
	if len(takes) == 0 {
		takes = []record.Take{take("a", "k")}
	}
	return record.Observation{Limiter: "l", Done: ns, Intended: ns, Sent: ns, Judged: ns, Effect: ns, Decision: d, Key: record.Found, RetryAfter: -1, Takes: takes}
}

func take(limit, key string) record.Take {
	return record.Take{Limit: limit, Key: key, Cost: 1, Mode: record.TakeMode}
}

func with(t record.Take, mode record.Mode, cost int64) record.Take {
	t.Mode, t.Cost = mode, cost
	return t
}

func replay(t testing.TB, m record.Manifest, list []record.Observation) (audit.Limiter, error) {
	t.Helper()
	for i := range list {
		if list[i].Effect >= 0 && list[i].Order == 0 {
			list[i].Order = int64(i)
		}
	}
	res, err := audit.Replay(testkit.WriteRecord(t, m, list))
	if err != nil {
		return audit.Limiter{}, err
	}
	return res.Limiters[0], nil
}

func times(n int, o record.Observation) []record.Observation {
	list := make([]record.Observation, n)
	for i := range list {
		list[i] = o
	}
	return list
}

func TestReplay(t *testing.T) {
	yes, no := record.Allowed, record.Denied
	for _, c := range []struct {
		why  string
		res  time.Duration
		list []record.Observation
		want audit.Limiter
	}{
		{"the burst is admitted, no more", 0,
			append(times(3, at(0, yes)), at(0, no), at(second, yes), at(second, no)),
			audit.Limiter{Compared: 6, Keys: 1}},
		{"one above the burst: over by one, one token above the envelope", 0,
			append(times(4, at(0, yes)), at(0, no)),
			audit.Limiter{Compared: 5, Over: 1, Keys: 1, WorstExcess: 1, WorstLimit: "a", WorstKey: "k",
				Worst: []audit.Offender{{Limit: "a", Key: "k", Over: 1, Excess: 1}}}},
		{"the oracle runs free: lost spends are each charged", 0,
			times(10, at(0, yes)),
			audit.Limiter{Compared: 10, Over: 7, Keys: 1, WorstExcess: 7, WorstLimit: "a", WorstKey: "k",
				Worst: []audit.Offender{{Limit: "a", Key: "k", Over: 7, Excess: 7}}}},
		{"denied with room: under, and the oracle spends what it would have admitted", 0,
			[]record.Observation{at(0, no), at(0, yes), at(0, yes), at(0, no)},
			audit.Limiter{Compared: 4, Under: 1, Keys: 1, Worst: []audit.Offender{{Limit: "a", Key: "k", Under: 1}}}},
		{"a disagreement within the clock's resolution is ambiguous and adopted", time.Microsecond,
			append(times(3, at(0, yes)), at(second-500, yes), at(2*second-1000, yes)),
			audit.Limiter{Compared: 5, Ambiguous: 2, Keys: 1}},
		{"the same with an exact clock is a fault", 0,
			append(times(3, at(0, yes)), at(second-500, yes)),
			audit.Limiter{Compared: 4, Over: 1, Keys: 1, WorstExcess: 5e-7, WorstLimit: "a", WorstKey: "k",
				Worst: []audit.Offender{{Limit: "a", Key: "k", Over: 1, Excess: 5e-7}}}},
		{"exactly at the boundary with an exact clock: agreed, not ambiguous", 0,
			append(times(3, at(0, yes)), at(second, yes), at(second, no)),
			audit.Limiter{Compared: 5, Keys: 1}},
		{"an override has its own burst", 0,
			append(times(5, at(0, yes, take("a", "vip"))), at(0, no, take("a", "vip"))),
			audit.Limiter{Compared: 6, Keys: 1}},
		{"the effect decides the order, not the writing", 0,
			[]record.Observation{effect(at(5, no), 4), effect(at(6, yes), 1), effect(at(7, yes), 2), effect(at(8, yes), 3)},
			audit.Limiter{Compared: 4, Keys: 1}},
		{"a check takes nothing", 0,
			append(times(5, at(0, yes, with(take("a", "k"), record.CheckMode, 3))), times(3, at(0, yes))...),
			audit.Limiter{Compared: 8, Keys: 1}},
		{"a spend takes part in no decision, and spends where there is room", 0,
			append(times(5, at(0, yes, with(take("a", "k"), record.SpendMode, 1))), at(0, no)),
			audit.Limiter{Compared: 6, Keys: 1, WorstExcess: 2, WorstLimit: "a", WorstKey: "k"}},
		{"a batch is denied by any of its limits and then takes from none", 0,
			[]record.Observation{at(0, yes, take("a", "k"), take("b", "k")), at(0, no, take("a", "k"), take("b", "k")), at(0, yes), at(0, yes), at(0, no)},
			audit.Limiter{Compared: 5, Keys: 2}},
		{"a batch admitted against one limit: that key is to blame", 0,
			times(2, at(0, yes, take("a", "k"), take("b", "k"))),
			audit.Limiter{Compared: 2, Over: 1, Keys: 2, WorstExcess: 1, WorstLimit: "b", WorstKey: "k",
				Worst: []audit.Offender{{Limit: "b", Key: "k", Over: 1, Excess: 1}}}},
		{"cost above the burst is never allowed", 0,
			[]record.Observation{at(0, no, with(take("a", "k"), record.TakeMode, 4)), at(0, yes, with(take("a", "k"), record.TakeMode, 3))},
			audit.Limiter{Compared: 2, Keys: 1}},
		{"errors and fail-opens that reached a key are uncertain; others and drops are nothing", 0,
			[]record.Observation{at(0, record.Errored), at(0, record.FailOpen), effect(at(0, record.Errored), -1), effect(at(0, record.Dropped), -1), at(0, yes)},
			audit.Limiter{Compared: 1, Uncertain: 2, Keys: 1}},
		{"a limiter that touches no key is audited at the time it answered", 0,
			times(5, unread(at(0, yes))),
			audit.Limiter{Compared: 5, Over: 2, Keys: 1, WorstExcess: 2, WorstLimit: "a", WorstKey: "k",
				Worst: []audit.Offender{{Limit: "a", Key: "k", Over: 2, Excess: 2}}}},
		{"a right and a wrong RetryAfter, an unknown one, and one after a fault", 0,
			append(times(3, at(0, yes)), retry(at(0, no), second), retry(at(0, no), second/2), at(0, no), at(0, yes), retry(at(0, no), 5)),
			audit.Limiter{Compared: 8, Over: 1, RetryKnown: 2, WrongRetry: 1, Keys: 1, WorstExcess: 1, WorstLimit: "a", WorstKey: "k",
				Worst: []audit.Offender{{Limit: "a", Key: "k", Over: 1, Excess: 1}}}},
		{"a RetryAfter off by the clock's resolution is right", time.Microsecond,
			append(times(3, at(0, yes)), retry(at(0, no), second+1000), retry(at(0, no), second+1001)),
			audit.Limiter{Compared: 5, RetryKnown: 2, WrongRetry: 1, Keys: 1}},
	} {
		t.Run(c.why, func(t *testing.T) {
			got, err := replay(t, manifest(c.res), c.list)
			if err != nil {
				t.Fatal(err)
			}
			c.want.Name, c.want.Algorithm = "l", "gcra"
			if diff := cmp.Diff(c.want, got, cmpopts.EquateApprox(1e-9, 0)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func effect(o record.Observation, at int64) record.Observation {
	o.Effect, o.Order = at, at
	return o
}

func unread(o record.Observation) record.Observation {
	o.Key, o.Effect, o.Order, o.Judged = record.Unread, -1, -1, -1
	return o
}

func retry(o record.Observation, after int64) record.Observation {
	o.RetryAfter = after
	return o
}

func TestWarmupIsReplayedNotCounted(t *testing.T) {
	m := manifest(0)
	m.Warmup = time.Second
	list := append(times(5, at(0, record.Allowed)), at(second, record.Allowed), at(second, record.Allowed))
	got, err := replay(t, m, list)
	if err != nil {
		t.Fatal(err)
	}
	want := audit.Limiter{Name: "l", Algorithm: "gcra", Compared: 2, Over: 1, Keys: 1, WorstExcess: 3, WorstLimit: "a", WorstKey: "k",
		Worst: []audit.Offender{{Limit: "a", Key: "k", Over: 1, Excess: 3}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the oracle must have spent its burst in the warm-up (-want +got):\n%s", diff)
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		why    string
		change func(m *record.Manifest, o *record.Observation)
		says   string
	}{
		{"virtual time has an order", func(_ *record.Manifest, o *record.Observation) { o.Order = -1 }, "virtual time"},
		{"a limiter that is not in the manifest", func(_ *record.Manifest, o *record.Observation) { o.Limiter = "x" }, `limiter "x"`},
		{"a limit that is not in the manifest", func(_ *record.Manifest, o *record.Observation) { o.Takes[0].Limit = "x" }, `limit "x"`},
		{"an algorithm that does not exist", func(m *record.Manifest, _ *record.Observation) { m.Limiters[0].Algorithm = "x" }, `"x"`},
		{"a limit that cannot be", func(m *record.Manifest, _ *record.Observation) { m.Limiters[0].Limits[0].Count = 0 }, `limit "a"`},
	} {
		m, list := manifest(0), []record.Observation{at(1, record.Allowed)}
		list[0].Order = 1
		c.change(&m, &list[0])
		_, err := replay(t, m, list)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v does not say %s", c.why, err, c.says)
		}
		if list[0].Order == -1 && !errors.Is(err, audit.ErrOrder) {
			t.Errorf("%s: error %v is not ErrOrder", c.why, err)
		}
	}
}

func TestNoOracle(t *testing.T) {
	m := manifest(0)
	m.Limiters[0].Algorithm = ""
	got, err := replay(t, m, times(9, at(0, record.Allowed)))
	if err != nil {
		t.Fatal(err)
	}
	if got.Audited() || got.Compared != 0 {
		t.Errorf("audited without an oracle: %+v", got)
	}
}

func TestWorstOffenders(t *testing.T) {
	var list []record.Observation
	for i := range 30 {
		list = append(list, times(3+i, at(0, record.Allowed, take("a", fmt.Sprintf("k%02d", i))))...)
	}
	got, err := replay(t, manifest(0), list)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Worst) != audit.MaxOffenders || got.Worst[0].Key != "k29" || got.Worst[0].Over != 29 || got.Worst[19].Key != "k10" {
		t.Errorf("worst are %+v; want k29 with 29 down to k10", got.Worst)
	}
}

// The oracle of every algorithm agrees with itself: a record made by a
// correct limiter has no fault, and GCRA stays within the envelope. A
// limiter that is off by one, fed the same schedule, is caught.
func TestEveryAlgorithm(t *testing.T) {
	for _, algorithm := range limits.Algorithms() {
		t.Run(algorithm, rapid.MakeCheck(func(rt *rapid.T) {
			limit := limits.Limit{Count: rapid.Int64Range(1, 5).Draw(rt, "count"), Period: time.Second}
			limit.Burst = limit.Count
			m := record.Manifest{Limiters: []record.Limiter{{Name: "l", Algorithm: algorithm,
				Limits: []record.Limit{{Name: "a", Count: limit.Count, Period: limit.Period, Burst: limit.Burst}}}}}
			gaps := rapid.SliceOfN(rapid.Int64Range(0, second/2), 20, 60).Draw(rt, "gaps")
			got := replaySequence(rt, m, schedule(t, algorithm, limit, gaps))
			if got.Over+got.Under+got.Ambiguous != 0 || got.Compared != int64(len(gaps)) {
				rt.Fatalf("a correct limiter is blamed: %+v", got)
			}
			if (algorithm == "gcra" || algorithm == "gcra_float") && got.WorstExcess != 0 {
				rt.Fatalf("GCRA leaves its envelope by %v tokens", got.WorstExcess)
			}
			broken := limit
			broken.Burst, broken.Count = limit.Burst+1, limit.Count+1
			gaps = append(make([]int64, limit.Burst+1), gaps...) // a burst to begin with
			got = replaySequence(rt, m, schedule(t, algorithm, broken, gaps))
			if got.Over == 0 {
				rt.Fatalf("a limiter with burst %d for %d is not caught: %+v", broken.Burst, limit.Burst, got)
			}
		}))
	}
}

// replaySequence is replay without the detour over a file.
func replaySequence(rt *rapid.T, m record.Manifest, list []record.Observation) audit.Limiter {
	res, err := audit.ReplaySequence(m, func(yield func(*record.Observation, error) bool) {
		for i := range list {
			list[i].Order = int64(i)
			if !yield(&list[i], nil) {
				return
			}
		}
	})
	if err != nil {
		rt.Fatal(err)
	}
	return res.Limiters[0]
}

// schedule is the record of a limiter that decides by one bucket.
func schedule(t *testing.T, algorithm string, limit limits.Limit, gaps []int64) []record.Observation {
	bucket, err := limits.New(algorithm, limit)
	if err != nil {
		t.Fatal(err)
	}
	var list []record.Observation
	now := int64(0)
	for _, gap := range gaps {
		now += gap
		d := record.Denied
		if bucket.Peek(now, 1).Allowed {
			bucket.Spend(now, 1)
			d = record.Allowed
		}
		list = append(list, at(now, d))
	}
	return list
}

// The running excess equals the worst of all windows, counted the slow way.
func TestExcessAgainstAllWindows(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		gaps := rapid.SliceOfN(rapid.Int64Range(0, 3*second), 1, 40).Draw(rt, "gaps")
		var list []record.Observation
		var when []int64
		now := int64(0)
		for _, gap := range gaps {
			now += gap
			list, when = append(list, at(now, record.Allowed)), append(when, now)
		}
		want := 0.0
		for i := range when {
			for j := i; j < len(when); j++ {
				want = max(want, float64(j-i+1)-limits.Envelope(limits.Limit{Count: 1, Period: time.Second, Burst: 3}, time.Duration(when[j]-when[i])))
			}
		}
		got := replaySequence(rt, manifest(0), list)
		if diff := cmp.Diff(want, got.WorstExcess, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
			rt.Fatalf("worst excess (-all windows +running):\n%s", diff)
		}
	})
}

func BenchmarkReplay(b *testing.B) {
	list := make([]record.Observation, 200_000)
	for i := range list {
		list[i] = at(int64(i)*1000, record.Allowed, take("a", fmt.Sprintf("10.0.%d.%d", i*7919%50_000/256, i*7919%50_000%256)))
		list[i].Order = int64(i)
	}
	r := testkit.WriteRecord(b, manifest(0), list)
	for b.Loop() {
		if _, err := audit.Replay(r); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(list))*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
