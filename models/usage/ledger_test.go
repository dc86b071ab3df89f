package usage_test

import (
	order "cmp"
	"math"
	"math/big"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/quotalab/quotalab/models/usage"
)

// day is an instant of January 2024 and after, in days from its start.
func day(t testing.TB, d float64) int64 {
	return utc(t, "2024-01-01") + int64(d*float64(usage.Day))
}

func TestObligations(t *testing.T) {
	at := func(d float64) int64 { return day(t, d) }
	use := func(d float64, units int64) usage.Event { return usage.Event{At: at(d), Units: units} }
	monthly := usage.Segment{From: usage.Beginning, Kind: usage.Period, Anchor: at(0), Limit: 100}
	free := usage.Segment{From: usage.Beginning, Kind: usage.Rolling, Limit: 100}
	from := func(d float64, s usage.Segment) usage.Segment { s.From = at(d); return s }
	limit := func(l int64, s usage.Segment) usage.Segment { s.Limit = l; return s }
	anchored := func(d float64) usage.Segment {
		return usage.Segment{From: at(d), Kind: usage.Period, Anchor: at(d), Limit: 100}
	}
	january := func(T int64, d float64) usage.Obligation {
		return usage.Obligation{Threshold: T, Crossing: at(d), Start: at(0), End: at(31)}
	}
	excursion := func(T int64, d, end float64) usage.Obligation {
		return usage.Obligation{Threshold: T, Crossing: at(d), Rolling: true, Start: at(d), End: at(end)}
	}
	ended := func(d float64, o usage.Obligation) usage.Obligation { o.End = at(d); return o }
	open := func(o usage.Obligation) usage.Obligation { o.End = usage.Never; return o }
	for _, c := range []struct {
		why      string
		contract usage.Contract
		events   []usage.Event
		until    float64
		want     []usage.Obligation
	}{
		{"below the lowest threshold", usage.Contract{monthly}, []usage.Event{use(1, 74)}, 90, nil},
		{"exactly at it", usage.Contract{monthly}, []usage.Event{use(1, 74), use(2, 1)}, 90, []usage.Obligation{january(75, 2)}},
		{"one event over two thresholds makes two", usage.Contract{monthly}, []usage.Event{use(1, 95)}, 90,
			[]usage.Obligation{january(75, 1), january(90, 1)}},
		{"events of one instant count together", usage.Contract{monthly}, []usage.Event{use(1, 80), use(1, -10)}, 90, nil},
		{"a correction does not re-arm", usage.Contract{monthly}, []usage.Event{use(1, 80), use(2, -50), use(3, 50)}, 90, []usage.Obligation{january(75, 1)}},
		{"a new period does", usage.Contract{monthly}, []usage.Event{use(1, 80), use(31, 80)}, 90,
			[]usage.Obligation{january(75, 1), {Threshold: 75, Crossing: at(31), Start: at(31), End: at(60)}}},
		{"usage does not carry over", usage.Contract{monthly}, []usage.Event{use(30, 60), use(31, 60)}, 90, nil},
		{"until is included", usage.Contract{monthly}, []usage.Event{use(5, 80)}, 5, []usage.Obligation{january(75, 5)}},
		{"what is after it is not", usage.Contract{monthly}, []usage.Event{use(5.1, 80)}, 5, nil},
		{"events in any order", usage.Contract{monthly}, []usage.Event{use(3, 10), use(1, 70)}, 90, []usage.Obligation{january(75, 3)}},
		{"a lower limit is due at the change, and nothing twice", usage.Contract{monthly, from(10, limit(50, monthly))}, []usage.Event{use(1, 76)}, 90,
			[]usage.Obligation{january(75, 1), january(90, 10), january(100, 10), january(120, 10)}},
		{"a higher limit takes nothing back", usage.Contract{monthly, from(10, limit(200, monthly))}, []usage.Event{use(1, 76), use(11, 80)}, 90,
			[]usage.Obligation{january(75, 1)}},
		{"of two changes at one instant the later holds", usage.Contract{monthly, from(10, limit(10, monthly)), from(10, limit(200, monthly))},
			[]usage.Event{use(1, 76)}, 90, []usage.Obligation{january(75, 1)}},
		{"another anchor begins anew and ends the period early", usage.Contract{monthly, anchored(10)}, []usage.Event{use(1, 80), use(11, 80)}, 90,
			[]usage.Obligation{ended(10, january(75, 1)), {Threshold: 75, Crossing: at(11), Start: at(10), End: at(41)}}},
		{"a term that is yet to begin is due nothing", usage.Contract{anchored(20)}, []usage.Event{use(1, 200), use(20, 74), use(21, 1)}, 90,
			[]usage.Obligation{{Threshold: 75, Crossing: at(21), Start: at(20), End: at(51)}}},
		{"calendar months need no anchor", usage.Contract{{From: usage.Beginning, Kind: usage.Calendar, Limit: 100}}, []usage.Event{use(1, 80), use(31, 80)}, 90,
			[]usage.Obligation{january(75, 1), {Threshold: 75, Crossing: at(31), Start: at(31), End: at(60)}}},
		{"rolling: an excursion ends when the event has left the window", usage.Contract{free}, []usage.Event{use(1, 80)}, 90,
			[]usage.Obligation{excursion(75, 1, 31)}},
		{"rolling: (t − W, t], so usage 30 days apart does not add up", usage.Contract{free}, []usage.Event{use(1, 40), use(31, 40)}, 90, nil},
		{"rolling: within the hysteresis nothing ends", usage.Contract{free}, []usage.Event{use(1, 6), use(2, 70), use(31.5, 6)}, 31.9,
			[]usage.Obligation{open(excursion(75, 2, 0))}},
		{"rolling: below it the next is a new excursion", usage.Contract{free}, []usage.Event{use(1, 76), use(2, -7), use(3, 7)}, 20,
			[]usage.Obligation{excursion(75, 1, 2), open(excursion(75, 3, 0))}},
		{"rolling: a limit change opens and closes", usage.Contract{free, from(5, limit(80, free)), from(6, limit(200, free))}, []usage.Event{use(1, 72)}, 20,
			[]usage.Obligation{excursion(75, 5, 6), excursion(90, 5, 6)}},
		{"rolling to paid: excursions end, the period counts from its start", usage.Contract{free, from(5, monthly)}, []usage.Event{use(1, 80)}, 20,
			[]usage.Obligation{excursion(75, 1, 5), january(75, 5)}},
		{"paid to rolling: the window reaches back before the period", usage.Contract{monthly, from(35, free)}, []usage.Event{use(20, 40), use(34, 40)}, 40,
			[]usage.Obligation{open(excursion(75, 35, 0))}},
		{"no contract", nil, []usage.Event{use(1, 1000)}, 90, nil},
	} {
		t.Run(c.why, func(t *testing.T) {
			got := usage.Obligations(c.events, c.contract, []int64{75, 90, 100, 120}, at(c.until))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// histories are of a few accounts' worth of trouble: terms, plans and limits
// that change, corrections, events at the very turns.
func histories(t *rapid.T) (usage.Contract, []usage.Event, int64) {
	const start = int64(1_704_067_200e9) // 2024-01-01
	when := rapid.Custom(func(t *rapid.T) int64 {
		coarse := start + rapid.Int64Range(-80, 160).Draw(t, "half day")*usage.Day/2
		return coarse + rapid.SampledFrom([]int64{0, 0, 0, 1, -1, 12_345}).Draw(t, "off")
	})
	segment := rapid.Custom(func(t *rapid.T) usage.Segment {
		return usage.Segment{
			From: when.Draw(t, "from"), Kind: rapid.SampledFrom([]usage.Kind{usage.Period, usage.Period, usage.Rolling, usage.Calendar}).Draw(t, "kind"),
			Anchor: when.Draw(t, "anchor"), Limit: rapid.Int64Range(1, 300).Draw(t, "limit"),
		}
	})
	c := usage.Contract(rapid.SliceOfN(segment, 1, 4).Draw(t, "contract"))
	c[0].From = usage.Beginning
	for i := range c {
		if i > 0 && rapid.Bool().Draw(t, "only the limit") {
			c[i].Kind, c[i].Anchor = c[i-1].Kind, c[i-1].Anchor
		}
	}
	slices.SortStableFunc(c, func(a, b usage.Segment) int { return order.Compare(a.From, b.From) })
	events := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) usage.Event {
		return usage.Event{At: when.Draw(t, "at"), Units: rapid.Int64Range(-60, 120).Draw(t, "units")}
	}), 0, 30).Draw(t, "events")
	return c, events, when.Draw(t, "until")
}

func TestObligationsAreThoseOfTheDefinition(t *testing.T) {
	var ledger usage.Ledger // one for all: nothing may stay behind
	found := 0
	rapid.Check(t, func(t *rapid.T) {
		c, events, until := histories(t)
		if err := c.Check(); err != nil {
			t.Fatal(err)
		}
		thresholds := []int64{75, 90, 100, 120, 200}
		got, want := ledger.Obligations(events, c, thresholds, until), slowObligations(events, c, thresholds, until)
		if len(got) != len(want) || len(got) > 0 && !cmp.Equal(want, got) {
			t.Fatalf("-want +got:\n%s", cmp.Diff(want, got))
		}
		found += len(got)
	})
	if found == 0 {
		t.Error("no history had an obligation; the test looks at nothing")
	}
}

func TestNeed(t *testing.T) {
	for _, c := range []struct {
		why                    string
		threshold, limit, want int64
	}{
		{"whole", 75, 100, 75},
		{"rounded up", 75, 101, 76},
		{"a small limit", 90, 1, 1},
		{"no limit", 75, 0, 0},
		{"a negative limit is none", 75, -5, 0},
		{"no overflow in the product", 100, math.MaxInt64 - 7, math.MaxInt64 - 7},
		{"beyond the range", 120, math.MaxInt64, math.MaxInt64},
		{"a threshold beyond all", math.MaxInt64, 5, math.MaxInt64},
		{"but none of no limit", math.MaxInt64, 0, 0},
	} {
		if got := usage.Need(c.threshold, c.limit); got != c.want {
			t.Errorf("%s: %d %% of %d: got %d, expected %d", c.why, c.threshold, c.limit, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		T, l := rapid.Int64Range(0, 1000).Draw(t, "T"), rapid.Int64Range(0, math.MaxInt64/11).Draw(t, "L")
		need := big.NewInt(usage.Need(T, l))
		product := new(big.Int).Mul(big.NewInt(T), big.NewInt(l))
		if hundred := big.NewInt(100); new(big.Int).Mul(need, hundred).Cmp(product) < 0 ||
			new(big.Int).Mul(new(big.Int).Sub(need, big.NewInt(1)), hundred).Cmp(product) >= 0 {
			t.Fatalf("%v is not the least usage that reaches %d %% of %d", need, T, l)
		}
	})
}

func TestContractCheck(t *testing.T) {
	good := usage.Segment{From: usage.Beginning, Kind: usage.Rolling, Limit: 1}
	for _, c := range []struct {
		why      string
		contract usage.Contract
		ok       bool
	}{
		{"one segment", usage.Contract{good}, true},
		{"two from one instant", usage.Contract{good, good}, true},
		{"none", nil, false},
		{"a limit of 0", usage.Contract{{Kind: usage.Rolling}}, false},
		{"no such kind", usage.Contract{{Kind: 9, Limit: 1}}, false},
		{"out of order", usage.Contract{{From: 5, Limit: 1}, {From: 4, Limit: 1}}, false},
	} {
		if err := c.contract.Check(); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.why, err)
		}
	}
}

// An account of 90 days in batches of 5 minutes.
func BenchmarkLedger(b *testing.B) {
	events := make([]usage.Event, 90*288)
	for i := range events {
		events[i] = usage.Event{At: int64(i) * 300e9, Units: int64(i%7) + 1}
	}
	for _, kind := range []usage.Kind{usage.Period, usage.Rolling} {
		b.Run(kind.String(), func(b *testing.B) {
			c := usage.Contract{{From: usage.Beginning, Kind: kind, Limit: 20_000}}
			var ledger usage.Ledger
			b.ReportAllocs()
			for b.Loop() {
				if len(ledger.Obligations(events, c, []int64{75, 90, 100, 120, 200, 300, 400, 500}, math.MaxInt64)) == 0 {
					b.Fatal("no obligation")
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(events)), "ns/event")
		})
	}
}
