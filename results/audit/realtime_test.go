package audit_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/models/limits"
	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/record"
)

const ms = int64(time.Millisecond)

func failed(o record.Observation, kind string) record.Observation {
	o.Decision, o.Error, o.Touched = record.Errored, kind, []record.Touch{{Shard: "s1", Commands: 1}}
	return o
}

func concat(lists ...[]record.Observation) []record.Observation { return slices.Concat(lists...) }

// The limit is 1 token a second, burst 3 (a) and 1 (b).
func TestRealTime(t *testing.T) {
	yes, no := record.Allowed, record.Denied
	three := []record.Observation{spell(0, ms, yes), spell(2*ms, 3*ms, yes), spell(4*ms, 5*ms, yes)}
	worst := func(over int64, excess float64) found {
		return found{Over: over, Keys: 1, Excess: excess, Limit: "a", Key: "k"}
	}
	for _, c := range []struct {
		why  string
		list []record.Observation
		want found
	}{
		{"the burst one after another, then a denial: all right", concat(three, []record.Observation{spell(6*ms, 7*ms, no)}), found{Keys: 1}},
		{"the burst at once, then a denial: any order will do", concat(times(3, spell(0, ms, yes)), []record.Observation{spell(2*ms, 3*ms, no)}), found{Keys: 1}},
		{"one above the burst is over, and the 7 ms in which tokens may have come back are not excess", concat(three, []record.Observation{spell(6*ms, 7*ms, yes)}),
			worst(1, 1-0.007)},
		{"ten at once: seven are over, and which three are right is not known", times(10, spell(0, ms, yes)),
			func() found { l := worst(7, 7-0.001); l.Ambiguous = 3; return l }()},
		{"so long under way that a token may have come back before: ambiguous", concat(three, []record.Observation{spell(6*ms, second+ms, yes)}), found{Ambiguous: 1, Keys: 1}},
		{"under way across the moment at which the token is there", concat(three, []record.Observation{spell(second-ms, second+ms, yes)}), found{Ambiguous: 1, Keys: 1}},
		{"the token is there before it is sent", concat(three, []record.Observation{spell(second+ms, second+2*ms, yes)}), found{Keys: 1}},
		{"denied on a full bucket: under", []record.Observation{spell(0, ms, no)}, found{Under: 1, Keys: 1}},
		{"denied together on a full bucket: each is wrong, since none took anything", times(5, spell(0, ms, no)),
			found{Under: 5, Keys: 1}},
		{"the limiter gave too much, so that denials are right for longer", concat(times(4, spell(0, ms, yes)), []record.Observation{spell(second+200*ms, second+201*ms, no), spell(second+300*ms, second+301*ms, no)}),
			found{Over: 1, Ambiguous: 3, Keys: 1, Excess: 1 - 0.001, Limit: "a", Key: "k"}},
		{"denied together with those that may have taken the tokens before it", concat(times(3, spell(0, 4*ms, yes)), []record.Observation{spell(ms, 2*ms, no)}), found{Ambiguous: 1, Keys: 1}},
		{"denied together with fewer than could take all tokens", concat(times(1, spell(0, 4*ms, yes)), []record.Observation{spell(ms, 2*ms, no)}),
			found{Under: 1, Keys: 1}},
		{"denied about when the token came back", concat(three, []record.Observation{spell(second-ms, second+ms, no)}), found{Ambiguous: 1, Keys: 1}},
		{"a request that ended in an error may have taken the last token", concat(times(2, spell(0, ms, yes)), []record.Observation{failed(spell(2*ms, 3*ms, no), "server"), spell(4*ms, 5*ms, no)}),
			found{Ambiguous: 1, Uncertain: 1, Keys: 1}},
		{"or may not have", concat(times(2, spell(0, ms, yes)), []record.Observation{failed(spell(2*ms, 3*ms, no), "server"), spell(4*ms, 5*ms, yes)}),
			found{Ambiguous: 1, Uncertain: 1, Keys: 1}},
		{"one that was refused took none", concat(times(2, spell(0, ms, yes)), []record.Observation{failed(spell(2*ms, 3*ms, no), "refused"), spell(4*ms, 5*ms, no)}),
			found{Under: 1, Keys: 1}},
		{"one that got no connection may have been sent before, by an attempt that lost its answer", concat(times(2, spell(0, ms, yes)), []record.Observation{failed(spell(2*ms, 3*ms, no), "pool_exhausted"), spell(4*ms, 5*ms, no)}),
			found{Ambiguous: 1, Uncertain: 1, Keys: 1}},
		{"one without an answer may have been sent several times and be executed after it was given up", []record.Observation{failed(spell(0, 2*ms, no), "timeout"), spell(3*ms, 4*ms, no), spell(4*second, 4*second+ms, no)},
			found{Under: 1, Ambiguous: 1, Uncertain: 1, Keys: 1}},
		{"a drop is nothing", []record.Observation{effect(spell(-1, 5, record.Dropped), -1), spell(0, ms, yes)}, found{Keys: 1}},
		{"a check takes nothing, and is counted apart where there is no room", concat(three, times(2, spell(6*ms, 7*ms, yes, with(take("a", "k"), record.CheckMode, 1))), []record.Observation{spell(8*ms, 9*ms, no)}),
			found{ChecksAllowed: 2, Keys: 1}},
		{"what only spends is never over, and takes nothing where there is no room", concat(three, times(2, spell(6*ms, 7*ms, yes, with(take("a", "k"), record.SpendMode, 1)))),
			found{Keys: 1}},
		{"a batch that is over on both keys is over once", times(2, spell(0, ms, yes, take("b", "k"), take("b", "l"))),
			found{Over: 1, Ambiguous: 1, Keys: 2, Excess: 1 - 0.001, Limit: "b", Key: "k"}},
		{"a batch is denied rightly for one of its keys", []record.Observation{spell(0, ms, yes, take("b", "k")), spell(2*ms, 3*ms, no, take("a", "k"), take("b", "k"))}, found{Keys: 2}},
		{"cost above the burst: two tokens of five are over in every order", []record.Observation{spell(0, ms, yes, with(take("a", "k"), record.TakeMode, 4)), spell(0, ms, yes)},
			func() found { l := worst(2, 2-0.001); l.Ambiguous = 1; return l }()},
		{"of unlike costs tokens are counted: three of six", concat([]record.Observation{spell(0, ms, yes, with(take("a", "k"), record.TakeMode, 3))}, times(3, spell(0, ms, yes))),
			func() found { l := worst(3, 3-0.001); l.Ambiguous = 3; return l }()},
		{"unless it is certain to have been first", concat([]record.Observation{spell(0, ms, yes, with(take("a", "k"), record.TakeMode, 3))}, times(3, spell(2*ms, 3*ms, yes))),
			worst(3, 3-0.003)},
		{"an override has its own burst", times(5, spell(0, ms, yes, take("a", "vip"))), found{Keys: 1}},
		{"right, right for some order, and wrong times to retry after", concat(times(3, spell(0, ms, yes)),
			[]record.Observation{retry(spell(2*ms, 3*ms, no), second-2*ms), retry(spell(2*ms, 3*ms, no), second-3*ms), retry(spell(2*ms, 3*ms, no), second-4*ms), retry(spell(2*ms, 3*ms, no), second+ms), spell(4*ms, 5*ms, no)}),
			found{Keys: 1}},
	} {
		t.Run(c.why, func(t *testing.T) {
			m := manifest(0)
			m.Clock = "real"
			res, err := audit.Replay(testkit.WriteRecord(t, m, c.list))
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range c.list {
				if o.Decision == yes || o.Decision == no || o.Decision == record.FailOpen {
					c.want.Compared++
				}
			}
			if diff := cmp.Diff(c.want, numbers(res.Limiters[0]), cmpopts.EquateApprox(0, 1e-9)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// What is certain only as long as the clocks of several generators are right is not certain.
func TestRealTimeOfSeveralGenerators(t *testing.T) {
	yes := record.Allowed
	list := []record.Observation{spell(0, ms, yes), spell(2*ms, 3*ms, yes), spell(4*ms, 5*ms, yes), spell(second-3*ms, second-2*ms, yes)}
	for _, tt := range []struct {
		off             time.Duration
		over, ambiguous int64
	}{{0, 1, 0}, {time.Microsecond, 1, 0}, {4 * time.Millisecond, 0, 1}} {
		m := manifest(0)
		m.Clock = "real"
		m.Generators = []record.Generator{{ClockError: tt.off}, {ClockError: tt.off / 2}}
		res, err := audit.Replay(testkit.WriteRecord(t, m, list))
		if err != nil {
			t.Fatal(err)
		}
		if l := res.Limiters[0]; l.Over != tt.over || l.Ambiguous != tt.ambiguous {
			t.Errorf("clocks off by %v: %d over and %d ambiguous, expected %d and %d", tt.off, l.Over, l.Ambiguous, tt.over, tt.ambiguous)
		}
	}
}

// herd makes 512 requests on one key that is good for 100, as a limiter that
// loses spends answers them. spread is how far apart they are sent.
func herd(rng *rand.Rand, spread, width int64) []record.Observation {
	var list []record.Observation
	for i := range int64(512) {
		sent := i * spread
		list = append(list, spell(sent, sent+1+rng.Int64N(width), record.Allowed))
	}
	rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

func TestHerd(t *testing.T) {
	for _, c := range []struct {
		why                   string
		interval              time.Duration
		spread, width         int64
		over, least, greatest int64
	}{
		{"all at once: 412 whatever the order, and any 100 may be the right ones", time.Hour, 0, 1000, 412, 100, 100},
		{"overlapping: the first are right", time.Hour, 100, 100_000, 412, 1, 99},
		{"one after the other: it is known which", time.Hour, 1001, 1000, 412, 0, 0},
		{"within 51 intervals as many tokens come back", time.Millisecond, 99_991, 1, 512 - 100 - 51, 0, 0},
	} {
		got := replayReal(t, tiny("gcra", 1, c.interval, 0, 100), herd(rand.New(rand.NewPCG(1, 2)), c.spread, c.width))
		if got.Over != c.over || got.Ambiguous < c.least || got.Ambiguous > c.greatest || got.Under != 0 {
			t.Errorf("%s: over %d, ambiguous %d, under %d; want %d, %d to %d, 0", c.why, got.Over, got.Ambiguous, got.Under, c.over, c.least, c.greatest)
		}
	}
}

// A shard that restarts empty gives its keys a new burst, and that is certain.
func TestShardKilled(t *testing.T) {
	m := tiny("gcra", 1, time.Minute, 0, 10)
	m.Faults = []record.Fault{{At: 50 * ms, Until: 250 * ms, Kind: "down", Shard: "s1"}}
	var list []record.Observation
	for i := range int64(50) {
		o := spell(i*10*ms, i*10*ms+ms, record.Denied)
		o.Takes[0].Shard = "s1"
		switch {
		case i < 5, i >= 30 && i < 40:
			o.Decision = record.Allowed
		case i < 30:
			o = failed(o, "refused")
		}
		list = append(list, o)
	}
	got := replayReal(t, m, list)
	// 15 given where 10 and none of the tokens of half a minute were to be had.
	if got.Over != 5 || got.Under != 0 || got.Worst.Excess < 4.9 || got.Worst.Excess > 5 || got.Compared != 25 {
		t.Errorf("%+v; want 5 over and nothing under", got)
	}
}

// Requests that were on their way when answers were lost may have been sent
// again by the client's library: what they took is not known.
func TestLostAnswers(t *testing.T) {
	for kind, under := range map[string]int64{"reset": 0, "flush_scripts": 1} {
		m := tiny("gcra", 1, time.Hour, 0, 2)
		m.Faults = []record.Fault{{At: ms / 2, Until: ms / 2, Kind: kind, Shard: "s1", KeepsAnswers: under == 1}}
		list := []record.Observation{spell(0, ms, record.Allowed), spell(2*ms, 3*ms, record.Denied)}
		for i := range list {
			list[i].Takes[0].Shard = "s1"
		}
		if got := replayReal(t, m, list); got.Under != under || got.Ambiguous != 2*(1-under) {
			t.Errorf("%s: under %d, ambiguous %d, want %d under", kind, got.Under, got.Ambiguous, under)
		}
	}
}

func TestRealTimeWarmup(t *testing.T) {
	m := manifest(0)
	m.Warmup = time.Second
	got := replayReal(t, m, concat(times(5, spell(0, ms, record.Allowed)), times(2, spell(second+ms, second+2*ms, record.Allowed))))
	if got.Compared != 2 || got.Over != 1 || got.Offenders[0].Over != 1 {
		t.Errorf("the burst was spent in the warm-up, and is not counted: %+v", got)
	}
}

// Of a sample of the keys, other keys of a batch may lack requests.
func TestSampled(t *testing.T) {
	for recorded, under := range map[record.Recorded]int64{record.All: 1, record.Sampled: 0} {
		m := manifest(0)
		m.Recorded = recorded
		got := replayReal(t, m, []record.Observation{spell(0, ms, record.Denied, take("a", "k"), take("b", "k"))})
		if got.Under != under || got.Ambiguous != 1-under {
			t.Errorf("%s: under %d, ambiguous %d, want %d under", recorded, got.Under, got.Ambiguous, under)
		}
	}
}

func TestNotCertainInRealTime(t *testing.T) {
	for _, algorithm := range limits.Algorithms() {
		got := replayReal(t, tiny(algorithm, 3, time.Second, 0, 3), times(9, spell(0, ms, record.Allowed)))
		known := slices.Contains([]string{"gcra", "gcra_float", "token_bucket", "leaky_bucket"}, algorithm)
		switch {
		case known && (got.Over != 6 || !got.Audited() || got.Unknown != ""):
			t.Errorf("%s: %+v, want 6 over", algorithm, got)
		case !known && (got.Compared != 0 || got.Audited() || !strings.Contains(got.Unknown, algorithm)):
			t.Errorf("%s: %+v, want nothing but a reason", algorithm, got)
		}
	}
	m := tiny("", 3, time.Second, 0, 3)
	if got := replayReal(t, m, times(9, spell(0, ms, record.Allowed))); got.Audited() || got.Over+got.Ambiguous != 0 || got.Worst.Excess < 5.9 {
		t.Errorf("without a reference only the worst excess is known: %+v", got)
	}
}

func TestRealTimeRefusals(t *testing.T) {
	for _, c := range []struct {
		why    string
		change func(m *record.Manifest, o *record.Observation)
		says   string
	}{
		{"a limiter that is not in the manifest", func(_ *record.Manifest, o *record.Observation) { o.Limiter = "x" }, `limiter "x"`},
		{"a limit that is not in the manifest", func(_ *record.Manifest, o *record.Observation) { o.Takes[0].Limit = "x" }, `limit "x"`},
		{"an algorithm that does not exist", func(m *record.Manifest, _ *record.Observation) { m.Limiters[0].Algorithm = "x" }, `"x"`},
		{"a limit that cannot be", func(m *record.Manifest, _ *record.Observation) { m.Limiters[0].Limits[0].Count = 0 }, `limit "a"`},
		{"a decision that was never sent", func(_ *record.Manifest, o *record.Observation) { o.Sent = -1 }, "damaged"},
		{"an answer before the question", func(_ *record.Manifest, o *record.Observation) { o.Sent = o.Done + 1 }, "damaged"},
	} {
		m, list := manifest(0), []record.Observation{spell(0, 1, record.Allowed)}
		m.Clock = "real"
		c.change(&m, &list[0])
		if _, err := audit.Replay(testkit.WriteRecord(t, m, list)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: error %v does not say %s", c.why, err, c.says)
		}
	}
}

func BenchmarkRealTime(b *testing.B) {
	for _, keys := range []int{1, 1000, 50_000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			m := tiny("gcra", 1, time.Second/2, time.Microsecond, 20)
			m.MaxSettle = 2 * ms
			rng := rand.New(rand.NewPCG(1, 2))
			list := make([]record.Observation, 200_000)
			for i := range list {
				sent := int64(i) * 100_000
				k := i * 7919 % keys
				list[i] = spell(sent, sent+300_000+rng.Int64N(1_700_000), record.Allowed, take("a", fmt.Sprintf("10.0.%d.%d", k/256, k%256)))
				if keys == 1 && i%5000 > 0 {
					list[i].Decision = record.Denied
				}
			}
			for b.Loop() {
				if _, _, err := audit.ReplayReal(m, sequence(list)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(list))*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// With the detour over a file, most of the time is the reader's.
func BenchmarkRealTimeRecord(b *testing.B) {
	m := tiny("gcra", 1, time.Second/2, time.Microsecond, 20)
	m.Clock = "real"
	list := make([]record.Observation, 200_000)
	for i := range list {
		sent := int64(i) * 100_000
		list[i] = spell(sent, sent+300_000, record.Allowed, take("a", fmt.Sprintf("10.0.0.%d", i%1000)))
	}
	r := testkit.WriteRecord(b, m, list)
	for b.Loop() {
		if _, err := audit.Replay(r); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(list))*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
