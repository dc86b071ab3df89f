package limits

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // containers and Windows have no database of time zones
)

// fixedWindow counts in windows: time is cut into windows, and at most Count
// tokens are taken in each. Where the windows begin is part of what a limiter promises:
//
//   - fixed_window: at multiples of Period in Unix time, as INCR on a key that
//     holds time/Period does; a period of a day begins at midnight UTC;
//   - fixed_window_first_hit: with the first admission after the one before has
//     ended, as INCR with EXPIRE on a new key does;
//   - fixed_window_daily and fixed_window_monthly, with a time zone behind a
//     colon (fixed_window_monthly:Europe/Berlin), UTC without: at local midnight,
//     of the first of the month. Period is then only the nominal length.
//
// The state is the last window spent in and the tokens used there. An instant
// in an earlier window (the clock went back) counts as in that one; in a later
// one nothing is used yet.
//
// The boundary: allowed at once if used + cost ≤ Count, else from the end of
// the window. Around a window's edge up to 2·Count tokens are admitted in any
// time however short, which is why Envelope does not bound this algorithm.
type fixedWindow struct {
	*windowLimit
	from, until int64 // the window last spent in; until is always before the first
	used        int64
}

// windowLimit is what keys of one limit share: cut returns the window that an
// instant is in.
type windowLimit struct {
	Limit
	cut func(now int64) (from, until int64)
}

// newFixedWindow returns a constructor for windows cut in the way that by says
// of a period and of the epoch, in Unix nanoseconds.
func newFixedWindow(by func(period, epoch int64, now int64) (from, until int64)) func(Limit, int64) (func() Bucket, error) {
	return func(l Limit, epoch int64) (func() Bucket, error) {
		if err := l.checkWindow(); err != nil {
			return nil, err
		}
		shared := &windowLimit{l, func(now int64) (int64, int64) { return by(int64(l.Period), epoch, now) }}
		return func() Bucket { return &fixedWindow{windowLimit: shared, from: always, until: always} }, nil
	}
}

func unixWindow(period, epoch, now int64) (from, until int64) {
	from = floorDiv(now+epoch, period)*period - epoch
	return from, from + period
}

func firstHitWindow(period, _, now int64) (from, until int64) { return now, now + period }

// calendar returns the maker of windows that are days or months of a zone.
func calendar(days, months int, zone string) (func(Limit, int64) (func() Bucket, error), error) {
	location, err := time.LoadLocation(zone)
	if err != nil {
		return nil, fmt.Errorf("time zone %q: %w: use a name of the IANA database, such as Europe/Berlin, or UTC", zone, err)
	}
	return newFixedWindow(func(_, epoch, now int64) (from, until int64) {
		y, m, d := time.Unix(0, now+epoch).In(location).Date()
		if months > 0 {
			d = 1
		}
		at := func(days, months int) int64 {
			return time.Date(y, m+time.Month(months), d+days, 0, 0, 0, 0, location).UnixNano() - epoch
		}
		return at(0, 0), at(days, months)
	}), nil
}

// calendarMaker reads a name such as fixed_window_daily:Europe/Berlin; nil if
// it is none.
func calendarMaker(algorithm string) (func(Limit, int64) (func() Bucket, error), error) {
	name, zone, _ := strings.Cut(algorithm, ":")
	switch name {
	case "fixed_window_daily":
		return calendar(1, 0, zone)
	case "fixed_window_monthly":
		return calendar(0, 1, zone)
	}
	return nil, nil
}

// roll returns the window that now counts in and the tokens used there.
func (f *fixedWindow) roll(now int64) (from, until, used int64) {
	if now < f.until {
		return f.from, f.until, f.used
	}
	from, until = f.cut(now)
	return from, until, 0
}

func (f *fixedWindow) boundary(cost int64) int64 {
	switch {
	case cost < 0 || cost > f.Count:
		return never
	case f.used <= f.Count-cost:
		return always
	}
	return f.until
}

func (f *fixedWindow) Peek(now, cost int64) Decision {
	d := at(now, f.boundary(cost))
	_, until, used := f.roll(now)
	if d.Allowed {
		used += cost
	}
	d.Remaining = f.Count - used
	if used > 0 {
		d.ResetAfter = time.Duration(satSub(until, now))
	}
	return d
}

func (f *fixedWindow) Spend(now, cost int64) {
	if cost <= 0 {
		return
	}
	f.from, f.until, f.used = f.roll(now)
	f.used = satAdd(f.used, cost)
}

// Refund gives back what was used in the window of now; what was used in an
// earlier one has come back already.
func (f *fixedWindow) Refund(now, cost int64) {
	if cost <= 0 || now >= f.until {
		return
	}
	f.used = max(0, f.used-cost)
}

func (f *fixedWindow) Reset() { f.from, f.until, f.used = always, always, 0 }
