package audit

import (
	"math"
	"sort"
)

// hold is what a request that is under way has to do with one key.
type hold struct {
	*bounds
	limit  *limitTally
	tokens float64

	takes, checks bool // its mode; neither: it spends only
	spends        bool // it may take tokens
	again         bool // nobody knows how often
	unlike        bool // its denial is not about this key alone

	// As it was when the request was sent.
	lone   bool    // no other was under way
	number int64   // of begun
	bottom float64 // the TAT from below
	before most    // from above

	// As it is when the request is done.
	excess float64 // ns by which the worst window that it lies in holds too much, or the reference denies a check, in every order
	early  float64 // ns by which the reference denies it in the order that is worst for it
}

// whole is the instant's next whole nanosecond: clocks have no others, and the
// references round so. The thousandth is for what float64 cannot hold.
func whole(ns float64) float64 { return math.Ceil(ns - 1e-3) }

// send is when the request is sent.
func (h *hold) send(f *request) {
	b := h.bounds
	b.renew(f.sent)
	b.seen = b.seen || f.decided()
	if !h.checks && h.tokens <= b.burst {
		b.price(h.tokens, h.unlike)
	}
	b.begun++
	h.lone, h.number = b.waiting == 0 && b.most.outstanding == 0, b.begun
	h.bottom, h.before = b.past(), b.most
	if h.spends {
		b.most.sent(b.rate, f.sent, h.tokens)
	}
	if h.again {
		b.ambiguous++
	}
	b.look(f.sent)
	if !f.decided() {
		return
	}
	b.waiting++
	if f.denied() && !h.checks {
		b.denials++
	}
}

// end is when it can do no more.
func (h *hold) end(f *request, now float64) {
	b := h.bounds
	b.latest = now
	if h.spends {
		b.most.done(b.rate, now, h.tokens)
	}
	if h.again {
		b.ambiguous--
		b.most.empty(b.rate, now)
	}
	if !f.decided() {
		return
	}
	b.waiting--
	if f.denied() && !h.checks {
		b.denials--
	}
	h.early = h.latestTAT(f) - b.full
	h.excess = h.earliestTAT(f) - now - b.full
}

// latestTAT is how far beyond now, whenever that is while the request is under
// way, the reference's TAT may be when it has admitted the request.
func (h *hold) latestTAT(f *request) float64 {
	if h.partial || h.tokens > h.burst {
		return math.Inf(1)
	}
	ahead := h.ahead.since(f.sent) + h.span(h.charged)
	if !h.spends {
		ahead += h.span(h.tokens)
	}
	if f.denied() { // it may have read its clock when sent, and the key when done
		ahead += f.done - f.sent
	}
	return ahead
}

// earliestTAT is when the TAT is at least that the reference proposes.
func (h *hold) earliestTAT(f *request) float64 {
	switch {
	case h.tokens > h.burst:
		return math.Inf(1)
	case f.denied() || h.checks:
		return h.bottom + h.span(h.tokens)
	default:
		return h.least.reach(h.rate, f.sent, h.tokens)
	}
}

// Of an allowed request.

// fine reports whether the reference allows it in every order.
func (h *hold) fine() bool { return whole(h.early) <= 0 }

// kept reports whether it is fine, or not by more than the clock's resolution.
func (h *hold) kept() bool { return whole(h.early) <= h.slack }

// broke reports whether a window holds too much, so that it or another in the window is over.
func (h *hold) broke() bool { return whole(h.excess) > h.slack }

// overIn reports whether the reference denies this request in every order.
func (h *hold) overIn() bool {
	return h.tokens > h.burst || h.broke() && h.settled()
}

// undo forgets a request of which the reference took nothing in any order.
func (h *hold) undo() {
	if h.spends && h.lone && h.begun == h.number {
		h.most = h.before
	}
}

// Of a denied request.

// room reports whether the reference allows it in every order, by more than the clock's resolution.
func (h *hold) room() bool {
	return whole(h.early) < -h.slack || h.slack == 0 && whole(h.early) <= 0
}

// counts reports whether a denial with room is certainly wrong. Of denials under way together
// each may be right because the reference took the tokens of another; if all
// are alike, as many are wrong as find room after each other. (If one of them
// has room in every order and is right in one, then because of one more
// denial there that the reference admits, and that is not counted yet.)
func (h *hold) counts() bool { return h.settled() || !h.mixed && !h.checks }

// shut reports whether the reference denies it in every order.
func (h *hold) shut() bool { return whole(h.excess) > 0 }

// untouched reports whether it is shut, or not by more than the clock's resolution.
func (h *hold) untouched() bool {
	return h.shut() || h.slack > 0 && whole(h.excess) >= -h.slack
}

// most bounds the TAT of a key's reference from above, whatever the order. At
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
	at, tokens  float64
	open        float64 // U
	outstanding int32   // requests under way that U is of
}

func never() most { return most{at: math.Inf(-1)} }

func (m *most) tat(r *rate) float64 { return m.at + r.span(m.tokens) }

// pass lets time pass up to now.
func (m *most) pass(r *rate, now float64) {
	if m.outstanding > 0 {
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
	m.outstanding++
}

// done is when it can take them no more.
func (m *most) done(r *rate, now, tokens float64) {
	m.least(r, now)
	m.open -= tokens
	m.outstanding--
	m.cap(r, now)
}

// empty is when the bucket may be empty, for all that is known.
func (m *most) empty(r *rate, now float64) {
	m.at, m.tokens = now+r.slack, r.burst+m.open
}

// peaks is how far H was ahead of the time at most, from an instant on up
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

// forget drops what is asked for no more, when it is half of all.
func (p *peaks) forget(before float64) {
	list := *p
	if i := len(list) / 2; i > 0 && list[i].at < before {
		*p = append(list[:0], list[i:]...)
	}
}
