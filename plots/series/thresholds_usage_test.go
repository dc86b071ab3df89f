package series

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/quotalab/quotalab/models/usage"
	"github.com/quotalab/quotalab/results/record"
)

// date is an instant in 2026.
func date(month time.Month, day int) int64 {
	return time.Date(2026, month, day, 0, 0, 0, 0, time.UTC).UnixNano()
}

// anyAccount whose terms have begun: what is used before that is minus what is
// to come, as in the reference, which no curve shows.
func anyAccount(t *rapid.T) *record.Account {
	a := &record.Account{}
	at := rapid.Int64Range(0, 100*24)
	froms := append([]int64{math.MinInt64}, slices.Sorted(slices.Values(rapid.SliceOfN(at, 0, 3).Draw(t, "changes")))...)
	for _, from := range froms {
		s := record.ContractSegment{From: from, Kind: rapid.Int32Range(0, 2).Draw(t, "kind"), Limit: rapid.Int64Range(1, 300).Draw(t, "limit")}
		if from > 0 {
			s.From = from * int64(time.Hour)
		}
		if s.Kind == int32(usage.Period) {
			s.Anchor = (at.Draw(t, "anchor") - 100*24) * int64(time.Hour)
		}
		a.Contract = append(a.Contract, s)
	}
	for range rapid.IntRange(0, 20).Draw(t, "events") {
		a.At = append(a.At, at.Draw(t, "at")*int64(time.Hour))
		a.Units = append(a.Units, rapid.Int64Range(-20, 100).Draw(t, "units"))
	}
	return a
}

// The curve reaches a threshold exactly when the oracle says that it is crossed.
func TestUsageAgreesWithObligations(t *testing.T) {
	levels := []int64{50, 75, 100, 200}
	rapid.Check(t, func(t *rapid.T) {
		a := anyAccount(t)
		var events []usage.Event
		for i, at := range a.At {
			events = append(events, usage.Event{At: at, Units: a.Units[i]})
		}
		m := newMeter(a)
		changes := m.instants(scene{from: 0, until: 200 * usage.Day})
		due := usage.Obligations(events, contractOf(a), levels, 200*usage.Day)
		for _, o := range due {
			if p := m.percent(o.Crossing); p < float64(o.Threshold) {
				t.Fatalf("%d %% is crossed at %d, where the curve is at %g", o.Threshold, o.Crossing, p)
			}
			if _, found := slices.BinarySearch(changes, o.Crossing); !found && o.Crossing >= 0 {
				t.Fatalf("crossing at %d is not among the instants of the curve: %v", o.Crossing, changes)
			}
		}
		for _, at := range changes {
			p := m.percent(at)
			for _, level := range levels {
				known := slices.ContainsFunc(due, func(o usage.Obligation) bool { return o.Threshold == level && o.Crossing <= at })
				if p >= float64(level) && !known {
					t.Fatalf("the curve is at %g at %d, and no crossing of %d before", p, at, level)
				}
			}
		}
	})
}

// Between two instants of the curve nothing changes.
func TestInstantsAreAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMeter(anyAccount(t))
		w := scene{from: rapid.Int64Range(-100, 2000).Draw(t, "from") * int64(time.Hour)}
		w.until = w.from + rapid.Int64Range(1, 2400).Draw(t, "length")*int64(time.Hour)
		list := m.instants(w)
		if list[0] != w.from || list[len(list)-1] != w.until {
			t.Fatalf("instants %v do not span %v", list, w)
		}
		for i := 1; i < len(list); i++ {
			for _, at := range []int64{list[i-1] + 1, (list[i-1] + list[i]) / 2, list[i] - 1} {
				if at > list[i-1] && m.percent(at) != m.percent(list[i-1]) {
					t.Fatalf("%g %% at %d and %g %% at %d, with no instant between", m.percent(list[i-1]), list[i-1], m.percent(at), at)
				}
			}
		}
	})
}

func TestTurns(t *testing.T) {
	monthly := func(from, anchor int64) usage.Segment { return usage.Segment{From: from, Anchor: anchor, Limit: 1} }
	w := scene{from: date(1, 10), until: date(4, 20)}
	for _, c := range []struct {
		why      string
		contract usage.Contract
		want     []int64
	}{
		{"months from the 31st", usage.Contract{monthly(usage.Beginning, date(1, 31)-365*usage.Day)}, []int64{date(1, 31), date(2, 28), date(3, 31)}},
		{"a term that begins later", usage.Contract{monthly(usage.Beginning, date(3, 5))}, []int64{date(2, 5), date(3, 5), date(4, 5)}},
		{"rolling has no turn", usage.Contract{{From: usage.Beginning, Kind: usage.Rolling, Limit: 1}}, nil},
		{"a change of contract", usage.Contract{{From: usage.Beginning, Kind: usage.Rolling, Limit: 1}, {From: date(2, 3), Kind: usage.Calendar, Limit: 1}, monthly(date(3, 9), date(3, 9))},
			[]int64{date(2, 3), date(3, 1), date(3, 9), date(4, 9)}},
		{"changes outside", usage.Contract{{From: usage.Beginning, Kind: usage.Rolling, Limit: 1}, {From: date(1, 10), Kind: usage.Rolling, Limit: 2}, {From: date(4, 20), Kind: usage.Rolling, Limit: 3}}, nil},
	} {
		if d := cmp.Diff(c.want, (&meter{contract: c.contract}).turns(w)); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, d)
		}
	}
}

func TestDistributionOfSorted(t *testing.T) {
	for _, c := range []struct {
		list []int64
		want []Quantile
	}{
		{nil, nil},
		{[]int64{2e9}, []Quantile{{0, 2}, {100, 2}}},
		{[]int64{1e9, 2e9, 3e9, 4e9}, []Quantile{{0, 1}, {25, 1}, {50, 2}, {75, 3}, {100, 4}}},
	} {
		d := distributionOfSorted(c.list)
		if diff := cmp.Diff(c.want, d.Grid); diff != "" || d.N != int64(len(c.list)) {
			t.Errorf("of %v: %d (-want +got):\n%s", c.list, d.N, diff)
		}
	}
	var many []int64
	for i := range int64(10_000) {
		many = append(many, (i+1)*1e9)
	}
	d := distributionOfSorted(many)
	for _, q := range d.Grid[1:] {
		if want := math.Ceil(q.P*100 - 1e-6); q.V != want {
			t.Errorf("%g %% of 10,000 values is %g, want %g", q.P, q.V, want)
		}
	}
	if d.Min != 1 || d.Max != 10_000 || len(d.Grid) > MaxPoints {
		t.Errorf("%g to %g in %d points", d.Min, d.Max, len(d.Grid))
	}
}
