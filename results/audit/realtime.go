package audit

import (
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/quotalab/quotalab/models/heap"
	"github.com/quotalab/quotalab/models/limits"
	"github.com/quotalab/quotalab/results/record"
)

// replayReal audits a record of real time. It is one pass over the instants
// at which requests were sent and at which they were done, in their order; at
// the same instant they are sent first, since of those it is not known which
// was before the other.
func replayReal(m record.Manifest, bySent iter.Seq2[*record.Observation, error]) (*Result, faulty, error) {
	run := &realRun{manifest: &m, longest: float64(m.MaxSettle)}
	auditors := make([]*realAuditor, len(m.Limiters))
	byName := make(map[string]*realAuditor, len(m.Limiters))
	for i, l := range m.Limiters {
		a, err := newRealAuditor(l, run)
		if err != nil {
			return nil, nil, fmt.Errorf("auditing %s: %w", l.Name, err)
		}
		auditors[i], byName[l.Name] = a, a
	}
	var wide record.Observation // of a generator whose clock is not the others'
	unsure := m.ClockError().Nanoseconds()
	for o, err := range bySent {
		if err != nil {
			return nil, nil, fmt.Errorf("auditing: %w", err)
		}
		a, ok := byName[o.Limiter]
		switch {
		case o.Decision == record.Dropped:
			continue // and belongs to no limiter
		case !ok:
			return nil, nil, fmt.Errorf("auditing: observation %d is of limiter %q, which the manifest does not list", o.Seq, o.Limiter)
		case o.Sent < 0 || o.Done < o.Sent:
			return nil, nil, fmt.Errorf("auditing: %w: observation %d was sent at %d and done at %d", record.ErrDamaged, o.Seq, o.Sent, o.Done)
		}
		if unsure > 0 {
			wide = *o
			wide.Sent, wide.Done = o.Sent-unsure, o.Done+unsure
			o = &wide
		}
		run.endBefore(float64(o.Sent))
		p, err := a.send(o)
		if err != nil {
			return nil, nil, fmt.Errorf("auditing %s, observation %d: %w", o.Limiter, o.Seq, err)
		}
		if p != nil {
			run.outstanding.Push([2]int64{int64(math.Ceil(p.end)), p.o.Seq}, p)
		}
	}
	run.endBefore(math.Inf(1))
	result, over := &Result{}, faulty{}
	for _, a := range auditors {
		result.Limiters = append(result.Limiters, a.finish())
		if a.keys != nil { // it is judged at all
			over[a.spec.Name] = a.keys.faulty(func(b *bounds) bool { return b.over > 0 })
		}
	}
	return result, over, nil
}

// realRun is what the limiters of a run share.
type realRun struct {
	manifest *record.Manifest
	longest  float64 // no request was outstanding for longer, ns

	outstanding heap.Heap[[2]int64, *pending] // by end and seq
	free        []*pending                    // to be used again
}

// pending is a request that is outstanding: sent, and possibly not done.
type pending struct {
	auditor         *realAuditor
	o               record.Observation // without its takes
	takes           []record.Take
	sent, done, end float64 // end: when it can take tokens no more
	measured        bool
	holds           []hold
}

func (r *realRun) newPending(o *record.Observation) *pending {
	var p *pending
	if n := len(r.free); n > 0 {
		p, r.free = r.free[n-1], r.free[:n-1]
	} else {
		p = new(pending)
	}
	*p = pending{o: *o, takes: append(p.takes[:0], o.Takes...), sent: float64(o.Sent), done: float64(o.Done), holds: p.holds[:0]}
	p.o.Takes = p.takes
	p.measured = o.Intended >= r.manifest.Warmup.Nanoseconds()
	if p.end = p.done; !p.decided() {
		p.end = r.lastEffect(o)
	}
	return p
}

func (p *pending) admitted() bool { return admits(&p.o) }
func (p *pending) denied() bool   { return p.o.Decision == record.Denied }
func (p *pending) decided() bool  { return p.admitted() || p.denied() }

// endBefore ends the requests that end before now.
func (r *realRun) endBefore(now float64) {
	for len(r.outstanding) > 0 && r.outstanding[0].Value.end < now {
		p := r.outstanding.Pop().Value
		p.auditor.end(p)
		r.free = append(r.free, p)
	}
}

// bounds is what is certain of one key in a record of real time.
type bounds struct {
	*rate
	least  busy // of admissions without those that are over, as whole requests: see keep
	tokens busy // and as single tokens
	given  busy // of all admissions: the TAT from below
	most   most // the TAT from above
	ahead  peaks

	waiting int32 // decisions that are outstanding
	unknown int32 // outstanding requests that take tokens an unknown number of times

	costliest   float64 // the highest cost of an admission so far
	seen        bool    // a decision was on it
	partial     bool    // requests on it may be missing in the record
	over, under int64
	excess      float64 // the worst, in tokens
}

// look notes how far the bound from above is ahead at now.
func (b *bounds) look(now float64) {
	ahead := math.Inf(1)
	if b.unknown == 0 {
		b.most.pass(b.rate, now)
		ahead = b.most.tat(b.rate) - now
	}
	b.ahead.push(now, ahead)
}

// forget lets go of what no request asks for that is outstanding or to come:
// those that are outstanding were sent after since.
func (b *bounds) forget(since float64) {
	if b.waiting == 0 {
		since = math.Inf(1)
		b.ahead = b.ahead[:0]
	}
	b.least.forget(since)
	b.tokens.forget(since)
	b.given.forget(since)
	b.ahead.forget(since)
}

// hold is what an outstanding request has to do with one key.
type hold struct {
	*bounds
	limit  *limitTally
	tokens float64

	takes, checks bool    // its mode; neither: it spends only
	spends        bool    // it may take tokens
	again         bool    // nobody knows how often
	bottom        float64 // the TAT from below when it was sent

	// When the request is done: ns by which there is no room for it in every
	// order, and in the order that is worst for it.
	lacks, early float64
}

// whole is the instant's next whole nanosecond: clocks have no others, and the
// references round so. The thousandth is for what float64 cannot hold.
func whole(ns float64) float64 { return math.Ceil(ns - 1e-3) }

// send is when the request is sent.
func (h *hold) send(p *pending) {
	b := h.bounds
	b.seen = b.seen || p.decided()
	h.bottom = b.given.until(b.rate)
	if h.spends {
		b.most.sent(b.rate, p.sent, h.tokens)
	}
	if h.again {
		b.unknown++
	}
	b.look(p.sent)
	if p.decided() {
		b.waiting++
	}
}

// end is when it can take tokens no more.
func (h *hold) end(p *pending) {
	b := h.bounds
	if h.spends {
		b.most.done(b.rate, p.end, h.tokens)
	}
	if h.again {
		b.unknown--
		b.most.empty(b.rate, p.end)
	}
	if p.decided() {
		b.waiting--
		h.early = h.latestTAT(p) - b.full
		h.lacks = h.bottom + h.span(h.tokens) - p.end - b.full
	}
}

// latestTAT is how far beyond now, whenever that is while the request is
// outstanding, the TAT may be once it is admitted.
func (h *hold) latestTAT(p *pending) float64 {
	if h.partial || h.tokens > h.burst {
		return math.Inf(1)
	}
	ahead := h.ahead.since(p.sent)
	if !h.spends {
		ahead += h.span(h.tokens)
	}
	if p.denied() { // it may have read its clock when sent, and the key when done
		ahead += p.done - p.sent
	}
	return ahead
}

// fits reports whether there is room in every order.
func (h *hold) fits() bool { return whole(h.early) <= 0 }

// room reports whether there is room in every order, by more than the clock's
// resolution, so that a denial is wrong.
func (h *hold) room() bool {
	return whole(h.early) < -h.slack || h.slack == 0 && whole(h.early) <= 0
}

// lacking reports whether no order has room, by more than slack.
func (h *hold) lacking(slack float64) bool { return h.tokens > h.burst || whole(h.lacks) > slack }

// keep adds an admission to those that keep the promise. If a window then holds
// too much, it takes back what was sent last, and returns that the request is
// over, and how many tokens are.
//
// Of requests of the same cost the count of these reports is the least number
// that must be taken away so that no window holds too much in any order. Windows
// that end later see of the past only F, so of two ways to take away as many the
// one with the smaller F is as good everywhere. By induction over the order of
// done: let the kept requests' instants of sending, sorted, be each at most that
// of any other set of as many that breaks no window, and let no such set be
// larger. A request that fits is added to both. If one does not, no set as large
// as the kept can take it, and without the one that was sent last those that are
// left are the earliest again, and break no window, since each broken one begins
// before the request was sent.
//
// If costs differ let M be the highest. Then F ≥ (kept F) − m·M for any set
// that breaks no window and lacks m requests more than were counted: by the
// same induction, if M is taken back for each one counted. So m ≥ 0, and the
// count of requests is a lower bound; that of tokens, as requests of one token
// each, is the least number again.
func (h *hold) keep(p *pending) (over bool, tokens int64) {
	b := h.bounds
	if over = h.tokens > b.burst; !over {
		b.costliest = max(b.costliest, h.tokens)
		over = whole(b.least.reach(b.rate, p.sent, h.tokens)-p.done-b.full) > b.slack
		b.least.add(b.rate, p.sent, h.tokens)
		if over {
			b.least.takeBack(b.costliest)
		}
	}
	above := b.tokens.reach(b.rate, p.sent, h.tokens) - p.done - b.full
	b.tokens.add(b.rate, p.sent, h.tokens)
	for ; tokens < int64(h.tokens) && whole(above-b.span(float64(tokens))) > b.slack; tokens++ {
	}
	b.tokens.takeBack(float64(tokens))
	return over, tokens
}

// realAuditor audits one limiter in real time: it knows when requests were sent
// and when they were done, but not when they took effect.
type realAuditor struct {
	spec   record.Limiter
	run    *realRun
	tally  *tally
	keys   *keys[*bounds]
	limits map[string]*limitTally
	unsure int64 // admissions that some order makes over
	surely int64 // admissions for which no order has room, given all that was admitted before
}

// certainIn are the algorithms whose promise is the envelope burst + d/T in
// every window.
var certainIn = []string{"gcra", "gcra_float", "token_bucket", "leaky_bucket"}

func newRealAuditor(spec record.Limiter, run *realRun) (*realAuditor, error) {
	a := &realAuditor{spec: spec, run: run, tally: newTally(spec, run.manifest), limits: map[string]*limitTally{}}
	reference := a.tally.out.Reference
	for _, l := range spec.Limits {
		t := &limitTally{}
		t.group = t
		a.limits[l.Name] = t
	}
	if spec.Algorithm == "" && len(spec.Limits) == 0 {
		return a, nil // there is nothing to judge by
	}
	if !slices.Contains(certainIn, reference) {
		for _, l := range spec.Limits {
			if _, err := limits.Maker(reference, limits.Limit{Count: l.Count, Period: l.Period, Burst: l.Burst}, 0); err != nil {
				return nil, fmt.Errorf("limit %q: %w", l.Name, err)
			}
		}
		a.tally.out.Unknown = "nothing is certain in real time of " + reference + ", only of GCRA and of buckets: run it in virtual time"
		return a, nil
	}
	var err error
	a.keys, err = newKeys(spec, func(l limits.Limit) (func() *bounds, error) {
		r, err := newRate(reference, l, spec.Resolution)
		return func() *bounds { return &bounds{rate: r, most: most{at: math.Inf(-1)}} }, err
	})
	return a, err
}

// send begins to watch an observation; nil if there is nothing to judge.
func (a *realAuditor) send(o *record.Observation) (*pending, error) {
	if a.keys == nil {
		return nil, nil
	}
	p := a.run.newPending(o)
	p.auditor = a
	if !p.decided() {
		if !mayTake(o) {
			return nil, nil
		}
		a.tally.uncertain(p.measured)
	}
	for i := range p.takes {
		if err := a.hold(p, i); err != nil {
			return nil, err
		}
	}
	for i := range p.holds {
		p.holds[i].send(p)
	}
	return p, nil
}

func (a *realAuditor) hold(p *pending, i int) error {
	t := &p.takes[i]
	b, err := a.keys.of(t)
	if err != nil {
		return err
	}
	h := hold{bounds: b, limit: a.limits[t.Limit], tokens: float64(max(t.Cost, 0)), takes: t.Mode == record.TakeMode, checks: t.Mode == record.CheckMode}
	if t.Cost < 0 {
		h.tokens = math.Inf(1) // no reference ever allows it
	}
	h.again = !h.checks && h.tokens <= b.burst && a.run.again(&p.o, t)
	h.spends = !h.checks && !p.denied() && !math.IsInf(h.tokens, 1)
	if i > 0 {
		h.limit.join(a.limits[p.takes[0].Limit], slices.ContainsFunc(p.takes[:i], func(u record.Take) bool { return u.Limit == t.Limit }))
		b.partial = b.partial || !a.run.manifest.Whole()
	}
	p.holds = append(p.holds, h)
	return nil
}

// end judges a request that can do no more.
func (a *realAuditor) end(p *pending) {
	for i := range p.holds {
		p.holds[i].end(p)
	}
	switch {
	case p.admitted():
		a.admit(p)
	case p.denied():
		a.deny(p)
	}
	if p.decided() {
		for i := range p.holds {
			p.holds[i].forget(p.end - a.run.longest)
		}
	}
}

// admit counts what is certain of an admission. One request may be too many on
// several keys, so what windows say is summed up by limit (see joint).
func (a *realAuditor) admit(p *pending) {
	fits, lacking, falsely, limit := true, false, false, ""
	if len(p.takes) > 0 {
		limit = p.takes[0].Limit
	}
	for i := range p.holds {
		switch h := &p.holds[i]; {
		case h.checks:
			fits, falsely = fits && h.fits(), falsely || h.lacking(h.slack)
		case h.takes:
			fits, lacking = fits && h.fits(), lacking || h.lacking(h.slack)
		}
	}
	for i := range p.holds {
		h := &p.holds[i]
		switch {
		case h.checks || math.IsInf(h.tokens, 1):
			continue
		case h.takes || h.fits(): // what only spends does so where there is room
			a.give(p, i)
		}
		if !h.takes {
			continue
		}
		over, tokens := h.keep(p)
		if !p.measured {
			continue
		}
		h.limit.add(a.tally.cell(&p.o, p.takes[i].Limit), over, tokens)
		if over {
			h.bounds.over++
		}
	}
	if !p.measured {
		return
	}
	a.tally.admission(&p.o, limit, false, falsely, false, false)
	switch {
	case falsely:
	case lacking:
		a.surely++
	case !fits:
		a.unsure++
	}
}

// give notes tokens that were given, and how far the window that ends now is
// above the promise for certain.
func (a *realAuditor) give(p *pending, i int) {
	h, t := &p.holds[i], &p.takes[i]
	h.given.add(h.rate, p.sent, h.tokens)
	a.tally.cost(t)
	above := h.given.until(h.rate) - p.done - h.full // ns
	if excess := above * h.count / h.period; whole(above) > h.slack && p.measured {
		h.bounds.excess = max(h.bounds.excess, excess)
		a.tally.excess(&p.o, t, Window{Limit: t.Limit, Key: t.Key, From: int64(h.given.began()), Until: p.o.Done, Excess: excess})
	}
}

// deny counts what is certain of a denial.
func (a *realAuditor) deny(p *pending) {
	room, lacks, over := true, false, false
	least, most := 0.0, 0.0
	for i := range p.holds {
		h := &p.holds[i]
		if !h.takes && !h.checks {
			continue
		}
		room, lacks, over = room && h.room(), lacks || h.lacking(0), over || h.over > 0
		least, most = max(least, whole(h.lacks)), max(most, whole(h.early))
	}
	if !p.measured {
		return
	}
	ruled := ruling{allowed: true}
	if len(p.takes) > 0 {
		ruled.limit = p.takes[0].Limit
	}
	a.tally.denial(&p.o, ruled, room, !room && !lacks, false, true)
	switch {
	case room:
		for i := range p.holds {
			if h := &p.holds[i]; h.takes || h.checks {
				h.bounds.under++
			}
		}
	case lacks && !over && !math.IsInf(most, 1):
		a.tally.retry.add(p.o.RetryAfter, int64(least), int64(most))
	}
}

func (a *realAuditor) finish() Limiter {
	if a.keys == nil {
		return a.tally.finish()
	}
	over := a.joint()
	out := a.tally.finish()
	a.keys.summarise(&out, func(b *bounds) (Offender, bool) {
		return Offender{Over: b.over, Under: b.under, Excess: b.excess}, b.seen
	})
	if out.Audited() {
		out.Ambiguous += max(0, a.unsure-max(0, over-a.surely))
	}
	return out
}

// limitTally is what windows say of one limit's keys: how many admissions of
// each cell are over.
type limitTally struct {
	cells   []*counts
	over    []int64     // requests of the cell
	tokens  []int64     // and tokens
	several bool        // a request may take from several of its keys
	group   *limitTally // of limits that requests take from together
}

func (t *limitTally) root() *limitTally {
	for t.group != t {
		t = t.group
	}
	return t
}

// join notes that one request takes from both limits, or twice from one.
func (t *limitTally) join(with *limitTally, twice bool) {
	t.root().group = with.root()
	t.several = t.several || twice
}

func (t *limitTally) add(c *counts, over bool, tokens int64) {
	if !over && tokens == 0 {
		return
	}
	i := slices.Index(t.cells, c)
	if i < 0 {
		i = len(t.cells)
		t.cells, t.over, t.tokens = append(t.cells, c), append(t.over, 0), append(t.tokens, 0)
	}
	if t.tokens[i] += tokens; over {
		t.over[i]++
	}
}

func (t *limitTally) sum() (n int64) {
	for _, over := range t.over {
		n += over
	}
	return n
}

// joint enters in the cells what windows say without counting a request twice,
// and returns how many requests that is. Keys of one limit have no request in
// common, unless it takes from several of them; then the worst key counts. Of
// limits with requests in common the worst counts.
func (a *realAuditor) joint() (total int64) {
	worst := map[*limitTally]*limitTally{} // of each group
	for _, l := range a.spec.Limits {
		t := a.limits[l.Name]
		if t.several {
			most := int64(0)
			for _, b := range a.keys.limits[l.Name].all() {
				most = max(most, b.over)
			}
			t.shrink(most)
		}
		if w := worst[t.root()]; w == nil || t.sum() > w.sum() {
			worst[t.root()] = t
		}
	}
	for _, t := range worst {
		for i, c := range t.cells {
			c.over, c.tokens = c.over+t.over[i], c.tokens+t.tokens[i]
		}
		total += t.sum()
	}
	return total
}

// shrink leaves at most n admissions over, those of the first cells.
func (t *limitTally) shrink(n int64) {
	for i := range t.over {
		t.over[i], t.tokens[i] = min(t.over[i], n), min(t.tokens[i], n)
		n -= t.over[i]
	}
}
