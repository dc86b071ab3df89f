package limits

import "slices"

// Transition is what a promise makes of a key's state when its limit changes.
type Transition string

// The transitions.
const (
	// Keep leaves what is stored: the instant at which the bucket is full, of
	// algorithms that store one (GCRA); of others the tokens used.
	Keep Transition = "keep"
	// Rescale leaves the tokens used: of a full bucket as many are missing after
	// the change as before, in whole tokens where these come back at another
	// rate, and a window or a log that has begun goes on.
	Rescale Transition = "rescale"
	// Afresh makes the bucket full.
	Afresh Transition = "reset"
)

// Change changes the limit of the promise's key at an instant. burst is that of
// the limit before, and to the promise of a full bucket of the new limit.
func (p *Promise) Change(at, burst int64, to Promise, how Transition) {
	next := func(b Bucket) Bucket { return changed(b, to.free.clone(), at, burst, how) }
	p.free = next(p.free)
	if s := p.split; s != nil {
		p.split = &split{next(s.kept), next(s.tokens), next(s.given)}
	}
}

func changed(from, to Bucket, at, burst int64, how Transition) Bucket {
	if how == Afresh {
		return to
	}
	if how == Keep {
		switch b := to.(type) {
		case *gcra:
			b.tat = from.(*gcra).tat
			return b
		case *exactGCRA:
			b.tat = exact{whole: from.(*exactGCRA).tat.ceil()}
			return b
		}
	}
	switch b := to.(type) {
	case *fixedWindow:
		f := from.(*fixedWindow)
		b.from, b.until, b.used = f.from, f.until, f.used // the window that has begun ends when it would have
		return b
	case *slidingLog:
		f := from.(*slidingLog)
		b.entries, b.sum = slices.Clone(f.entries), f.sum
		return b
	case *concurrency:
		f := from.(*concurrency)
		b.entries, b.sum = slices.Clone(f.entries), f.sum
		return b
	case *slidingCounter:
		if f := from.(*slidingCounter); f.Period == b.Period {
			b.window, b.prev, b.cur = f.window, f.prev, f.cur
			return b
		}
	case *tokenBucket:
		if f := from.(*tokenBucket); f.Period == b.Period {
			b.tokens, b.last = f.level(at), max(at, f.last)
			b.tokens.whole = satAdd(b.tokens.whole, satSub(b.Burst, burst))
			return b
		}
	case *leakyBucket:
		if f := from.(*leakyBucket); f.Period == b.Period {
			content := f.level(at)
			q, r := mulDiv(uint64(content.whole), uint64(f.Count), uint64(content.part), uint64(b.Count))
			b.content, b.last = exact{q, r}, max(at, f.last)
			return b
		}
	case *intervalBucket:
		if f := from.(*intervalBucket).level(at); f.last != always {
			b.tokens, b.last = satSub(b.Burst, satSub(burst, f.tokens)), f.last // the period that has begun ends when it would have
		}
		return b
	}
	to.Spend(at, max(0, satSub(burst, from.Peek(at, 0).Remaining)))
	return to
}
