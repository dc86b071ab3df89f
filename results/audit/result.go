package audit

import (
	"cmp"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/quotalab/quotalab/results/quotaaudit"
	"github.com/quotalab/quotalab/results/record"
)

// Result is what an audit found.
type Result struct {
	Limiters   []Limiter          // of a replay, in the manifest's order
	Thresholds *quotaaudit.Result // of Thresholds; nil: not audited, or there is no engine
}

// Find returns the result of the limiter of that name.
func (r *Result) Find(name string) (Limiter, bool) {
	i := slices.IndexFunc(r.Limiters, func(l Limiter) bool { return l.Name == name })
	if i < 0 {
		return Limiter{}, false
	}
	return r.Limiters[i], true
}

// Limiter is what the audit of one limiter's decisions found. All counts leave
// the warm-up out. In real time, faults are those that every order has, and
// all else that some order makes one is Ambiguous.
type Limiter struct {
	Name      string
	Algorithm string // that the limiter declares; "": none, so that only the worst excess is known
	Reference string // by which it was judged: Algorithm, or else the envelope burst + t/T
	Unknown   string // why nothing but the worst excess is known although there is an algorithm; "" it is

	Sequential bool // the order of effect is known: virtual time
	Tokens     bool // Over counts tokens on some limit, because costs differ there

	Compared      int64 // decisions that were judged
	Over          int64 // over-admission: the least number of admissions to take away so that the promise holds; tokens on limits where costs differ
	Under         int64 // under-admission: denials that would have fitted, given all that was admitted
	Divergence    int64 // decisions that a reference running free decides otherwise (virtual time)
	ChecksAllowed int64 // checks, which take nothing, that were told yes where there was no room
	Ambiguous     int64 // within the limiter's clock resolution of the boundary, or possibly right because of a lost answer; in real time also what depends on the order
	Settled       int64 // admissions that were settled: their real cost was told, or their permit returned
	Leaked        int64 // of a concurrency limit: permits whose lease ended before they were returned
	Uncertain     int64 // requests without an answer that reached a key, or may after that: whether they spent is unknown

	Explained      []Explanation // of Over, the one that explains most first; one that explains all stands alone
	UnderExplained []Explanation // of Under

	Retry RetryAfter
	Cells []Cell // the counts by traffic, client, limit and phase, sorted
	Worst Window // the worst window of any key; Excess 0: none is above the promise

	// ByUser is the same by who sent the requests, where that is not the key that the
	// limiter was asked with; nil: it is.
	ByUser *Limiter

	Keys      int64      // distinct limits and keys seen
	Offenders []Offender // keys with faults, the worst first, at most MaxOffenders
}

// Audited reports whether over- and under-admission are known.
func (l *Limiter) Audited() bool { return l.Algorithm != "" && l.Unknown == "" }

// Cell is the part of the counts that belongs to one traffic source and client
// on one limit in one phase. A request that several limits have no room for
// belongs to the first of them.
type Cell struct {
	Traffic, Client, Limit, Phase string

	Compared, Over, Under int64
	Worst                 Window // that ends with an admission of this cell
}

// Window is the stretch in which one key was given more than the promise.
type Window struct {
	Limit, Key  string
	From, Until int64   // ns after the epoch, both ends included
	Excess      float64 // tokens above the promise
}

// MaxOffenders is how many keys Offenders holds at most.
const MaxOffenders = 20

// Offender is a key on which the limiter was wrong.
type Offender struct {
	Limit, Key  string
	Over, Under int64
	Excess      float64 // tokens above the promise in the worst window, 0 none
}

// RetryAfter is how the waits that denied clients were told compare with the
// time until the same request would have fitted.
type RetryAfter struct {
	Compared int64         // denials with a wait that both sides state, on keys without over-admission before
	Unit     time.Duration // in which the limiter speaks: 1 s, 1 ms, or its clock's resolution; rounding up to it is right
	Early    Spread        // of those that were told to come too early
	Late     Spread        // of those that were told to wait for longer than the unit explains
}

// Spread is a distribution of times, as few numbers.
type Spread struct {
	Count    int64
	Med, Max time.Duration
	times    *hdrhistogram.Histogram
}

// Each calls visit with every time in ns, within 0.1 %, and how often it came.
func (s Spread) Each(visit func(ns, n int64)) {
	if s.times == nil {
		return
	}
	for _, bar := range s.times.Distribution() {
		if bar.Count > 0 {
			visit(min(bar.To, int64(s.Max)), bar.Count)
		}
	}
}

// tally counts what one limiter's decisions came to.
type tally struct {
	out    Limiter
	record *record.Manifest
	phases *record.Phases
	table  *record.LimitTable
	cells  map[place]*counts
	last   place // the one asked for last, and its counts
	counts *counts
	costs  map[string]int64 // of each limit: of its admissions so far, 0 none yet, −1 they differ
	retry  retries
}

// place is where a cell's counts belong.
type place struct{ traffic, client, limit, phase string }

// counts are those of a cell.
type counts struct {
	compared, over, tokens, under int64
	worst                         Window
}

// envelope is the reference of limiters that declare none.
const envelope = "token_bucket"

func newTally(spec record.Limiter, m *record.Manifest) *tally {
	return &tally{
		out:    Limiter{Name: spec.Name, Algorithm: spec.Algorithm, Reference: cmp.Or(spec.Algorithm, envelope), Sequential: m.Clock != "real"},
		record: m, phases: record.NewPhases(m.Faults), table: spec.Table(), cells: map[place]*counts{}, costs: map[string]int64{},
		retry: newRetries(spec.Resolution),
	}
}

func (t *tally) cell(o *record.Observation, limit string) *counts {
	at := place{o.Traffic, o.Client, limit, t.phases.Of(o.Intended)}
	if t.counts != nil && at == t.last {
		return t.counts
	}
	group := at
	group.client = t.record.ClientOf(o.Client)
	c := t.cells[group]
	if c == nil {
		c = &counts{}
		t.cells[group] = c
	}
	t.last, t.counts = at, c
	return c
}

func (t *tally) admission(o *record.Observation, limit string, over, falsely, unclear, diverges bool) {
	c := t.cell(o, limit)
	c.compared++
	t.common(unclear, diverges)
	if over {
		c.over++
	}
	if falsely {
		t.out.ChecksAllowed++
	}
}

func (t *tally) denial(o *record.Observation, given ruling, under, unclear, diverges, overAdmitted bool) {
	c := t.cell(o, given.limit)
	c.compared++
	t.common(unclear, diverges)
	switch {
	case under:
		c.under++
	case !given.allowed && !overAdmitted:
		t.retry.add(o.RetryAfter, int64(given.retry), int64(given.retry))
	}
}

func (t *tally) common(unclear, diverges bool) {
	if unclear {
		t.out.Ambiguous++
	}
	if diverges {
		t.out.Divergence++
	}
}

func (t *tally) uncertain(measured bool) {
	if measured {
		t.out.Uncertain++
	}
}

// cost notes what an admission takes of a limit.
func (t *tally) cost(take *record.Take) {
	switch was := t.costs[take.Limit]; {
	case was == 0:
		t.costs[take.Limit] = take.Cost
	case was != take.Cost:
		t.costs[take.Limit] = -1
	}
}

// beyondClock returns the excess, or 0 if the limiter's clock is too coarse to
// see it.
func (t *tally) beyondClock(take *record.Take, excess float64) float64 {
	if excess <= 0 || t.retry.resolution == 0 {
		return excess
	}
	l, _ := t.table.For(take.Limit, take.Key)
	if excess*float64(l.Period)/float64(l.Count) <= float64(t.retry.resolution)+0.5 {
		return 0
	}
	return excess
}

func (t *tally) excess(o *record.Observation, take *record.Take, w Window) {
	if c := t.cell(o, take.Limit); w.beats(c.worst) {
		c.worst = w
	}
}

// beats reports whether w is worse than v; of equals the first by name, then
// by time, is.
func (w Window) beats(v Window) bool {
	if w.Excess != v.Excess || w.Excess == 0 {
		return w.Excess > v.Excess
	}
	return cmp.Or(cmp.Compare(w.Limit, v.Limit), cmp.Compare(w.Key, v.Key), cmp.Compare(w.Until, v.Until)) < 0
}

func (t *tally) finish() Limiter {
	out := t.out
	for at, c := range t.cells {
		over := c.over
		if t.costs[at.limit] < 0 {
			over, out.Tokens = c.tokens, true
		}
		out.Cells = append(out.Cells, Cell{at.traffic, at.client, at.limit, at.phase, c.compared, over, c.under, c.worst})
	}
	slices.SortFunc(out.Cells, func(a, b Cell) int {
		return cmp.Or(cmp.Compare(a.Traffic, b.Traffic), cmp.Compare(a.Client, b.Client), cmp.Compare(a.Limit, b.Limit), cmp.Compare(a.Phase, b.Phase))
	})
	for i := range out.Cells {
		c := &out.Cells[i]
		if !out.Audited() {
			c.Over, c.Under = 0, 0
		}
		out.Compared, out.Over, out.Under = out.Compared+c.Compared, out.Over+c.Over, out.Under+c.Under
		if c.Worst.beats(out.Worst) {
			out.Worst = c.Worst
		}
	}
	if out.Retry = t.retry.finish(); !out.Audited() {
		out.Divergence, out.ChecksAllowed, out.Ambiguous, out.Retry = 0, 0, 0, RetryAfter{}
	}
	return out
}

// retries compares waits. Which unit a limiter speaks in is known at the end,
// so that late ones are counted by each.
type retries struct {
	resolution time.Duration
	compared   int64
	whole      [len(retryUnits)]bool // whether all waits were whole multiples of the unit
	early      *hdrhistogram.Histogram
	late       [len(retryUnits)]*hdrhistogram.Histogram
}

// retryUnits are those that limiters speak in, beside their clock's resolution.
var retryUnits = [...]time.Duration{time.Second, time.Millisecond, 0}

func newRetries(resolution time.Duration) retries {
	r := retries{resolution: resolution}
	for i := range r.whole {
		r.whole[i] = true
	}
	return r
}

// roundingOf is how far the wait may be off because it was computed in floating
// point: a millionth.
const roundingOf = 1_000_000

// add compares a wait that was told with those that are right, from least to
// most. −1 is unknown, or never.
func (r *retries) add(told, least, most int64) {
	if told < 0 || least < 0 || most < 0 {
		return
	}
	r.compared++
	for i, u := range retryUnits {
		r.whole[i] = r.whole[i] && (u == 0 || told%int64(u) == 0)
	}
	slack := int64(r.resolution) + most/roundingOf
	if early := least - told; early > slack {
		record1(&r.early, early)
	}
	for i, u := range retryUnits {
		if late := told - most; late > max(int64(u), slack) {
			record1(&r.late[i], late)
		}
	}
}

// record1 adds a sample to a histogram of 3 digits that is made when needed.
func record1(h **hdrhistogram.Histogram, ns int64) {
	if *h == nil {
		*h = hdrhistogram.New(1, 1<<62, 3)
	}
	_ = (*h).RecordValue(ns) // within the range of int64
}

func (r *retries) finish() RetryAfter {
	i := slices.Index(r.whole[:], true)
	if r.compared == 0 || i < 0 {
		return RetryAfter{}
	}
	return RetryAfter{Compared: r.compared, Unit: max(retryUnits[i], r.resolution), Early: spread(r.early), Late: spread(r.late[i])}
}

func spread(h *hdrhistogram.Histogram) Spread {
	if h == nil {
		return Spread{}
	}
	return Spread{Count: h.TotalCount(), Med: time.Duration(h.ValueAtPercentile(50)), Max: time.Duration(h.Max()), times: h}
}
