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
}

// algorithms by name, in the order in which Algorithms lists them. Each
// checks the limit and returns a maker of full buckets that share it.
var algorithms = []struct {
	name  string
	maker func(Limit) (func() Bucket, error)
}{
	{"gcra", newGCRA},
	{"gcra_float", newExactGCRA},
	{"fixed_window", newFixedWindow},
	{"sliding_log", newSlidingLog},
	{"sliding_counter", newSlidingCounter},
	{"token_bucket", newTokenBucket},
	{"leaky_bucket", newLeakyBucket},
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
	full, err := Maker(algorithm, l)
	if err != nil {
		return nil, err
	}
	return full(), nil
}

// Maker returns a function that makes full buckets of one limit. It is New
// for many keys: the limit is checked once and shared, so that a GCRA bucket
// is one pointer and one integer.
func Maker(algorithm string, l Limit) (func() Bucket, error) {
	for _, a := range algorithms {
		if a.name != algorithm {
			continue
		}
		full, err := a.maker(l)
		if err != nil {
			return nil, fmt.Errorf("limits: %s: %w", algorithm, err)
		}
		return full, nil
	}
	return nil, fmt.Errorf("limits: no algorithm %q: use one of %s", algorithm, strings.Join(Algorithms(), ", "))
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
