package series_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/quotalab/quotalab/models/limits"
	"github.com/quotalab/quotalab/results/measure/measuretest"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/series"
)

// BenchmarkCollect of a million observations, or as many as QUOTALAB_LONG says:
// ten million take minutes to make, so run them with -benchtime=1x.
func BenchmarkCollect(b *testing.B) {
	n := 1_000_000
	if long := os.Getenv("QUOTALAB_LONG"); long != "" {
		var err error
		if n, err = strconv.Atoi(long); err != nil {
			b.Fatal(err)
		}
	}
	r := busyRecord(b, n)
	a, s := measuretest.Analyse(b, r)
	peak := watchHeap()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := series.Collect(r, a, s, series.Options{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "observations/s")
	b.ReportMetric(peak(), "peak-heap-MB")
}

// watchHeap tells the most that the heap grew to while it watched.
func watchHeap() (peak func() float64) {
	runtime.GC()
	done, most := make(chan struct{}), make(chan uint64)
	go func() {
		high := uint64(0)
		for m := (runtime.MemStats{}); ; {
			runtime.ReadMemStats(&m)
			high = max(high, m.HeapAlloc)
			select {
			case <-done:
				most <- high
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() float64 { close(done); return float64(<-most) / 1e6 }
}

// busyRecord has n requests on 50,000 keys of which few get most, on four
// shards, against a limiter that forgets what it admitted a tenth of the time.
func busyRecord(b *testing.B, n int) *record.Reader {
	b.Helper()
	limit := record.Limit{Name: "default", Count: 100, Period: time.Second, Burst: 20}
	m := record.Manifest{Clock: "virtual", Horizon: time.Duration(n) * 20 * time.Microsecond, Warmup: time.Second,
		Shards: []string{"a", "b", "c", "d"}, Clients: []record.Client{{Name: "default"}}, Traffic: []record.Traffic{{Name: "main"}},
		Limiters: []record.Limiter{{Name: "tat", Algorithm: "gcra", Limits: []record.Limit{limit}}}}
	dir := b.TempDir()
	w, err := record.Create(dir, m)
	if err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(rng, 1.2, 8, 50_000)
	buckets := map[string]limits.Bucket{}
	for i := range n {
		o := busyObservation(m.Shards, rng, zipf, int64(i))
		if !admit(b, buckets, limit, &o) && rng.IntN(10) > 0 {
			o.Decision = record.Denied
		}
		if err := w.Write(&o); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := w.Close(func(m *record.Manifest) { m.Complete = true }); err != nil {
		b.Fatal(err)
	}
	r, err := record.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	return r
}

func busyObservation(shards []string, rng *rand.Rand, zipf *rand.Zipf, i int64) record.Observation {
	due, key := i*20_000, zipf.Uint64()
	shard := shards[key%uint64(len(shards))]
	took := 500_000 + int64(rng.ExpFloat64()*300_000)
	state := record.Found
	if rng.IntN(20) == 0 {
		state = record.NotFound
	}
	return record.Observation{Arrival: i, Traffic: "main", Client: "default", Limiter: "tat", Intended: due, Sent: due, Judged: due, Effect: due + took/2, Order: i, Done: due + took,
		Decision: record.Allowed, Key: state, RoundTrips: 1,
		Takes:   []record.Take{{Limit: "default", Key: fmt.Sprintf("tenant-%d", key), Cost: 1, Mode: record.TakeMode, Shard: shard, State: state}},
		Touched: []record.Touch{{Shard: shard, Commands: 2}}}
}

// admit as GCRA does, request after request.
func admit(b *testing.B, buckets map[string]limits.Bucket, l record.Limit, o *record.Observation) bool {
	t := o.Takes[0]
	bucket := buckets[t.Key]
	if bucket == nil {
		maker, err := limits.Maker("gcra", limits.Limit{Count: l.Count, Period: l.Period, Burst: l.Burst})
		if err != nil {
			b.Fatal(err)
		}
		bucket = maker()
		buckets[t.Key] = bucket
	}
	allowed := bucket.Peek(o.Judged, t.Cost).Allowed
	if allowed {
		bucket.Spend(o.Judged, t.Cost)
	}
	return allowed
}
