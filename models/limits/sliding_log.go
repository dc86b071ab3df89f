package limits

import (
	"slices"
	"time"
)

// slidingLog keeps the instants of all admissions, and a request is
// allowed if the tokens taken in the last Period, its own included, are at
// most Count. No window of length Period ever holds more than Count tokens.
//
// A token taken at t counts at now if t > now − Period, so it is back exactly
// at t + Period. An instant in the future (the clock went back) counts too,
// as in the usual sorted set in Redis. Entries that have left are dropped when
// something is spent or refunded, so an instant before such a drop no longer
// sees them. The state is at most Count entries unless overspent.
//
// The boundary: let t₁ ≤ t₂ ≤ … be the entries. They leave in that order, so
// if all of them and cost exceed Count, the request is allowed from the
// instant at which enough of the oldest have left:
//
//	b = t_j + Period,  j least with  cost_{j+1} + cost_{j+2} + … + cost ≤ Count.
type slidingLog struct {
	*Limit
	entries []spent // by instant
	sum     int64   // of all entries
}

type spent struct{ at, cost int64 }

func newSlidingLog(l Limit) (func() Bucket, error) {
	if err := l.checkWindow(); err != nil {
		return nil, err
	}
	return func() Bucket { return &slidingLog{Limit: &l} }, nil
}

func (s *slidingLog) boundary(cost int64) int64 {
	if cost < 0 || cost > s.Count {
		return never
	}
	b, sum := always, s.sum
	for _, e := range s.entries {
		if sum <= s.Count-cost {
			break
		}
		b = satAdd(e.at, int64(s.Period))
		sum -= e.cost
	}
	return b
}

// left is how many entries have left at now, and the sum of the others.
func (s *slidingLog) left(now int64) (n int, sum int64) {
	sum = s.sum
	for _, e := range s.entries {
		if e.at > satSub(now, int64(s.Period)) {
			break
		}
		sum -= e.cost
		n++
	}
	return n, sum
}

func (s *slidingLog) Peek(now, cost int64) Decision {
	d := at(now, s.boundary(cost))
	n, used := s.left(now)
	last := now
	if n < len(s.entries) {
		last = s.entries[len(s.entries)-1].at
	}
	if d.Allowed {
		used = satAdd(used, cost)
		if cost > 0 {
			last = max(last, now)
		}
	}
	d.Remaining = s.Count - used
	if used > 0 {
		d.ResetAfter = time.Duration(satSub(satAdd(last, int64(s.Period)), now))
	}
	return d
}

// drop forgets the entries that have left at now.
func (s *slidingLog) drop(now int64) {
	n, sum := s.left(now)
	s.entries, s.sum = s.entries[n:], sum // append moves to new memory now and then, so this costs O(1)
}

func (s *slidingLog) Spend(now, cost int64) {
	if cost <= 0 {
		return
	}
	s.drop(now)
	cost = satAdd(s.sum, cost) - s.sum // as much as can be counted
	i := len(s.entries)
	for i > 0 && s.entries[i-1].at > now {
		i--
	}
	s.entries = slices.Insert(s.entries, i, spent{now, cost})
	s.sum += cost
}

// Refund takes the newest admissions back first: a refund undoes what was
// just spent.
func (s *slidingLog) Refund(now, cost int64) {
	if cost <= 0 {
		return
	}
	s.drop(now)
	for cost > 0 && len(s.entries) > 0 {
		last := &s.entries[len(s.entries)-1]
		back := min(cost, last.cost)
		last.cost -= back
		cost -= back
		s.sum -= back
		if last.cost == 0 {
			s.entries = s.entries[:len(s.entries)-1]
		}
	}
}

func (s *slidingLog) Reset() { s.entries, s.sum = nil, 0 }
