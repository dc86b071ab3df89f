package record_test

import (
	"slices"
	"testing"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/record"
)

func TestBySent(t *testing.T) {
	list := some(20_000, 6)
	for i := range list {
		o := &list[i]
		o.Effect, o.Order, o.Judged = -1, -1, -1
		if i%50 == 0 {
			o.Decision, o.Sent = record.Dropped, -1
		}
	}
	r := testkit.WriteRecord(t, record.Manifest{Clock: "real"}, list, record.PartRows(1500))
	at := func(o record.Observation) int64 {
		if o.Sent >= 0 {
			return o.Sent
		}
		return o.Done
	}
	want := collect(t, r.Observations())
	slices.SortStableFunc(want, func(a, b record.Observation) int { return int(at(a) - at(b)) })
	if diff := diff(want, collect(t, r.BySent())); diff != "" {
		t.Errorf("order of sending (-sorted +read):\n%s", diff)
	}
	longest := int64(0)
	for _, o := range list {
		longest = max(longest, o.Done-at(o))
	}
	if got := r.Manifest().MaxSettle; got != longest {
		t.Errorf("maxSettleNanoseconds is %d, the longest request took %d", got, longest)
	}
}

// What did not take effect settles when it is done, except in real time,
// where nothing is known to take effect.
func TestSettleOfVirtualTime(t *testing.T) {
	list := []record.Observation{{Sent: 10, Done: 90, Effect: -1, Order: -1, Decision: record.Errored}, {Sent: 50, Done: 100, Effect: 95, Order: 1, Decision: record.Allowed}}
	for clock, want := range map[string]int64{"virtual": 5, "real": 80} {
		if got := testkit.WriteRecord(t, record.Manifest{Clock: clock}, list).Manifest().MaxSettle; got != want {
			t.Errorf("%s: maxSettleNanoseconds is %d, want %d", clock, got, want)
		}
	}
}
