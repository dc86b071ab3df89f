package fleet

import (
	"bytes"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/internal/testkit"
)

// alike is a sweep of cells that take equally long, at a rate over a horizon.
func alike(cells int, rate, horizon string) string {
	text := fmt.Sprintf(`name: alike
horizon: %s
keys: {many: {as: ipv4, uniform: {n: 500}}}
traffic: {main: {rate: %s, keys: many}}
limiters: {main: {kind: tat, limit: {count: 1, period: 1s, burst: 5}}}
sweep:
  metrics: ["decisions count"]
  axes:
    seed: [`, horizon, rate)
	for i := range cells {
		text += fmt.Sprint(i+1, ", ")
	}
	return text + "]\n"
}

// BenchmarkDispatch plays cells in this process, and then on a worker that joins its coordinator by TLS on the
// loopback, here too. times-the-cpu is what the second takes of the processors for each second of the first: what is beyond 1
// is compiling a cell twice, packing, sending, committing and unpacking its record. cell-ms is the processor time of a cell
// that is not sent, cell-kB the size of its record.
func BenchmarkDispatch(b *testing.B) {
	for _, c := range []struct {
		name  string
		cells int
		text  string
	}{{"smallest", 60, alike(60, "5/s", "3s")}, {"200kB", 5, alike(5, "1800/s", "5s")}} {
		b.Run(c.name, func(b *testing.B) {
			var here, there time.Duration
			var size int64
			for b.Loop() {
				s, _ := newSweep(b, c.text, b.TempDir())
				var want, got []byte
				_, cpu := took(b, func() { want = result(b, s) })
				here, size = here+cpu, sizeOf(b, s.Dir)/int64(c.cells)
				s, _ = newSweep(b, c.text, b.TempDir())
				_, cpu = took(b, func() { got = onWorkers(b, s, 1) })
				there += cpu
				if !bytes.Equal(want, got) {
					b.Error("another table")
				}
			}
			b.ReportMetric(there.Seconds()/here.Seconds(), "times-the-cpu")
			b.ReportMetric(here.Seconds()*1000/float64(b.N*c.cells), "cell-ms")
			b.ReportMetric(float64(size)/1000, "cell-kB")
		})
	}
}

// BenchmarkTwoCores plays cells on one core in this process, and on two cores by two workers. efficiency is the share of
// the two cores that does what the one does, by the wall clock, which says something only on an idle machine. Its bound is told
// by the processor time (at-most), which others on the machine change little.
func BenchmarkTwoCores(b *testing.B) {
	text := alike(12, "1600/s", "5s")
	var one, two, oneCPU, twoCPU time.Duration
	for b.Loop() {
		s, _ := newSweep(b, text, b.TempDir())
		wall, cpu := onCores(b, 1, func() { result(b, s) })
		one, oneCPU = one+wall, oneCPU+cpu
		s, _ = newSweep(b, text, b.TempDir())
		wall, cpu = onCores(b, 2, func() { onWorkers(b, s, 2) })
		two, twoCPU = two+wall, twoCPU+cpu
	}
	b.ReportMetric(one.Seconds()/two.Seconds()/2, "efficiency")
	b.ReportMetric(oneCPU.Seconds()/twoCPU.Seconds(), "at-most")
}

// onWorkers returns the bytes of the table of a sweep that workers of this process play one cell at a time each.
func onWorkers(b *testing.B, s *campaign.Sweep, workers int) []byte {
	c, joinFile := start(b, s, Lease)
	var ended sync.WaitGroup
	for range workers {
		w := worker(b, c, joinFile)
		w.Jobs = 1
		ended.Go(func() {
			if err := w.Work(b.Context()); err != nil {
				b.Error(err)
			}
		})
	}
	table := result(b, s)
	if err := c.Close(true); err != nil {
		b.Error(err)
	}
	ended.Wait()
	return table
}

func onCores(b *testing.B, cores int, do func()) (wall, cpu time.Duration) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
	return took(b, do)
}

// sizeOf returns the bytes of all files below a directory.
func sizeOf(b *testing.B, dir string) (size int64) {
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return size
}

func took(b *testing.B, do func()) (wall, cpu time.Duration) {
	begun, before := time.Now(), testkit.ProcessorTime(b)
	do()
	return time.Since(begun), testkit.ProcessorTime(b) - before
}
