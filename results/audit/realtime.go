package audit

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/quotalab/quotalab/models/heap"
	"github.com/quotalab/quotalab/results/record"
)

// replayReal audits a record of real time. It is one pass over the instants
// at which requests were sent and at which they were done, in their order; at
// the same instant they are sent first, since of those it is not known which
// was before the other.
func replayReal(m record.Manifest, bySent iter.Seq2[*record.Observation, error]) (*Result, error) {
	run := newRealRun(&m)
	auditors := make([]*realAuditor, len(m.Limiters))
	byName := make(map[string]*realAuditor, len(m.Limiters))
	for i, l := range m.Limiters {
		w, err := newRealAuditor(l, run)
		if err != nil {
			return nil, fmt.Errorf("auditing %s: %w", l.Name, err)
		}
		auditors[i], byName[l.Name] = w, w
	}
	for o, err := range bySent {
		if err != nil {
			return nil, fmt.Errorf("auditing: %w", err)
		}
		w, ok := byName[o.Limiter]
		switch {
		case o.Decision == record.Dropped:
			continue // and belongs to no limiter
		case !ok:
			return nil, fmt.Errorf("auditing: observation %d is of limiter %q, which the manifest does not list", o.Seq, o.Limiter)
		case o.Sent < 0 || o.Done < o.Sent:
			return nil, fmt.Errorf("auditing: %w: observation %d was sent at %d and done at %d", record.ErrDamaged, o.Seq, o.Sent, o.Done)
		}
		run.endBefore(float64(o.Sent))
		f, err := w.send(o)
		if err != nil {
			return nil, fmt.Errorf("auditing %s, observation %d: %w", o.Limiter, o.Seq, err)
		}
		if f != nil {
			run.outstanding.Push([2]int64{int64(f.end), f.seq}, f) // end is whole nanoseconds
		}
	}
	run.endAll()
	result := &Result{}
	for _, w := range auditors {
		result.Limiters = append(result.Limiters, w.finish())
	}
	return result, nil
}

// realRun is what the limiters of a run share.
type realRun struct {
	warmup  int64
	longest float64 // no request was under way for longer, ns
	sampled bool    // the record holds requests by their first key
	faults  []record.Fault

	outstanding heap.Heap[[2]int64, *request] // by end and seq
	idle        []*request                    // to be used again
}

func newRealRun(m *record.Manifest) *realRun {
	return &realRun{warmup: m.Warmup.Nanoseconds(), longest: float64(m.MaxSettle), sampled: !m.Whole(), faults: m.Faults}
}

// request is a request that is under way.
type request struct {
	auditor         *realAuditor
	decision        record.Decision
	sent, done, end float64 // end: when it can take tokens no more
	retry           float64
	seq             int64
	measured        bool
	holds           []hold
}

func (r *realRun) newRequest(o *record.Observation) *request {
	var f *request
	if n := len(r.idle); n > 0 {
		f, r.idle = r.idle[n-1], r.idle[:n-1]
	} else {
		f = new(request)
	}
	*f = request{decision: o.Decision, sent: float64(o.Sent), done: float64(o.Done), retry: float64(o.RetryAfter), seq: o.Seq, holds: f.holds[:0]}
	f.end = f.done
	if !f.decided() {
		f.end = r.lastEffect(o)
	}
	return f
}

func (f *request) allowed() bool { return f.decision == record.Allowed }
func (f *request) denied() bool  { return f.decision == record.Denied }
func (f *request) decided() bool { return f.allowed() || f.denied() }

// one is 1 if it counts: not in the warm-up.
func (f *request) one() int64 {
	if f.measured {
		return 1
	}
	return 0
}

// takesTokens tells whether it does more than check.
func (f *request) takesTokens() bool {
	for i := range f.holds {
		if !f.holds[i].checks {
			return true
		}
	}
	return false
}

// endBefore ends the requests that end before now.
func (r *realRun) endBefore(now float64) {
	for len(r.outstanding) > 0 && r.outstanding[0].Value.end < now {
		r.endNext()
	}
}

func (r *realRun) endAll() {
	for len(r.outstanding) > 0 {
		r.endNext()
	}
}

func (r *realRun) endNext() {
	f := r.outstanding.Pop().Value
	f.auditor.end(f, f.end)
	r.idle = append(r.idle, f)
}

// bounds is what is certain of one key in a record of real time.
type bounds struct {
	*rate
	least   busy    // of admissions without those that are over: the TAT from below
	debts   *busy   // the same with wrong denials that least lacks; nil: none
	given   busy    // of all that was allowed
	worst   float64 // so far the worst excess of given, in tokens times T (ns)
	most    most    // the TAT from above
	ahead   peaks   // of most, less T·charged
	charged float64 // tokens of denials that were certainly wrong: the reference took them

	// Under way are waiting decisions, denials of them that deny tokens, and
	// ambiguous requests of which nobody knows how often they take tokens. begun
	// counts all that were ever sent.
	waiting, denials, ambiguous int32
	begun                       int64

	// Since the bucket was last certainly full: unsettled, the reference may have
	// decided otherwise in another order; mixed, costs differ or denials are
	// not about this key alone; costliest, the highest cost; doubt, tokens of
	// denials that may have been wrong.
	unsettled, mixed bool
	costliest, doubt float64
	latest           float64 // when a request was last done

	seen        bool // a decision was on it
	partial     bool // requests on it may be missing in the record
	over, under int64
	joint       int64 // of over: known as one of several requests only
}

func newBounds(r *rate) *bounds { return &bounds{rate: r, worst: math.Inf(-1), most: never()} }

// renew forgets the past if the bucket is full at now in every order. Two
// things say so: that the bound from above is over, denials that may have been
// wrong included; and that an empty bucket would have become full.
func (b *bounds) renew(now float64) {
	if b.waiting > 0 {
		return
	}
	b.ahead = b.ahead[:0]
	if b.ambiguous > 0 || b.most.outstanding > 0 {
		return
	}
	until := b.most.tat(b.rate)
	if b.doubt > 0 {
		until = max(until, b.latest) + b.span(b.doubt)
	}
	if now > whole(min(until, b.latest+b.full+b.slack))+b.slack { // where the resolution leaves no doubt of a denial
		b.unsettled, b.mixed, b.costliest, b.doubt = false, false, 0, 0
		b.least.periods, b.debts = b.least.periods[:0], nil
	}
}

// price notes what a request costs before it can do anything.
func (b *bounds) price(tokens float64, unlike bool) {
	b.mixed = b.mixed || unlike || b.costliest > 0 && tokens != b.costliest
	b.costliest = max(b.costliest, tokens)
}

// look notes how far the bound from above is ahead at now.
func (b *bounds) look(now float64) {
	ahead := math.Inf(1)
	if b.ambiguous == 0 {
		b.most.pass(b.rate, now)
		ahead = b.most.tat(b.rate) - now - b.span(b.charged)
	}
	b.ahead.push(now, ahead)
}

// settled reports whether up to now the reference decided the same in every order.
func (b *bounds) settled() bool { return !b.unsettled && b.denials == 0 }

// charge notes that the reference took the tokens of a denial, from sent on and by now. If it
// took those of another denial in some order, only debts has them.
func (b *bounds) charge(sent, now, tokens float64) {
	if b.settled() {
		b.least.add(b.rate, sent, tokens)
	} else {
		b.unsettled = true
		if b.debts == nil {
			b.debts = &busy{slices.Clone(b.least.periods)}
		}
		b.debts.add(b.rate, sent, tokens)
	}
	b.most.least(b.rate, now)
	b.most.tokens += tokens
	b.charged += tokens
	b.look(now)
}

// past is the TAT from below, as far as requests are done.
func (b *bounds) past() float64 {
	if b.debts != nil {
		return b.debts.until(b.rate)
	}
	return b.least.until(b.rate)
}

// forget drops what no request asks for that is under way or to come: those that
// are under way were sent after since.
func (b *bounds) forget(since float64) {
	if b.waiting == 0 {
		since = math.Inf(1)
	}
	b.least.forget(since)
	if b.debts != nil {
		b.debts.forget(since)
	}
	b.given.forget(since)
	b.ahead.forget(since)
}

// excess is the worst in tokens, 0 if it is within what the clock may give away.
func (b *bounds) excess() float64 {
	if b.worst <= b.slack {
		return 0
	}
	return b.worst * b.envelope.count / b.envelope.period
}

// What is not known of a request that ended in an error: whether it took
// tokens, how often, and when. The bounds from above assume the worst.

// mayTake tells whether a request that came to no decision may have taken
// tokens: commands were sent, and not all that was sent was refused. That no
// connection was to be had (pool_exhausted) says it of the last attempt alone:
// go-redis tries again after an attempt that was sent and lost its answer, and
// tells only the last one's error (Ring.process, shouldRetry).
func mayTake(o *record.Observation) bool {
	if o.Error == "refused" && o.RoundTrips <= 1 && len(o.Takes) == 1 {
		return false
	}
	return len(o.Touched) > 0 || o.Key != record.Unread
}

// answered are the errors that came as a server's answer: what the commands
// did, they did before. Of others nobody knows whether they were executed, by
// how many attempts of the client's library, and when.
var answered = []string{"server", "script_missing", "unexpected"}

// lastEffect is when a request that came to no decision can take tokens no
// more: what was sent to a server without an answer is executed when the
// server goes on, after a fault, and no later than the longest that an answer
// took.
func (r *realRun) lastEffect(o *record.Observation) float64 {
	if slices.Contains(answered, o.Error) {
		return float64(o.Done)
	}
	end := o.Done
	for _, f := range r.faults {
		if until := f.Until + faultLag.Nanoseconds(); f.At <= o.Done && f.Until > f.At && until > end {
			end = until
		}
	}
	return float64(end) + r.longest
}

// faultLag is how much later than planned a fault of a live server happens,
// or is over.
const faultLag = 250 * time.Millisecond

// again tells whether a request may have taken tokens more than once, or
// have been denied because it took them before.
func (r *realRun) again(o *record.Observation, t *record.Take) bool {
	if decided := o.Decision == record.Allowed || o.Decision == record.Denied; !decided && !slices.Contains(answered, o.Error) {
		return true
	}
	for _, f := range r.faults {
		// A client's library sends a command again whose answer was lost, and
		// both may have taken tokens.
		if !f.KeepsAnswers && (f.Shard == t.Shard || t.Shard == "") && f.At <= o.Done && o.Sent <= f.Until+faultLag.Nanoseconds() {
			return true
		}
	}
	return false
}
