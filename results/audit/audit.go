package audit

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/quotalab/quotalab/models/limits"
	"github.com/quotalab/quotalab/results/quotaaudit"
	"github.com/quotalab/quotalab/results/record"
)

// ErrOrder is wrapped by the error of Replay on a record of virtual time that
// lacks the order of effect.
var ErrOrder = errors.New("the order in which decisions took effect is not in the record")

// Replay replays the whole record. Limiters without a reference algorithm
// are passed over. In a record of real time only what is certain counts.
func Replay(r *record.Reader) (*Result, error) {
	m := r.Manifest()
	if m.Clock == "real" {
		return replayReal(m, r.BySent())
	}
	return replay(m, r.ByEffect())
}

// All audits limiters and engines, as far as the record has them.
func All(r *record.Reader) (*Result, error) {
	result, err := Replay(r)
	if err == nil && len(r.Manifest().Engines) > 0 {
		result.Thresholds, err = quotaaudit.Replay(r)
	}
	return result, err
}

func replay(m record.Manifest, byEffect iter.Seq2[*record.Observation, error]) (*Result, error) {
	auditors := make([]*auditor, len(m.Limiters))
	byName := make(map[string]*auditor, len(m.Limiters))
	for i, l := range m.Limiters {
		a, err := newAuditor(l, m.Warmup.Nanoseconds())
		if err != nil {
			return nil, fmt.Errorf("auditing %s: %w", l.Name, err)
		}
		auditors[i], byName[l.Name] = a, a
	}
	for o, err := range byEffect {
		if err != nil {
			return nil, fmt.Errorf("auditing: %w", err)
		}
		a, ok := byName[o.Limiter]
		switch {
		case o.Decision == record.Dropped:
			continue // and belongs to no limiter
		case !ok:
			return nil, fmt.Errorf("auditing: observation %d is of limiter %q, which the manifest does not list", o.Seq, o.Limiter)
		}
		if err := a.observe(o); err != nil {
			return nil, fmt.Errorf("auditing %s, observation %d: %w", o.Limiter, o.Seq, err)
		}
	}
	result := &Result{}
	for _, a := range auditors {
		result.Limiters = append(result.Limiters, a.finish())
	}
	return result, nil
}

// auditor replays the decisions of one limiter.
type auditor struct {
	spec   record.Limiter
	warmup int64
	keys   *keys[*key]
	out    Limiter
	at     []*key            // of the observation at hand, one for each take
	said   []limits.Decision // the reference's, one for each take
}

func newAuditor(spec record.Limiter, warmup int64) (*auditor, error) {
	a := &auditor{spec: spec, warmup: warmup, out: Limiter{Name: spec.Name, Algorithm: spec.Algorithm}}
	if spec.Algorithm == "" {
		return a, nil
	}
	var err error
	a.keys, err = newKeys(spec, func(l limits.Limit) (func() *key, error) { return newKeyMaker(spec.Algorithm, l) })
	return a, err
}

// verdict is the reference's on one observation.
type verdict struct {
	allowed bool
	margin  time.Duration // how far the instant is from where the verdict turns
	retry   time.Duration // until it would be allowed; −1 never
}

func (a *auditor) observe(o *record.Observation) error {
	if a.keys == nil {
		return nil
	}
	measured := o.Intended >= a.warmup
	if o.Decision != record.Allowed && o.Decision != record.Denied {
		if measured && o.Effect >= 0 {
			a.out.Uncertain++
		}
		return nil
	}
	if o.Effect >= 0 && o.Order < 0 {
		return fmt.Errorf("%w, though its manifest says that it is of virtual time", ErrOrder)
	}
	now := instant(o)
	if err := a.peek(o, now); err != nil {
		return err
	}
	v := a.decide(o)
	allowed := o.Decision == record.Allowed
	ambiguous := v.allowed != allowed && a.spec.Resolution > 0 && v.margin <= a.spec.Resolution
	if measured {
		a.count(o, v, ambiguous)
	}
	if ambiguous {
		a.adopt(o, now, allowed)
	} else if v.allowed {
		a.spend(o, now)
	}
	if allowed {
		a.raise(o, now, measured)
	}
	return nil
}

// instant is the reference's now: when the limiter read its clock. A limiter
// that reads none, and reaches no key, decides when it is done.
func instant(o *record.Observation) int64 {
	switch {
	case o.Judged >= 0:
		return o.Judged
	case o.Effect >= 0:
		return o.Effect
	default:
		return o.Done
	}
}

// peek asks the reference of each key.
func (a *auditor) peek(o *record.Observation, now int64) error {
	a.at, a.said = a.at[:0], a.said[:0]
	for i := range o.Takes {
		t := &o.Takes[i]
		k, err := a.keys.of(t.Limit, t.Key)
		if err != nil {
			return err
		}
		a.at = append(a.at, k)
		a.said = append(a.said, k.reference.Peek(now, t.Cost))
	}
	return nil
}

// decide joins the takes: one that is checked and has no room denies the
// whole. The verdict turns when the first of the allowing takes or the last
// of the denying ones turns.
func (a *auditor) decide(o *record.Observation) verdict {
	allow := verdict{allowed: true, margin: math.MaxInt64}
	deny := verdict{}
	for i, d := range a.said {
		switch {
		case o.Takes[i].Mode == record.SpendMode:
		case d.Allowed:
			allow.margin = min(allow.margin, d.Margin)
		default:
			allow.allowed = false
			deny.margin = max(deny.margin, d.Margin)
			deny.retry = later(deny.retry, d.RetryAfter)
		}
	}
	if allow.allowed {
		return allow
	}
	return deny
}

// later returns the longer of two waits, where −1 is never.
func later(a, b time.Duration) time.Duration {
	if a < 0 || b < 0 {
		return -1
	}
	return max(a, b)
}

// spend takes what the reference admitted: of each limit that has room, as
// Boulder's BatchSpend does.
func (a *auditor) spend(o *record.Observation, now int64) {
	for i, k := range a.at {
		if o.Takes[i].Mode != record.CheckMode && a.said[i].Allowed {
			k.reference.Spend(now, o.Takes[i].Cost)
		}
	}
}

// adopt takes over an outcome that the clock does not let us doubt.
func (a *auditor) adopt(o *record.Observation, now int64, allowed bool) {
	for i, k := range a.at {
		if allowed && o.Takes[i].Mode != record.CheckMode {
			k.reference.Spend(now, o.Takes[i].Cost)
		}
	}
}

// raise raises the level of each key that the limiter took tokens from.
func (a *auditor) raise(o *record.Observation, now int64, measured bool) {
	for i, k := range a.at {
		if o.Takes[i].Mode != record.CheckMode {
			k.level.admit(now, o.Takes[i].Cost, measured)
		}
	}
}

// onlyChecks tells whether a request takes no tokens.
func onlyChecks(o *record.Observation) bool {
	return !slices.ContainsFunc(o.Takes, func(t record.Take) bool { return t.Mode != record.CheckMode })
}

func (a *auditor) count(o *record.Observation, v verdict, ambiguous bool) {
	a.out.Compared++
	allowed := o.Decision == record.Allowed
	switch {
	case ambiguous:
		a.out.Ambiguous++
	case allowed && !v.allowed:
		a.out.Over++
		if onlyChecks(o) {
			a.out.OverChecked++
		}
		a.blame(o, func(k *key, d limits.Decision) {
			if !d.Allowed {
				k.over++
			}
		})
	case !allowed && v.allowed:
		a.out.Under++
		a.blame(o, func(k *key, _ limits.Decision) { k.under++ })
	case !allowed:
		a.countRetry(o, v)
	}
}

// blame calls f for the keys that took part in the decision.
func (a *auditor) blame(o *record.Observation, f func(*key, limits.Decision)) {
	for i, k := range a.at {
		if o.Takes[i].Mode != record.SpendMode {
			f(k, a.said[i])
		}
	}
}

// countRetry compares the waits that limiter and reference tell a denied
// client. After a fault on a key the two are out of step, and a different
// wait is only its consequence.
func (a *auditor) countRetry(o *record.Observation, v verdict) {
	if o.RetryAfter < 0 || v.retry < 0 {
		return
	}
	for _, k := range a.at {
		if k.over > 0 || k.under > 0 {
			return
		}
	}
	a.out.RetryKnown++
	if off := time.Duration(o.RetryAfter) - v.retry; max(off, -off) > a.spec.Resolution {
		a.out.WrongRetry++
	}
}

func (a *auditor) finish() Limiter {
	if a.keys != nil {
		a.keys.summarise(&a.out, func(k *key) (Offender, bool) {
			return Offender{Over: k.over, Under: k.under, Excess: k.level.excess(int64(a.spec.Resolution))}, true
		})
	}
	return a.out
}

// Result is what an audit found.
type Result struct {
	Limiters   []Limiter          // of a replay, in the manifest's order
	Thresholds *quotaaudit.Result // of engines; nil: not audited, or there is no engine
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
	Algorithm string // of the reference; "": the limiter has none, and nothing below is known
	Unknown   string // why nothing below is known although there is an reference; "" it is

	Compared    int64 // decisions compared with the reference's
	Over        int64 // allowed, where the reference denies
	OverChecked int64 // of Over: by requests that only check, and so took no tokens
	Under       int64 // denied, where the reference allows
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

// Audited tells whether the limiter was compared with an reference.
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

// level keeps the worst excess of a key's windows.
type level struct {
	limits.Window
	worst float64 // tokens times T (ns)
}

// admit notes tokens given at now. Only a measured window counts.
func (l *level) admit(now, cost int64, measured bool) {
	if excess := l.Admit(now, cost); measured {
		l.worst = max(l.worst, excess)
	}
}

// excess is the worst in tokens, 0 if it is within what a clock of that
// resolution (ns) may give away.
func (l *level) excess(resolution int64) float64 {
	if l.worst <= float64(resolution) {
		return 0
	}
	return l.worst / l.Interval
}
