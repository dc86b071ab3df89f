package summary_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// Key n of fifteen has n decisions, of which only some are allowed; the key "b"
// is looked for on both shards. Drops and spends are no decisions on a key.
func TestBusiest(t *testing.T) {
	var list []record.Observation
	at := int64(0)
	add := func(change ...func(*record.Observation)) {
		list = append(list, make1(at, at, at+ms, change...))
		at += 10 * ms
	}
	for n := range 15 {
		for i := range n + 1 {
			decision := record.Allowed
			if i > 1 {
				decision = record.Denied
			}
			add(on(string(rune('a'+n)), "a"), came(decision, record.Found))
		}
	}
	add(on("b", "b"), by("ra"))
	add(on("a", "a"), dropped)
	add(on("a", "a"), func(o *record.Observation) { o.Takes[0].Mode = record.SpendMode })
	s := summaryOf(t, manifest(), list...)
	keys, decisions := s.Busiest("l")
	if decisions != 15*16/2+1 {
		t.Errorf("%d decisions, want %d", decisions, 15*16/2+1)
	}
	want := []summary.BusyKey{}
	for n := 14; n > 4; n-- {
		want = append(want, summary.BusyKey{Limit: "x", Key: string(rune('a' + n)), Shards: []string{"a"}, Decisions: int64(n + 1)})
	}
	if d := cmp.Diff(want, keys); d != "" {
		t.Error(d)
	}
	few := summaryOf(t, manifest(), list[1], list[2], list[len(list)-3])
	keys, decisions = few.Busiest("l")
	if d := cmp.Diff([]summary.BusyKey{{Limit: "x", Key: "b", Shards: []string{"a", "b"}, Decisions: 3}}, keys); d != "" || decisions != 3 {
		t.Errorf("%d decisions\n%s", decisions, d)
	}
	if keys, n := few.Busiest("m"); keys != nil || n != 0 {
		t.Errorf("a limiter that decided nothing has %v of %d", keys, n)
	}
}

// Percentiles together are what each is alone, of few values and of many.
func TestPercentilesTogether(t *testing.T) {
	for _, n := range []int64{1, 3, 64, 65, 5000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			var list []record.Observation
			for i := range n {
				list = append(list, make1(i*ms, i*ms, i*ms+(i*7919%n+1)*1237))
			}
			if all := summaryOf(t, manifest(), list...).Series(metric.Selector{Metric: "latency"}); len(all) == 0 {
				t.Error("no latency")
			} else {
				m := all[0]
				ps := []float64{0, 0.01, 1, 25, 50, 90, 99, 99.9, 99.99, 100}
				got, ok := m.Percentiles(ps...)
				for i, p := range ps {
					if want, known := m.Percentiles(p); !ok || !known || got[i] != want[0] {
						t.Errorf("p%v is %v, alone it is %v", p, got[i], want)
					}
				}
				if got[0] != *m.Min || got[len(got)-1] != *m.Max {
					t.Errorf("from %v to %v, want from %v to %v", got[0], got[len(got)-1], *m.Min, *m.Max)
				}
			}
		})
	}
	if got, ok := (summary.Series{Metric: summary.Metric{Name: "decisions", Count: 3}}).Percentiles(50); ok {
		t.Errorf("a counter has percentiles %v", got)
	}
}
