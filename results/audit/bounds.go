package audit

import (
	"math"
	"slices"
)

// bounds is what is certain of one key in a record of real time.
type bounds struct {
	*rate
	least busy    // of admissions without those that are over: the TAT from below
	debts *busy   // the same with wrong denials that least lacks; nil: none
	given busy    // of all that was allowed
	worst float64 // so far the worst excess of given, in tokens times T (ns)
	most  most    // the TAT from above
	ahead peaks   // of most, less T·owed
	owed  float64 // tokens of denials that were certainly wrong: the oracle took them

	// Under way are waiting decisions, denials of them that deny tokens, and
	// murky requests of which nobody knows how often they take tokens. begun
	// counts all that were ever sent.
	waiting, denials, murky int32
	begun                   int64

	// Since the bucket was last certainly full: unsettled, the oracle may have
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
	if b.murky > 0 || b.most.flying > 0 {
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
	if b.murky == 0 {
		b.most.pass(b.rate, now)
		ahead = b.most.tat(b.rate) - now - b.span(b.owed)
	}
	b.ahead.push(now, ahead)
}

// settled: up to now the oracle decided the same in every order.
func (b *bounds) settled() bool { return !b.unsettled && b.denials == 0 }

// owe: the oracle took the tokens of a denial, from sent on and by now. If it
// took those of another denial in some order, only debts has them.
func (b *bounds) owe(sent, now, tokens float64) {
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
	b.owed += tokens
	b.look(now)
}

// past is the TAT from below, as far as requests are done.
func (b *bounds) past() float64 {
	if b.debts != nil {
		return b.debts.until(b.rate)
	}
	return b.least.until(b.rate)
}

// forget what no request asks for that is under way or to come: those that
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
