package sweep_test

import (
	"slices"
	"testing"

	"github.com/quotalab/quotalab/results/sweep"
)

func TestNewAxis(t *testing.T) {
	for _, c := range []struct {
		why     string
		values  []string
		unit    string
		numeric []float64
	}{
		{"plain numbers", []string{"1", "1_000", "1e6"}, "", []float64{1, 1000, 1e6}},
		{"rates of different spelling", []string{"60/m", "2/s"}, "/s", []float64{1, 2}},
		{"durations", []string{"5ms", "1h30m"}, "s", []float64{0.005, 5400}},
		{"what links carry", []string{"1kB/s", "1KiB/s"}, "B/s", []float64{1000, 1024}},
		{"fractions", []string{"2%", "50%"}, "ratio", []float64{0.02, 0.5}},
		{"words", []string{"tat", "boulder"}, "", nil},
		{"a word among numbers", []string{"1", "none"}, "", nil},
		{"quantities of different kinds", []string{"1s", "1/s"}, "", nil},
	} {
		if a := sweep.NewAxis("a.b", c.values); a.Unit != c.unit || !slices.Equal(a.Numeric, c.numeric) {
			t.Errorf("%s: %v is %v in %q, want %v in %q", c.why, c.values, a.Numeric, a.Unit, c.numeric, c.unit)
		}
	}
}

func TestLabels(t *testing.T) {
	for _, c := range []struct {
		why         string
		paths, want []string
	}{
		{"the last part", []string{"limiters.main.kind", "shards.count"}, []string{"kind", "count"}},
		{"more where two end alike", []string{"limiters.a.kind", "limiters.b.kind", "seed"}, []string{"a.kind", "b.kind", "seed"}},
		{"more than the number of an element", []string{"rate.steps.1.rate", "calls.rate", "shards.names.0"}, []string{"steps.1.rate", "calls.rate", "names.0"}},
		{"all of a short one", []string{"seed", "keys.seed"}, []string{"seed", "keys.seed"}},
	} {
		r := sweep.Result{}
		for _, p := range c.paths {
			r.Axes = append(r.Axes, sweep.NewAxis(p, []string{"1"}))
		}
		var got []string
		for _, a := range made(t, r).Axes {
			got = append(got, a.Label)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v are %v, want %v", c.why, c.paths, got, c.want)
		}
	}
}
