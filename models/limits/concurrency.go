package limits

import "slices"

// concurrency is a limit of requests that are under way at once: each holds a
// permit from when it is admitted until it is settled, or until its lease ends,
// Count being the permits and Period the lease. A request is allowed if the
// permits that are held, its own included, are at most Count.
//
// A permit that nobody returns counts like an entry of a sliding log of that
// period, so that this is one, with entries that can be taken out: of a request
// that is never settled it promises what a sliding log does.
type concurrency struct{ slidingLog }

func newConcurrency(l Limit) (func() Bucket, error) {
	if err := l.checkWindow(); err != nil {
		return nil, err
	}
	return func() Bucket { return &concurrency{slidingLog{Limit: &l}} }, nil
}

func (c *concurrency) clone() Bucket { return &concurrency{*c.slidingLog.clone().(*slidingLog)} }

// amend makes what was taken at an instant cost something else. Of two that took
// as much at one instant it does not matter which. What has left stays as it is.
func (s *slidingLog) amend(at, from, to int64) {
	i, _ := slices.BinarySearchFunc(s.entries, at, func(e spent, at int64) int {
		if e.at < at {
			return -1
		}
		return 1
	})
	for ; i < len(s.entries) && s.entries[i].at == at; i++ {
		if e := &s.entries[i]; e.cost == from {
			s.sum, e.cost = satAdd(s.sum, to-from), to
			if to == 0 {
				s.entries = slices.Delete(s.entries, i, i+1)
			}
			return
		}
	}
}

// settled sets right at an instant what was taken at an earlier one, when a
// request learns what it costs: tokens are given back, or taken whether they are
// there or not. Of a window that has ended nothing is settled, and of a log the
// entry itself is, so that for a concurrency limit settling at 0 returns the permit.
func settled(b Bucket, now, at, from, to int64) {
	switch b := b.(type) {
	case *concurrency:
		b.amend(at, from, to)
		return
	case *slidingLog:
		b.amend(at, from, to)
		return
	case *fixedWindow:
		if start, _, _ := b.roll(now); start > at {
			return
		}
	}
	if to < from {
		b.Refund(now, from-to)
	} else {
		b.Spend(now, to-from)
	}
}

// Spent is what Settle spent of a request, for Correct.
type Spent struct {
	At, Cost, Fits int64
	Free, Kept     bool // by which references
}

// Correct sets right what an admitted request spent, now that it is known to cost
// something else. Each reference gives back what it had let pass itself.
func (p *Promise) Correct(now int64, s Spent, cost int64) {
	if s.Free {
		settled(p.free, now, s.At, s.Cost, cost)
	}
	if p.split == nil {
		return
	}
	settled(p.split.given, now, s.At, s.Cost, cost)
	if s.Kept {
		settled(p.split.kept, now, s.At, s.Cost, cost)
	}
	fits := min(s.Fits, cost)
	if cost > s.Cost {
		fits = s.Fits + cost - s.Cost
	}
	settled(p.split.tokens, now, s.At, s.Fits, fits)
}

// Holds finds the least number of holds to take away so that no more than some
// number of permits are held at any instant. Holds come in the order in which they
// end; each keeps the place that became free last before it began, and one that
// finds none is too many. That no choice keeps more is a known result on the largest
// k-colourable part of an interval graph (M. C. Carlisle and E. L. Lloyd, On the
// k-coloring of intervals, Discrete Applied Mathematics 59, 1995): the one that ends
// first leaves most room, and so does the place that was idle least.
type Holds struct {
	permits int64
	ended   []int64 // when each place became free, ascending; places never held are not in it
}

// NewHolds returns a key's holds where none was.
func NewHolds(permits int64) *Holds { return &Holds{permits: permits} }

// End adds the hold from ≤ t < until and reports whether it is kept.
func (h *Holds) End(from, until int64) bool {
	i, _ := slices.BinarySearch(h.ended, from+1)
	if i == 0 { // no place that was held before is free by then
		if int64(len(h.ended)) >= h.permits {
			return false
		}
	} else {
		h.ended = slices.Delete(h.ended, i-1, i)
	}
	h.ended = append(h.ended, until)
	return true
}
