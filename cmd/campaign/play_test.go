package campaign

import (
	"context"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/run"
)

const watched = `
name: watched
horizon: 20s
network: {rtt: 1ms}
keys: {users: {uniform: {n: 1000}}}
traffic: {steady: {rate: 2000/s, keys: users}}
limiters: {lua: {kind: tat, limit: {count: 10, period: 1s}, options: {write: lua}}}
assert:
  latency{decision=allowed}: [{check: "p(99) < 1m", abortOnFail: true}, {check: "p(99) < 1m", over: 5s, abortOnFail: true}]
  errors: [{check: "count == 0", abortOnFail: true}]
`

// BenchmarkAbortOnFail plays the same run with three watched assertions and
// with none, by turns, and prints how much longer the former takes.
func BenchmarkAbortOnFail(b *testing.B) {
	s, problems := scenarios.Decode("watched.yaml", []byte(watched))
	if len(problems) > 0 {
		b.Fatal(problems)
	}
	p, problems := plan.Compile(s, limiter.Builtin())
	if len(problems) > 0 {
		b.Fatal(problems)
	}
	var took [2]time.Duration
	dir, n := b.TempDir(), 0
	for b.Loop() {
		for with := range took {
			n++
			r := Run{Stage: Stage{Plan: p}, Manifest: run.Manifest(p), Dir: filepath.Join(dir, strconv.Itoa(n))}
			if with == 0 {
				r.Manifest.Asserts = nil
			}
			begun := time.Now()
			if got, err := r.Play(context.Background()); err != nil || got.Aborted {
				b.Fatal(got, err)
			}
			took[with] += time.Since(begun)
		}
	}
	b.ReportMetric(took[1].Seconds()/took[0].Seconds(), "with/without")
}
