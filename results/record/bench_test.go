package record_test

import (
	"fmt"
	"testing"

	"github.com/quotalab/quotalab/results/record"
)

func plain(i int) record.Observation {
	t := int64(i) * 20_000
	return record.Observation{Arrival: int64(i), Traffic: "main", Client: "default", Limiter: "boulder",
		Done: t + 10_000_000 + int64(i*7919%1_000_003), Intended: t, Sent: t, Judged: t + 5_000_000, Effect: t + 7_500_000, Order: int64(i) * 3,
		Decision: record.Allowed, Key: record.Found, Remaining: int64(i % 100), RetryAfter: 0, RoundTrips: 2,
		Takes: []record.Take{{Limit: "NewRegistrationsPerIPAddress", Key: fmt.Sprintf("10.%d.%d.%d", i*7919%10, i*7919%1_000_003/256%256, i*7919%256),
			Cost: 1, Mode: record.TakeMode, Shard: "shard-1", State: record.Found}},
		Touched: []record.Touch{{Shard: "shard-1", Commands: 3}}}
}

// BenchmarkRecord reports observations written and read a second.
func BenchmarkRecord(b *testing.B) {
	list := make([]record.Observation, 200_000)
	for i := range list {
		list[i] = plain(i)
	}
	var dir string
	write := func(b *testing.B) {
		dir = b.TempDir()
		w, err := record.Create(dir, record.Manifest{})
		if err != nil {
			b.Fatal(err)
		}
		for i := range list {
			if err := w.Write(&list[i]); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := w.Close(nil); err != nil {
			b.Fatal(err)
		}
	}
	rate := func(b *testing.B) {
		b.ReportMetric(float64(len(list))*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	}
	b.Run("write", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			write(b)
		}
		rate(b)
	})
	write(b)
	r, err := record.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	for name, pass := range map[string]func() func(func(*record.Observation, error) bool){
		"read":     func() func(func(*record.Observation, error) bool) { return r.Observations() },
		"byeffect": func() func(func(*record.Observation, error) bool) { return r.ByEffect() },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for _, err := range pass() {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			rate(b)
		})
	}
}
