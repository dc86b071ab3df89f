package measure

import (
	"cmp"
	"slices"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/record"
)

// phases cut a run by its faults. A run without faults has none.
type phases struct {
	faults bool
	first  int64  // when the first fault begins
	during []span // when one lasts, in order, not touching one another
}

// span is from ≤ t < until, in ns after the epoch.
type span struct{ from, until int64 }

func (s span) length() int64 { return max(0, s.until-s.from) }

func (s span) overlap(o span) int64 {
	return span{max(s.from, o.from), min(s.until, o.until)}.length()
}

func newPhases(faults []record.Fault) *phases {
	p := &phases{faults: len(faults) > 0}
	sorted := slices.SortedFunc(slices.Values(faults), func(a, b record.Fault) int { return cmp.Compare(a.At, b.At) })
	for i, f := range sorted {
		if i == 0 {
			p.first = f.At
		}
		if f.Until <= f.At {
			continue // momentary
		}
		if n := len(p.during); n > 0 && f.At <= p.during[n-1].until {
			p.during[n-1].until = max(p.during[n-1].until, f.Until)
			continue
		}
		p.during = append(p.during, span{f.At, f.Until})
	}
	return p
}

// of an instant, "" if the run has none.
func (p *phases) of(at int64) string {
	switch {
	case !p.faults:
		return ""
	case at < p.first:
		return metric.Before
	}
	for _, s := range p.during {
		if s.from <= at && at < s.until {
			return metric.During
		}
	}
	return metric.After
}

// length of the part of s that is in a phase; "" is all of it.
func (p *phases) length(phase string, s span) int64 {
	lasting := int64(0)
	for _, d := range p.during {
		lasting += s.overlap(d)
	}
	before := s.overlap(span{s.from, p.first})
	switch phase {
	case metric.Before:
		return before
	case metric.During:
		return lasting
	case metric.After:
		return s.length() - before - lasting
	}
	return s.length()
}
