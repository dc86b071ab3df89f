package audit

import (
	"math"

	"github.com/quotalab/quotalab/models/limits"
)

// The envelope of a limit is burst + d/T tokens in any window of length d
// (limits.Envelope). What a key was given above it in the worst of all
// windows is found in one pass: let
//
//	A(t) = max over s ≤ t of (s + T·tokens given in [s, t])
//
// Then (A(t) − t)/T − burst is the excess of the worst window that ends at
// t, and A moves at an admission at t as the theoretical arrival time of GCRA
// does: A' = max(A, t) + cost·T (the worst window begins now or began
// earlier). The worst window of all ends at an admission.
//
// Admissions may be a little out of order, because a decision rests on a
// clock reading before its effect. A window then ends at the latest reading
// so far, and an admission that is late counts as in every window that was
// open: too many by at most those that fell into the time it was late.
type level struct {
	*slope
	ahead  float64 // A, ns after the epoch; float64 is exact for 104 days
	latest float64
	worst  float64 // so far the worst excess, in tokens times T (ns)
}

// slope is the part that keys of one limit share.
type slope struct{ interval, burst float64 }

func newSlope(l limits.Limit) *slope {
	interval := float64(l.EmissionInterval())
	if interval == 0 { // more than a token a nanosecond: as limits.Envelope
		interval = float64(l.Period) / float64(l.Count)
	}
	return &slope{interval, float64(l.Burst)}
}

func newLevel(s *slope) level {
	return level{slope: s, ahead: math.Inf(-1), latest: math.Inf(-1), worst: math.Inf(-1)}
}

// admit notes tokens given at now. Only a measured window counts.
func (l *level) admit(now, cost int64, measured bool) {
	t := float64(now)
	l.latest = max(l.latest, t)
	l.ahead = max(l.ahead, t) + float64(cost)*l.interval
	if measured {
		l.worst = max(l.worst, l.ahead-l.latest-l.burst*l.interval)
	}
}

// excess is the worst in tokens, 0 if it is within what a clock of that
// resolution (ns) may give away.
func (l *level) excess(resolution int64) float64 {
	if l.worst <= float64(resolution) {
		return 0
	}
	return l.worst / l.interval
}
