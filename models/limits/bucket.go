package limits

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Decision is what a request is told.
type Decision struct {
	Allowed bool
	// Remaining is the whole tokens left, with the request's cost taken out
	// if it is allowed. Below 0 the bucket is in debt: an unconditional
	// Spend took more than there was, or the clock went back.
	Remaining int64
	// RetryAfter is 0 if allowed, else the exact wait after which the same
	// request would be allowed if nothing else happened: denied one
	// nanosecond earlier, allowed then. It is −1 if that is never (cost above
	// the burst, or below 0), or further off than 64 bits can say.
	RetryAfter time.Duration
	// ResetAfter is the wait until the bucket is full, with the request's
	// cost taken out if it is allowed.
	ResetAfter time.Duration
	// Margin is the distance of the instant from the boundary at which the
	// decision turns: with the clock off by less than Margin, in either
	// direction, the decision is the same. The longest Duration means that
	// no instant turns it.
	Margin time.Duration
}

// Bucket is the state of one key. Instants are nanoseconds after the run's
// epoch, within 2⁶² (146 years) of it; they may be negative and may go back.
// A negative cost is never
// allowed, and spending or refunding it does nothing.
type Bucket interface {
	// Peek decides on a request of that cost at now. It changes nothing.
	Peek(now, cost int64) Decision
	// Spend takes cost tokens, whether they are there or not: the caller
	// peeked, or adopts a decision made elsewhere.
	Spend(now, cost int64)
	// Refund gives cost tokens back, at most to full.
	Refund(now, cost int64)
	// Reset makes the bucket full.
	Reset()

	// clone returns a bucket in the same state.
	clone() Bucket
	// excess returns the tokens in the window that ends at now above what the
	// algorithm allows (negative: the room that is left), and the earliest
	// instant of that window, always if it began when the bucket was last full.
	excess(now int64) (tokens float64, from int64)
}

// algorithms by name, in the order in which Algorithms lists them. Each
// checks the limit and returns a maker of full buckets that share it.
var algorithms = []struct {
	name  string
	maker func(l Limit, epoch int64) (func() Bucket, error)
}{
	{"gcra", timeless(newGCRA)},
	{"gcra_float", timeless(newExactGCRA)},
	{"fixed_window", newFixedWindow(unixWindow)},
	{"fixed_window_first_hit", newFixedWindow(firstHitWindow)},
	{"fixed_window_daily", nil}, // with a zone: see calendarMaker
	{"fixed_window_monthly", nil},
	{"sliding_log", timeless(newSlidingLog)},
	{"sliding_counter", newSlidingCounter},
	{"token_bucket", timeless(newTokenBucket)},
	{"token_bucket_interval", timeless(newIntervalBucket)},
	{"leaky_bucket", timeless(newLeakyBucket)},
	{"concurrency", timeless(newConcurrency)},
}

// timeless makes buckets that are the same whatever the time of the epoch.
func timeless(maker func(Limit) (func() Bucket, error)) func(Limit, int64) (func() Bucket, error) {
	return func(l Limit, _ int64) (func() Bucket, error) { return maker(l) }
}

// Algorithms are the names that New knows.
func Algorithms() []string {
	names := make([]string, len(algorithms))
	for i, a := range algorithms {
		names[i] = a.name
	}
	return names
}

// New returns a full bucket. The error says what is wrong with the limit,
// or that there is no such algorithm.
func New(algorithm string, l Limit) (Bucket, error) {
	full, err := Maker(algorithm, l, 0)
	if err != nil {
		return nil, err
	}
	return full(), nil
}

// Maker returns a function that makes full buckets of one limit. It is New
// for many keys: the limit is checked once and shared, so that a GCRA bucket
// is one pointer and one integer. The epoch that instants count from, in Unix
// nanoseconds, says where windows begin.
func Maker(algorithm string, l Limit, epoch int64) (func() Bucket, error) {
	maker, err := calendarMaker(algorithm)
	for _, a := range algorithms {
		if a.name == algorithm && a.maker != nil {
			maker = a.maker
		}
	}
	var full func() Bucket
	switch {
	case err == nil && maker == nil:
		return nil, fmt.Errorf("limits: no algorithm %q: use one of %s", algorithm, strings.Join(Algorithms(), ", "))
	case err == nil:
		full, err = maker(l, epoch)
	}
	if err != nil {
		return nil, fmt.Errorf("limits: %s: %w", algorithm, err)
	}
	return full, nil
}

// Boundaries that are no instant: a request allowed at any instant, and one
// allowed at none.
const (
	always int64 = math.MinInt64
	never  int64 = math.MaxInt64
)

// at is the decision at now on a request whose boundary is b: the first
// instant at which it is allowed. All algorithms share it, so that RetryAfter
// and Margin mean the same in all of them. When denied, RetryAfter and Margin
// are the same distance, b − now; when allowed, Margin is now − b, the
// furthest that now could be set back.
func at(now, b int64) Decision {
	switch {
	case b == always:
		return Decision{Allowed: true, Margin: math.MaxInt64}
	case b == never:
		return Decision{RetryAfter: -1, Margin: math.MaxInt64}
	case now >= b:
		return Decision{Allowed: true, Margin: time.Duration(satSub(now, b))}
	}
	wait := time.Duration(satSub(b, now))
	return Decision{RetryAfter: wait, Margin: wait}
}

// tokenBucket is a bucket of Burst tokens that is refilled continuously at the
// rate Count/Period; a request takes cost tokens, or is denied if there are
// fewer.
//
// The state is the tokens at the instant of the last change. With
// tokens = whole + part/Period, dt nanoseconds bring dt·Count/Period tokens,
// a rational number with the same denominator, so nothing is rounded:
//
//	tokens(now) = min(Burst, tokens + max(0, now − last)·Count/Period).
//
// An instant before the last change brings nothing and takes nothing back.
//
// The boundary: for cost ≤ Burst the cap does not matter, and tokens(now) ≥ cost
// if tokens ≥ cost at once, else when now − last ≥ (cost − tokens)·Period/Count:
//
//	b = last + ⌈(cost − tokens)·Period/Count⌉.
//
// As long as time does not go back it decides as the GCRA of the same exact
// rate, with tokens = Burst − max(0, TAT − now)·Count/Period; a test asserts it.
type tokenBucket struct {
	*Limit
	tokens exact // denominator Period
	last   int64
}

func newTokenBucket(l Limit) (func() Bucket, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	return func() Bucket { return &tokenBucket{&l, exact{whole: l.Burst}, always} }, nil
}

// level is tokens(now).
func (t *tokenBucket) level(now int64) exact {
	if now <= t.last {
		return t.tokens
	}
	q, r := mulDiv(uint64(now)-uint64(t.last), uint64(t.Count), 0, uint64(t.Period))
	level := t.tokens.plus(exact{q, r}, int64(t.Period))
	if full := (exact{whole: t.Burst}); full.less(level) {
		return full
	}
	return level
}

// wait is the time until the tokens grow from level to n, rounded up to a
// whole nanosecond; 0 if there are as many.
func (t *tokenBucket) wait(level exact, n int64) int64 {
	lack := exact{whole: n}.minus(level, int64(t.Period))
	if lack.whole < 0 {
		return 0
	}
	return up(mulDiv(uint64(lack.whole), uint64(t.Period), uint64(lack.part), uint64(t.Count)))
}

func (t *tokenBucket) boundary(cost int64) int64 {
	if cost < 0 || cost > t.Burst {
		return never
	}
	wait := t.wait(t.tokens, cost)
	if wait == 0 {
		return always
	}
	return satAdd(t.last, wait)
}

func (t *tokenBucket) Peek(now, cost int64) Decision {
	d := at(now, t.boundary(cost))
	level := t.level(now)
	if d.Allowed {
		level.whole -= cost
	}
	d.Remaining = level.whole
	if wait := t.wait(level, t.Burst); wait > 0 {
		d.ResetAfter = time.Duration(satSub(satAdd(max(now, t.last), wait), now))
	}
	return d
}

func (t *tokenBucket) Spend(now, cost int64) {
	if cost < 0 {
		return
	}
	t.tokens = t.level(now)
	t.tokens.whole = satSub(t.tokens.whole, cost)
	t.last = max(t.last, now)
}

func (t *tokenBucket) Refund(now, cost int64) {
	if cost < 0 {
		return
	}
	t.tokens = t.level(now)
	t.last = max(t.last, now)
	t.tokens.whole = satAdd(t.tokens.whole, cost)
	if t.tokens.whole >= t.Burst {
		t.tokens = exact{whole: t.Burst}
	}
}

func (t *tokenBucket) Reset() { t.tokens, t.last = exact{whole: t.Burst}, always }

// intervalBucket is a bucket of Burst tokens to which Count tokens come back at
// once, a Period after the first was taken from a full one and so on until it
// is full again.
//
// The state is the tokens at the last of those instants that has passed. With k
// whole periods since then,
//
//	tokens(now) = min(Burst, tokens + k·Count).
//
// The boundary: for cost ≤ Burst, at once if tokens ≥ cost, else
//
//	b = last + ⌈(cost − tokens)/Count⌉·Period.
//
// It is full, and its periods begin anew, when all is back. Around an instant at
// which tokens come back up to Burst + Count pass in no time, which is no more
// than the envelope of a burst that much larger.
type intervalBucket struct {
	*Limit
	tokens, last int64 // last always: full
}

func newIntervalBucket(l Limit) (func() Bucket, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	return func() Bucket { return &intervalBucket{&l, l.Burst, always} }, nil
}

// level returns the state as of now.
func (t *intervalBucket) level(now int64) intervalBucket {
	if t.last == always || now <= t.last {
		return *t
	}
	k := int64((uint64(now) - uint64(t.last)) / uint64(t.Period))
	if back := satMul(k, t.Count); back >= satSub(t.Burst, t.tokens) {
		return intervalBucket{t.Limit, t.Burst, always}
	}
	return intervalBucket{t.Limit, t.tokens + k*t.Count, t.last + k*int64(t.Period)}
}

// from returns the instant from which there are n tokens, if that is not at once.
func (t *intervalBucket) from(n int64) int64 {
	lack := satSub(n, t.tokens)
	return satAdd(t.last, satMul(up(lack/t.Count, lack%t.Count), int64(t.Period)))
}

func (t *intervalBucket) boundary(cost int64) int64 {
	switch {
	case cost < 0 || cost > t.Burst:
		return never
	case t.tokens >= cost:
		return always
	}
	return t.from(cost)
}

func (t *intervalBucket) Peek(now, cost int64) Decision {
	d := at(now, t.boundary(cost))
	state := t.level(now)
	if d.Allowed && cost > 0 {
		state.Spend(now, cost)
	}
	d.Remaining = state.tokens
	if state.tokens < t.Burst {
		d.ResetAfter = time.Duration(satSub(state.from(t.Burst), now))
	}
	return d
}

func (t *intervalBucket) Spend(now, cost int64) {
	if cost <= 0 {
		return
	}
	if *t = t.level(now); t.last == always {
		t.last = now
	}
	t.tokens = satSub(t.tokens, cost)
}

func (t *intervalBucket) Refund(now, cost int64) {
	if cost <= 0 {
		return
	}
	if *t = t.level(now); satAdd(t.tokens, cost) >= t.Burst {
		t.Reset()
		return
	}
	t.tokens += cost
}

func (t *intervalBucket) Reset() { t.tokens, t.last = t.Burst, always }

// leakyBucket is a meter (ITU-T I.371, the continuous-state form of GCRA): a
// bucket that leaks all the time, into which each request pours its cost and
// is denied if that would overflow. A leaky bucket that queues requests takes in
// and turns away the same ones, Burst being the places of its queue; those that it
// takes in it delays by X(now).
//
// The state is the content X at the instant of the last change, measured as
// the time it takes to leak, so that it shrinks by one nanosecond a
// nanosecond, and a token is Period/Count of it (denominator Count):
//
//	X(now) = max(0, X − max(0, now − last)),
//
// and a request is allowed if X(now) + cost·Period/Count ≤ Burst·Period/Count.
// An instant before the last change counts as that one.
//
// The boundary: allowed at once if X ≤ (Burst − cost)·Period/Count, else from
//
//	b = last + ⌈X − (Burst − cost)·Period/Count⌉.
//
// As long as time does not go back, X = max(0, TAT − now) of the exact GCRA.
type leakyBucket struct {
	*Limit
	content exact // nanoseconds, denominator Count
	last    int64
}

func newLeakyBucket(l Limit) (func() Bucket, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	return func() Bucket { return &leakyBucket{&l, exact{}, always} }, nil
}

// level is X(now).
func (b *leakyBucket) level(now int64) exact {
	if now <= b.last {
		return b.content
	}
	leak := uint64(now) - uint64(b.last)
	if leak > uint64(b.content.whole) {
		return exact{}
	}
	return exact{b.content.whole - int64(leak), b.content.part}
}

func (b *leakyBucket) boundary(cost int64) int64 {
	if cost < 0 || cost > b.Burst {
		return never
	}
	wait := b.content.minus(b.refill(b.Burst-cost), b.Count).ceil()
	if wait <= 0 {
		return always
	}
	return satAdd(b.last, wait)
}

func (b *leakyBucket) Peek(now, cost int64) Decision {
	d := at(now, b.boundary(cost))
	level := b.level(now)
	if d.Allowed {
		level = level.plus(b.refill(cost), b.Count)
	}
	d.Remaining = b.Burst - b.missing(level)
	if wait := level.ceil(); wait > 0 {
		d.ResetAfter = time.Duration(satSub(satAdd(max(now, b.last), wait), now))
	}
	return d
}

func (b *leakyBucket) Spend(now, cost int64) {
	if cost < 0 {
		return
	}
	b.content = b.level(now).plus(b.refill(cost), b.Count)
	b.last = max(b.last, now)
}

func (b *leakyBucket) Refund(now, cost int64) {
	if cost < 0 {
		return
	}
	b.content = b.level(now).minus(b.refill(cost), b.Count)
	b.last = max(b.last, now)
	if b.content.whole < 0 {
		b.content = exact{}
	}
}

func (b *leakyBucket) Reset() { b.content, b.last = exact{}, always }
