package run_test

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quotalab/quotalab/results/keep"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
	"github.com/quotalab/quotalab/sim/clock"
	"github.com/quotalab/quotalab/sim/plan"
	"github.com/quotalab/quotalab/sim/run"
)

// pacingTime is how long each of BenchmarkPacing's four runs lasts. The
// project's bar is for 30s.
var pacingTime = flag.Duration("pacing", 3*time.Second, "length of each run of BenchmarkPacing")

// BenchmarkPacing sends 1,000 and 10,000 requests a second to tat: lua on four
// spawned shards, five times, and the more once by Go's own timers, as time.Sleep
// would. It reports the median of the five of each figure and, of the same runs, how
// late a thread with nothing to do was (canary-p99-ms) and how busy the processors
// were: where they are always busy, what is due waits for one. lag-to-bar is the 99th
// percentile over twice the canary's and 0.2 ms.
func BenchmarkPacing(b *testing.B) {
	for _, perSecond := range []int{1_000, 10_000} {
		b.Run(fmt.Sprintf("%d-per-second", perSecond), func(b *testing.B) { benchmarkPacing(b, perSecond) })
	}
}

func benchmarkPacing(b *testing.B, perSecond int) {
	p := compile(b, fmt.Sprintf(`
name: pacing
clock: real
horizon: %s
shards: {count: 4}
keys: {users: {uniform: {n: 10_000}}}
traffic: {main: {rate: %d/s, keys: users}}
limiters: {lua: {kind: tat, limit: {count: 10, period: 1s}, options: {write: lua}}}
`, *pacingTime, perSecond))
	defer run.TuneGC()() // as cmd does
	for b.Loop() {
		var p50, p99, canary, times, busy, rate, dropped []float64
		for range 5 {
			worked, idled := processors(b)
			s := playLive(b, p, nil)
			work, idle := processors(b)
			busy = append(busy, (work-worked)/(work-worked+idle-idled))
			p50, p99, canary = append(p50, *s.LagMed), append(p99, *s.LagP99), append(canary, s.Machine.P99)
			times = append(times, *s.LagP99/(2*s.Machine.P99+0.2e-3))
			rate, dropped = append(rate, s.Ratio), append(dropped, float64(s.Due-s.Sent))
		}
		b.ReportMetric(1e3*median(p50), "lag-p50-ms")
		b.ReportMetric(1e3*median(p99), "lag-p99-ms")
		b.ReportMetric(1e3*median(canary), "canary-p99-ms")
		b.ReportMetric(median(times), "lag-to-bar")
		b.ReportMetric(median(busy), "processors-busy")
		b.ReportMetric(median(rate), "achieved/intended")
		b.ReportMetric(slices.Max(dropped), "not-sent")
		if perSecond == 10_000 {
			b.ReportMetric(1e3*idleLag(b), "idle-machine-lag-p99-ms")
			timers := playLive(b, p, clock.NewTimerPacer())
			b.ReportMetric(1e3**timers.LagP99, "time.Sleep-lag-p99-ms")
		}
	}
}

// processors returns how long the machine's processors have worked, and had nothing
// to do, in units of the kernel's.
func processors(b *testing.B) (worked, idle float64) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		b.Fatal(err)
	}
	var of [8]float64 // user, nice, system, idle, waiting for disks, interrupts, soft ones, stolen
	if _, err := fmt.Sscan(strings.TrimPrefix(string(text), "cpu "), &of[0], &of[1], &of[2], &of[3], &of[4], &of[5], &of[6], &of[7]); err != nil {
		b.Fatalf("/proc/stat: %v", err)
	}
	idle = of[3] + of[4]
	for _, t := range of {
		worked += t
	}
	return worked - idle, idle
}

// idleLag is the 99th percentile, in seconds, of how late the usual pacer runs
// 10,000 empty steps a second.
func idleLag(b *testing.B) float64 {
	b.Helper()
	pace, err := clock.NewPacer()
	if err != nil {
		b.Fatal(err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r := clock.NewReal(time.Now(), pace, 0)
	var lags []int64
	for i := range 10_000 {
		at := int64(i) * int64(100*time.Microsecond)
		r.Call(at, func() { lags = append(lags, r.Now()-at) })
	}
	r.Run()
	if err := pace.Close(); err != nil {
		b.Fatal(err)
	}
	slices.Sort(lags)
	return time.Duration(lags[len(lags)*99/100]).Seconds()
}

// playLive plays, records and keeps as cmd does, and returns how the
// generator kept its schedule.
func playLive(b *testing.B, p *plan.Plan, pacer clock.Pacer) *summary.Schedule {
	b.Helper()
	dir := b.TempDir()
	w, err := record.Create(dir, run.Manifest(p))
	if err != nil {
		b.Fatal(err)
	}
	k, err := keep.New(w)
	if err != nil {
		b.Fatal(err)
	}
	result := runLive(b, p, pacer, k)
	if _, err := k.Close(result.Apply); err != nil {
		b.Fatal(err)
	}
	r, err := record.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	s, err := summary.Measure(r, nil)
	if err != nil {
		b.Fatal(err)
	}
	return s.Schedule
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}
