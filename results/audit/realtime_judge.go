package audit

import (
	"math"
	"slices"
	"time"

	"github.com/quotalab/quotalab/models/limits"
	"github.com/quotalab/quotalab/results/record"
)

// realAuditor audits one limiter in real time: it saw when requests were sent
// and when they were done, but nothing between.
type realAuditor struct {
	spec   record.Limiter
	run    *realRun
	keys   *keys[*bounds]
	limits map[string]*limitTally
	out    Limiter
	unsure int64 // allowed requests that some order makes over
}

// certainIn are the algorithms whose admissions have the envelope burst + d/T
// in every window, and no other state.
var certainIn = []string{"gcra", "gcra_float", "token_bucket"}

func newRealAuditor(spec record.Limiter, run *realRun) (*realAuditor, error) {
	w := &realAuditor{spec: spec, run: run, limits: map[string]*limitTally{}, out: Limiter{Name: spec.Name, Algorithm: spec.Algorithm}}
	if spec.Algorithm == "" {
		return w, nil
	}
	if !slices.Contains(certainIn, spec.Algorithm) && slices.Contains(limits.Algorithms(), spec.Algorithm) {
		w.out.Unknown = "nothing is certain in real time of " + spec.Algorithm + ", only of GCRA and token bucket: run it in virtual time"
		return w, nil
	}
	var err error
	w.keys, err = newKeys(spec, func(l limits.Limit) (func() *bounds, error) {
		r, err := newRate(spec.Algorithm, l, spec.Resolution)
		return func() *bounds { return newBounds(r) }, err
	})
	for _, l := range spec.Limits {
		t := &limitTally{}
		t.group = t
		w.limits[l.Name] = t
	}
	return w, err
}

// send makes a request of an observation; nil if there is nothing to judge.
func (w *realAuditor) send(o *record.Observation) (*request, error) {
	if w.keys == nil {
		return nil, nil
	}
	f := w.run.newRequest(o)
	f.auditor, f.measured = w, o.Intended >= w.run.warmup
	if !f.decided() {
		if !mayTake(o) {
			return nil, nil
		}
		if f.measured {
			w.out.Uncertain++
		}
	}
	for i := range o.Takes {
		if err := w.hold(f, o, i); err != nil {
			return nil, err
		}
	}
	for i := range f.holds {
		f.holds[i].send(f)
	}
	return f, nil
}

func (w *realAuditor) hold(f *request, o *record.Observation, i int) error {
	t := &o.Takes[i]
	b, err := w.keys.of(t.Limit, t.Key)
	if err != nil {
		return err
	}
	h := hold{bounds: b, limit: w.limits[t.Limit], tokens: float64(max(t.Cost, 0)), takes: t.Mode == record.TakeMode, checks: t.Mode == record.CheckMode}
	if t.Cost < 0 {
		h.tokens = math.Inf(1) // the reference never allows it
	}
	h.again = !h.checks && h.tokens <= b.burst && w.run.again(o, t)
	h.spends = !h.checks && h.tokens <= b.burst && !f.denied()
	h.unlike = len(o.Takes) > 1 || t.Mode == record.SpendMode
	if i > 0 {
		h.limit.join(w.limits[o.Takes[0].Limit], slices.ContainsFunc(o.Takes[:i], func(u record.Take) bool { return u.Limit == t.Limit }))
		b.partial = b.partial || w.run.sampled
	}
	f.holds = append(f.holds, h)
	return nil
}

// end is when a request can do no more; if that is a decision, it is judged.
func (w *realAuditor) end(f *request, now float64) {
	for i := range f.holds {
		f.holds[i].end(f, now)
	}
	switch {
	case f.allowed():
		w.judgeAllowed(f)
		w.give(f)
	case f.denied():
		w.judgeDenied(f)
	}
	if f.decided() {
		for i := range f.holds {
			f.holds[i].forget(now - w.run.longest)
		}
	}
}

// give notes tokens that were given.
func (w *realAuditor) give(f *request) {
	for i := range f.holds {
		if h := &f.holds[i]; !h.checks && !math.IsInf(h.tokens, 1) {
			h.given.add(h.envelope, f.sent, h.tokens)
			if f.measured {
				h.worst = max(h.worst, h.given.until(h.envelope)-f.done-h.envelope.full)
			}
		}
	}
}

// countRetry compares the wait that a denied client was told with those that
// the reference tells in one order or another.
func (w *realAuditor) countRetry(f *request) {
	least, most := 0.0, 0.0
	for i := range f.holds {
		switch h := &f.holds[i]; {
		case h.over > 0 || h.under > 0:
			return
		case h.takes || h.checks:
			least, most = max(least, whole(h.excess)), max(most, whole(h.early))
		}
	}
	if f.retry < 0 || math.IsInf(most, 1) {
		return
	}
	w.out.RetryKnown++
	if slack := float64(w.spec.Resolution / time.Nanosecond); f.retry < least-slack || f.retry > most+slack {
		w.out.WrongRetry++
	}
}

func (w *realAuditor) finish() Limiter {
	if w.keys == nil {
		return w.out
	}
	w.keys.summarise(&w.out, func(b *bounds) (Offender, bool) {
		return Offender{Over: b.over, Under: b.under, Excess: b.excess()}, b.seen
	})
	joint := w.joint()
	w.out.Over += joint
	w.out.Ambiguous += max(0, w.unsure-joint)
	return w.out
}

// judgeAllowed counts what is certain of an allowed request, and lets the
// bounds from below know what the reference spent.
func (w *realAuditor) judgeAllowed(f *request) {
	w.out.Compared += f.one()
	fine, sure, over := true, true, false
	for i := range f.holds {
		if h := &f.holds[i]; h.takes || h.checks {
			fine, sure, over = fine && h.fine(), sure && h.kept() && f.knows(h), over || h.overIn()
		}
	}
	switch {
	case over:
		w.countOver(f)
		return
	case !fine:
		w.unsure += f.one()
	}
	// One request that is over may be too many on several keys. So what is
	// certain of windows is summed up by limit (see joint), and what is
	// certain of requests is looked at first.
	for i := range f.holds {
		switch h := &f.holds[i]; {
		case h.takes:
			h.keep(f)
		case !h.checks:
			h.keepSpend(f, fine, sure)
		}
		if h := &f.holds[i]; !sure && !h.checks {
			h.unsettled = true
		}
	}
}

// keep keeps an admission, and if a window then holds too much, counts one and takes
// back what was sent last.
//
// Of requests of the same cost the count is the least number that must be
// taken away so that no window holds too much. Windows that end later see of
// the past only F, so of two ways to take away as many the one with the
// smaller F is as good everywhere. By induction over the order of done: let
// the kept requests' instants of sending, sorted, be each at most that of any
// other set of as many that breaks no window, and let no such set be larger. A
// request that fits is added to both. If one does not, no set as large as the
// kept can take it, and without the one that was sent last those that are left
// are the earliest again, and break no window, since each broken one begins
// before the request was sent.
//
// If costs differ let M be the highest. Then F ≥ (kept F) − m·M for any set
// that breaks no window and lacks m requests more than were counted: by the
// same induction, if M is taken back for each one counted. So m ≥ 0, and the
// count is a lower bound; in every order the reference admits such a set.
func (h *hold) keep(f *request) {
	if h.debts != nil {
		h.debts.keep(h, f)
	}
	if h.least.keep(h, f) {
		h.over += f.one()
		h.joint += f.one()
		h.limit.joint += f.one()
	}
}

// keep adds an admission, or takes one back if a window then holds too much.
func (b *busy) keep(h *hold, f *request) (broke bool) {
	broke = whole(b.reach(h.rate, f.sent, h.tokens)-f.done-h.full) > h.slack
	b.add(h.rate, f.sent, h.tokens)
	if broke {
		b.takeBack(h.costliest)
	}
	return broke
}

// keepSpend keeps what only spends, if it is certain whether there was room.
func (h *hold) keepSpend(f *request, fine, sure bool) {
	switch {
	case sure && h.settled() && h.fine():
		h.least.add(h.rate, f.sent, h.tokens)
	case fine && h.settled() && h.shut():
		h.undo()
	default:
		h.unsettled = true
	}
}

// countOver counts a request that the reference denies in every order.
func (w *realAuditor) countOver(f *request) {
	w.out.Over += f.one()
	if !f.takesTokens() {
		w.out.OverChecked += f.one()
	}
	for i := range f.holds {
		h := &f.holds[i]
		if (h.takes || h.checks) && (h.tokens > h.burst || h.settled() && h.shut()) {
			h.bounds.over += f.one()
		}
		h.undo()
	}
}

// knows tells whether what is known of one key in the likeliest orders is
// known in all, so that what hangs on it on other keys is certain too.
func (f *request) knows(h *hold) bool { return len(f.holds) == 1 || h.settled() }

// judgeDenied counts what is certain of a denied request.
func (w *realAuditor) judgeDenied(f *request) {
	w.out.Compared += f.one()
	under, shut, untouched := true, false, false
	for i := range f.holds {
		if h := &f.holds[i]; h.takes || h.checks {
			under, shut, untouched = under && h.room() && h.counts(), shut || h.shut(), untouched || h.untouched() && f.knows(h)
		}
	}
	if under {
		w.countUnder(f)
		return
	}
	switch {
	case !shut:
		w.out.Ambiguous += f.one()
	case f.measured:
		w.countRetry(f)
	}
	for i := range f.holds {
		h := &f.holds[i]
		if h.checks || h.tokens > h.burst {
			continue
		}
		h.unsettled = h.unsettled || !untouched
		if h.unsettled {
			h.doubt += h.tokens
		}
	}
}

// countUnder counts a denial that is wrong in every order. The reference spends
// what it would have admitted.
func (w *realAuditor) countUnder(f *request) {
	w.out.Under += f.one()
	for i := range f.holds {
		h := &f.holds[i]
		if h.takes || h.checks {
			h.under += f.one()
		}
		if h.checks || h.tokens > h.burst {
			continue
		}
		if spends := !h.takes; spends && !h.fine() {
			if h.settled() && h.shut() {
				continue
			}
			h.unsettled = true
		}
		h.charge(f.sent, f.done, h.tokens)
	}
}

// limitTally is what is certain of windows of one limit's keys.
type limitTally struct {
	joint   int64
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

// joint sums up what is certain of windows without counting a request twice:
// keys of one limit have no request in common, unless it takes from several of
// them; then the worst key counts. Of limits with requests in common the worst
// counts.
func (w *realAuditor) joint() (sum int64) {
	groups := map[*limitTally]int64{}
	for name, t := range w.limits {
		n := t.joint
		if t.several {
			n = 0
			for _, b := range w.keys.limits[name] {
				n = max(n, b.joint)
			}
		}
		groups[t.root()] = max(groups[t.root()], n)
	}
	for _, n := range groups {
		sum += n
	}
	return sum
}
