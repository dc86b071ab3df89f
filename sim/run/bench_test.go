package run_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/jmhodges/clock"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/run"
)

// benchScenario is decisions of boulder over four shards, of which about a
// third are denied.
const benchScenario = `
name: bench
horizon: %ds
shards: {count: 4}
keys: {addresses: {zipf: {n: 10_000, s: 1.0}, as: ipv6}}
traffic: {main: {rate: 1000/s, gaps: even, keys: addresses}}
limiters: {boulder: {kind: boulder, limit: {count: 60, period: 1m, burst: 20}}}
`

// BenchmarkBoulder plays 50,000 decisions of boulder over four shards in
// virtual time, recording included, and calls the same limiter for the first
// 4,000 of the same keys one after another over loopback TCP. An iteration
// is both, so that -benchtime 1x is a measurement too.
func BenchmarkBoulder(b *testing.B) {
	defer run.TuneGC()() // as cmd does
	p := compile(b, fmt.Sprintf(benchScenario, 50))
	loopback := loopbackBoulder(b)
	var virtual, tcp time.Duration
	var played, called int64
	for b.Loop() {
		begun := b.Elapsed()
		played += playRecorded(b, p)
		virtual += b.Elapsed() - begun
		begun = b.Elapsed()
		called += callEach(b, p, loopback, 4000)
		tcp += b.Elapsed() - begun
	}
	v, t := float64(played)/virtual.Seconds(), float64(called)/tcp.Seconds()
	b.ReportMetric(v, "decisions/s")
	b.ReportMetric(t, "loopback-decisions/s")
	b.ReportMetric(v/t, "times-loopback")
}

func playRecorded(b *testing.B, p *plan.Plan) int64 {
	w, err := record.Create(b.TempDir(), run.Manifest(p))
	if err != nil {
		b.Fatal(err)
	}
	if _, err := run.Run(context.Background(), p, w, run.Options{}); err != nil {
		b.Fatal(err)
	}
	m, err := w.Close(nil)
	if err != nil {
		b.Fatal(err)
	}
	return m.Count
}

func callEach(b *testing.B, p *plan.Plan, l limiter.Limiter, n int64) (called int64) {
	a := p.Arrivals()
	defer a.Close()
	for ; called < n; called++ {
		e, ok := a.Next()
		if !ok {
			break
		}
		take := limiter.Take{Limit: "default", Key: p.Key(e, 0), Cost: 1, Mode: record.TakeMode}
		if _, err := l.Take(context.Background(), limiter.Request{Takes: []limiter.Take{take}}); err != nil {
			b.Fatal(err)
		}
	}
	return called
}

// loopbackBoulder is boulder with a plain Ring to four miniredis servers.
func loopbackBoulder(b *testing.B) limiter.Limiter {
	addrs := map[string]string{}
	for i := range 4 {
		addrs[fmt.Sprintf("shard-%d", i+1)] = miniredis.RunT(b).Addr()
	}
	ring := redis.NewRing(&redis.RingOptions{Addrs: addrs, Protocol: 2, DisableIdentity: true})
	b.Cleanup(func() { _ = ring.Close() })
	l, err := limiter.Builtin()["boulder"].New(limiter.Env{
		Redis: ring, Clock: clock.New(), Registerer: prometheus.NewRegistry(), Does: record.TakeMode,
		Options: map[string]string{"transactions": "override_request"},
		Spec:    record.Limiter{Limits: []record.Limit{{Name: "default", Count: 60, Period: time.Minute, Burst: 20}}},
	})
	if err != nil {
		b.Fatal(err)
	}
	return l
}

// BenchmarkArrivals is the plan's arrivals alone, instants and keys: a
// million an iteration.
func BenchmarkArrivals(b *testing.B) {
	p := compile(b, fmt.Sprintf(benchScenario, 1000))
	n := 0
	for b.Loop() {
		a := p.Arrivals()
		for {
			if _, ok := a.Next(); !ok {
				break
			}
			n++
		}
		a.Close()
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}
