package audit

import (
	"errors"
	"fmt"
	"iter"

	"github.com/quotalab/quotalab/results/record"
)

// ErrOrder is wrapped by the error of Replay on a record of virtual time that
// lacks the order of effect.
var ErrOrder = errors.New("the order in which decisions took effect is not in the record")

// Replay replays the whole record. Limiters without a reference algorithm
// are passed over. In a record of real time only what is certain counts.
func Replay(r *record.Reader) (*Result, error) {
	m := r.Manifest()
	if m.Clock == "real" {
		return replayReal(m, r.BySent())
	}
	return replay(m, r.ByEffect())
}

// All audits limiters and engines, as far as the record has them.
func All(r *record.Reader) (*Result, error) {
	result, err := Replay(r)
	if err == nil && len(r.Manifest().Engines) > 0 {
		result.Thresholds, err = Thresholds(r)
	}
	return result, err
}

func replay(m record.Manifest, byEffect iter.Seq2[*record.Observation, error]) (*Result, error) {
	auditors := make([]*auditor, len(m.Limiters))
	byName := make(map[string]*auditor, len(m.Limiters))
	for i, l := range m.Limiters {
		a, err := newAuditor(l, m.Warmup.Nanoseconds())
		if err != nil {
			return nil, fmt.Errorf("auditing %s: %w", l.Name, err)
		}
		auditors[i], byName[l.Name] = a, a
	}
	for o, err := range byEffect {
		if err != nil {
			return nil, fmt.Errorf("auditing: %w", err)
		}
		a, ok := byName[o.Limiter]
		switch {
		case o.Decision == record.Dropped:
			continue // and belongs to no limiter
		case !ok:
			return nil, fmt.Errorf("auditing: observation %d is of limiter %q, which the manifest does not list", o.Seq, o.Limiter)
		}
		if err := a.observe(o); err != nil {
			return nil, fmt.Errorf("auditing %s, observation %d: %w", o.Limiter, o.Seq, err)
		}
	}
	result := &Result{}
	for _, a := range auditors {
		result.Limiters = append(result.Limiters, a.finish())
	}
	return result, nil
}
