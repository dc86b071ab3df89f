package limits

import (
	"math"
	"time"
)

// Envelope is the number of tokens that a correct limiter may admit in any
// closed window of length d ≥ 0: Burst + d/T, with T the EmissionInterval.
//
// Proof for GCRA: let the window begin at s and its admissions cost C in all.
// The first leaves TAT ≥ s + its cost·T, each later one adds its own, so the
// last, at some now ≤ s + d, proposes TAT' ≥ s + C·T. It was admitted, so
// s + d ≥ now ≥ TAT' − Burst·T ≥ s + (C − Burst)·T, hence C ≤ Burst + d/T.
//
// T is rounded down, so the envelope bounds the unrounded algorithms too. Of
// a limit with T = 0 it takes the unrounded Period/Count.
func Envelope(l Limit, d time.Duration) float64 {
	s := NewSlope(l)
	return s.Burst + float64(d)/s.Interval
}

// Slope is the envelope of a limit as keys share it. Instants and spans are
// float64 nanoseconds, exact for 104 days.
type Slope struct {
	Interval float64 // T, ns
	Burst    float64 // tokens
}

// NewSlope returns the slope of a limit's envelope.
func NewSlope(l Limit) *Slope {
	interval := float64(l.EmissionInterval())
	if interval == 0 { // more than a token a nanosecond
		interval = float64(l.Period) / float64(l.Count)
	}
	return &Slope{interval, float64(l.Burst)}
}

// Window finds what a key was given above its envelope in the worst of all
// windows, in one pass: let
//
//	A(t) = max over s ≤ t of (s + T·tokens given in [s, t])
//
// Then (A(t) − t)/T − Burst is the excess of the worst window that ends at
// t, and A moves at an admission at t as the theoretical arrival time of GCRA
// does: A' = max(A, t) + cost·T (the worst window begins now or began
// earlier). The worst window of all ends at an admission.
//
// Admissions may be a little out of order, because a decision rests on a
// clock reading before its effect. A window then ends at the latest reading
// so far, and an admission that is late counts as in every window that was
// open: too many by at most those that fell into the time it was late.
type Window struct {
	*Slope
	Start, Ahead, Latest float64 // of the window; A; the latest reading
}

// NewWindow returns the window of a key that was given nothing.
func (s *Slope) NewWindow() Window {
	return Window{Slope: s, Start: math.Inf(-1), Ahead: math.Inf(-1), Latest: math.Inf(-1)}
}

// Admit adds tokens given at an instant, and returns by how many nanoseconds
// (tokens times T) the worst window that ends now exceeds the envelope.
func (w *Window) Admit(at, cost int64) float64 {
	t := float64(at)
	w.Latest = max(w.Latest, t)
	w.begin(t)
	return w.add(cost)
}

// Fits reports whether the envelope has room for tokens at an instant.
func (w *Window) Fits(at, cost int64) bool {
	t := float64(at)
	return max(t, w.Ahead)+float64(float64(cost)*w.Interval)-t <= w.Burst*w.Interval
}

// AdmitBetween is as Admit where all that is known of the instant is that it is
// between sent and done. Admissions come in the order of done. The window then
// only holds what certainly lies in it: it reaches back to the first that was
// sent.
func (w *Window) AdmitBetween(sent, done, cost int64) float64 {
	t := float64(sent)
	w.Latest = max(w.Latest, float64(done))
	if !w.begin(t) && t < w.Start {
		w.Start, w.Ahead = t, w.Ahead-(w.Start-t)
	}
	return w.add(cost)
}

// begin begins a new window if time has overtaken the one before.
func (w *Window) begin(t float64) bool {
	if t <= w.Ahead {
		return false
	}
	w.Start, w.Ahead = t, t
	return true
}

func (w *Window) add(cost int64) float64 {
	w.Ahead += float64(float64(cost) * w.Interval)
	return w.Ahead - w.Latest - float64(w.Burst*w.Interval)
}
