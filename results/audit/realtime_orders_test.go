package audit_test

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/record"
)

// tiny is a limiter whose tokens come back every few nanoseconds, so that
// all instants can be tried.
func tiny(algorithm string, count int64, period, resolution time.Duration, bursts ...int64) record.Manifest {
	m := record.Manifest{Epoch: time.Unix(0, 0), Limiters: []record.Limiter{{Name: "l", Algorithm: algorithm, Resolution: resolution}}}
	for i, burst := range bursts {
		m.Limiters[0].Limits = append(m.Limiters[0].Limits, record.Limit{Name: string(rune('a' + i)), Count: count, Period: period, Burst: burst})
	}
	return m
}

// spell is a request of real time: it took effect somewhere in [sent, done].
func spell(sent, done int64, d record.Decision, takes ...record.Take) record.Observation {
	o := at(done, d, takes...)
	o.Sent, o.Intended, o.Judged, o.Effect, o.Order = sent, sent, -1, -1, -1
	return o
}

// replayReal audits requests by what is certain.
func replayReal(t interface{ Fatal(...any) }, m record.Manifest, list []record.Observation) audit.Limiter {
	m.Clock = "real"
	bySent := slices.Clone(list)
	for i := range bySent {
		bySent[i].Seq = int64(i)
		m.MaxSettle = max(m.MaxSettle, bySent[i].Done-bySent[i].Sent)
	}
	slices.SortStableFunc(bySent, func(a, b record.Observation) int { return cmp.Compare(a.Sent, b.Sent) })
	res, _, err := audit.ReplayReal(m, sequence(bySent))
	if err != nil {
		t.Fatal(err)
	}
	return res.Limiters[0]
}

func sequence(list []record.Observation) func(func(*record.Observation, error) bool) {
	return func(yield func(*record.Observation, error) bool) {
		for i := range list {
			if !yield(&list[i], nil) {
				return
			}
		}
	}
}

// eachOrder calls visit with every way in which the requests may have taken
// effect: every instant of each, and every order of those at the same instant.
func eachOrder(list []record.Observation, visit func([]record.Observation)) {
	order := make([]record.Observation, 0, len(list))
	var next func(left []record.Observation, from int64)
	next = func(left []record.Observation, from int64) {
		if len(left) == 0 {
			visit(order)
			return
		}
		last := left[0].Done // nobody may be left behind
		for _, o := range left {
			last = min(last, o.Done)
		}
		for i := range left {
			rest := slices.Delete(slices.Clone(left), i, i+1)
			for at := max(from, left[i].Sent); at <= min(left[i].Done, last); at++ {
				o := left[i]
				o.Judged, o.Effect, o.Order = at, at, int64(len(order))
				order = append(order, o)
				next(rest, at)
				order = order[:len(order)-1]
			}
		}
	}
	next(list, 0)
}

// extremes are the fewest faults that the replay of virtual time counts in
// any order.
func extremes(t interface{ Fatal(...any) }, m record.Manifest, list []record.Observation) (over, under int64) {
	m.Clock = "virtual"
	over, under = 1<<30, 1<<30
	eachOrder(list, func(order []record.Observation) {
		res, _, err := audit.ReplaySequence(m, sequence(order))
		if err != nil {
			t.Fatal(err)
		}
		over, under = min(over, res.Limiters[0].Over), min(under, res.Limiters[0].Under)
	})
	return over, under
}

// drawSpells draws up to n requests within a few nanoseconds.
func drawSpells(rt *rapid.T, n int, width int64, decisions []record.Decision, draw func() []record.Take) []record.Observation {
	var list []record.Observation
	for range rapid.IntRange(1, n).Draw(rt, "requests") {
		sent := rapid.Int64Range(0, 12).Draw(rt, "sent")
		list = append(list, spell(sent, sent+rapid.Int64Range(0, width).Draw(rt, "under way"), rapid.SampledFrom(decisions).Draw(rt, "decision"), draw()...))
	}
	return list
}

// tokens reports whether over-admission is in tokens, because costs differ.
func tokens(list []record.Observation) bool {
	for _, o := range list {
		for _, t := range o.Takes {
			if t.Cost != list[0].Takes[0].Cost {
				return true
			}
		}
	}
	return false
}

func nested(list []record.Observation) bool {
	for _, o := range list {
		for _, p := range list {
			if o.Sent < p.Sent && p.Done < o.Done {
				return true
			}
		}
	}
	return false
}

func TestCertainInEveryOrder(t *testing.T) {
	yes, no := record.Allowed, record.Denied
	unit := func(*rapid.T) []record.Take { return []record.Take{take("a", "k")} }
	for _, c := range []struct {
		why       string
		n         int
		width     int64
		decisions []record.Decision
		takes     func(*rapid.T) []record.Take
	}{
		{"allowed, of the same cost", 6, 4, []record.Decision{yes}, unit},
		{"allowed and denied, of the same cost", 5, 4, []record.Decision{yes, no}, unit},
		{"denied only", 5, 5, []record.Decision{no}, unit},
		{"of different costs", 5, 3, []record.Decision{yes, yes, no}, func(rt *rapid.T) []record.Take {
			return []record.Take{with(take("a", "k"), record.TakeMode, rapid.Int64Range(0, 4).Draw(rt, "cost"))}
		}},
		{"of all modes", 5, 3, []record.Decision{yes, yes, no}, func(rt *rapid.T) []record.Take {
			return []record.Take{with(take("a", "k"), drawMode(rt), rapid.Int64Range(1, 2).Draw(rt, "cost"))}
		}},
		{"of several keys", 5, 3, []record.Decision{yes, yes, no}, func(rt *rapid.T) []record.Take {
			return drawBatch(rt, record.TakeMode, 1)
		}},
		{"of several keys, in all modes, of different costs", 4, 3, []record.Decision{yes, yes, no}, func(rt *rapid.T) []record.Take {
			return drawBatch(rt, drawMode(rt), rapid.Int64Range(1, 3).Draw(rt, "cost"))
		}},
	} {
		t.Run(c.why, rapid.MakeCheck(func(rt *rapid.T) {
			m := tiny(rapid.SampledFrom([]string{"gcra", "gcra_float", "token_bucket"}).Draw(rt, "algorithm"), rapid.Int64Range(1, 3).Draw(rt, "count"), time.Duration(rapid.Int64Range(3, 12).Draw(rt, "period")),
				time.Duration(rapid.Int64Range(0, 1).Draw(rt, "resolution")), rapid.Int64Range(1, 3).Draw(rt, "burst"), rapid.Int64Range(1, 2).Draw(rt, "other burst"))
			list := drawSpells(rt, c.n, c.width, c.decisions, func() []record.Take { return c.takes(rt) })
			got := replayReal(rt, m, list)
			over, under := extremes(rt, m, list)
			if got.Over > over || got.Under > under {
				rt.Fatalf("certain: over %d, under %d; some order has over %d, some under %d", got.Over, got.Under, over, under)
			}
			limit := m.Limiters[0].Limits[0]
			whole := int64(limit.Period)%limit.Count == 0 || m.Limiters[0].Algorithm == "gcra"
			if whole && len(c.decisions) == 1 && c.decisions[0] == yes && !nested(list) && got.Over != over {
				rt.Fatalf("no request is under way within another: over %d, in every order at least %d", got.Over, over)
			}
			if got.Compared != int64(len(list)) || !tokens(list) && got.Over+got.Under+got.Ambiguous > got.Compared {
				rt.Fatalf("%d requests, %+v", len(list), got)
			}
		}))
	}
}

// Cases that a property finds once in a thousand draws.
func TestCertainCases(t *testing.T) {
	yes, no := record.Allowed, record.Denied
	unit := take("a", "k")
	for _, c := range []struct {
		why                    string
		interval               time.Duration
		bursts                 []int64
		list                   []record.Observation
		over, under, ambiguous int64
	}{
		{"a batch hangs on a denial on one of its keys, and another request on the other hangs on the batch", 10, []int64{1, 1},
			[]record.Observation{spell(0, 0, yes), spell(0, 1, no, take("b", "k")), spell(1, 1, yes, take("a", "l"), take("b", "k")),
				spell(2, 2, yes, take("a", "l")), spell(9, 10, yes, take("b", "k"))}, 1, 0, 1},
		{"one that is still under way may take its tokens after the bucket was empty", 2, []int64{2},
			concat([]record.Observation{spell(0, 6, yes)}, times(3, spell(0, 1, yes)), []record.Observation{spell(3, 3, no)}), 1, 0, 3},
		{"a request that was sent before and done after others is in the longest window", 12, []int64{1},
			[]record.Observation{spell(0, 0, yes), spell(0, 20, yes), spell(13, 13, yes)}, 1, 0, 2},
		{"of a window that holds too much, the one that was sent last is in the way of others longest", 10, []int64{1},
			[]record.Observation{spell(5, 5, yes), spell(0, 6, yes), spell(5, 14, yes)}, 1, 0, 2},
		{"between others, a long one may have come at the worst moment", 5, []int64{3},
			concat(times(3, spell(0, 0, yes)), []record.Observation{spell(1, 20, yes), spell(10, 10, yes)}), 0, 0, 1},
		{"denials of unlike cost on a full bucket are each wrong: none of them took anything", 100, []int64{2},
			[]record.Observation{spell(0, 9, no, with(unit, record.TakeMode, 2)), spell(1, 2, no), spell(3, 4, no)}, 0, 3, 0},
	} {
		m := tiny("gcra", 1, c.interval, 0, c.bursts...)
		got := replayReal(t, m, c.list)
		if got.Over != c.over || got.Under != c.under || got.Ambiguous != c.ambiguous {
			t.Errorf("%s: over %d, under %d, ambiguous %d; want %d, %d, %d", c.why, got.Over, got.Under, got.Ambiguous, c.over, c.under, c.ambiguous)
		}
		if over, under := extremes(t, m, c.list); over < c.over || under < c.under {
			t.Errorf("%s: some order has over %d, some under %d: the case is wrong", c.why, over, under)
		}
	}
}

// A request that ended in an error may have taken tokens or not. If it did,
// a correct limiter admitted it: as one that is allowed, and not counted.
func TestCertainWhateverErrorsDid(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := tiny("gcra", 1, time.Duration(rapid.Int64Range(3, 12).Draw(rt, "period")), time.Duration(rapid.Int64Range(0, 1).Draw(rt, "resolution")), rapid.Int64Range(1, 3).Draw(rt, "burst"))
		m.Warmup = 1
		costs := rapid.Int64Range(1, rapid.Int64Range(1, 2).Draw(rt, "highest cost"))
		list := drawSpells(rt, 5, 3, []record.Decision{record.Allowed, record.Denied, record.Errored}, func() []record.Take {
			return []record.Take{with(take("a", "k"), record.TakeMode, costs.Draw(rt, "cost"))}
		})
		var decided, errors []record.Observation
		for i := range list {
			if list[i].Intended = 1; list[i].Decision == record.Errored {
				list[i] = failed(list[i], "server")
				o := list[i]
				o.Decision, o.Intended = record.Allowed, 0
				errors = append(errors, o)
			} else {
				decided = append(decided, list[i])
			}
		}
		got := replayReal(rt, m, list)
		for set := range 1 << len(errors) {
			some := slices.Clone(decided)
			for i := range errors {
				if set&(1<<i) != 0 {
					some = append(some, errors[i])
				}
			}
			if over, under := extremes(rt, m, some); got.Over > over || got.Under > under {
				rt.Fatalf("certain: over %d, under %d; with errors %b some order has over %d, some under %d", got.Over, got.Under, set, over, under)
			}
		}
	})
}

func drawMode(rt *rapid.T) record.Mode {
	return rapid.SampledFrom([]record.Mode{record.TakeMode, record.CheckMode, record.SpendMode}).Draw(rt, "mode")
}

// drawBatch takes from one or several keys of one or several limits.
func drawBatch(rt *rapid.T, mode record.Mode, cost int64) []record.Take {
	all := []record.Take{with(take("a", "k"), mode, cost), take("a", "l"), take("b", "k")}
	from := rapid.IntRange(0, 2).Draw(rt, "from")
	return all[from:rapid.IntRange(from+1, 3).Draw(rt, "to")]
}
