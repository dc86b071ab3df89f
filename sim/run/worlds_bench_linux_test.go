package run_test

import (
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/run"
)

// sided is 20,000 requests to each of some limiters on four shards.
func sided(b *testing.B, limiters ...string) *plan.Plan {
	text := `
name: sided
horizon: 20s
shards: {count: 4}
network: {rtt: 500us}
keys: {tenants: {zipf: {n: 20_000, s: 0.6}}}
traffic: {calls: {rate: 1000/s, keys: tenants}}
limiters:
`
	for _, l := range limiters {
		text += strings.Replace("  L: {kind: L, limit: {count: 10, period: 1s, burst: 20}}\n", "L", l, 2)
	}
	return compile(b, text)
}

// BenchmarkWorlds plays several worlds on two cores, and the same on one: three
// limiters side by side, and one after another; one limiter by shard. What the
// second core brings is told by the wall clock (times-one-core), which says
// something only on an idle machine. Its bound is told by the processor time that
// the worlds take on one core (at-most), which others on the machine change little.
func BenchmarkWorlds(b *testing.B) {
	defer run.TuneGC()()
	for _, c := range []struct {
		name     string
		together *plan.Plan
		apart    []*plan.Plan
	}{
		{"three-limiters", sided(b, "boulder", "redis_rate", "tat"), []*plan.Plan{sided(b, "boulder"), sided(b, "redis_rate"), sided(b, "tat")}},
		{"tat-on-four-shards", sided(b, "tat"), []*plan.Plan{sided(b, "tat")}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var two, one, twoCPU, oneCPU time.Duration
			for b.Loop() {
				wall, _ := onCores(b, 2, c.together)
				two += wall
				_, cpu := onCores(b, 1, c.together)
				twoCPU += cpu
				wall, cpu = onCores(b, 1, c.apart...)
				one, oneCPU = one+wall, oneCPU+cpu
			}
			b.ReportMetric(one.Seconds()/two.Seconds(), "times-one-core")
			b.ReportMetric(2*oneCPU.Seconds()/twoCPU.Seconds(), "at-most")
		})
	}
}

func onCores(b *testing.B, cores int, plans ...*plan.Plan) (wall, cpu time.Duration) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
	begun, before := time.Now(), processorTime(b)
	for _, p := range plans {
		playRecorded(b, p)
	}
	return time.Since(begun), processorTime(b) - before
}

func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
