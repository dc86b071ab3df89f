package usage

import (
	"cmp"
	"math"
	"slices"
)

// Event is units used at an instant; negative units are a correction.
type Event struct{ At, Units int64 }

// Obligations is every obligation that arises up to and including until, in
// the order of the crossings, and of thresholds within one. The events are
// those of one account, in any order, and all that count: also those before
// until that belong to a period or window in which until lies.
//
// A correction does not re-arm: a threshold of a period is due once, however
// often usage passes it. A limit change makes due at once what it makes true,
// and nothing twice. A contract that changes the period counted begins anew,
// with the usage that the new period holds by then. Before the anchor of a term
// that is yet to begin its period holds minus what will come until then, so
// only corrections to come can make something due there.
func Obligations(events []Event, c Contract, thresholds []int64, until int64) []Obligation {
	return new(Ledger).Obligations(events, c, thresholds, until)
}

// Ledger computes obligations account by account and keeps its memory for
// the next. The zero Ledger is ready; it is not safe for concurrent use.
type Ledger struct {
	due   []bool // by threshold: due in the present period
	open  []int  // by threshold: index in found of the open excursion, or −1
	found []Obligation
}

// Obligations is as the function of that name, but its result is valid only
// until the next call. It costs one pass over the events that are in order,
// O(n·(1 + changes of the period counted)) in the worst case, and no memory
// for each event.
func (l *Ledger) Obligations(events []Event, c Contract, thresholds []int64, until int64) []Obligation {
	byTime := func(a, b Event) int { return cmp.Compare(a.At, b.At) }
	if !slices.IsSortedFunc(events, byTime) {
		events = slices.Clone(events)
		slices.SortStableFunc(events, byTime)
	}
	l.found = l.found[:0]
	l.due = slices.Grow(l.due[:0], len(thresholds))[:len(thresholds)]
	clear(l.due)
	l.open = slices.Grow(l.open[:0], len(thresholds))[:len(thresholds)]
	for i := range l.open {
		l.open[i] = -1
	}
	if len(c) > 0 {
		p := pass{Ledger: l, sum: sum{events: events}, contract: c, thresholds: thresholds}
		p.run(until)
	}
	endEarly(l.found, c)
	return l.found
}

// sum is the units of a range of events, events[low:high], whose ends move:
// usually forward, back only where a contract change reaches further back.
type sum struct {
	events    []Event
	low, high int
	units     int64
}

// take extends the range to the events up to and including t.
func (s *sum) take(t int64) {
	for s.high < len(s.events) && s.events[s.high].At <= t {
		s.units += s.events[s.high].Units
		s.high++
	}
}

// from begins the range with the first event at or after start. Where that
// is behind the range's end, before the anchor of a term of the future, the
// range is inverted and its sum is minus what lies between.
func (s *sum) from(start int64) {
	for s.low < len(s.events) && s.events[s.low].At < start {
		s.units -= s.events[s.low].Units
		s.low++
	}
	for s.low > 0 && s.events[s.low-1].At >= start {
		s.low--
		s.units += s.events[s.low].Units
	}
}

// nextEvent is the instant of the first event after the range.
func (s *sum) nextEvent() (at int64, ok bool) {
	if s.high == len(s.events) {
		return 0, false
	}
	return s.events[s.high].At, true
}

// oldest is the instant of the first event in the range.
func (s *sum) oldest() (at int64, ok bool) {
	if s.low >= s.high {
		return 0, false
	}
	return s.events[s.low].At, true
}

// Hysteresis is by how many points of percent usage in a rolling window must
// fall below a threshold before reaching it again is a new excursion.
const Hysteresis = 5

// Never is the End of an excursion that has not ended.
const Never = math.MaxInt64

// Obligation is one notice that an account is due: one for each period and
// threshold, or for each excursion above a threshold in a rolling window.
type Obligation struct {
	Threshold int64 // percent
	Crossing  int64 // the first instant at which the threshold was reached
	Rolling   bool  // an excursion; else of a period
	Start     int64 // of the period; of an excursion its crossing
	End       int64 // of the period, or a contract change that ends it early; of an excursion its end or Never
}

// Need is the least usage that reaches threshold percent of limit:
// U ≥ ⌈threshold·limit/100⌉ is 100·U ≥ threshold·limit without the product,
// which could overflow. Negative arguments count as 0. A need beyond the range of
// int64, or of a threshold beyond 10¹⁶, is the range's upper bound.
func Need(threshold, limit int64) int64 {
	threshold, limit = max(threshold, 0), max(limit, 0)
	if threshold > math.MaxInt64/100-1 {
		if limit == 0 {
			return 0
		}
		return math.MaxInt64
	}
	whole, part := limit/100, (threshold*(limit%100)+99)/100
	if threshold > 0 && whole > (math.MaxInt64-part)/threshold {
		return math.MaxInt64
	}
	return threshold*whole + part
}
