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
	f.Add([]byte(`{"version":2,"outcomes":[{"count":1,"latency":{"count":2,"values":[[1,2]]}}],"windows":[{}]}`))
	f.Add([]byte(`{"version":2,"outcomes":[{"count":1,"commands":[1,2]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := newPass(&m)
		if err != nil {
			t.Fatal(err)
		}
		if p.decode(data) != nil {
			return
		}
		s := p.measured(&audit.Result{})
		for i, one := range s.Metrics {
			of := Series{one, s.samples[i]}
			if _, ok := Sum([]Series{of, of}); !ok && one.Value == nil {
				t.Errorf("%s cannot be summed", one.Name)
			}
		}
		if _, err := json.Marshal(s); err != nil {
			t.Error(err)
		}
	})
}
