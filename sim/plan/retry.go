package plan

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/quotalab/quotalab/scenarios"
)

// retry compiles a client's reaction to a denial.
func retry(r scenarios.Reaction) *Retry {
	if r.Retry == nil {
		return nil
	}
	out := &Retry{MaxAttempts: int(r.Retry.MaxAttempts)}
	switch {
	case r.Retry.Fixed != nil:
		wait := time.Duration(*r.Retry.Fixed)
		out.Wait = func(int, time.Duration, *rand.Rand) (time.Duration, bool) { return wait, true }
	case r.Retry.Exponential != nil:
		out.Wait = backoff(*r.Retry.Exponential)
	default:
		out.Wait = func(_ int, retryAfter time.Duration, _ *rand.Rand) (time.Duration, bool) {
			return retryAfter, retryAfter >= 0 // a limiter that does not say when leaves nothing to wait for
		}
	}
	return out
}

// backoff waits base·2ⁿ before retry n (from 0), at most longest, of which
// the share jitter is random.
func backoff(b scenarios.RetryBackoff) func(int, time.Duration, *rand.Rand) (time.Duration, bool) {
	base, longest, jitter := float64(b.Base), float64(b.Max), float64(b.Jitter)
	return func(attempt int, _ time.Duration, rng *rand.Rand) (time.Duration, bool) {
		wait := math.Min(math.Ldexp(base, attempt), longest)
		return time.Duration(wait * (1 - jitter*rng.Float64())), true
	}
}
