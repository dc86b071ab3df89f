package limiter

import (
	"math"
	"time"
)

// bucket is one take with what was read and decided about it.
type bucket struct {
	take     Take
	burst    int64
	interval int64 // emission interval, ns
	offset   int64 // burst offset, ns
	stored   int64 // TAT read, if found
	found    bool
	verdict  verdict
}

// verdict of GCRA on one bucket; instants in Unix nanoseconds.
type verdict struct {
	allowed   bool
	newTAT    int64
	remaining int64
	wait      time.Duration // until it would be allowed
}

// forever is the wait for more than a full bucket.
const forever = time.Duration(math.MaxInt64)

// unlimited is the verdict of no bucket.
var unlimited = verdict{allowed: true, remaining: math.MaxInt64}

// decide applies GCRA: TAT' = max(now, TAT) + cost·T, allowed iff
// now ≥ TAT' − burst·T.
func (b *bucket) decide(now int64) {
	base := now
	if b.found {
		base = max(now, b.stored)
	}
	left := now - (base - b.offset)
	if b.take.Cost > b.burst {
		b.verdict = verdict{false, base, left / b.interval, forever}
		return
	}
	room := left - b.interval*b.take.Cost
	if room < 0 {
		b.verdict = verdict{false, base, left / b.interval, time.Duration(-room)}
		return
	}
	b.verdict = verdict{true, base + b.interval*b.take.Cost, room / b.interval, 0}
}

// stricter tells which of two verdicts of a batch counts, as in Boulder: a
// denial, then the longer wait, then fewer tokens.
func (v verdict) stricter(than verdict) bool {
	switch {
	case v.allowed != than.allowed:
		return !v.allowed
	case v.wait != than.wait:
		return v.wait > than.wait
	}
	return v.remaining < than.remaining
}

// tell puts a verdict into the decision.
func (d *Decision) tell(v verdict) {
	d.Allowed, d.Remaining, d.RetryAfter = v.allowed, v.remaining, v.wait
	if v.remaining == math.MaxInt64 {
		d.Remaining = -1
	}
	if v.allowed {
		d.RetryAfter = 0
	}
	if v.wait == forever {
		d.RetryAfter = -1
	}
}

func (b *bucket) ttl(now int64) time.Duration {
	return time.Duration(b.verdict.newTAT-now) + ttlSlack
}
