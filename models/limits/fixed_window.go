package limits

import "time"

// fixedWindow is the fixed window: time is cut into windows [k·Period, (k+1)·Period) after the
// run's epoch, and at most Count tokens are taken in each.
//
// The state is the last window spent in and the tokens used there. An instant
// in an earlier window (the clock went back) counts as in that one; in a later
// one nothing is used yet.
//
// The boundary: allowed at once if used + cost ≤ Count, else from the start of
// the next window, b = (k+1)·Period. Around a window's edge up to 2·Count
// tokens are admitted in any time however short, which is why Envelope does
// not bound this algorithm.
type fixedWindow struct {
	*Limit
	window, used int64
}

func newFixedWindow(l Limit) (func() Bucket, error) {
	if err := l.checkWindow(); err != nil {
		return nil, err
	}
	return func() Bucket { return &fixedWindow{&l, always, 0} }, nil
}

// roll is the window that now counts in and the tokens used there.
func (f *fixedWindow) roll(now int64) (window, used int64) {
	if k := floorDiv(now, int64(f.Period)); k > f.window {
		return k, 0
	}
	return f.window, f.used
}

func (f *fixedWindow) boundary(cost int64) int64 {
	switch {
	case cost < 0 || cost > f.Count:
		return never
	case f.used <= f.Count-cost:
		return always
	}
	return (f.window + 1) * int64(f.Period)
}

func (f *fixedWindow) Peek(now, cost int64) Decision {
	d := at(now, f.boundary(cost))
	window, used := f.roll(now)
	if d.Allowed {
		used += cost
	}
	d.Remaining = f.Count - used
	if used > 0 {
		d.ResetAfter = time.Duration(satSub((window+1)*int64(f.Period), now))
	}
	return d
}

func (f *fixedWindow) Spend(now, cost int64) {
	if cost <= 0 {
		return
	}
	f.window, f.used = f.roll(now)
	f.used = satAdd(f.used, cost)
}

// Refund gives back what was used in the window of now; what was used in an
// earlier one has come back already.
func (f *fixedWindow) Refund(now, cost int64) {
	if cost <= 0 {
		return
	}
	f.window, f.used = f.roll(now)
	f.used = max(0, f.used-cost)
}

func (f *fixedWindow) Reset() { f.window, f.used = always, 0 }
