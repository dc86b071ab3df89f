package traffic

import (
	"math"
	"sync"
)

// combination is what Sum and Product have in common: a rate without a
// closed inverse.
type combination interface {
	Piecewise
	// settle is Λ(t−), given an estimate by quadrature, and how many events
	// the rounding of instants may be worth in it.
	settle(t, estimate, slack float64) float64
	// idle is an instant ≥ t before which nothing comes, +Inf when nothing comes any more.
	idle(t float64) float64
}

// walk lays panel after panel from t = 0. Where a panel ends depends on the
// curve alone, never on who asks, so that every walk gives the same numbers.
type walk struct {
	t, n    float64 // how far it is, and Λ there
	lost    float64 // what rounding has kept out of n (Kahan)
	length  float64 // of the next panel, at most
	segment float64 // next breakpoint; t itself when the breakpoint's jump is still to come
}

// longest ends a walk: a time.Duration ends there.
const longest = float64(1 << 63 / 1e9)

// next is the following panel; false when Λ stays as it is for ever.
func (w *walk) next(c combination) (panel, bool) {
	if w.t >= longest {
		return panel{}, false
	}
	if w.t == w.segment {
		w.segment = c.Next(w.t)
		w.length = w.segment - w.t
		if m := c.Mass(w.t); m > 0 {
			p := panel{start: w.t, end: w.t, before: w.n, after: whole(w.n + m)}
			w.n, w.lost = p.after, 0
			return p, true
		}
	}
	if math.IsInf(w.length, 1) {
		w.length = max(1, w.t)
	}
	end := min(w.t+w.length, w.segment)
	p := fit(c.Rate, w.t, end, w.goal())
	if area, _ := p.at(p.end); w.n+area == w.n {
		until := c.idle(w.t)
		if math.IsInf(until, 1) {
			w.t = until
			return panel{}, false
		}
		if half := w.t + (until-w.t)/2; area == 0 && half > end { // until is known up to rounding only
			p.end, w.segment = half, half
		}
	}
	w.advance(c, &p)
	return p, true
}

// goal corners a hidden kink in the 2⁻³⁶th part of the stretch, and lets
// a rate be that adds nothing that counts: an exponential that has died away to the last
// denormal number is all noise.
func (w *walk) goal() goal {
	stretch := min(w.segment, 2*w.t+1) - w.t
	return goal{shortest: max(stretch*0x1p-36, w.t*rounding), ignore: 1e-13 * max(w.n, 1e-3)}
}

// advance adds the panel's area to n.
func (w *walk) advance(c combination, p *panel) {
	area, _ := p.at(p.end)
	term := max(area, 0) - w.lost
	sum := w.n + term
	w.lost = (sum - w.n) - term
	slack := term / (p.end - p.start) * p.end * rounding
	after := max(w.n, c.settle(p.end, sum, slack))
	if after != sum {
		w.lost = 0
	}
	p.anchor(w.n, after)
	w.t, w.n, w.length = p.end, after, 2*(p.end-p.start)
}

// walker is the forward inverse: it walks once, in step with rising numbers,
// in constant memory.
func walker(c combination, horizon float64) func(n float64) float64 {
	var w walk
	var p panel
	more := true
	return func(n float64) float64 {
		if n <= 0 {
			return 0
		}
		for n > p.after && more && w.t < horizon {
			p, more = w.next(c)
		}
		if n > p.after || !more {
			return beyond(c, n, w, more)
		}
		return p.inverse(n)
	}
}

// beyond is the inverse of a number that the walk has not reached: +Inf, unless
// the curve has ended and only rounding is missing.
func beyond(c combination, n float64, w walk, more bool) float64 {
	if !more && w.n < n && w.n >= n*(1-1e-12) {
		return c.Inverse(w.n)
	}
	return math.Inf(1)
}

// atlas finds panels in any order. It remembers every 16th step of the walk
// (2.5 bytes a panel) and walks on from there. The last panel is kept, because
// the next question is mostly about the same one.
type atlas struct {
	mu    sync.Mutex
	marks []walk
	from  walk // before the last panel
	last  panel
	to    walk // behind it
}

const stride = 16

// find is the panel whose laying first makes reached true, with the walk behind
// it; false when the curve ends before.
func (a *atlas) find(c combination, reached func(w walk) bool) (panel, walk, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !reached(a.from) && reached(a.to) {
		return a.last, a.to, true
	}
	w := a.start(reached)
	for i := 1; ; i++ {
		from := w
		p, ok := w.next(c)
		if !ok {
			return panel{}, w, false
		}
		if i%stride == 0 && w.t > a.marks[len(a.marks)-1].t {
			a.marks = append(a.marks, w)
		}
		if reached(w) {
			a.from, a.last, a.to = from, p, w
			return p, w, true
		}
	}
}

// start is the last mark that has not reached what is sought.
func (a *atlas) start(reached func(w walk) bool) walk {
	if len(a.marks) == 0 {
		a.marks = []walk{{}}
	}
	lo, hi := 0, len(a.marks)
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; reached(a.marks[mid]) {
			hi = mid
		} else {
			lo = mid
		}
	}
	return a.marks[lo]
}

func (a *atlas) inverse(c combination, n float64) float64 {
	if n <= 0 {
		return 0
	}
	p, w, ok := a.find(c, func(w walk) bool { return w.n >= n })
	if !ok {
		return beyond(c, n, w, false)
	}
	return p.inverse(n)
}

func (a *atlas) cumulative(c combination, t float64) float64 {
	p, w, ok := a.find(c, func(w walk) bool { return w.t > t })
	if !ok {
		return w.n
	}
	n, _ := p.at(t)
	return min(max(n, p.before), p.after)
}
