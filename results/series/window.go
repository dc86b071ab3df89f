package series

import (
	"math"

	"github.com/quotalab/quotalab/models/limits"
	"github.com/quotalab/quotalab/results/record"
)

// slope of a limit's envelope, which is burst + t/T.
type slope struct {
	interval float64 // T, ns
	burst    float64
}

func newSlope(l record.Limit) *slope {
	spec := limits.Limit{Count: l.Count, Period: l.Period, Burst: l.Burst}
	interval := float64(spec.EmissionInterval())
	if interval == 0 { // more than a token a nanosecond: as limits.Envelope
		interval = float64(l.Period) / float64(l.Count)
	}
	return &slope{interval, float64(l.Burst)}
}

// window of a key is the one that holds most above its envelope, or least
// below, of those that end now. It is what results/audit has as a level: tokens
// push its end ahead, and when time overtakes that a new window begins. Instants
// are ns after the epoch; float64 is exact for 104 days.
type window struct {
	*slope
	start, ahead, latest float64
	curve                *curve // nil: the key is not watched
}

func newWindow(s *slope) *window {
	return &window{slope: s, ahead: math.Inf(-1), latest: math.Inf(-1)}
}

// admit tokens, and tell by how much (in ns, times T) the window then exceeds
// the envelope. Admissions come in the order of their instants, but a decision may
// rest on a clock that was read before: it then counts as of the latest instant.
func (w *window) admit(at, cost int64, measured bool) float64 {
	t := float64(at)
	w.latest = max(w.latest, t)
	w.begin(t)
	return w.add(cost, measured)
}

// admitBetween is admit where all that is known of the instant is that it is
// between sent and done. Admissions come in the order of done. The window then
// only holds what certainly lies in it: it reaches back to the first that was
// sent.
func (w *window) admitBetween(sent, done, cost int64, measured bool) float64 {
	t := float64(sent)
	w.latest = max(w.latest, float64(done))
	if !w.begin(t) && t < w.start {
		back := w.start - t
		w.start, w.ahead = t, w.ahead-back
		w.curve.shift(back)
	}
	return w.add(cost, measured)
}

// begin a new window if time has overtaken the one before.
func (w *window) begin(t float64) bool {
	if t <= w.ahead {
		return false
	}
	w.start, w.ahead = t, t
	w.curve.begin(t)
	return true
}

func (w *window) add(cost int64, measured bool) float64 {
	w.ahead += float64(cost) * w.interval
	excess := w.ahead - w.latest - w.burst*w.interval
	w.curve.add(w, cost, excess, measured)
	return excess
}

// longestCurve is how many points a curve has while it grows; then every
// other goes.
const longestCurve = 16 * MaxPoints

// curve keeps what a watched key was given in its window, and in its worst
// window so far. A nil curve keeps nothing.
type curve struct {
	now, worst span
	excess     float64 // ns: of worst, −∞ there is none
}

// span is one window.
type span struct {
	start, end float64 // end: when time overtook it, or will
	given      float64 // tokens
	points     []Point // ns since start, tokens
	peak       Point   // where it exceeds the envelope most
	worst      bool    // it is the worst so far
}

func newCurve() *curve { return &curve{excess: math.Inf(-1)} }

func (c *curve) begin(t float64) {
	if c == nil {
		return
	}
	if c.now.worst {
		c.worst, c.now.points = c.now, nil
	}
	c.now = span{start: t, points: c.now.points[:0]}
}

// shift the start of the window back.
func (c *curve) shift(back float64) {
	if c == nil {
		return
	}
	c.now.start -= back
	c.now.peak.X += back
	for i := range c.now.points {
		c.now.points[i].X += back
	}
}

func (c *curve) add(w *window, cost int64, excess float64, measured bool) {
	if c == nil {
		return
	}
	n := &c.now
	n.given, n.end = n.given+float64(cost), w.ahead
	p := Point{w.latest - n.start, n.given}
	if last := len(n.points) - 1; last >= 0 && n.points[last].X == p.X {
		n.points[last] = p
	} else if n.points = append(n.points, p); len(n.points) > longestCurve {
		n.points = LTTB(n.points, longestCurve/2)
	}
	if measured && excess > c.excess {
		c.excess, n.peak, n.worst = excess, p, true
	}
}

// worstWindow of the whole run.
func (c *curve) worstWindow() *span {
	if c.now.worst {
		return &c.now
	}
	return &c.worst
}

// steps of the window in seconds, up to when the limit has made good for what
// was given, or to the end of the run.
func (s *span) steps(end float64) []Point {
	if len(s.points) == 0 {
		return nil
	}
	points := LTTB(s.points, MaxPoints-2)
	out := make([]Point, 0, MaxPoints)
	for i, p := range points {
		if i > 0 && points[i-1].X < s.peak.X && s.peak.X < p.X { // it was left out
			out = append(out, s.peak)
		}
		out = append(out, p)
	}
	if last, until := out[len(out)-1], min(s.end, end)-s.start; until > last.X {
		out = append(out, Point{until, last.Y})
	}
	for i := range out {
		out[i].X /= 1e9
	}
	return out
}
