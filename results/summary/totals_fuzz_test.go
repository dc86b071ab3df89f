package summary

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/record"
)

// FuzzTotals: no file makes Measure panic.
func FuzzTotals(f *testing.F) {
	m := record.Manifest{Clock: "real", Horizon: time.Minute, Recorded: record.None, Complete: true, Shards: []string{"a"}, Limiters: []record.Limiter{{Name: "l"}}, Traffic: []record.Traffic{{Name: "main"}},
		Faults: []record.Fault{{At: 1e9, Until: 2e9}}, Asserts: []record.Assertion{{Selector: "latency", Check: "max < 1s", Over: time.Second}}}
	totals, err := NewTotals(m)
	if err != nil {
		f.Fatal(err)
	}
	for i := range int64(300) {
		o := record.Observation{Traffic: "main", Limiter: "l", Intended: i * 1e7, Sent: i * 1e7, Done: i*1e7 + i*i, Decision: record.Allowed, Key: record.Found, Touched: []record.Touch{{Shard: "a", Commands: 1}}}
		if err := totals.Observe(&o); err != nil {
			f.Fatal(err)
		}
	}
	data, err := totals.Encode(&m)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"version":1,"outcomes":[{"count":1,"latency":{"count":2,"values":[[1,2]]}}]}`))
	f.Add([]byte(`{"version":1,"commands":{"l":[1,2]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := newPass(&m)
		if err != nil {
			t.Fatal(err)
		}
		if p.decode(data) != nil {
			return
		}
		s := describe(&m, p.length())
		p.fill(s, &audit.Result{})
		s.Warnings = append(p.invalid(&audit.Result{}), p.warnings(&audit.Result{})...)
		for _, one := range s.Metrics {
			if _, ok := Sum([]Metric{one, one}); !ok && one.Value == nil {
				t.Errorf("%s cannot be summed", one.Name)
			}
		}
		if _, err := json.Marshal(s); err != nil {
			t.Error(err)
		}
	})
}
