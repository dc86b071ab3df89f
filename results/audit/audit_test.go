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
	return record.Manifest{Clock: "virtual", Epoch: time.Unix(0, 0).UTC(), Limiters: []record.Limiter{{
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

// found are the numbers of an audit that tests state.
type found struct {
	Compared, Over, Under, Divergence, ChecksAllowed, Ambiguous, Uncertain, Keys int64

	Excess     float64
	Limit, Key string // of the worst window
}

func numbers(l audit.Limiter) found {
	return found{l.Compared, l.Over, l.Under, l.Divergence, l.ChecksAllowed, l.Ambiguous, l.Uncertain, l.Keys, l.Worst.Excess, l.Worst.Limit, l.Worst.Key}
}

func TestReplay(t *testing.T) {
	yes, no := record.Allowed, record.Denied
	for _, c := range []struct {
		why  string
		res  time.Duration
		list []record.Observation
		want found
	}{
		{"the burst is admitted, no more", 0,
			append(times(3, at(0, yes)), at(0, no), at(second, yes), at(second, no)),
			found{Compared: 6, Keys: 1}},
		{"one above the burst: over by one, one token above the promise", 0,
			append(times(4, at(0, yes)), at(0, no)),
			found{Compared: 5, Over: 1, Divergence: 1, Keys: 1, Excess: 1, Limit: "a", Key: "k"}},
		{"lost spends are each taken away", 0,
			times(10, at(0, yes)),
			found{Compared: 10, Over: 7, Divergence: 7, Keys: 1, Excess: 7, Limit: "a", Key: "k"}},
		{"a phase shift breaks no promise: the limiter admits as many, later", 0,
			[]record.Observation{at(0, no, one), at(second/2, yes, one), at(second, no, one), at(3*second/2, yes, one), at(2*second, no, one)},
			found{Compared: 5, Under: 1, Divergence: 5, Keys: 1}},
		{"a denial is wrong if it would have fitted, given what was really admitted", 0,
			[]record.Observation{at(0, no), at(0, yes), at(0, yes), at(0, no)},
			found{Compared: 4, Under: 2, Divergence: 1, Keys: 1}},
		{"and right if over-admissions took its room", 0,
			append(times(5, at(0, yes)), at(second, no), at(2*second, no), at(3*second, no)),
			found{Compared: 8, Over: 2, Under: 1, Divergence: 5, Keys: 1, Excess: 2, Limit: "a", Key: "k"}},
		{"a disagreement within the clock's resolution is ambiguous and adopted", time.Microsecond,
			append(times(3, at(0, yes)), at(second-500, yes), at(2*second-1000, yes)),
			found{Compared: 5, Ambiguous: 2, Keys: 1}},
		{"the same with an exact clock is a fault", 0,
			append(times(3, at(0, yes)), at(second-500, yes)),
			found{Compared: 4, Over: 1, Divergence: 1, Keys: 1, Excess: 5e-7, Limit: "a", Key: "k"}},
		{"exactly at the boundary with an exact clock: agreed, not ambiguous", 0,
			append(times(3, at(0, yes)), at(second, yes), at(second, no)),
			found{Compared: 5, Keys: 1}},
		{"an override has its own burst", 0,
			append(times(5, at(0, yes, take("a", "vip"))), at(0, no, take("a", "vip"))),
			found{Compared: 6, Keys: 1}},
		{"the effect decides the order, not the writing", 0,
			[]record.Observation{effect(at(5, no), 4), effect(at(6, yes), 1), effect(at(7, yes), 2), effect(at(8, yes), 3)},
			found{Compared: 4, Keys: 1}},
		{"a check takes nothing", 0,
			append(times(5, at(0, yes, with(take("a", "k"), record.CheckMode, 3))), times(3, at(0, yes))...),
			found{Compared: 8, Keys: 1}},
		{"a check that is told yes without room is counted apart", 0,
			append(times(3, at(0, yes)), at(0, yes, with(take("a", "k"), record.CheckMode, 1))),
			found{Compared: 4, ChecksAllowed: 1, Divergence: 1, Keys: 1}},
		{"a spend takes part in no decision, and spends where there is room", 0,
			append(times(5, at(0, yes, with(take("a", "k"), record.SpendMode, 1))), at(0, no)),
			found{Compared: 6, Keys: 1}},
		{"a batch is denied by any of its limits and then takes from none", 0,
			[]record.Observation{at(0, yes, take("a", "k"), take("b", "k")), at(0, no, take("a", "k"), take("b", "k")), at(0, yes), at(0, yes), at(0, no)},
			found{Compared: 5, Keys: 2}},
		{"a batch admitted against one limit: that key is to blame", 0,
			times(2, at(0, yes, take("a", "k"), take("b", "k"))),
			found{Compared: 2, Over: 1, Divergence: 1, Keys: 2, Excess: 1, Limit: "b", Key: "k"}},
		{"where costs differ tokens are taken away", 0,
			[]record.Observation{at(0, yes, with(take("a", "k"), record.TakeMode, 2)), at(0, yes, with(take("a", "k"), record.TakeMode, 3)), at(0, yes)},
			found{Compared: 3, Over: 3, Divergence: 1, Keys: 1, Excess: 3, Limit: "a", Key: "k"}},
		{"cost above the burst is never allowed", 0,
			[]record.Observation{at(0, no, with(take("a", "k"), record.TakeMode, 4)), at(0, yes, with(take("a", "k"), record.TakeMode, 3))},
			found{Compared: 2, Keys: 1}},
		{"fail-open is an admission; errors that reached a key are uncertain, others and drops are nothing", 0,
			append(times(4, at(0, record.FailOpen)), at(0, record.Errored), effect(at(0, record.Errored), -1), effect(at(0, record.Dropped), -1)),
			found{Compared: 4, Over: 1, Divergence: 1, Uncertain: 1, Keys: 1, Excess: 1, Limit: "a", Key: "k"}},
		{"a denial may be right because an error took the tokens", 0,
			append(times(2, at(0, yes)), at(0, record.Errored), at(0, no), at(10*second, no)),
			found{Compared: 4, Ambiguous: 1, Under: 1, Divergence: 2, Uncertain: 1, Keys: 1}},
		{"what was given up on its way is executed at the latest before what was sent later", 0,
			append(times(2, at(0, yes)), givenUp(at(0, record.Errored)), at(10*second, no, with(take("a", "k"), record.TakeMode, 3)), at(20*second, no, with(take("a", "k"), record.TakeMode, 3))),
			found{Compared: 4, Ambiguous: 1, Under: 1, Divergence: 2, Uncertain: 1, Keys: 1}},
		{"what was refused on its way took nothing", 0,
			append(times(2, at(0, yes)), refused(at(0, record.Errored)), at(0, no)),
			found{Compared: 3, Under: 1, Divergence: 1, Keys: 1}},
		{"a limiter that touches no key is audited at the time it answered", 0,
			times(5, unread(at(0, yes))),
			found{Compared: 5, Over: 2, Divergence: 2, Keys: 1, Excess: 2, Limit: "a", Key: "k"}},
	} {
		t.Run(c.why, func(t *testing.T) {
			got, err := replay(t, manifest(c.res), c.list)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, numbers(got), cmpopts.EquateApprox(1e-9, 0)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// one takes from the limit whose burst is one.
var one = take("b", "k")

func TestRetryAfter(t *testing.T) {
	full, no := times(3, at(0, record.Allowed)), record.Denied
	ms := int64(time.Millisecond)
	for _, c := range []struct {
		why  string
		res  time.Duration
		list []record.Observation
		want audit.RetryAfter
	}{
		{"right, unknown, early, and after an over-admission, where the two are out of step", 0,
			append(full[:3:3], retry(at(0, no), second), at(0, no), retry(at(0, no), second/2), at(0, record.Allowed), retry(at(0, no), 5)),
			audit.RetryAfter{Compared: 2, Unit: time.Millisecond, Early: audit.Spread{Count: 1, Med: time.Second / 2, Max: time.Second / 2}}},
		{"whole seconds rounded up are right, rounded down are early", 0,
			append(full[:3:3], retry(at(second/4, no), second), retry(at(second/4, no), 0)),
			audit.RetryAfter{Compared: 2, Unit: time.Second, Early: audit.Spread{Count: 1, Med: 750 * time.Millisecond, Max: 750 * time.Millisecond}}},
		{"two seconds too many are late", 0,
			append(full[:3:3], retry(at(second/4, no), 3*second)),
			audit.RetryAfter{Compared: 1, Unit: time.Second, Late: audit.Spread{Count: 1, Med: 2250 * time.Millisecond, Max: 2250 * time.Millisecond}}},
		{"of a limiter that speaks in ms a second is late", 0,
			append(full[:3:3], retry(at(second/4, no), 750*ms), retry(at(second/4, no), 1751*ms)),
			audit.RetryAfter{Compared: 2, Unit: time.Millisecond, Late: audit.Spread{Count: 1, Med: 1001 * time.Millisecond, Max: 1001 * time.Millisecond}}},
		{"the rounding of floating point is not wrong: a microsecond of a second", time.Microsecond,
			append(full[:3:3], retry(at(0, no), second+1001), retry(at(0, no), second-1001)),
			audit.RetryAfter{Compared: 2, Unit: time.Microsecond}},
	} {
		t.Run(c.why, func(t *testing.T) {
			got, err := replay(t, manifest(c.res), c.list)
			if err != nil {
				t.Fatal(err)
			}
			near := cmp.Comparer(func(a, b time.Duration) bool { return (a - b).Abs() <= max(a, b)/500 })
			if diff := cmp.Diff(c.want, got.Retry, near, cmpopts.IgnoreUnexported(audit.Spread{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestCells: counts belong to the traffic, client, limit and phase of the
// request, those of fail-open requests during a fault among them.
func TestCells(t *testing.T) {
	m := manifest(0)
	m.Clients = []record.Client{{Name: "wfe", Instances: 2}, {Name: "ra", Instances: 1}}
	m.Faults = []record.Fault{{At: second, Until: 2 * second, Kind: "down"}}
	of := func(o record.Observation, traffic, client string) record.Observation {
		o.Traffic, o.Client = traffic, client
		return o
	}
	list := append(times(4, of(at(0, record.Allowed), "web", "wfe/1")), times(3, of(at(second+1, record.FailOpen), "api", "ra"))...)
	got, err := replay(t, m, list)
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		Traffic, Client, Limit, Phase string
		Compared, Over                int64
		Excess                        float64
		From, Until                   int64
	}
	var rows []row
	for _, c := range got.Cells {
		rows = append(rows, row{c.Traffic, c.Client, c.Limit, c.Phase, c.Compared, c.Over, c.Worst.Excess, c.Worst.From, c.Worst.Until})
	}
	want := []row{{"api", "ra", "a", "during", 3, 2, 3 - 1e-9, 0, second + 1}, {"web", "wfe", "a", "before", 4, 1, 1, 0, 0}}
	if diff := cmp.Diff(want, rows, cmpopts.EquateApprox(0, 1e-12)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// givenUp is a request whose client did not wait for the command that it sent.
func givenUp(o record.Observation) record.Observation {
	o = effect(o, -1)
	o.Error, o.RoundTrips, o.Touched = "timeout", 1, []record.Touch{{Shard: "shard-1", Commands: 1}}
	return o
}

func refused(o record.Observation) record.Observation {
	o = givenUp(o)
	o.Error = "refused"
	return o
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
	want := found{Compared: 2, Over: 1, Divergence: 1, Keys: 1, Excess: 3, Limit: "a", Key: "k"}
	if diff := cmp.Diff(want, numbers(got)); diff != "" {
		t.Errorf("the reference must have spent its burst in the warm-up (-want +got):\n%s", diff)
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

// TestNoReference: of a limiter that declares no algorithm the worst excess is
// known by its limit, and nothing else is.
func TestNoReference(t *testing.T) {
	m := manifest(0)
	m.Limiters[0].Algorithm = ""
	got, err := replay(t, m, append(times(9, at(0, record.Allowed)), at(0, record.Denied)))
	if err != nil {
		t.Fatal(err)
	}
	if want := (found{Compared: 10, Keys: 1, Excess: 6, Limit: "a", Key: "k"}); got.Audited() || numbers(got) != want {
		t.Errorf("audited %v, found %+v, expected %+v", got.Audited(), numbers(got), want)
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
	if len(got.Offenders) != audit.MaxOffenders || got.Offenders[0].Key != "k29" || got.Offenders[0].Over != 29 || got.Offenders[19].Key != "k10" {
		t.Errorf("worst are %+v; want k29 with 29 down to k10", got.Offenders)
	}
}

// The reference of every algorithm agrees with itself: a record made by a
// correct limiter has no fault, and GCRA stays within the envelope. A
// limiter that is off by one, fed the same schedule, is caught.
func TestEveryAlgorithm(t *testing.T) {
	for _, algorithm := range limits.Algorithms() {
		t.Run(algorithm, rapid.MakeCheck(func(rt *rapid.T) {
			limit := limits.Limit{Count: rapid.Int64Range(1, 5).Draw(rt, "count"), Period: time.Second}
			limit.Burst = limit.Count
			m := record.Manifest{Epoch: time.Unix(0, 0), Limiters: []record.Limiter{{Name: "l", Algorithm: algorithm,
				Limits: []record.Limit{{Name: "a", Count: limit.Count, Period: limit.Period, Burst: limit.Burst}}}}}
			gaps := rapid.SliceOfN(rapid.Int64Range(0, second/2), 20, 60).Draw(rt, "gaps")
			got := replaySequence(rt, m, schedule(t, algorithm, limit, gaps))
			if got.Over+got.Under+got.Divergence+got.Ambiguous != 0 || got.Compared != int64(len(gaps)) {
				rt.Fatalf("a correct limiter is blamed: %+v", got)
			}
			if got.Worst.Excess != 0 {
				rt.Fatalf("%s breaks its own promise by %v tokens", algorithm, got.Worst.Excess)
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
	res, _, err := audit.ReplaySequence(m, func(yield func(*record.Observation, error) bool) {
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
		if diff := cmp.Diff(want, got.Worst.Excess, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
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
