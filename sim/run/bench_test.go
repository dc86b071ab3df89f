package run_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/run"
)

// benchScenario is decisions of a limiter over four shards, of which about a
// third are denied.
const benchScenario = `
name: bench
horizon: %ds
shards: {count: 4}
keys: {addresses: {zipf: {n: 10_000, s: 1.0}, as: ipv6}}
traffic: {main: {rate: 1000/s, gaps: even, keys: addresses}}
limiters: {limiter: {%s, limit: {count: 60, period: 1m, burst: 20}}}
`

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

// BenchmarkArrivals is the plan's arrivals alone, instants and keys: a
// million an iteration.
func BenchmarkArrivals(b *testing.B) {
	p := compile(b, fmt.Sprintf(benchScenario, 1000, "kind: boulder"))
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
