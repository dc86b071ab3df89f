package drive_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/jmhodges/clock"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/drive"
	"github.com/quotalab/quotalab/sim/limiter"
)

// benchScenario is so many decisions of boulder over four shards, about a
// third of them denied.
const benchScenario = `
name: bench
horizon: %ds
shards: {count: 4}
keys: {addresses: {zipf: {n: 10_000, s: 1.0}, as: ipv6}}
traffic: {main: {rate: 1000/s, keys: addresses}}
limiters: {boulder: {kind: boulder, limit: {count: 60, period: 1m, burst: 20}}}
`

// BenchmarkBoulder compares the whole simulation, recording included, with
// the same limiter called once after another over loopback TCP. The claims
// are its ratio and decisions/s.
func BenchmarkBoulder(b *testing.B) {
	b.Run("virtual", func(b *testing.B) {
		p := compile(b, fmt.Sprintf(benchScenario, b.N/1000+1))
		w, err := record.Create(b.TempDir(), drive.Manifest(p))
		if err != nil {
			b.Fatal(err)
		}
		b.ResetTimer()
		if _, err := drive.Run(context.Background(), p, w, drive.Options{}); err != nil {
			b.Fatal(err)
		}
		m, err := w.Close(nil)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(m.Count)/b.Elapsed().Seconds(), "decisions/s")
	})
	b.Run("loopback", func(b *testing.B) {
		l := loopbackBoulder(b)
		rng := rand.New(rand.NewPCG(1, 1))
		b.ResetTimer()
		for range b.N {
			key := fmt.Sprintf("k%d", int(10_000*rng.Float64()*rng.Float64()*rng.Float64()))
			if _, err := l.Take(context.Background(), limiter.Request{Takes: []limiter.Take{{Limit: "default", Key: key, Cost: 1, Mode: record.TakeMode}}}); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
	})
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
		Spec:    record.Limiter{Limits: []record.Limit{{Name: "default", Count: 60, Period: 60e9, Burst: 20}}},
	})
	if err != nil {
		b.Fatal(err)
	}
	return l
}

// BenchmarkArrivals is the plan's arrivals alone: instants and keys.
func BenchmarkArrivals(b *testing.B) {
	p := compile(b, fmt.Sprintf(benchScenario, b.N/1000+2))
	a := p.Arrivals()
	defer a.Close()
	var sum int64
	b.ResetTimer()
	for range b.N {
		e, ok := a.Next()
		if !ok {
			break
		}
		sum += e.At
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	_ = sum
}
