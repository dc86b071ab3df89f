package audit

import (
	"math"
	"slices"
	"sort"
	"time"

	"github.com/quotalab/quotalab/models/limits"
)

// rate is what keys of one limit share. Instants, spans and tokens are
// float64, exact for 104 days and for as many tokens as come back in them.
type rate struct {
	period, count float64 // a token comes back in T = period/count ns
	burst         float64
	full          float64 // time from empty to full, burst·T
	slack         float64 // resolution of the limiter's clock
}

// newRate checks the limit as the oracle of the algorithm does, and takes its T.
func newRate(algorithm string, l limits.Limit, resolution time.Duration) (*rate, error) {
	if _, err := limits.Maker(algorithm, l, 0); err != nil {
		return nil, err
	}
	r := &rate{period: float64(l.Period), count: float64(l.Count), burst: float64(l.Burst), slack: float64(resolution)}
	if interval := l.EmissionInterval(); interval > 0 && algorithm == "gcra" {
		r.period, r.count = float64(interval), 1
	}
	r.full = r.span(r.burst)
	return r, nil
}

// span is the time in which tokens come back.
func (r *rate) span(tokens float64) float64 { return tokens * r.period / r.count }

// busy tells how full the windows of a key are for certain. A request lies in
// the window [s, t] in every order if it was sent at s or later and done by t.
// With F(s) the tokens of requests sent at s or later, of those that were done so
// far, the windows that end now hold no more than burst + (t − s)/T tokens if
//
//	s + T·F(s) ≤ t + burst·T    for every s at which a request was sent.
//
// F is kept as the busy periods of a server that works T on every token and
// never waits while there is work: a period begins when its first request is
// sent and lasts T times its tokens; requests that are sent within it extend
// it. The largest s + T·F(s) over all s up to an instant x is where the last
// period that began by x has its beginning as s: to begin later within the
// period leaves out work that took longer than the s gained, and periods
// before it ended before it began. So only beginnings are kept, and of those
// only the last that is older than any request that is still to come.
type busy struct{ periods []period }

type period struct{ start, tokens float64 }

// begunBy is the last period that began by x, −1 if none did.
func (b *busy) begunBy(x float64) int {
	n := len(b.periods)
	if n == 0 || b.periods[n-1].start <= x {
		return n - 1
	}
	return sort.Search(n, func(i int) bool { return b.periods[i].start > x }) - 1
}

// until is the largest s + T·F(s) of all; never of none.
func (b *busy) until(r *rate) float64 {
	if n := len(b.periods); n > 0 {
		return b.periods[n-1].start + r.span(b.periods[n-1].tokens)
	}
	return math.Inf(-1)
}

// began returns the beginning of the period that until ends.
func (b *busy) began() float64 {
	if n := len(b.periods); n > 0 {
		return b.periods[n-1].start
	}
	return 0
}

// reach is the largest s + T·F(s) over s ≤ sent, with tokens more sent then.
func (b *busy) reach(r *rate, sent, tokens float64) float64 {
	i := b.begunBy(sent)
	for _, later := range b.periods[i+1:] {
		tokens += later.tokens
	}
	at := sent + r.span(tokens)
	if i >= 0 {
		at = max(at, b.periods[i].start+r.span(b.periods[i].tokens+tokens))
	}
	return at
}

func (b *busy) add(r *rate, sent, tokens float64) {
	i := b.begunBy(sent)
	if i >= 0 && sent <= b.periods[i].start+r.span(b.periods[i].tokens) {
		b.periods[i].tokens += tokens
	} else {
		i++
		b.periods = slices.Insert(b.periods, i, period{sent, tokens})
	}
	end := i + 1 // of the periods that this one now lasts into
	for end < len(b.periods) && b.periods[end].start <= b.periods[i].start+r.span(b.periods[i].tokens) {
		b.periods[i].tokens += b.periods[end].tokens
		end++
	}
	b.periods = slices.Delete(b.periods, i+1, end)
}

// takeBack removes tokens, those sent last first: F becomes max(0, F − tokens).
func (b *busy) takeBack(tokens float64) {
	for n := len(b.periods); n > 0; n-- {
		if last := &b.periods[n-1]; last.tokens > tokens {
			last.tokens -= tokens
			return
		}
		tokens -= b.periods[n-1].tokens
		b.periods = b.periods[:n-1]
	}
}

// forget lets go of what no request sent at x or later asks for. It waits
// until that is half of all, so that it costs nothing in the long run.
func (b *busy) forget(x float64) {
	if i := b.begunBy(x); i > 0 && 2*i >= len(b.periods) {
		b.periods = slices.Delete(b.periods, 0, i)
	}
}

// most bounds the TAT of all that was admitted on a key from above, whatever the
// order. At
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

// sent is when a request is sent that may take tokens.
func (m *most) sent(r *rate, now, tokens float64) {
	m.least(r, now)
	m.tokens += tokens
	m.open += tokens
	m.outstanding++
}

// done is when it can take them no more.
func (m *most) done(r *rate, now, tokens float64) {
	m.least(r, now)
	m.open -= tokens
	m.outstanding--
}

// empty is when the bucket may be empty, for all that is known.
func (m *most) empty(r *rate, now float64) {
	if at, tokens := now+r.slack, r.burst+m.open; at+r.span(tokens) > m.tat(r) {
		m.at, m.tokens = at, tokens
	}
}

// peaks answers how far H was ahead of the time at most, from an instant on up
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

// forget lets go of what is asked for no more, when it is half of all.
func (p *peaks) forget(before float64) {
	list := *p
	if i := len(list) / 2; i > 0 && list[i].at < before {
		*p = append(list[:0], list[i:]...)
	}
}
