package record

import (
	"cmp"
	"slices"

	"github.com/quotalab/quotalab/models/metric"
)

// Phases is how a run is cut by its faults: before the first begins, during while any
// lasts, after in all other time. A run without faults has none.
type Phases struct {
	faults bool
	first  int64     // when the first fault begins
	during []Stretch // when one lasts, in order, not touching one another
}

// Stretch is from ≤ t < until, in ns after the epoch.
type Stretch struct{ From, Until int64 }

// Length returns how long the span is, in ns.
func (s Stretch) Length() int64 { return max(0, s.Until-s.From) }

func (s Stretch) overlap(o Stretch) int64 {
	return Stretch{max(s.From, o.From), min(s.Until, o.Until)}.Length()
}

// NewPhases returns the phases of a run with these faults.
func NewPhases(faults []Fault) *Phases {
	p := &Phases{faults: len(faults) > 0}
	sorted := slices.SortedFunc(slices.Values(faults), func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
	for i, f := range sorted {
		if i == 0 {
			p.first = f.At
		}
		if f.Until <= f.At {
			continue // momentary
		}
		if n := len(p.during); n > 0 && f.At <= p.during[n-1].Until {
			p.during[n-1].Until = max(p.during[n-1].Until, f.Until)
			continue
		}
		p.during = append(p.during, Stretch{f.At, f.Until})
	}
	return p
}

// Of returns the phase of an instant, "" if the run has none.
func (p *Phases) Of(at int64) string {
	switch {
	case !p.faults:
		return ""
	case at < p.first:
		return metric.Before
	}
	for _, s := range p.during {
		if s.From <= at && at < s.Until {
			return metric.During
		}
	}
	return metric.After
}

// Length returns the length of the part of s that is in a phase; "" is all of it.
func (p *Phases) Length(phase string, s Stretch) int64 {
	lasting := int64(0)
	for _, d := range p.during {
		lasting += s.overlap(d)
	}
	before := s.overlap(Stretch{s.From, p.first})
	switch phase {
	case metric.Before:
		return before
	case metric.During:
		return lasting
	case metric.After:
		return s.Length() - before - lasting
	}
	return s.Length()
}
