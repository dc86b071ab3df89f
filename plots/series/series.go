// Package series turns a record into what figures draw, as plain numbers.
//
// In flow a record, the result of its audit and its summary; out flows a Set,
// which plots and plots/report draw and which knows nothing of drawing. What
// the summary or the audit knows already is taken from there, so that a figure and
// a table of the same run agree to the last digit. The rest takes one pass over the
// observations and, if there are engines, one over the accounts and evaluations.
//
// The rule of what counts is that of summary: an observation whose Intended lies
// in the warm-up is left out. Intervals are by Intended too. Instants and
// times are seconds, instants since the run's epoch.
//
// What cannot be known is empty (a number: NaN), never zero: of a record that
// holds some of the observations or none, of a run without a reference, of a run
// without traffic. Figures then say that there are no data.
//
// A line has at most MaxPoints points, whatever the length of the run; two Sets
// of one record are equal.
package series

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/results/audit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/results/summary"
)

// Options are those of Collect. The zero value is the usual.
type Options struct {
	Account int64 // the account whose story is told; 0: the one that shows most
}

// What bounds a Set, whatever the length of the run.
const (
	MaxPoints    = 512 // of a line or a distribution
	MaxIntervals = 240 // of a timeline; fewer if there are few observations
)

// Set is what the figures of one record are drawn from.
type Set struct {
	Manifest   record.Manifest
	Plan       string // its text, "" the record has none
	Summary    *summary.Measured
	Latency    []OutcomeLatency
	Timeline   Timeline
	Together   []Together  // clients that are not told apart
	Shards     []ShardLoad // by limiter, as in the manifest
	Admission  []Admission // by limiter, as in the manifest; of those with a reference
	Thresholds *Thresholds // nil: no engine
}

// Point is one of a line.
type Point struct{ X, Y float64 }

// Span is a time in seconds since the run's epoch. Until is From of what was
// momentary.
type Span struct {
	From, Until float64
	Label       string
}

// Outcome is what decisions came to. Client is "" where a limiter has one only, where several
// are not told apart (Set.Together says which and why), and of drops, which no
// client sent. Outcomes are sorted as in summaries: by limiter, client, decision, key.
type Outcome struct{ Limiter, Client, Decision, Key string }

// OfAll is the outcome whatever the client.
func (o Outcome) OfAll() Outcome {
	o.Client = ""
	return o
}

// Distribution is one of times in seconds.
type Distribution struct {
	N        int64
	Min, Max float64
	// Grid is the quantile function at rising percentiles, dense towards 100 as
	// far as N allows: beyond 100·(1 − 1/N) only 100, which is Max. Values are exact
	// or within 0.1 %. Empty if N is 0.
	Grid []Quantile
}

// Quantile says that P percent of the values are at most V.
type Quantile struct{ P, V float64 }

// OutcomeLatency is how long decisions of one outcome took: from sent to done
// (the metric latency), and from due to done (the metric sojourn).
type OutcomeLatency struct {
	Outcome
	Service, Sojourn Distribution
}

// Timeline is what came of requests by when they were due. Interval i begins
// at From + i·Step; the first also holds what was due shortly before (the warm-up
// may end between two steps), the last what was due shortly after. Rates are
// over the time that an interval really covers.
type Timeline struct {
	From, Step float64 // Step is a round number of seconds, minutes, hours or days
	N          int
	// Offered is how many arrivals of all traffic were due, by second: each once,
	// however many limiters it was sent to side by side, and however many steps and
	// tries it took.
	Offered []float64
	// OfferedTo is that by what arrivals come to first: a limiter, or a client of it
	// if clients are told apart. What only gets what others let pass is not listed.
	OfferedTo []Offer
	Outcomes  []OutcomeTimeline
	Faults    []Span  // as in the manifest
	Warmup    float64 // end of the warm-up, which is left out
}

// Offer is what was due at a limiter or at one of its clients, by second.
type Offer struct {
	Limiter, Client string
	Rate            []float64
}

// OutcomeTimeline is one outcome by interval. P50 and P99 are of the metric
// latency, NaN where there is none.
type OutcomeTimeline struct {
	Outcome
	Rate     []float64 // decisions by second
	P50, P99 []float64
	Count    []int64
}

// ShardLoad is what one limiter put on the shards. Keys (of all keys that it used)
// is nil, and what is computed from it NaN, where keys are not known.
type ShardLoad struct {
	Limiter        string
	Names          []string
	Keys, Commands []int64
	// KeysLow and KeysHigh are the band in which the keys of all shards at once lie
	// in 95 of 100 runs if each key falls on each shard alike.
	KeysLow, KeysHigh float64
	KeysP             float64     // p-value of χ² against equal shares
	Heat              [][]float64 // by shard, then interval: commands by second, of requests due then
	From, Step        float64     // of the intervals, as in Timeline
	Hottest           []HotKey    // at most ten, the hottest first
	HotRest           float64     // share of the decisions that is on all other keys
}

// HotKey is a key with many decisions.
type HotKey struct {
	Limit, Key, Shard string // Shard: where it was looked for; several are joined by commas
	Decisions         int64
	Share             float64 // of the limiter's decisions on keys
}

// Admission is what one limiter admitted, against its limits. In real time it
// is not known when in between a request was sent and done: a window then only has
// what certainly lies in it, and what exceeds the envelope does so at least. Of a sample
// of the keys it is about these.
type Admission struct {
	Limiter string
	// Keys are the worst, at most four; if on none too much was admitted the two
	// with most decisions.
	Keys []KeyAdmission
	// ExcessOverTime is, at the beginning of each interval of the timeline, the
	// most tokens that any key was given above burst + t/T in a window that ends in
	// the interval; 0 where it was none.
	ExcessOverTime []Point
}

// KeyAdmission is what one key was given from the start of its worst window
// on: the window in which it was given most above burst + t/T, or least below.
type KeyAdmission struct {
	Limit, Key   string
	Count, Burst int64
	Period       float64 // seconds in which Count tokens come
	Over         int64   // over-admission: admissions to take away so that the promise holds
	Excess       float64 // tokens above burst + t/T in the worst window, 0 none
	From         float64 // start of the worst window, in seconds since the run's epoch
	Admitted     []Point // seconds since the start, tokens since then: steps; up to when the limit has made good for them, or to the end of the run
	Envelope     []Point // burst + t/T over the same time: a line
}

// Collect makes the Set of a record. a is the result of its audit, nil if it
// could not be audited, and s what summary.Measure made of both. Memory is bounded
// but for some eighty bytes for each key that was admitted, if there is a reference.
func Collect(r *record.Reader, a *audit.Result, s *summary.Measured, o Options) (*Set, error) {
	set := &Set{Manifest: r.Manifest(), Summary: s}
	if a == nil {
		a = &audit.Result{}
	}
	var err error
	if set.Plan, err = r.Plan(); err != nil {
		return nil, fmt.Errorf("reading the plan: %w", err)
	}
	of := newClients(&set.Manifest, s)
	set.Together = of.together
	set.Latency = latencies(of, s)
	p := newPass(of, a, s)
	if err := p.read(r); err != nil {
		return nil, fmt.Errorf("collecting series: %w", err)
	}
	set.Timeline = p.timeline.series(s)
	set.Shards = shardLoads(&set.Manifest, s, p.heat)
	for _, w := range p.allowances {
		set.Admission = append(set.Admission, w.series())
	}
	if set.Thresholds, err = thresholds(r, a, o); err != nil {
		return nil, fmt.Errorf("collecting series: %w", err)
	}
	return set, nil
}

// pass is one reading of the observations and what it feeds.
type pass struct {
	manifest   *record.Manifest
	timeline   *timeline
	heat       *heat
	allowances []*allowance // in the manifest's order
	byLimiter  map[string]*allowance
	effects    *effects
}

func newPass(of *clients, a *audit.Result, s *summary.Measured) *pass {
	at, m := measured(s), of.manifest
	p := &pass{manifest: m, timeline: newTimeline(at, of), heat: newHeat(at, m.Shards), byLimiter: map[string]*allowance{}, effects: newEffects(m.MaxSettle, 1<<14, (*effect).admit)}
	for _, l := range m.Limiters {
		if w := newAllowance(m, l, a, s, at); w != nil {
			p.allowances, p.byLimiter[l.Name] = append(p.allowances, w), w
		}
	}
	return p
}

// read goes through the observations, unless they say nothing.
func (p *pass) read(r *record.Reader) error {
	if !p.manifest.Whole() && len(p.allowances) == 0 {
		return nil
	}
	for o, err := range r.Observations() {
		if err == nil {
			err = p.observe(o)
		}
		if err != nil {
			return err
		}
	}
	for _, one := range p.effects.list {
		p.effects.latest = max(p.effects.latest, one.at)
	}
	p.effects.release(p.effects.latest + 1)
	return nil
}

func (p *pass) observe(o *record.Observation) error {
	counts := o.Intended >= p.manifest.Warmup.Nanoseconds()
	if w := p.byLimiter[o.Limiter]; w != nil {
		if err := w.observe(o, counts, p.effects); err != nil {
			return err
		}
	}
	if !counts || !p.manifest.Whole() {
		return nil // what is counted of some would be taken for all
	}
	if err := p.timeline.observe(o); err != nil {
		return err
	}
	return p.heat.observe(o)
}

// order is that of outcomes: limiters as the manifest lists them, the rest as the
// catalogue of metrics does.
type order struct{ limiters, clients, decisions, keys []string }

func newOrder(m *record.Manifest) order {
	decisions, _ := metric.Find("decisions")
	o := order{decisions: decisions.Values["decision"], keys: decisions.Values["key"]}
	for _, l := range m.Limiters {
		o.limiters = append(o.limiters, l.Name)
	}
	for _, c := range m.Clients {
		o.clients = append(o.clients, c.Name)
	}
	return o
}

func (o order) compare(a, b Outcome) int {
	return cmp.Or(o.compareLimiters(a.Limiter, b.Limiter), o.compareClients(a.Client, b.Client), compareIn(o.decisions, a.Decision, b.Decision), compareIn(o.keys, a.Key, b.Key))
}

func (o order) compareLimiters(a, b string) int { return compareIn(o.limiters, a, b) }

func (o order) compareClients(a, b string) int { return compareIn(o.clients, a, b) }

// compareIn compares places in a list; names that it lacks come last, by alphabet.
func compareIn(list []string, a, b string) int {
	place := func(name string) int {
		if i := slices.Index(list, name); i >= 0 {
			return i
		}
		return len(list)
	}
	return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a, b))
}
