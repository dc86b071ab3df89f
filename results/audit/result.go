package audit

import (
	"cmp"
	"slices"
)

// Result of an audit.
type Result struct {
	Limiters   []Limiter        // of a replay, in the manifest's order
	Thresholds *ThresholdResult // of Thresholds; nil: not audited, or there is no engine
}

// Find returns the result of the limiter of that name.
func (r *Result) Find(name string) (Limiter, bool) {
	i := slices.IndexFunc(r.Limiters, func(l Limiter) bool { return l.Name == name })
	if i < 0 {
		return Limiter{}, false
	}
	return r.Limiters[i], true
}

// Limiter is what the replay of one limiter's decisions found. All counts
// leave the warm-up out. In real time, faults are those that every order has,
// and all else that some order makes one is Ambiguous.
type Limiter struct {
	Name      string
	Algorithm string // of the oracle; "": the limiter has none, and nothing below is known
	Unknown   string // why nothing below is known although there is an oracle; "" it is

	Compared    int64 // decisions compared with the oracle's
	Over        int64 // allowed, where the oracle denies
	OverChecked int64 // of Over: by requests that only check, and so took no tokens
	Under       int64 // denied, where the oracle allows
	Ambiguous   int64 // different, but within the limiter's clock resolution of the boundary; in real time also what depends on the order
	Uncertain   int64 // errors and fail-opens that reached a key: whether they spent is unknown
	RetryKnown  int64 // denials by both, with a RetryAfter, on keys without an earlier fault
	WrongRetry  int64 // of these, with a RetryAfter that is off by more than the clock's resolution

	// WorstExcess is the most tokens that any key was given in any window of
	// any length t above burst + t/T (0: none), and WorstLimit and WorstKey
	// are where.
	WorstExcess          float64
	WorstLimit, WorstKey string

	Keys  int64      // distinct limits and keys seen
	Worst []Offender // keys with faults, the worst first, at most MaxOffenders
}

// Audited tells whether the limiter was compared with an oracle.
func (l *Limiter) Audited() bool { return l.Algorithm != "" && l.Unknown == "" }

// MaxOffenders is how many keys a Limiter's Worst holds at most.
const MaxOffenders = 20

// Offender is a key on which the limiter was wrong.
type Offender struct {
	Limit, Key  string
	Over, Under int64
	Excess      float64 // tokens above burst + t/T in the worst window, 0 none
}

// worse orders offenders: by over-admission, under-admission, excess, name.
func worse(a, b Offender) int {
	return cmp.Or(cmp.Compare(b.Over, a.Over), cmp.Compare(b.Under, a.Under), cmp.Compare(b.Excess, a.Excess),
		cmp.Compare(a.Limit, b.Limit), cmp.Compare(a.Key, b.Key))
}
