package run_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/quotalab/quotalab/models/limits"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/run"
)

// modelScenario is a model at a limit that a third of its requests exceed.
const modelScenario = `
name: model
horizon: %s
shards: {count: 4}
keys: {addresses: {zipf: {n: 10_000, s: 1.0}}}
traffic: {main: {rate: 1000/s, gaps: even, keys: addresses}}
limiters: {tat: {kind: tat, model: true, limit: {count: 60, period: 1m, burst: 20}}}
`

// plainLoop is a plan's arrivals and a reference alone.
func plainLoop(tb testing.TB, p *plan.Plan, each func(key string, d limits.Decision)) {
	tb.Helper()
	maker, err := limits.Maker("gcra", limits.Limit{Count: 60, Period: time.Minute, Burst: 20}, 0)
	if err != nil {
		tb.Fatal(err)
	}
	buckets := map[string]limits.Bucket{}
	a := p.Arrivals()
	defer a.Close()
	for e, ok := a.Next(); ok; e, ok = a.Next() {
		key := p.Key(e, 0)
		b := buckets[key]
		if b == nil {
			b = maker()
			buckets[key] = b
		}
		d := b.Peek(e.At, 1)
		if d.Allowed {
			b.Spend(e.At, 1)
		}
		each(key, d)
	}
}

// A model decides as a loop over the arrivals with the reference does, touches
// no Redis, takes no time, and says so.
func TestModelIsTheReference(t *testing.T) {
	p := compile(t, sprintf(modelScenario, "20s"))
	m, r := play(t, p)
	n, denied := 0, 0
	plainLoop(t, p, func(key string, d limits.Decision) {
		o := m[n]
		if n++; !d.Allowed {
			denied++
		}
		if o.Takes[0].Key != key || (o.Decision == record.Allowed) != d.Allowed || o.RetryAfter != int64(d.RetryAfter) || o.Remaining != max(d.Remaining, 0) {
			t.Fatalf("request %d: %+v, want the reference's %s %+v", n, o, key, d)
		}
		if o.Done != o.Intended || o.RoundTrips != 0 || len(o.Touched) > 0 || o.Key != record.Unread {
			t.Fatalf("request %d: %+v, want no time and no Redis", n, o)
		}
	})
	if n != len(m) || denied < n/20 {
		t.Errorf("%d requests, %d of them denied, and %d recorded", n, denied, len(m))
	}
	if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "without Redis") {
		t.Errorf("warnings %q, want that the reference decided", r.Warnings)
	}
}

// Batches, clients on a path, modes and retries of models are those of limiters:
// on its own reference no model admits too much, or too little.
func TestModelsOfEverything(t *testing.T) {
	source := strings.NewReplacer("kind: tat,", "kind: tat, model: true,", "kind: broken,", "kind: broken, model: true,").Replace(everything)
	if strings.Count(source, "model: true") != 2 {
		t.Fatal("expected two limiters")
	}
	_, a := audited(t, compile(t, source))
	for _, l := range a.Limiters {
		if l.Compared == 0 || l.Over != 0 || l.Under != 0 || l.Divergence != 0 {
			t.Errorf("%s: %+v, want a limiter that is its reference", l.Name, l)
		}
	}
	if one, two := recordHash(t, source, ""), recordHash(t, source, ""); one != two {
		t.Errorf("record hashes %s and %s of one seed", one, two)
	}
}

// counted is a Sink that counts.
type counted int64

func (c *counted) Write(*record.Observation) error { *c++; return nil }

// BenchmarkModel plays a million decisions of a model, unrecorded, and a plain
// loop over the same arrivals and keys with the reference.
func BenchmarkModel(b *testing.B) {
	defer run.TuneGC()()
	p := compile(b, sprintf(modelScenario, "1000s"))
	var model, loop time.Duration
	var n counted
	looped := 0
	for b.Loop() {
		begun := b.Elapsed()
		if _, err := run.Run(context.Background(), p, &n, run.Options{}); err != nil {
			b.Fatal(err)
		}
		model += b.Elapsed() - begun
		begun = b.Elapsed()
		plainLoop(b, p, func(string, limits.Decision) { looped++ })
		loop += b.Elapsed() - begun
	}
	if int(n) != looped {
		b.Fatalf("%d decisions of the model, %d of the loop", n, looped)
	}
	b.ReportMetric(float64(n)/model.Seconds(), "decisions/s")
	b.ReportMetric(float64(looped)/loop.Seconds(), "loop-decisions/s")
	b.ReportMetric(model.Seconds()/loop.Seconds(), "times-the-loop")
}
