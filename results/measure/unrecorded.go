package measure

import (
	"fmt"

	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/wording"
)

// only says how little of a run is recorded.
func only(m *record.Manifest) string {
	if m.Recorded == record.None {
		return "none"
	}
	return fmt.Sprintf("those of %s of the keys", percent(m.SampleRate))
}

// unrecordedWarning says what is not known because not all observations are
// recorded.
func (p *pass) unrecordedWarning(a *audit.Result) []string {
	m := p.manifest
	if m.Whole() || p.unknown {
		return nil
	}
	w := fmt.Sprintf("observations: %s: of %s the record holds %s", m.Recorded, wording.Counted(m.Seen, "observation"), only(m))
	if m.Recorded == record.Sampled {
		w += fmt.Sprintf(" (%s)", wording.Thousands(m.Count))
	}
	out := []string{w + ". Counts and times are of all of them, but over-admission, keys on shards, disagreement of clients and tables of keys are unknown."}
	for _, l := range a.Limiters {
		switch {
		case l.Compared == 0:
		case p.batched[l.Name]:
			out = append(out, fmt.Sprintf("%s: no audit: it decides on several keys at once, and only that of the first is sampled.", l.Name))
		case l.Over > 0:
			out = append(out, fmt.Sprintf("%s: over-admission: %s allowed that the limit denies, on the sampled keys alone (of %s).", l.Name, counted(l.Over, "request was", "requests were"), wording.Counted(l.Compared, "decision")))
		}
	}
	return out
}
