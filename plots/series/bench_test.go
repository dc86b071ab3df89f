package series_test

import (
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/plots/series"
)

// BenchmarkCollect of a million observations, or as many as QUOTALAB_LONG says:
// ten million take minutes to make, so run them with -benchtime=1x.
func BenchmarkCollect(b *testing.B) {
	n := 1_000_000
	if long := os.Getenv("QUOTALAB_LONG"); long != "" {
		var err error
		if n, err = strconv.Atoi(long); err != nil {
			b.Fatal(err)
		}
	}
	r := testkit.BusyRecord(b, n)
	a, s := testkit.Analyse(b, r)
	peak := watchHeap()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := series.Collect(r, a, s, series.Options{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "observations/s")
	b.ReportMetric(peak(), "peak-heap-MB")
}

// watchHeap tells the most that the heap grew to while it watched.
func watchHeap() (peak func() float64) {
	runtime.GC()
	done, most := make(chan struct{}), make(chan uint64)
	go func() {
		high := uint64(0)
		for m := (runtime.MemStats{}); ; {
			runtime.ReadMemStats(&m)
			high = max(high, m.HeapAlloc)
			select {
			case <-done:
				most <- high
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() float64 { close(done); return float64(<-most) / 1e6 }
}
