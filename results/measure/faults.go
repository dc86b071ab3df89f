package measure

import (
	"cmp"
	"slices"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/record"
)

// faults is the table of what went wrong on purpose, by when it began.
func faults(m *record.Manifest) (out []Fault) {
	for _, f := range m.Faults {
		out = append(out, Fault{At: float64(f.At) / 1e9, Until: float64(max(f.At, f.Until)) / 1e9, Kind: f.Kind, What: f.What, Shard: f.Shard, Client: f.Client})
	}
	slices.SortStableFunc(out, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
	return out
}

// table of the phases and how much of the measured time each is.
func (p *phases) table(measured span) (out []Phase) {
	if !p.faults {
		return nil
	}
	for _, name := range metric.Phases() {
		out = append(out, Phase{Phase: name, Seconds: float64(p.length(name, measured)) / 1e9})
	}
	return out
}

// SecondsOf is the measured time that a selector's series are of, over which
// rates are: that of a phase if the selector names one.
func (s *Summary) SecondsOf(sel metric.Selector) float64 {
	for _, t := range sel.Tags {
		if t.Name != "phase" {
			continue
		}
		for _, p := range s.Phases {
			if p.Phase == t.Value {
				return p.Seconds
			}
		}
	}
	return s.MeasuredSeconds
}
