package audit

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"
	"time"

	"github.com/quotalab/quotalab/models/limits"
	"github.com/quotalab/quotalab/results/record"
)

// key is the state of one key of one limit.
type key struct {
	reference   limits.Bucket
	level       level
	over, under int64
}

// newKeyMaker makes keys of one limit: a hundred thousand keys share it.
func newKeyMaker(algorithm string, l limits.Limit) (func() *key, error) {
	bucket, err := limits.Maker(algorithm, l)
	if err != nil {
		return nil, err
	}
	slope := limits.NewSlope(l)
	return func() *key { return &key{reference: bucket(), level: level{slope.NewWindow(), math.Inf(-1)}} }, nil
}

// keys holds the keys of one limiter; K is the state of one. Each limit has a map of its own, so
// that the map's key is a string that the record's reader holds anyway.
type keys[K any] struct {
	table  *record.LimitTable
	limits map[string]map[string]K
	makers map[record.Limit]func() K
	maker  func(limits.Limit) (func() K, error)
}

func newKeys[K any](spec record.Limiter, maker func(limits.Limit) (func() K, error)) (*keys[K], error) {
	k := &keys[K]{table: spec.Table(), limits: map[string]map[string]K{}, makers: map[record.Limit]func() K{}, maker: maker}
	for _, l := range spec.Limits {
		k.limits[l.Name] = map[string]K{}
		if _, err := k.makerOf(l); err != nil {
			return nil, err
		}
	}
	return k, nil
}

func (k *keys[K]) makerOf(l record.Limit) (func() K, error) {
	l.Key = "" // an override's: the numbers alone matter here
	if m, ok := k.makers[l]; ok {
		return m, nil
	}
	m, err := k.maker(limits.Limit{Count: l.Count, Period: l.Period, Burst: l.Burst})
	if err != nil {
		return nil, fmt.Errorf("limit %q: %w", l.Name, err)
	}
	k.makers[l] = m
	return m, nil
}

// of returns the key's state, full if it is new.
func (k *keys[K]) of(limit, name string) (state K, err error) {
	byName, ok := k.limits[limit]
	if !ok {
		return state, fmt.Errorf("limit %q is not in the manifest", limit)
	}
	if s, ok := byName[name]; ok {
		return s, nil
	}
	l, _ := k.table.For(limit, name)
	m, err := k.makerOf(l)
	if err != nil {
		return state, fmt.Errorf("key %q: %w", name, err)
	}
	state = m()
	byName[name] = state
	return state, nil
}

// summarise counts the keys and finds the worst. offender says what is wrong
// with one, or that no decision was on it. The order of the maps does not
// matter: worse is a total order.
func (k *keys[K]) summarise(out *Limiter, offender func(K) (o Offender, seen bool)) {
	for limit, byName := range k.limits {
		for name, s := range byName {
			o, seen := offender(s)
			if !seen {
				continue
			}
			out.Keys++
			o.Limit, o.Key = limit, name
			if exceeds(o, out) {
				out.WorstExcess, out.WorstLimit, out.WorstKey = o.Excess, limit, name
			}
			if o.Over > 0 || o.Under > 0 {
				out.Worst = insert(out.Worst, o)
			}
		}
	}
}

// exceeds tells whether o's excess is the worst yet; of equals the first by
// name is.
func exceeds(o Offender, out *Limiter) bool {
	if o.Excess != out.WorstExcess || o.Excess == 0 {
		return o.Excess > out.WorstExcess
	}
	return cmp.Or(cmp.Compare(o.Limit, out.WorstLimit), cmp.Compare(o.Key, out.WorstKey)) < 0
}

// insert keeps the list sorted and short.
func insert(list []Offender, o Offender) []Offender {
	i, _ := slices.BinarySearchFunc(list, o, worse)
	if i == MaxOffenders {
		return list
	}
	list = slices.Insert(list, i, o)
	return list[:min(len(list), MaxOffenders)]
}

// rate is what keys of one limit share. Instants, spans and tokens are
// float64, exact for 104 days and for as many tokens as come back in them.
type rate struct {
	period, count float64 // a token comes back in T = period/count ns
	burst         float64
	full          float64 // time from empty to full, burst·T
	slack         float64 // resolution of the limiter's clock
	envelope      *rate   // that of limits.Envelope, whose T is rounded down
}

// newRate checks the limit as the reference of the algorithm does, and takes its T.
func newRate(algorithm string, l limits.Limit, resolution time.Duration) (*rate, error) {
	if _, err := limits.Maker(algorithm, l); err != nil {
		return nil, err
	}
	exact := rate{period: float64(l.Period), count: float64(l.Count), burst: float64(l.Burst), slack: float64(resolution)}
	exact.full = exact.span(exact.burst)
	rounded := exact
	if interval := l.EmissionInterval(); interval > 0 {
		rounded.period, rounded.count = float64(interval), 1
		rounded.full = rounded.span(rounded.burst)
	}
	rounded.envelope = &rounded
	if algorithm == "gcra" {
		return &rounded, nil
	}
	exact.envelope = &rounded
	return &exact, nil
}

// span is the time in which tokens come back.
func (r *rate) span(tokens float64) float64 { return tokens * r.period / r.count }

// busy tells how full the windows of a key are for certain. A request lies in
// the window [s, t] in every order if it was sent at s or later and done by t.
// With F(s) the tokens of requests sent at s or later, of those that were done so
// far, the windows that end now hold no more than burst + (t − s)/T tokens if
//
//	s + T·F(s) ≤ t + burst·T    for every s at which a request was sent.
//
// F is kept as the busy periods of a server that works T on every token and
// never waits while there is work: a period begins when its first request is
// sent and lasts T times its tokens; requests that are sent within it extend
// it. The largest s + T·F(s) over all s up to an instant x is where the last
// period that began by x has its beginning as s: to begin later within the
// period leaves out work that took longer than the s gained, and periods
// before it ended before it began. So only beginnings are kept, and of those
// only the last that is older than any request that is still to come.
type busy struct{ periods []period }

type period struct{ start, tokens float64 }

// begunBy is the last period that began by x, −1 if none did.
func (b *busy) begunBy(x float64) int {
	n := len(b.periods)
	if n == 0 || b.periods[n-1].start <= x {
		return n - 1
	}
	return sort.Search(n, func(i int) bool { return b.periods[i].start > x }) - 1
}

// until is the largest s + T·F(s) of all; never of none.
func (b *busy) until(r *rate) float64 {
	if n := len(b.periods); n > 0 {
		return b.periods[n-1].start + r.span(b.periods[n-1].tokens)
	}
	return math.Inf(-1)
}

// reach is the largest s + T·F(s) over s ≤ sent, with tokens more sent then.
func (b *busy) reach(r *rate, sent, tokens float64) float64 {
	i := b.begunBy(sent)
	for _, later := range b.periods[i+1:] {
		tokens += later.tokens
	}
	at := sent + r.span(tokens)
	if i >= 0 {
		at = max(at, b.periods[i].start+r.span(b.periods[i].tokens+tokens))
	}
	return at
}

func (b *busy) add(r *rate, sent, tokens float64) {
	i := b.begunBy(sent)
	if i >= 0 && sent <= b.periods[i].start+r.span(b.periods[i].tokens) {
		b.periods[i].tokens += tokens
	} else {
		i++
		b.periods = slices.Insert(b.periods, i, period{sent, tokens})
	}
	end := i + 1 // of the periods that this one now lasts into
	for end < len(b.periods) && b.periods[end].start <= b.periods[i].start+r.span(b.periods[i].tokens) {
		b.periods[i].tokens += b.periods[end].tokens
		end++
	}
	b.periods = slices.Delete(b.periods, i+1, end)
}

// takeBack removes tokens, those sent last first: F becomes max(0, F − tokens).
func (b *busy) takeBack(tokens float64) {
	for n := len(b.periods); n > 0; n-- {
		if last := &b.periods[n-1]; last.tokens > tokens {
			last.tokens -= tokens
			return
		}
		tokens -= b.periods[n-1].tokens
		b.periods = b.periods[:n-1]
	}
}

// forget lets go of what no request sent at x or later asks for. It waits
// until that is half of all, so that it costs nothing in the long run.
func (b *busy) forget(x float64) {
	if i := b.begunBy(x); i > 0 && 2*i >= len(b.periods) {
		b.periods = slices.Delete(b.periods, 0, i)
	}
}
