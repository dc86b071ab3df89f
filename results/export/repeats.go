package export

import (
	"cmp"
	"slices"

	"github.com/quotalab/quotalab/results/measure"
)

// repeated is a figure of all runs of one scenario.
type repeated struct {
	Figure   // of the first run that has it
	scenario string
	runs     int       // of the scenario
	values   []float64 // of those that have the figure, ascending
}

// low, middle and high of the runs that have the figure.
func (r *repeated) low() float64  { return r.values[0] }
func (r *repeated) high() float64 { return r.values[len(r.values)-1] }

func (r *repeated) middle() float64 {
	n := len(r.values)
	return (r.values[(n-1)/2] + r.values[n/2]) / 2
}

// repeats joins the same figures of runs of the same scenario: tools that keep
// figures over time want one number of each.
func repeats(runs []*measure.Summary) []*repeated {
	type key struct{ scenario, name, unit string }
	var all []*repeated
	byKey := map[key]*repeated{}
	of := map[string]int{}
	for _, s := range runs {
		of[s.Scenario]++
		for _, f := range Figures(s) {
			k := key{s.Scenario, f.Name, f.Unit}
			r := byKey[k]
			if r == nil {
				r = &repeated{Figure: f, scenario: s.Scenario}
				all, byKey[k] = append(all, r), r
			}
			r.values = append(r.values, f.Value)
		}
	}
	for _, r := range all {
		r.runs = of[r.scenario]
		slices.SortFunc(r.values, cmp.Compare[float64])
	}
	return all
}
