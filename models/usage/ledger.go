package usage

import (
	"cmp"
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
// that is yet to begin its period holds minus what will come until then, as in
// the reference (../shared/flagsmith/reference/score.py), so only corrections
// to come can make something due there.
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
