// Package audit judges the decisions in a record by what the limiter's
// algorithm promises: how much was admitted that should not have been, and what
// was denied that would have fitted?
//
// In flows a record, out flows a Result. The terms, the same in both clocks:
//
//   - The promise of a limit is what its algorithm bounds in every window: burst +
//     t/T for GCRA and buckets, the algorithm's own bound for each other reference
//     of models/limits (see limits.Promise).
//   - Over-admission is the least number of admissions that must be taken away so
//     that the others keep the promise; where requests cost differently, the least
//     number of tokens. Fail-open requests were admitted too.
//   - Under-admission is the number of denials that would have fitted into the
//     promise, given what was really admitted on that key.
//   - The worst excess is the most tokens above the promise in any window, with the
//     window's key and instants.
//   - Divergence is the number of decisions in which a reference that runs free and
//     spends only what it admits itself says otherwise. One phase shift makes it
//     count on both sides, so it is a diagnostic and no measure of harm.
//
// In virtual time the order in which decisions took effect is recorded, and one
// pass in that order suffices:
//
//  1. An observation goes to the auditor of its limiter. Drops are not
//     decisions. An error that reached a key may have taken tokens: it is counted
//     as uncertain, and a denial that it may explain is ambiguous.
//  2. The promise of each key judges the request at the instant at which the
//     limiter read its clock. If the clock is too coarse to tell, the answer is
//     ambiguous and counts as right.
//  3. An admission that does not fit beside those kept before it is over. Whether
//     a denied request would have fitted is asked of all that was admitted.
//
// A request that takes from several keys is over once, at the first limit that
// has no room. Across keys the count need not be the least, since to take away
// one request may make room on several.
// A request that is settled (record.SettleMode) changes what it took: the references
// that let it pass give tokens back, or take more. What a concurrency limit is over
// is known when a permit is returned, or its lease ends: then the least number of
// permits is counted without which never more than the limit were held at once.
//
// The warm-up is replayed, so that the buckets are in step, but not counted.
//
// In a record of real time nobody saw when a request took effect: at some
// instant in [sent, done], by a clock that the limiter read there too. So the
// order is not known, and only what holds in every order counts; tests choose
// them all. One pass over the instants of sending and of being done, key by key:
//
//  1. What was sent at s or later and is done by t lies in [s, t] in every order,
//     and the promise leaves no more than burst + (t − s + R)/T there, R being the
//     resolution of the limiter's clock. Over-admission is the least number that
//     must be taken away so that no window holds more (busy, keep). Which requests
//     are over is not known, only how many; so of a herd of 512 on a burst of 100
//     exactly 412 are over and 100 are ambiguous.
//  2. The TAT of all that was admitted lies between two bounds: from below by the
//     requests that were done before, each as early as it was sent (busy); from
//     above by all that may have taken tokens, errors included, each as late as it
//     can be (most). A denied request with room even by the upper bound is
//     under-admission, one without room even by the lower bound is right; what is
//     neither is ambiguous.
//  3. The worst excess is that of what was certainly given in a window.
//
// Keys of a batch are audited one by one, and a request that is too many on
// several is over once. What a lost answer hides, commands that were sent
// again or executed after the client gave up, counts as spent by the upper
// bound. Requests that were answered at the instant they were sent are judged
// as in virtual time, which a test asserts. Of algorithms that are no buckets
// nothing is known in real time (Limiter.Unknown).
//
// A limiter that declares no algorithm is judged by the envelope burst + t/T of
// its limit, and only the worst excess is known of it.
//
// Threshold engines are judged by results/quotaaudit; All does both.
//
// results/summary, results/present and cmd import it.
package audit

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/quotalab/quotalab/models/limits"
	"github.com/quotalab/quotalab/results/quotaaudit"
	"github.com/quotalab/quotalab/results/record"
)

// ErrOrder is wrapped by the error of Replay on a record of virtual time that
// lacks the order of effect.
var ErrOrder = errors.New("the order in which decisions took effect is not in the record")

// Replay judges the decisions of the whole record. In a record of real time
// only what is certain counts.
func Replay(r *record.Reader) (*Result, error) {
	m, pass, judge := r.Manifest(), (*record.Reader).ByEffect, replay
	if m.Clock == "real" {
		pass, judge = (*record.Reader).BySent, replayReal
	}
	result, over, err := judge(m, pass(r))
	if err == nil {
		err = result.explain(&m, pass(r.Watched(nil)), over)
	}
	if err != nil {
		return nil, err
	}
	return result, nil
}

// faulty tells for each limiter whether too much was admitted on the key of a take.
type faulty map[string]func(*record.Take) bool

// All audits limiters and engines, as far as the record has them.
func All(r *record.Reader) (*Result, error) {
	result, err := Replay(r)
	if err == nil && len(r.Manifest().Engines) > 0 {
		result.Thresholds, err = quotaaudit.Replay(r)
	}
	return result, err
}

func replay(m record.Manifest, byEffect iter.Seq2[*record.Observation, error]) (*Result, faulty, error) {
	auditors := make([]*auditor, len(m.Limiters))
	byName := make(map[string]*auditor, len(m.Limiters))
	for i, l := range m.Limiters {
		a, err := newAuditor(l, &m)
		if err != nil {
			return nil, nil, fmt.Errorf("auditing %s: %w", l.Name, err)
		}
		auditors[i], byName[l.Name] = a, a
	}
	users := newUserAudit(&m)
	for o, err := range byEffect {
		if err != nil {
			return nil, nil, fmt.Errorf("auditing: %w", err)
		}
		a, ok := byName[o.Limiter]
		switch {
		case o.Decision == record.Dropped:
			continue // and belongs to no limiter
		case !ok:
			return nil, nil, fmt.Errorf("auditing: observation %d is of limiter %q, which the manifest does not list", o.Seq, o.Limiter)
		}
		if err := a.observe(o); err != nil {
			return nil, nil, fmt.Errorf("auditing %s, observation %d: %w", o.Limiter, o.Seq, err)
		}
		if err := users.observe(o); err != nil {
			return nil, nil, fmt.Errorf("auditing %s by user, observation %d: %w", o.Limiter, o.Seq, err)
		}
	}
	result, over := &Result{}, faulty{}
	for _, a := range auditors {
		out := a.finish()
		out.ByUser = users.finish(a.spec.Name)
		result.Limiters = append(result.Limiters, out)
		over[a.spec.Name] = a.keys.faulty(func(k *key) bool { return k.trouble != nil && k.over > 0 })
	}
	return result, over, nil
}

// auditor judges the decisions of one limiter, in the order in which they took
// effect.
type auditor struct {
	spec   record.Limiter
	warmup int64
	tally  *tally
	keys   *keys[*key]
	at     []*key             // of the observation at hand, one for each take
	said   []limits.Judgement // the promise's, one for each take

	changes []record.Change // that are still to come

	reservations *reservations // nil: nothing is settled
	horizon      int64

	spread  time.Duration // by which clocks that the limiter reads are apart
	clocked int64         // under-admissions that this explains
}

type key struct {
	promise limits.Promise
	*trouble
}

// trouble is what is known of a key on which not everything went well; few
// have it.
type trouble struct {
	over, under int64
	excess      float64 // the worst, in tokens
	doubt       int64   // tokens that requests without an answer may have taken
	settled     int64   // when these would have come back
	pending     bool    // a command that was given up at givenUp may still be executed
	givenUp     int64

	// Denials since the last admission that would have fitted.
	wrong, since, until int64
}

// note returns the key's trouble, which begins with it.
func (k *key) note() *trouble {
	if k.trouble == nil {
		k.trouble = &trouble{}
	}
	return k.trouble
}

func newAuditor(spec record.Limiter, m *record.Manifest) (*auditor, error) {
	a := &auditor{spec: spec, warmup: m.Warmup.Nanoseconds(), tally: newTally(spec, m), changes: spec.Changes, reservations: reservationsOf(spec, m), horizon: int64(m.Horizon)}
	if spec.ReadsClock {
		a.spread = clockSpread(m)
	}
	var err error
	a.keys, err = newKeys(spec, func(l limits.Limit) (func() *key, error) {
		bucket, err := limits.Maker(a.tally.out.Reference, l, m.Epoch.UnixNano())
		return func() *key { return &key{promise: limits.NewPromise(bucket(), spec.Resolution)} }, err
	})
	return a, err
}

func (a *auditor) observe(o *record.Observation) error {
	measured := o.Intended >= a.warmup
	now := Instant(o)
	for len(a.changes) > 0 && a.changes[0].At <= now {
		if err := a.change(a.changes[0]); err != nil {
			return err
		}
		a.changes = a.changes[1:]
	}
	if a.spec.Algorithm == "" && len(a.spec.Limits) == 0 {
		return nil // there is nothing to judge by
	}
	if a.reservations != nil {
		a.expire(now)
	}
	if len(o.Takes) > 0 && o.Takes[0].Mode == record.SettleMode {
		if o.Decision == record.Errored {
			a.tally.uncertain(measured)
		}
		if o.Decision == record.Settled || o.Effect >= 0 { // without an answer, but executed
			a.settle(o, now)
		}
		return nil
	}
	if err := a.find(o); err != nil {
		return err
	}
	switch o.Decision {
	case record.Errored:
		a.doubt(o, now, measured)
		return nil
	case record.Allowed, record.Denied:
		if o.Effect >= 0 && o.Order < 0 {
			return fmt.Errorf("%w, though its manifest says that it is of virtual time", ErrOrder)
		}
	}
	a.said = a.said[:0]
	for i, k := range a.at {
		a.said = append(a.said, k.promise.Judge(now, o.Takes[i].Cost))
	}
	free := a.join(o, byFree, record.TakeMode, record.CheckMode)
	if admits(o) {
		a.admit(o, now, measured, free)
	} else {
		a.deny(o, now, measured, free)
	}
	a.executed(o, now)
	return nil
}

// change changes the promise of every key that a new limit is for.
func (a *auditor) change(c record.Change) error {
	if a.spec.Algorithm == "" {
		return nil // whose keys are judged by the envelope of the limit that they began with
	}
	was, of := map[string]record.Limit{}, a.keys.limits[c.Limit.Name]
	if of == nil {
		return fmt.Errorf("limit %q, which changes, is not in the manifest", c.Limit.Name)
	}
	for name := range of.all() {
		was[name], _ = a.keys.table.For(c.Limit.Name, name)
	}
	a.keys.table.Set(c.Limit)
	a.tally.table.Set(c.Limit)
	for name, k := range of.all() {
		is, _ := a.keys.table.For(c.Limit.Name, name)
		if is == was[name] {
			continue
		}
		full, err := a.keys.makerOf(is)
		if err != nil {
			return fmt.Errorf("key %q: %w", name, err)
		}
		k.promise.Change(c.At, was[name].Burst, full().promise, limits.Transition(c.Promise))
	}
	return nil
}

// admits reports whether the caller was let through.
func admits(o *record.Observation) bool {
	return o.Decision == record.Allowed || o.Decision == record.FailOpen
}

// Instant returns when the limiter read its clock. A limiter that reads none,
// and reaches no key, decides when it is done.
func Instant(o *record.Observation) int64 {
	switch {
	case o.Judged >= 0:
		return o.Judged
	case o.Effect >= 0:
		return o.Effect
	default:
		return o.Done
	}
}

func (a *auditor) find(o *record.Observation) error {
	a.at = a.at[:0]
	for i := range o.Takes {
		k, err := a.keys.of(&o.Takes[i])
		if err != nil {
			return err
		}
		a.at = append(a.at, k)
	}
	return nil
}

// ruling is what a request is told when its takes are joined.
type ruling struct {
	allowed bool
	margin  time.Duration // how far the instant is from where the ruling turns
	retry   time.Duration // until it would be allowed; −1 never
	limit   string        // of the first take that denies, or of the first
}

// join rules on a whole request by its takes of certain modes: one that has no
// room denies it. The ruling turns when the first of the allowing takes or the
// last of the denying ones turns.
func (a *auditor) join(o *record.Observation, of func(*limits.Judgement) limits.Decision, modes ...record.Mode) ruling {
	allow, deny := ruling{allowed: true, margin: math.MaxInt64}, ruling{}
	if len(o.Takes) > 0 {
		allow.limit = o.Takes[0].Limit
	}
	for i := range a.said {
		if !slices.Contains(modes, o.Takes[i].Mode) {
			continue
		}
		d := of(&a.said[i])
		if d.Allowed {
			allow.margin = min(allow.margin, d.Margin)
			continue
		}
		if allow.allowed {
			allow.allowed, deny.limit = false, o.Takes[i].Limit
		}
		deny.margin = max(deny.margin, d.Margin)
		deny.retry = later(deny.retry, d.RetryAfter)
	}
	if allow.allowed {
		return allow
	}
	return deny
}

func byFree(j *limits.Judgement) limits.Decision  { return j.Free }
func byKept(j *limits.Judgement) limits.Decision  { return j.Kept }
func byGiven(j *limits.Judgement) limits.Decision { return j.Given }

// later returns the longer of two waits, where −1 is never.
func later(a, b time.Duration) time.Duration {
	if a < 0 || b < 0 {
		return -1
	}
	return max(a, b)
}

// ambiguous reports whether the limiter's clock is too coarse to tell the
// ruling from its opposite.
func (a *auditor) ambiguous(r ruling) bool {
	return a.spec.Resolution > 0 && r.margin <= a.spec.Resolution
}

func (a *auditor) admit(o *record.Observation, now int64, measured bool, free ruling) {
	kept, checked := a.join(o, byKept, record.TakeMode), a.join(o, byGiven, record.CheckMode)
	diverges := !free.allowed && !a.ambiguous(free)
	over := !kept.allowed && !a.ambiguous(kept)
	if a.reservations != nil && a.reservations.permits {
		over = false // how long it is held decides: see end
	}
	falsely := !checked.allowed && !a.ambiguous(checked)
	unclear := !over && !falsely && !(kept.allowed && checked.allowed)
	if measured {
		a.tally.admission(o, kept.limit, over, falsely, unclear, diverges)
	}
	for i, k := range a.at {
		if t, j := &o.Takes[i], &a.said[i]; measured && t.Mode == record.TakeMode {
			if taken := t.Cost - j.Fits; taken > 0 { // away, for limits where costs differ
				a.tally.cell(o, t.Limit).tokens += taken
			}
			if over && !j.Kept.Allowed {
				k.note().over++
			}
		}
		a.spend(o, i, k, now, free.allowed || !diverges, !over, measured)
	}
}

// spend takes the tokens of one take of an admission. What only spends does so
// where there is room, as Boulder's BatchSpend does.
func (a *auditor) spend(o *record.Observation, i int, k *key, now int64, free, kept, measured bool) {
	t, j := &o.Takes[i], &a.said[i]
	switch t.Mode {
	case record.CheckMode:
		return
	case record.SpendMode:
		k.promise.Settle(now, t.Cost, j.Free.Allowed, j.Given.Allowed, j.Kept.Allowed && j.Given.Allowed, t.Cost)
		if !j.Given.Allowed {
			return
		}
	default:
		k.promise.Settle(now, t.Cost, free, true, kept, j.Fits)
		if a.reservations != nil {
			a.reserve(o, t, reserved{key: k, spent: limits.Spent{At: now, Cost: t.Cost, Fits: j.Fits, Free: free, Kept: kept}, measured: measured})
		}
	}
	if k.trouble != nil {
		k.wrong = 0
	}
	a.tally.cost(t)
	excess, from, until := k.promise.Excess()
	if excess = a.tally.beyondClock(t, excess); !measured || excess <= 0 {
		return
	}
	k.note().excess = max(k.excess, excess)
	a.tally.excess(o, t, Window{Limit: t.Limit, Key: t.Key, From: from, Until: until, Excess: excess})
}

func (a *auditor) deny(o *record.Observation, now int64, measured bool, free ruling) {
	given := a.join(o, byGiven, record.TakeMode, record.CheckMode)
	diverges := free.allowed && !a.ambiguous(free)
	unclear := given.allowed && (a.ambiguous(given) || a.doubtful(o, now))
	under := given.allowed && !unclear
	if measured {
		a.tally.denial(o, given, under, unclear, diverges, a.overAdmitted())
		if under && a.spread > 0 && given.margin <= a.spread {
			a.clocked++
		}
		if under {
			for i, k := range a.at {
				if o.Takes[i].Mode != record.SpendMode {
					if k.note(); k.wrong == 0 {
						k.since = now
					}
					k.under, k.wrong, k.until = k.under+1, k.wrong+1, now
				}
			}
		}
	}
	for i, k := range a.at {
		if t := &o.Takes[i]; diverges && t.Mode != record.CheckMode && a.said[i].Free.Allowed {
			k.promise.Settle(now, t.Cost, true, false, false, 0)
		}
	}
}

// overAdmitted reports whether too much was admitted on one of the keys before:
// then what fits differs from what the limiter knows.
func (a *auditor) overAdmitted() bool {
	return slices.ContainsFunc(a.at, func(k *key) bool { return k.trouble != nil && k.over > 0 })
}

// doubt notes what a request without an answer may have taken. What its client has
// given up may be executed after that: one that was sent later and came to a decision
// shows that it was, since a shard executes in the order of arrival.
func (a *auditor) doubt(o *record.Observation, now int64, measured bool) {
	pending := o.Effect < 0 && o.Error == "timeout" && mayTake(o)
	if o.Effect < 0 && !pending {
		return // no command reached a key
	}
	a.tally.uncertain(measured)
	for i, k := range a.at {
		if t := &o.Takes[i]; t.Mode != record.CheckMode {
			k.note().doubt += max(t.Cost, 0)
			k.settled = max(k.settled, now+a.keys.refill(t.Limit, t.Key))
			if pending {
				k.pending, k.givenUp = true, o.Done
			}
		}
	}
}

// executed notes that what was given up before the request was sent is executed.
func (a *auditor) executed(o *record.Observation, now int64) {
	for i, k := range a.at {
		if k.trouble != nil && k.pending && o.Effect >= 0 && o.Sent > k.givenUp {
			t := &o.Takes[i]
			k.pending, k.settled = false, max(k.settled, now+a.keys.refill(t.Limit, t.Key))
		}
	}
}

// doubtful reports whether a denial may be right because of tokens that
// requests without an answer took.
func (a *auditor) doubtful(o *record.Observation, now int64) bool {
	for i, k := range a.at {
		if k.trouble != nil && !k.pending && now >= k.settled {
			k.doubt = 0
		}
		if k.trouble != nil && k.doubt > 0 && !k.promise.Judge(now, o.Takes[i].Cost+k.doubt).Given.Allowed {
			return true
		}
	}
	return false
}

func (a *auditor) finish() Limiter {
	a.finishReservations()
	out := a.tally.finish()
	a.keys.summarise(&out, func(k *key) (Offender, bool) {
		if k.trouble == nil {
			return Offender{}, true
		}
		return Offender{Over: k.over, Under: k.under, Excess: k.excess}, true
	})
	if out.Under > 0 {
		out.UnderExplained = a.lockedOut(out.Under)
	}
	if a.clocked > 0 {
		out.UnderExplained = append(out.UnderExplained, Explanation{Kind: Clocks, Explains: a.clocked, Of: out.Under, Example: Example{Seq: -1, Other: -1}})
	}
	return out
}

// lockedOut finds keys that were denied to the end of the run, for longer than
// an empty bucket needs to become full.
func (a *auditor) lockedOut(under int64) []Explanation {
	c := Explanation{Kind: LockedOut, Of: under, Example: Example{Seq: -1, Other: -1}}
	for limit, n := range a.keys.limits {
		for name, k := range n.all() {
			if k.trouble == nil || k.wrong < 2 || k.until-k.since < a.keys.refill(limit, name) {
				continue
			}
			if e := &c.Example; c.Explains == 0 || cmp.Or(cmp.Compare(limit, e.Limit), cmp.Compare(name, e.Key)) < 0 {
				*e = Example{Limit: limit, Key: name, Seq: -1, Other: -1, At: k.since, OtherAt: k.until}
			}
			c.Explains += k.wrong
		}
	}
	if c.Explains == 0 {
		return nil
	}
	return []Explanation{c}
}

// worse orders offenders: by over-admission, under-admission, excess, name.
func worse(a, b Offender) int {
	return cmp.Or(cmp.Compare(b.Over, a.Over), cmp.Compare(b.Under, a.Under), cmp.Compare(b.Excess, a.Excess),
		cmp.Compare(a.Limit, b.Limit), cmp.Compare(a.Key, b.Key))
}
