package export

import (
	"io"

	"github.com/quotalab/quotalab/results/measure"
)

// bencherMetric is a value of Bencher Metric Format, with the least and the
// greatest of several runs.
type bencherMetric struct {
	Value float64  `json:"value"`
	Lower *float64 `json:"lower_value,omitempty"`
	Upper *float64 `json:"upper_value,omitempty"`
}

// Bencher writes figures in Bencher Metric Format (bencher.dev): by the
// benchmark's name, which begins with the scenario's, and then by measure, which
// is the figure's unit. Bencher's thresholds say which direction is worse. Of
// several runs of a scenario it is the median, with the range.
func Bencher(w io.Writer, runs ...*measure.Summary) error {
	all := map[string]map[string]bencherMetric{}
	for _, r := range repeats(runs) {
		name := r.scenario + r.Name
		if all[name] == nil {
			all[name] = map[string]bencherMetric{}
		}
		m := bencherMetric{Value: r.middle()}
		if r.runs > 1 {
			low, high := r.low(), r.high()
			m.Lower, m.Upper = &low, &high
		}
		all[name][r.Unit] = m
	}
	return writeJSON(w, all)
}
