package plots

import (
	"io"
	"testing"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/plots/series"
	"github.com/quotalab/quotalab/results/record"
)

// BenchmarkAllFigures of a record of a million observations: what `quotalab plot`
// does, from opening the record to the last SVG. It must stay under 5 s on two cores.
func BenchmarkAllFigures(b *testing.B) {
	dir := testkit.BusyRecord(b, 1_000_000).Dir()
	before := cpu(b)
	for b.Loop() {
		r, err := record.Open(dir)
		if err != nil {
			b.Fatal(err)
		}
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
		b.ReportMetric(float64(len(figures)), "figures")
	}
	b.ReportMetric((cpu(b)-before).Seconds()/float64(b.N), "cpu-s/op")
}
