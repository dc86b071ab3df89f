package audit

import (
	"math"
	"sort"
)

// most bounds the TAT of a key's oracle from above, whatever the order. At
// an instant t let X be the TAT, and U the tokens of requests under way that
// may take them yet. Then
//
//	max(X, t) + T·U ≤ H
//
// where H moves so: a request that is sent adds T·tokens. As long as one is
// under way, t itself passes, H ≥ t + T·U. Since no admission leaves more than
// a full bucket of debt, up to the clock's resolution R, X ≤ t + burst·T + R
// and so H need never be more than t + burst·T + R + T·U. That a request takes
// effect changes neither side: what X gains U loses. If nothing is under way,
// X ≤ H, and H stays.
//
// H is at + T·tokens, a pair, so that nothing is rounded twice.
type most struct {
	at, tokens float64
	open       float64 // U
	flying     int32   // requests under way that U is of
}

func never() most { return most{at: math.Inf(-1)} }

func (m *most) tat(r *rate) float64 { return m.at + r.span(m.tokens) }

// pass lets time pass up to now.
func (m *most) pass(r *rate, now float64) {
	if m.flying > 0 {
		m.least(r, now)
	}
}

// least makes H at least now + T·U.
func (m *most) least(r *rate, now float64) {
	if now+r.span(m.open) > m.tat(r) {
		m.at, m.tokens = now, m.open
	}
}

func (m *most) cap(r *rate, now float64) {
	if at, tokens := now+r.slack, r.burst+m.open; at+r.span(tokens) < m.tat(r) {
		m.at, m.tokens = at, tokens
	}
}

// sent is when a request is sent that may take tokens.
func (m *most) sent(r *rate, now, tokens float64) {
	m.least(r, now)
	m.cap(r, now)
	m.tokens += tokens
	m.open += tokens
	m.flying++
}

// done is when it can take them no more.
func (m *most) done(r *rate, now, tokens float64) {
	m.least(r, now)
	m.open -= tokens
	m.flying--
	m.cap(r, now)
}

// empty is when the bucket may be empty, for all that is known.
func (m *most) empty(r *rate, now float64) {
	m.at, m.tokens = now+r.slack, r.burst+m.open
}

// peaks answer how far H was ahead of the time at most, from an instant on up
// to now. Between two requests sent, H − t does not grow, so its values then
// are enough, and of those only the ones that none later exceeds.
type peaks []peak

type peak struct{ at, ahead float64 }

func (p *peaks) push(at, ahead float64) {
	list := *p
	for len(list) > 0 && list[len(list)-1].ahead <= ahead {
		list = list[:len(list)-1]
	}
	*p = append(list, peak{at, ahead})
}

func (p peaks) since(at float64) float64 {
	if len(p) == 0 {
		return math.Inf(-1)
	}
	if p[0].at >= at {
		return p[0].ahead
	}
	i := sort.Search(len(p), func(i int) bool { return p[i].at >= at })
	if i == len(p) {
		return math.Inf(-1)
	}
	return p[i].ahead
}

// forget what is asked for no more, when it is half of all.
func (p *peaks) forget(before float64) {
	list := *p
	if i := len(list) / 2; i > 0 && list[i].at < before {
		*p = append(list[:0], list[i:]...)
	}
}
