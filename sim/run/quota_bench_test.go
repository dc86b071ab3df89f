package run_test

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/run"
)

// BenchmarkAccounts plays accounts and engines, the record included: three
// months of a thousand accounts with four polling engines, with two that
// count in Redis, and a month of a hundred thousand with one. With -short
// there are a tenth of the accounts.
func BenchmarkAccounts(b *testing.B) {
	for _, c := range []struct {
		name, engines string
		count, days   int
		batch         string
	}{
		{"four-polling", "a: {kind: flagsmith, options: {generation: G13}}, b: {kind: flagsmith, options: {generation: G16}}, c: {kind: flagsmith}, d: {kind: catch_up}", 1000, 90, "5m"},
		{"two-polling-two-counting", "a: {kind: flagsmith}, b: {kind: catch_up}, c: {kind: inline, options: {buffer: 12h}}, d: {kind: hybrid}", 1000, 90, "6h"},
		{"one-polling", "a: {kind: flagsmith, options: {generation: G16}}", 100_000, 30, "3h"},
	} {
		if testing.Short() {
			c.count /= 10
		}
		b.Run(fmt.Sprintf("%dx%dd/%s", c.count, c.days, c.name), func(b *testing.B) {
			defer debug.SetGCPercent(debug.SetGCPercent(100))
			s, ps := scenarios.Decode("bench.yaml", fmt.Appendf(nil, `
name: bench
horizon: %dd
usage_batch: %s
shards: {count: 4}
accounts: {all: {count: %d, limit: 100_000, usage: {of_limit: 90%%, scale: {lognormal: {median: 1, p99: 4}}}}}
engines: {%s}`, c.days, c.batch, c.count, c.engines))
			if len(ps) > 0 {
				b.Fatal(ps)
			}
			p := compiled(b, s)
			for b.Loop() {
				playAccounts(b, p)
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(m.Sys)/(1<<20), "MB-from-system")
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/run")
		})
	}
}

func playAccounts(b *testing.B, p *plan.Plan) {
	w, err := record.Create(b.TempDir(), run.Manifest(p))
	if err != nil {
		b.Fatal(err)
	}
	result, err := run.Run(context.Background(), p, w, run.Options{})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := w.Close(result.Apply); err != nil {
		b.Fatal(err)
	}
}
