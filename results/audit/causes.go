package audit

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/quotalab/quotalab/models/limits"
	"github.com/quotalab/quotalab/results/record"
)

// Kind is what a cause is. The list is closed.
type Kind string

// The causes of over-admission. Each is a hypothesis that the record can
// refute: admissions are judged again as if the cause had excused them, and what
// then is no longer over is explained by it.
const (
	FailOpen    Kind = "fail-open"           // an error let the request through
	Unasked     Kind = "not Redis"           // the limiter decided without a command
	Moved       Kind = "shard lost or moved" // the key was on another shard before, or a fault emptied its shard in between
	Expired     Kind = "expiry"              // the key was gone although its bucket was not full
	Clocks      Kind = "clocks"              // it fits within the offset of clocks that the limiter read
	Concurrency Kind = "concurrency"         // another admission took effect between its reading and its writing
	Rounding    Kind = "rounding"            // the excess stays below one token
	LockedOut   Kind = "lock-out"            // of under-admission: the key is denied to the end of the run
	Unknown     Kind = "unknown"             // no hypothesis explains it
)

// Explanation is what explains faults of one limiter, and by which proof.
type Explanation struct {
	Kind     Kind
	Explains int64 // over-admissions, in requests, that are none under the hypothesis
	Of       int64 // over-admissions in requests
	Example  Example
}

// Example is the first case of a cause.
type Example struct {
	Limit, Key    string
	Seq, Other    int64 // the observation, and the one that it goes with (−1 none)
	At, OtherAt   int64 // their instants, ns after the epoch
	Shard, Before string
	Fault         string // in words
}

// hypothesis judges the admissions of one key as if its cause excused some.
type hypothesis struct {
	kind    Kind
	buckets map[string]limits.Bucket // by shard, of Moved; else one
	serial  map[string]*serial       // by shard, of Concurrency
	over    int64
	example Example
	seen    bool
	excused func(*suspect, *record.Observation, *record.Take) (Example, bool)
	excuses excuse
}

// excuse is what a hypothesis does with an admission that it excuses.
type excuse int

const (
	ignores    excuse = iota // it counts for nothing
	resets                   // the bucket is full again
	splits                   // every shard has a bucket of its own
	serialises               // it counts for nothing unless one at a time it is admitted too
)

// suspect is a key on which too much was admitted.
type suspect struct {
	limit, key string
	maker      func() limits.Bucket
	given      limits.Bucket
	guesses    []*hypothesis

	shard  string           // of the command before
	on     map[string]int64 // when an admission last took effect, by shard
	last   int64            // the latest of these
	latest admitted
}

// admitted is an admission that took effect.
type admitted struct{ seq, at int64 }

// explain finds the causes of over-admission by a second pass over the
// observations. over says on which keys of a limiter it was found.
func (r *Result) explain(m *record.Manifest, observations iter.Seq2[*record.Observation, error], over faulty) error {
	explainers := map[string]*explainer{}
	for i := range r.Limiters {
		if l := &r.Limiters[i]; l.Over > 0 && len(m.Limiters[i].Changes) == 0 && l.Settled == 0 { // by which the second pass does not go
			explainers[l.Name] = &explainer{manifest: m, spec: m.Limiters[i], out: l, over: over[l.Name], table: m.Limiters[i].Table(),
				suspects: map[[2]string]*suspect{}, spread: clockSpread(m)}
		}
	}
	if len(explainers) == 0 {
		return nil
	}
	for o, err := range observations {
		if err != nil {
			return fmt.Errorf("explaining over-admission: %w", err)
		}
		if e := explainers[o.Limiter]; e != nil && o.Decision != record.Dropped {
			if err := e.observe(o); err != nil {
				return fmt.Errorf("explaining over-admission of %s: %w", o.Limiter, err)
			}
		}
	}
	for _, e := range explainers {
		e.out.Explained = e.finish()
	}
	return nil
}

type explainer struct {
	manifest *record.Manifest
	spec     record.Limiter
	out      *Limiter
	over     func(*record.Take) bool
	table    *record.LimitTable
	suspects map[[2]string]*suspect
	order    []*suspect
	spread   time.Duration
	trips    int32 // fewest of an admission that reached a key; 0 none yet
}

func clockSpread(m *record.Manifest) time.Duration {
	least, most := time.Duration(0), time.Duration(0)
	for _, c := range m.Clients {
		least, most = min(least, c.ClockOffset), max(most, c.ClockOffset)
	}
	spread := most - least
	for _, f := range m.Faults {
		spread += f.ClockOffset.Abs()
	}
	return spread
}

func (c *explainer) observe(o *record.Observation) error {
	if o.Decision == record.Allowed && o.Effect >= 0 && o.RoundTrips >= 0 && (c.trips == 0 || o.RoundTrips < c.trips) {
		c.trips = o.RoundTrips
	}
	for i := range o.Takes {
		t := &o.Takes[i]
		if !c.over(t) {
			continue
		}
		s, err := c.suspect(t)
		if err != nil {
			return err
		}
		if admits(o) && t.Mode == record.TakeMode {
			c.judge(s, o, t)
		}
		if t.Shard != "" {
			s.shard = t.Shard
		}
	}
	return nil
}

func (c *explainer) suspect(t *record.Take) (*suspect, error) {
	at := [2]string{t.Limit, t.Key}
	if s := c.suspects[at]; s != nil {
		return s, nil
	}
	l, ok := c.table.For(t.Limit, t.Key)
	if !ok {
		return nil, fmt.Errorf("limit %q is not in the manifest", t.Limit)
	}
	maker, err := limits.Maker(c.out.Reference, limits.Limit{Count: l.Count, Period: l.Period, Burst: l.Burst}, c.manifest.Epoch.UnixNano())
	if err != nil {
		return nil, err
	}
	s := &suspect{limit: t.Limit, key: t.Key, maker: maker, given: maker(), on: map[string]int64{}, last: -1, latest: admitted{-1, -1}}
	s.guesses = c.hypotheses()
	c.suspects[at] = s
	c.order = append(c.order, s)
	return s, nil
}

func (c *explainer) hypotheses() []*hypothesis {
	return []*hypothesis{
		{kind: Unknown, excused: func(*suspect, *record.Observation, *record.Take) (Example, bool) { return Example{}, false }}, // the reference itself
		{kind: FailOpen, excuses: ignores, excused: failedOpen},
		{kind: Unasked, excuses: ignores, excused: c.unasked},
		{kind: Moved, excuses: splits, excused: c.moved},
		{kind: Expired, excuses: resets, excused: c.expired},
		{kind: Concurrency, excuses: serialises, excused: c.concurrent},
	}
}

func failedOpen(_ *suspect, o *record.Observation, _ *record.Take) (Example, bool) {
	return Example{}, o.Decision == record.FailOpen
}

func (c *explainer) unasked(_ *suspect, o *record.Observation, _ *record.Take) (Example, bool) {
	return Example{}, o.Decision == record.Allowed && o.Key == record.Unread && o.RoundTrips == 0
}

// gone reports whether the shard did not have the key although tokens were out
// that had been written before the request was sent.
func gone(s *suspect, o *record.Observation, t *record.Take) bool {
	return t.State == record.NotFound && s.last >= 0 && s.last < o.Sent && s.given.Peek(Instant(o), 0).ResetAfter > 0
}

// moved reports whether the key was on another shard before, or a fault emptied
// its shard since it was last written there.
func (c *explainer) moved(s *suspect, o *record.Observation, t *record.Take) (Example, bool) {
	if f := c.emptied(s, o, t); f != nil {
		return Example{Shard: t.Shard, Fault: f.What}, true
	}
	return Example{Shard: t.Shard, Before: s.shard}, t.Shard != "" && s.shard != "" && t.Shard != s.shard
}

func (c *explainer) emptied(s *suspect, o *record.Observation, t *record.Take) *record.Fault {
	last, written := s.on[t.Shard]
	if !written || !gone(s, o, t) {
		return nil
	}
	for i := range c.manifest.Faults {
		if f := &c.manifest.Faults[i]; f.MovesKeys && f.Shard == t.Shard && max(f.At, f.Until) >= last && f.At <= Instant(o) {
			return f
		}
	}
	return nil
}

func (c *explainer) expired(s *suspect, o *record.Observation, t *record.Take) (Example, bool) {
	if _, elsewhere := c.moved(s, o, t); elsewhere {
		return Example{}, false
	}
	return Example{Shard: t.Shard}, gone(s, o, t)
}

// concurrent reports whether another admission on the key took effect after
// this request was sent and before its own effect, so that it may have decided
// on a state without it. A limiter that decides in one round trip cannot.
func (c *explainer) concurrent(s *suspect, o *record.Observation, _ *record.Take) (Example, bool) {
	if c.trips < 2 {
		return Example{}, false
	}
	return Example{Other: s.latest.seq, OtherAt: s.latest.at}, o.Effect >= 0 && s.latest.at > o.Sent
}

// judge judges an admission under each hypothesis, greedily as Promise does.
func (c *explainer) judge(s *suspect, o *record.Observation, t *record.Take) {
	now := Instant(o)
	plain := s.guesses[0]
	before := plain.over
	c.guess(plain, s, o, t, now)
	for _, h := range s.guesses[1:] {
		if o.Decision == record.FailOpen && plain.over > before && h.kind != FailOpen {
			h.over++ // nothing else lets it through: nobody looked at what the others left
			continue
		}
		c.guess(h, s, o, t, now)
	}
	if o.Decision == record.FailOpen {
		return // it wrote nothing
	}
	s.given.Spend(now, t.Cost)
	effect := o.Effect
	if effect < 0 {
		effect = o.Done
	}
	if t.Shard != "" {
		s.on[t.Shard], s.last = effect, effect
	}
	if o.Effect > s.latest.at {
		s.latest = admitted{o.Seq, effect}
	}
}

func (c *explainer) guess(h *hypothesis, s *suspect, o *record.Observation, t *record.Take, now int64) {
	example, excused := h.excused(s, o, t)
	if excused && !h.seen {
		example.Limit, example.Key, example.Seq, example.At = s.limit, s.key, o.Seq, now
		h.seen, h.example = true, example
	}
	if h.excuses == serialises && !c.serialised(h, s, o, t, now, excused) {
		return
	}
	shard := ""
	if h.excuses == splits {
		shard = cmp.Or(t.Shard, s.shard)
	}
	if h.buckets == nil {
		h.buckets = map[string]limits.Bucket{}
	}
	b := h.buckets[shard]
	if b == nil || excused && (h.excuses == resets || h.excuses == splits && example.Fault != "") {
		b = s.maker()
		h.buckets[shard] = b
	}
	if excused && h.excuses == ignores {
		return
	}
	if c.fits(b, now, t.Cost) {
		b.Spend(now, t.Cost)
		return
	}
	if o.Intended >= c.manifest.Warmup.Nanoseconds() {
		h.over++
	}
}

func (c *explainer) fits(b limits.Bucket, now, cost int64) bool {
	d := b.Peek(now, cost)
	return d.Allowed || c.spec.Resolution > 0 && d.RetryAfter >= 0 && d.RetryAfter <= c.spec.Resolution
}

// serial is what a shard holds of a key, if requests are taken one at a time and if
// everything is lost that was written while others decided: what it does hold is between.
type serial struct{ all, least limits.Bucket }

// serialised reports whether an admission must be judged, because it happens without races
// too or none explains it: it took part in none, and what they lost does not make room for it.
func (c *explainer) serialised(h *hypothesis, s *suspect, o *record.Observation, t *record.Take, now int64, raced bool) bool {
	if h.serial == nil {
		h.serial = map[string]*serial{}
	}
	shard := cmp.Or(t.Shard, s.shard)
	on := h.serial[shard]
	if on == nil || c.emptied(s, o, t) != nil {
		on = &serial{s.maker(), s.maker()}
		h.serial[shard] = on
	}
	alone := c.fits(on.all, now, t.Cost)
	if alone {
		on.all.Spend(now, t.Cost)
	}
	if raced {
		return alone
	}
	room := c.fits(on.least, now, t.Cost)
	if room {
		on.least.Spend(now, t.Cost)
	}
	return alone || !room
}

// finish returns the causes that explain something, those that explain
// everything first and alone.
func (c *explainer) finish() []Explanation {
	sums := map[Kind]*Explanation{}
	var kinds []Kind
	total := int64(0)
	for _, s := range c.order {
		plain := s.guesses[0].over
		total += plain
		for _, h := range s.guesses[1:] {
			if sums[h.kind] == nil {
				sums[h.kind] = &Explanation{Kind: h.kind, Example: Example{Seq: -1, Other: -1}}
				kinds = append(kinds, h.kind)
			}
			if explains := plain - h.over; explains > 0 {
				if sums[h.kind].Explains == 0 {
					sums[h.kind].Example = h.example
				}
				sums[h.kind].Explains += explains
			}
		}
	}
	if total == 0 {
		return nil
	}
	var some []Explanation
	for _, k := range kinds {
		if sums[k].Of = total; sums[k].Explains == total {
			return []Explanation{*sums[k]}
		}
		if sums[k].Explains > 0 {
			some = append(some, *sums[k])
		}
	}
	if c.spec.ReadsClock && c.spread > 0 && c.withinClocks() {
		return []Explanation{{Kind: Clocks, Explains: total, Of: total, Example: Example{Seq: -1, Other: -1}}}
	}
	if c.out.Worst.Excess < 1 && len(some) == 0 {
		return []Explanation{{Kind: Rounding, Explains: total, Of: total, Example: Example{Limit: c.out.Worst.Limit, Key: c.out.Worst.Key, Seq: -1, Other: -1, At: c.out.Worst.Until}}}
	}
	if len(some) == 0 {
		return []Explanation{{Kind: Unknown, Of: total, Example: Example{Limit: c.out.Worst.Limit, Key: c.out.Worst.Key, Seq: -1, Other: -1, At: c.out.Worst.Until}}}
	}
	slices.SortStableFunc(some, func(a, b Explanation) int { return cmp.Compare(b.Explains, a.Explains) })
	return some
}

// withinClocks reports whether the worst excess is no more than the tokens that
// come back in the time that the clocks are apart.
func (c *explainer) withinClocks() bool {
	w := c.out.Worst
	l, ok := c.table.For(w.Limit, w.Key)
	return ok && w.Excess*float64(l.Period)/float64(l.Count) <= float64(c.spread+c.spec.Resolution)+0.5
}
