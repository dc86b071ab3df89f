package limits

import (
	"slices"
	"time"
)

// Promise judges what a limiter really admitted on one key against what its
// algorithm promises: a sequence of admissions keeps the promise if the
// reference, given exactly these, allows each of them. For GCRA and token
// buckets that says that no window of length t holds more than Burst + t/T
// tokens (see Envelope); a fixed window holds no more than Count, a sliding log
// no more than Count in any Period, a sliding counter what its estimate allows.
//
// Over-admission is the least number of admissions that must be taken away so
// that the others keep the promise. One pass finds it: an admission that the
// reference denies, given the ones kept before, is taken away and not spent. No
// choice leaves fewer to take away if all cost the same: to take away an
// earlier admission instead of a later one leaves the bucket no fuller later on.
// Where costs differ, whole requests cannot be exchanged for one another, but
// their tokens can, so the least number of tokens is counted in the same way,
// token by token. A test compares both with all subsets of small cases.
//
// Under-admission is a denial for which there is room although everything that
// the limiter really admitted on the key is spent, over-admissions included.
//
// Divergence is each decision in which the limiter disagrees with a reference
// that runs free: one that spends what it admits itself, whatever the limiter
// did. After one phase shift it counts on both sides, so it is a diagnostic.
//
// All three need a bucket of their own, but until limiter and reference first
// disagree these are in one state, and one bucket stands for them.
type Promise struct {
	free   Bucket
	split  *split
	slack  int64 // resolution of the limiter's clock, ns
	began  int64 // when something was given while the bucket of all that was given was full, last
	latest int64 // the latest instant that was spent at
}

// split holds the buckets whose states differ once limiter and reference have
// disagreed.
type split struct {
	kept   Bucket // has the admissions that keep the promise, as whole requests
	tokens Bucket // has the tokens that keep it
	given  Bucket // has everything that the limiter admitted
}

// NewPromise returns the promise of a key whose bucket is full, by a limiter
// whose clock has that resolution: tokens that come back within it fit.
func NewPromise(full Bucket, resolution time.Duration) Promise {
	return Promise{free: full, slack: int64(resolution), began: always, latest: always}
}

// Judgement is what the promise says of one request on its key.
type Judgement struct {
	Kept  Decision // given the admissions that keep the promise
	Given Decision // given all that was really admitted
	Free  Decision // by the reference that runs free
	Fits  int64    // tokens of the request that keep the promise
}

// Judge says what the promise makes of a request of that cost at now. It
// changes nothing.
func (p *Promise) Judge(now, cost int64) Judgement {
	free := p.free.Peek(now, cost)
	if p.split == nil {
		return Judgement{free, free, free, p.fits(p.free, now, cost, free)}
	}
	kept := p.split.kept.Peek(now, cost)
	return Judgement{kept, p.split.given.Peek(now, cost), free, p.fits(p.split.tokens, now, cost, p.split.tokens.Peek(now, cost))}
}

// fits returns the most tokens up to cost that the bucket has room for.
func (p *Promise) fits(b Bucket, now, cost int64, whole Decision) int64 {
	if whole.Allowed || whole.RetryAfter >= 0 && int64(whole.RetryAfter) <= p.slack {
		return cost
	}
	room, none := int64(0), max(cost, 0) // room fits, none does not
	for none-room > 1 {
		if half := room + (none-room)/2; b.Peek(now+p.slack, half).Allowed {
			room = half
		} else {
			none = half
		}
	}
	return room
}

// Settle spends what a request took. free says whether the reference that runs
// free admitted it, admitted whether the limiter did, kept whether the request
// is one of those that keep the promise, and fits how many of its tokens are.
func (p *Promise) Settle(now, cost int64, free, admitted, kept bool, fits int64) {
	agree := free == admitted && admitted == kept && (!kept || fits == cost)
	if p.split == nil && !agree {
		p.split = &split{p.free.clone(), p.free.clone(), p.free.clone()}
	}
	if admitted {
		p.note(now)
	}
	if free {
		p.free.Spend(now, cost)
	}
	if p.split == nil || !admitted {
		return
	}
	p.split.given.Spend(now, cost)
	p.split.tokens.Spend(now, fits)
	if kept {
		p.split.kept.Spend(now, cost)
	}
}

// note remembers when the window of all that was given began, before more is.
func (p *Promise) note(now int64) {
	if p.given().Peek(now, 0).ResetAfter <= 0 {
		p.began = now
	}
	p.latest = max(p.latest, now)
}

func (p *Promise) given() Bucket {
	if p.split == nil {
		return p.free
	}
	return p.split.given
}

// Excess returns how many tokens above the promise the window holds that ends
// at the latest admission, given all that was admitted (negative: room), and
// the instants at which it begins and ends.
func (p *Promise) Excess() (tokens float64, from, until int64) {
	tokens, from = p.given().excess(p.latest)
	return tokens, max(from, p.began), p.latest
}

func (g *gcra) clone() Bucket { c := *g; return &c }

func (g *gcra) excess(now int64) (float64, int64) {
	return float64(satSub(satSub(g.tat, now), satMul(g.burst, g.interval))) / float64(g.interval), always
}

func (g *exactGCRA) clone() Bucket { c := *g; return &c }

func (g *exactGCRA) excess(now int64) (float64, int64) {
	return g.tokens(g.tat.minus(exact{whole: now}, g.Count).minus(g.refill(g.Burst), g.Count)), always
}

// tokens returns the tokens that come back in a time with denominator Count,
// negative ones for a negative time.
func (l *Limit) tokens(x exact) float64 {
	return (float64(x.whole) + float64(x.part)/float64(l.Count)) * float64(l.Count) / float64(l.Period)
}

func (t *tokenBucket) clone() Bucket { c := *t; return &c }

func (t *tokenBucket) excess(now int64) (float64, int64) {
	level := t.level(now)
	return -(float64(level.whole) + float64(level.part)/float64(t.Period)), always
}

func (t *intervalBucket) clone() Bucket { c := *t; return &c }

func (t *intervalBucket) excess(now int64) (float64, int64) {
	return float64(-t.level(now).tokens), always
}

func (b *leakyBucket) clone() Bucket { c := *b; return &c }

func (b *leakyBucket) excess(now int64) (float64, int64) {
	return b.tokens(b.level(now).minus(b.refill(b.Burst), b.Count)), always
}

func (f *fixedWindow) clone() Bucket { c := *f; return &c }

func (f *fixedWindow) excess(now int64) (float64, int64) {
	from, _, used := f.roll(now)
	return float64(used - f.Count), from
}

func (s *slidingLog) clone() Bucket {
	c := *s
	c.entries = slices.Clone(s.entries)
	return &c
}

func (s *slidingLog) excess(now int64) (float64, int64) {
	_, used := s.left(now)
	return float64(used - s.Count), satSub(now, int64(s.Period))
}

func (s *slidingCounter) clone() Bucket { c := *s; return &c }

func (s *slidingCounter) excess(now int64) (float64, int64) {
	state := s.roll(now)
	return float64(state.estimate(now) - s.Count), s.start(state.window - 1)
}
