package limits

import "time"

// slidingCounter lets two fixed windows stand for the log of the last Period.
// With e the time since the current window [k·Period, (k+1)·Period) began, the
// tokens of the previous window are taken as spread evenly over it, so the
// share that still lies within the last Period is (Period − e)/Period, and a
// request is allowed if
//
//	prev·(Period − e)/Period + cur + cost ≤ Count
//
// (Cloudflare, "How we built rate limiting capable of scaling to millions of
// domains", 2017). Multiplied by Period it is in whole numbers.
//
// The boundary: for a fixed state the left side never grows with time: it
// falls linearly to cur + cost at the window's end, where the roles change
// (prev = cur, cur = 0) without a step, and falls on. So
//
//   - prev + cur + cost ≤ Count: allowed at once (an instant before the
//     window, when the clock went back, counts as its start);
//   - room = Count − cur − cost ≥ 0: allowed when (Period − e)·prev ≤ room·Period,
//     from b = k·Period + Period − ⌊room·Period/prev⌋;
//   - else in the next window, with prev = cur and room = Count − cost.
type slidingCounter struct {
	*counterLimit
	window, prev, cur int64
}

// counterLimit is what keys of one limit share; epoch is the run's, in Unix
// nanoseconds, since windows begin at multiples of Period in Unix time.
type counterLimit struct {
	Limit
	epoch int64
}

func newSlidingCounter(l Limit, epoch int64) (func() Bucket, error) {
	if err := l.checkWindow(); err != nil {
		return nil, err
	}
	shared := &counterLimit{l, epoch}
	return func() Bucket { return &slidingCounter{counterLimit: shared, window: always} }, nil
}

// start returns the instant at which a window begins.
func (c *counterLimit) start(window int64) int64 { return window*int64(c.Period) - c.epoch }

// roll is the state as of now.
func (s *slidingCounter) roll(now int64) slidingCounter {
	k := floorDiv(now+s.epoch, int64(s.Period))
	switch {
	case k <= s.window:
		return *s
	case k == s.window+1:
		return slidingCounter{s.counterLimit, k, s.cur, 0}
	}
	return slidingCounter{s.counterLimit, k, 0, 0}
}

func (s *slidingCounter) boundary(cost int64) int64 {
	if cost < 0 || cost > s.Count {
		return never
	}
	room := s.Count - s.cur - cost
	switch {
	case s.prev <= room:
		return always
	case room >= 0:
		return s.fits(s.window, s.prev, room)
	}
	return s.fits(s.window+1, s.cur, s.Count-cost)
}

// fits is the first instant of window at which prev tokens of the window
// before it weigh at most room, 0 ≤ room < prev.
func (s *slidingCounter) fits(window, prev, room int64) int64 {
	before, _ := mulDiv(uint64(room), uint64(s.Period), 0, uint64(prev))
	return s.start(window+1) - before
}

// estimate is the tokens counted at now, rounded up, in the state as of now.
func (s *slidingCounter) estimate(now int64) int64 {
	if s.prev == 0 {
		return s.cur
	}
	togo := min(int64(s.Period), s.start(s.window+1)-now)
	return satAdd(s.cur, up(mulDiv(uint64(s.prev), uint64(togo), 0, uint64(s.Period))))
}

func (s *slidingCounter) Peek(now, cost int64) Decision {
	d := at(now, s.boundary(cost))
	state := s.roll(now)
	if d.Allowed {
		state.cur = satAdd(state.cur, cost)
	}
	d.Remaining = s.Count - state.estimate(now)
	switch {
	case state.cur > 0:
		d.ResetAfter = time.Duration(s.start(state.window+2) - now)
	case state.prev > 0:
		d.ResetAfter = time.Duration(s.start(state.window+1) - now)
	}
	return d
}

func (s *slidingCounter) Spend(now, cost int64) {
	if cost <= 0 {
		return
	}
	*s = s.roll(now)
	s.cur = satAdd(s.cur, cost)
}

// Refund takes from the current window first, then from the one before.
func (s *slidingCounter) Refund(now, cost int64) {
	if cost <= 0 {
		return
	}
	*s = s.roll(now)
	back := min(cost, s.cur)
	s.cur -= back
	s.prev = max(0, s.prev-(cost-back))
}

func (s *slidingCounter) Reset() { s.window, s.prev, s.cur = always, 0, 0 }
