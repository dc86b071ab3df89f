package limits

// Transition is what a promise makes of a key's state when its limit changes.
type Transition string

// The transitions.
const (
	// Keep leaves what is stored: the instant at which the bucket is full, of
	// algorithms that store one (GCRA); of others the tokens used.
	Keep Transition = "keep"
	// Rescale leaves the tokens used: of a full bucket as many are missing after
	// the change as before.
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
	to.Spend(at, max(0, satSub(burst, from.Peek(at, 0).Remaining)))
	return to
}
