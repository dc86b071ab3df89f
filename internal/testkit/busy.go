package testkit

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/quotalab/quotalab/models/limits"
	"github.com/quotalab/quotalab/results/record"
)

// BusyRecord makes a record of n requests and opens it: 50,000 keys, a few of
// which get most requests, on four shards, against a limiter that admits a tenth
// of what it should deny.
func BusyRecord(t testing.TB, n int) *record.Reader {
	t.Helper()
	limit := record.Limit{Name: "default", Count: 100, Period: time.Second, Burst: 20}
	m := record.Manifest{Clock: "virtual", Horizon: time.Duration(n) * 20 * time.Microsecond, Warmup: time.Second,
		Shards: []string{"a", "b", "c", "d"}, Clients: []record.Client{{Name: "default"}}, Traffic: []record.Traffic{{Name: "main"}},
		Limiters: []record.Limiter{{Name: "tat", Algorithm: "gcra", Limits: []record.Limit{limit}}}}
	rng := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(rng, 1.2, 8, 50_000)
	buckets := map[string]limits.Bucket{}
	return write(t, m, nil, func(w *record.Writer) error {
		for i := range n {
			o := busyObservation(m.Shards, rng, zipf, int64(i))
			allowed, err := admit(buckets, limit, &o)
			if err != nil {
				return err
			}
			if !allowed && rng.IntN(10) > 0 {
				o.Decision = record.Denied
			}
			if err := w.Write(&o); err != nil {
				return err
			}
		}
		return nil
	})
}

// busyObservation draws the key, the latency and the key state of request i.
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

// admit decides as GCRA does, request after request.
func admit(buckets map[string]limits.Bucket, l record.Limit, o *record.Observation) (bool, error) {
	t := o.Takes[0]
	bucket := buckets[t.Key]
	if bucket == nil {
		maker, err := limits.Maker("gcra", limits.Limit{Count: l.Count, Period: l.Period, Burst: l.Burst}, 0)
		if err != nil {
			return false, err
		}
		bucket = maker()
		buckets[t.Key] = bucket
	}
	allowed := bucket.Peek(o.Judged, t.Cost).Allowed
	if allowed {
		bucket.Spend(o.Judged, t.Cost)
	}
	return allowed, nil
}
