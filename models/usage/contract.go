package usage

import (
	"fmt"
	"math"
	"sort"
	"time"
)

// Window is the length of a rolling window in nanoseconds.
const Window = 30 * Day

// Kind is how a contract counts usage.
type Kind uint8

// The kinds of counting.
const (
	Period   Kind = iota // by billing periods: months from an anchor
	Calendar             // by calendar months
	Rolling              // over the last Window
)

func (k Kind) String() string {
	switch k {
	case Period:
		return "period"
	case Calendar:
		return "calendar"
	case Rolling:
		return "rolling"
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// Beginning is a From before every event.
const Beginning = math.MinInt64

// Segment is what was agreed with the customer from an instant on.
type Segment struct {
	From   int64
	Kind   Kind
	Anchor int64 // of Period: the instant from which months are counted
	Limit  int64 // units a period or window
}

// Contract is the segments of one account in the order of From; of two with
// the same From the later holds. The first one also holds before its From.
type Contract []Segment

// Check tells what is wrong with a contract: nothing in it, segments out of
// order, a limit below one, a kind that does not exist.
func (c Contract) Check() error {
	if len(c) == 0 {
		return fmt.Errorf("contract: no segment, expected at least one")
	}
	for i, s := range c {
		switch {
		case s.Limit < 1:
			return fmt.Errorf("contract: segment %d has limit %d, expected at least 1", i, s.Limit)
		case s.Kind > Rolling:
			return fmt.Errorf("contract: segment %d has %v, expected period, calendar or rolling", i, s.Kind)
		case i > 0 && s.From < c[i-1].From:
			return fmt.Errorf("contract: segment %d begins at %d, before segment %d at %d; sort them", i, s.From, i-1, c[i-1].From)
		}
	}
	return nil
}

// At is the segment that holds at t; of an empty contract the zero Segment.
func (c Contract) At(t int64) Segment {
	if len(c) == 0 {
		return Segment{}
	}
	n := sort.Search(len(c), func(i int) bool { return c[i].From > t })
	return c[max(n-1, 0)]
}

// PeriodAt is the period [start, end) that is counted at t under the segment
// that holds at t; see Segment.PeriodAt.
func (c Contract) PeriodAt(t int64) (start, end int64) { return c.At(t).PeriodAt(t) }

// PeriodAt is the period [start, end) that s counts at t: m and m + 1 months
// after the anchor (of Calendar: after 1970-01-01), where m is MonthsBetween.
// Before the anchor no period holds t, and the one returned is yet to come (or,
// whole months before the anchor, begins at t). Of Rolling it is the window
// (start, end] that ends at t.
func (s Segment) PeriodAt(t int64) (start, end int64) {
	if s.Kind == Rolling {
		return t - Window, t
	}
	anchor := s.anchor()
	m := MonthsBetween(t, anchor)
	return AddMonths(anchor, m), AddMonths(anchor, m+1)
}

func (s Segment) anchor() int64 {
	if s.Kind == Calendar {
		return 0
	}
	return s.Anchor
}

// Day is 24 hours in nanoseconds. UTC has no other days.
const Day = int64(24 * 60 * 60 * 1_000_000_000)

// AddMonths is the instant m calendar months after t: the same time of the
// same day of the month m months on, or of that month's last day if it is
// shorter. With y, mo, d the date of t and k = 12·y + mo − 1 + m,
//
//	year = ⌊k/12⌋, month = k mod 12 + 1, day = min(d, days of that month).
//
// Clipping forgets the day, so m months are always added to the original
// anchor: from 31 January one month leads to 28 February, two to 31 March,
// and not to 28 March. Results outside of the range of int64 are its bounds.
func AddMonths(t, m int64) int64 {
	y, mo, d := time.Unix(0, t).UTC().Date()
	m = min(max(m, -mostMonths), mostMonths)
	k := 12*int64(y) + int64(mo) - 1 + m
	year, month := int(floorDiv(k, 12)), time.Month(k-12*floorDiv(k, 12)+1)
	if d > 28 {
		d = min(d, time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day())
	}
	day := time.Date(year, month, d, 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60)
	return instant(day, t-floorDiv(t, Day)*Day)
}

// mostMonths lead from any instant beyond every other.
const mostMonths = 12 * 1000

// MonthsBetween is the number of whole months from anchor to now, truncated
// towards zero: the largest m ≥ 0 with AddMonths(anchor, m) ≤ now, or, before
// the anchor, the smallest m ≤ 0 with AddMonths(anchor, m) ≥ now.
//
// Within a month before the anchor it is therefore 0, and the period that it
// names has not begun (see Contract.PeriodAt).
func MonthsBetween(now, anchor int64) int64 {
	y1, m1, _ := time.Unix(0, now).UTC().Date()
	y0, m0, _ := time.Unix(0, anchor).UTC().Date()
	m := int64(12*(y1-y0)) + int64(m1-m0)
	// AddMonths(anchor, m) is in the month of now, so m is off by one at most.
	switch at := AddMonths(anchor, m); {
	case now >= anchor && at > now:
		return m - 1
	case now < anchor && at < now:
		return m + 1
	}
	return m
}

// instant is day·Day + rest, with 0 ≤ rest < Day, within the range of int64.
func instant(day, rest int64) int64 {
	const last = math.MaxInt64 / Day // the days −last−1 and last are cut by the range
	switch {
	case day > last || day == last && rest > math.MaxInt64-last*Day:
		return math.MaxInt64
	case day < -last-1 || day == -last-1 && rest-Day < math.MinInt64+last*Day:
		return math.MinInt64
	case day < 0:
		return (day+1)*Day + (rest - Day)
	}
	return day*Day + rest
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
