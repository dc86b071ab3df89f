//go:build !windows

package record

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
)

// BenchmarkReaders reads a million observations by columns and by the library's
// reader of rows.
func BenchmarkReaders(b *testing.B) {
	w, err := Create(b.TempDir(), Manifest{})
	if err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range int64(1_000_000) {
		at, key := i*20_000, "tenant-"+strconv.Itoa(rng.IntN(50_000))
		if err := w.Write(&Observation{Arrival: i, Traffic: "main", Client: "default", Limiter: "tat", Intended: at, Sent: at, Judged: at, Effect: at + 300_000 + rng.Int64N(300_000), Order: i,
			Done: at + 600_000 + rng.Int64N(300_000), Decision: Allowed, Key: Found, RoundTrips: 1,
			Takes: []Take{{Limit: "default", Key: key, Cost: 1, Mode: TakeMode, Shard: "a", State: Found}}, Touched: []Touch{{Shard: "a", Commands: 2}}}); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := w.Close(nil); err != nil {
		b.Fatal(err)
	}
	r, err := Open(w.Dir())
	if err != nil {
		b.Fatal(err)
	}
	for name, read := range map[string]func(path string, count int64) error{"columns": readColumns, "library": readLibrary} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			before := userTime(b)
			for b.Loop() {
				for _, p := range r.manifest.Parts {
					if err := read(r.path(p), p.Count); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric((userTime(b)-before).Seconds()/float64(b.N), "user-s/op")
		})
	}
}

func readColumns(path string, count int64) error {
	f, err := openPartFile(observationRows(), form{version: SchemaVersion}, path)
	if err != nil {
		return err
	}
	rows := make([]Observation, batchRows)
	for left := count; left > 0 && err == nil; {
		var some []Observation
		some, err = f.read(rows[:min(left, batchRows)])
		left -= int64(len(some))
	}
	return errors.Join(err, f.Close())
}

func readLibrary(path string, _ int64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	r := parquet.NewGenericReader[Observation](f)
	rows := make([]Observation, batchRows)
	for err == nil {
		_, err = r.Read(rows)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, r.Close(), f.Close())
}

// userTime is the processor time of the process.
func userTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano())
}
