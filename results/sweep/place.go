package sweep

import (
	"math"
	"slices"
)

// place is one combination of values of the axes.
type place struct {
	settings []string // on the axes
	runs     []Run    // of a search: those at its capacity, none if it found none
	found    *Found   // of a search
}

// places lists them in order.
func (r *Result) places() []place {
	all := make([]place, r.Places())
	for i := range all {
		all[i].settings = r.settings(i)
	}
	for i := range r.Searched {
		all[i].found = &r.Searched[i]
	}
	for i := range r.Runs {
		run := &r.Runs[i]
		p := &all[run.Place]
		if r.Search == nil || p.found != nil && p.found.Capacity != nil && run.Settings[len(r.Axes)] == p.found.Passes {
			p.runs = append(p.runs, *run)
		}
	}
	return all
}

// index of a place on each axis: with a grid the last axis varies fastest.
func (r *Result) index(place int) []int {
	at := make([]int, len(r.Axes))
	for i, a := range slices.Backward(r.Axes) {
		if at[i] = place; !r.Zip {
			at[i], place = place%len(a.Values), place/len(a.Values)
		}
	}
	return at
}

func (r *Result) settings(place int) []string {
	settings := make([]string, len(r.Axes))
	for i, at := range r.index(place) {
		settings[i] = r.Axes[i].Values[at]
	}
	return settings
}

// passed is how many runs of the place passed.
func (p *place) passed() (n int) {
	for _, run := range p.runs {
		if run.OK {
			n++
		}
	}
	return n
}

// ok: the place has runs, and all passed.
func (p *place) ok() bool { return len(p.runs) > 0 && p.passed() == len(p.runs) }

// valid: the place has runs, and all are.
func (p *place) valid() bool {
	return len(p.runs) > 0 && !slices.ContainsFunc(p.runs, func(r Run) bool { return !r.Valid })
}

// values of a column that are known, rising.
func (p *place) values(column int) (values []float64) {
	for _, run := range p.runs {
		if v := run.Values[column]; v != nil {
			values = append(values, *v)
		}
	}
	slices.Sort(values)
	return values
}

// median of a column over the runs of the place; NaN if it is unknown of any.
func (p *place) median(column int) float64 {
	values := p.values(column)
	if len(values) < len(p.runs) {
		return math.NaN()
	}
	return median(values)
}

// median of rising values; NaN of none.
func median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return math.NaN()
	}
	return values[(n-1)/2]/2 + values[n/2]/2
}
