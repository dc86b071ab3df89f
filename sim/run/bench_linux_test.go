package run_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/jmhodges/clock"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/limiter"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/run"
)

// sided is 100,000 requests to each of some limiters on four shards, or a tenth of
// them.
func sided(b *testing.B, limiters ...string) *plan.Plan {
	horizon := "100s"
	if testing.Short() {
		horizon = "10s"
	}
	text := "horizon: " + horizon + `
name: sided
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
// second core brings is told by the wall clock (times-one-core, the median of the
// iterations), which says something only on an idle machine. Its bound is told by the
// processor time that the worlds take on one core (at-most), which others on the
// machine change little; where threads want two cores all the time (cores-wanted),
// that is what an idle machine gives. What the machine gives to two runs that have
// nothing to do with each other stands beside it (times-one-core-apart).
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
			var two, wanted, twoCPU, oneCPU time.Duration
			var times, possible []float64
			for b.Loop() {
				before := wantedTime(b)
				side, _ := onCores(b, 2, c.together)
				two, wanted = two+side, wanted+wantedTime(b)-before
				_, cpu := onCores(b, 1, c.together)
				twoCPU += cpu
				after, cpu := onCores(b, 1, c.apart...)
				times, oneCPU = append(times, after.Seconds()/side.Seconds()), oneCPU+cpu
				last := c.apart[len(c.apart)-1]
				after, _ = onCores(b, 1, last, last)
				side, _ = took(b, func() {
					var both sync.WaitGroup
					for range 2 {
						both.Go(func() { playRecorded(b, last) })
					}
					both.Wait()
				})
				possible = append(possible, after.Seconds()/side.Seconds())
			}
			b.ReportMetric(median(times), "times-one-core")
			b.ReportMetric(median(possible), "times-one-core-apart")
			b.ReportMetric(2*oneCPU.Seconds()/twoCPU.Seconds(), "at-most")
			b.ReportMetric(wanted.Seconds()/two.Seconds(), "cores-wanted")
		})
	}
}

func onCores(b *testing.B, cores int, plans ...*plan.Plan) (wall, cpu time.Duration) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
	return took(b, func() {
		for _, p := range plans {
			playRecorded(b, p)
		}
	})
}

// wantedTime is how long the process's threads ran, or waited for a core that others
// had.
func wantedTime(b *testing.B) (sum time.Duration) {
	files, err := filepath.Glob("/proc/self/task/*/schedstat")
	if err != nil || len(files) == 0 {
		b.Skip("the kernel keeps no schedstat")
	}
	for _, f := range files {
		text, _ := os.ReadFile(f) // of a thread that has ended there is none
		var ran, waited time.Duration
		_, _ = fmt.Sscan(string(text), &ran, &waited)
		sum += ran + waited
	}
	return sum
}

// BenchmarkLimiters plays 50,000 decisions of a limiter over four shards in
// virtual time, recording included, and calls the same limiter for the first
// 4,000 of the same keys one after another over loopback TCP, where miniredis
// executes the commands. An iteration is both, so that -benchtime 1x is a
// measurement too. times-loopback is by the wall clock, on all cores;
// times-loopback-cpu is by processor time, which others on the machine change
// less.
func BenchmarkLimiters(b *testing.B) {
	defer run.TuneGC()() // as cmd does
	for _, l := range []struct{ name, kind string }{
		{"boulder", "kind: boulder"},
		{"redis_rate", "kind: redis_rate"},
		{"tat-lua", "kind: tat, options: {write: lua}"},
	} {
		b.Run(l.name, func(b *testing.B) {
			p := compile(b, fmt.Sprintf(benchScenario, 50, l.kind))
			loopback := overLoopback(b, p.Limiters[0])
			var virtual, tcp, virtualCPU, tcpCPU time.Duration
			var played, called int64
			for b.Loop() {
				wall, cpu := took(b, func() { played += playRecorded(b, p) })
				virtual, virtualCPU = virtual+wall, virtualCPU+cpu
				wall, cpu = took(b, func() { called += callEach(b, p, loopback, 4000) })
				tcp, tcpCPU = tcp+wall, tcpCPU+cpu
			}
			v, t := float64(played)/virtual.Seconds(), float64(called)/tcp.Seconds()
			b.ReportMetric(v, "decisions/s")
			b.ReportMetric(t, "loopback-decisions/s")
			b.ReportMetric(v/t, "times-loopback")
			b.ReportMetric(float64(played)/virtualCPU.Seconds()/(float64(called)/tcpCPU.Seconds()), "times-loopback-cpu")
		})
	}
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

// overLoopback is a plan's limiter with a plain Ring to four miniredis servers.
func overLoopback(b *testing.B, of plan.Limiter) limiter.Limiter {
	addrs := map[string]string{}
	for i := range 4 {
		addrs[fmt.Sprintf("shard-%d", i+1)] = miniredis.RunT(b).Addr()
	}
	ring := redis.NewRing(&redis.RingOptions{Addrs: addrs, Protocol: 2, DisableIdentity: true})
	b.Cleanup(func() { _ = ring.Close() })
	l, err := of.Kind.New(limiter.Env{
		Redis: ring, Clock: clock.New(), Registerer: prometheus.NewRegistry(), Does: record.TakeMode, Options: of.Options, Spec: of.Limiter,
	})
	if err != nil {
		b.Fatal(err)
	}
	return l
}

func took(b *testing.B, do func()) (wall, cpu time.Duration) {
	begun, before := time.Now(), testkit.ProcessorTime(b)
	do()
	return time.Since(begun), testkit.ProcessorTime(b) - before
}
