package usage

import (
	"fmt"
	"math"
	"sort"
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
