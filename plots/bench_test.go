package plots

import (
	"io"
	"testing"
	"time"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/record"
)

// BenchmarkReport of a million observations, of 50,000 keys and of a new key each
// time: what `quotalab report -o html` does, from opening the record to the last
// figure. It must stay under 4 s of processor time (cpu-s/million). times-reading is
// that time as a multiple of what reading the record alone takes in the same run: what
// the machine does to one it does to the other.
func BenchmarkReport(b *testing.B) {
	n := 1_000_000
	if testing.Short() {
		n /= 10
	}
	for _, c := range []struct {
		name string
		dir  string
	}{
		{"busy-keys", testkit.BusyRecord(b, n).Dir()},
		{"fresh-keys", testkit.FreshRecord(b, n).Dir()},
	} {
		b.Run(c.name, func(b *testing.B) {
			var reading, report time.Duration
			for b.Loop() {
				before := cpu(b)
				for _, err := range opened(b, c.dir).Observations() {
					if err != nil {
						b.Fatal(err)
					}
				}
				read := cpu(b)
				drawAll(b, opened(b, c.dir))
				reading, report = reading+read-before, report+cpu(b)-read
			}
			b.ReportMetric(report.Seconds()/reading.Seconds(), "times-reading")
			b.ReportMetric(report.Seconds()/float64(b.N)/float64(n)*1e6, "cpu-s/million")
		})
	}
}

func opened(b *testing.B, dir string) *record.Reader {
	b.Helper()
	r, err := record.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	return r
}

func drawAll(b *testing.B, r *record.Reader) {
	b.Helper()
	a, s := testkit.Analyse(b, r)
	set, err := series.Collect(r, a, s, series.Options{})
	if err != nil {
		b.Fatal(err)
	}
	figures := drawn([]*series.Set{set}, Options{})
	for i := range figures {
		if err := figures[i].Render(io.Discard, "svg"); err != nil {
			b.Fatal(err)
		}
	}
}
