package audit

import (
	"slices"
	"time"

	"github.com/quotalab/quotalab/results/record"
)

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

// answered are the errors that came as a server's answer, or (contention) after
// one said that nothing was written: what the commands did, they did before. Of others nobody knows whether they were executed, by
// how many attempts of the client's library, and when.
var answered = []string{"server", "script_missing", "contention", "unexpected"}

// lastEffect is when a request that came to no decision can take tokens no
// more: what was sent to a server without an answer is executed when the
// server goes on, after a fault, and no later than the longest that an answer
// took.
func (r *realRun) lastEffect(o *record.Observation) float64 {
	if slices.Contains(answered, o.Error) {
		return float64(o.Done)
	}
	end := o.Done
	for _, f := range r.manifest.Faults {
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
	for _, f := range r.manifest.Faults {
		// A client's library sends a command again whose answer was lost, and
		// both may have taken tokens.
		if !f.KeepsAnswers && (f.Shard == t.Shard || t.Shard == "") && f.At <= o.Done && o.Sent <= f.Until+faultLag.Nanoseconds() {
			return true
		}
	}
	return false
}
