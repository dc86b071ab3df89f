package export

import (
	"fmt"
	"io"
	"strconv"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/measure"
	"github.com/quotalab/quotalab/results/wording"
)

// githubBenchmark is an entry of github.com/benchmark-action/github-action-benchmark.
type githubBenchmark struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit"`
	Value float64 `json:"value"`
	Range string  `json:"range,omitempty"`
	Extra string  `json:"extra,omitempty"`
}

// GitHubBenchmark writes figures for the GitHub action github-action-benchmark,
// whose `tool` is customSmallerIsBetter: those of which less is better, as the
// action raises alarms at what grows. Of several runs of a scenario it is the
// median, with the range.
func GitHubBenchmark(w io.Writer, runs ...*measure.Summary) error {
	entries := []githubBenchmark{} // never null
	for _, r := range repeats(runs) {
		if r.Better != "lower" {
			continue
		}
		about, _ := metric.Find(r.Metric)
		e := githubBenchmark{Name: r.scenario + r.Name + " " + r.Unit, Unit: about.Unit, Value: r.middle()}
		if r.runs > 1 {
			e.Range = number(r.low()) + "…" + number(r.high())
			e.Extra = fmt.Sprintf("median of %d of %d runs", len(r.values), r.runs)
		}
		entries = append(entries, e)
	}
	return writeJSON(w, entries)
}

func writeJSON(w io.Writer, v any) error {
	if err := wording.JSON(w, v); err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	return nil
}

// number with all its digits.
func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
