package threshold

import (
	"slices"
	"sort"
)

// Events is the usage of many accounts in memory, from which Views read. The
// zero value is empty. It is not for use by several goroutines at once.
//
// Usage of one account, series and tag at one instant is kept as one entry of
// 16 bytes, with a running sum, so that a range costs two binary searches.
type Events struct {
	accounts map[int64][]*line
}

// Event is usage as a database received it.
type Event struct {
	Usage
	// Tag under which the database files it beside the series: the account's
	// name at the time.
	Tag string
	// Late says that it came in at Arrive, instead of when its stamp would
	// make it visible.
	Late   bool
	Arrive int64
}

// line is the usage of one account, series and tag.
type line struct {
	series, tag string
	at          []int64 // ascending
	sum         []int64 // of all units up to and including at
	late        []Event
}

// Add files usage that arrives in time. Adding by ascending At is cheap.
func (s *Events) Add(u Usage) { s.AddEvent(Event{Usage: u}) }

// AddEvent files an event.
func (s *Events) AddEvent(e Event) {
	if s.accounts == nil {
		s.accounts = map[int64][]*line{}
	}
	l := s.line(e.Account, e.Series, e.Tag)
	if e.Late {
		l.late = append(l.late, e)
		return
	}
	l.add(e.At, e.Units)
}

// Forget drops an account's usage and keeps its memory for what follows.
func (s *Events) Forget(account int64) {
	for _, l := range s.accounts[account] {
		l.at, l.sum, l.late = l.at[:0], l.sum[:0], l.late[:0]
	}
}

// line finds or makes the line of a series and tag. Lines of an account are
// sorted by series.
func (s *Events) line(account int64, series, tag string) *line {
	lines := s.accounts[account]
	for _, l := range lines {
		if l.series == series && l.tag == tag {
			return l
		}
	}
	l := &line{series: series, tag: tag}
	i := sort.Search(len(lines), func(i int) bool { return lines[i].series > series })
	s.accounts[account] = slices.Insert(lines, i, l)
	return l
}

func (l *line) add(at, units int64) {
	n := len(l.at)
	if n == 0 || at > l.at[n-1] {
		sum := units
		if n > 0 {
			sum += l.sum[n-1]
		}
		l.at, l.sum = append(l.at, at), append(l.sum, sum)
		return
	}
	i, found := slices.BinarySearch(l.at, at)
	if !found {
		before := int64(0)
		if i > 0 {
			before = l.sum[i-1]
		}
		l.at, l.sum = slices.Insert(l.at, i, at), slices.Insert(l.sum, i, before)
	}
	for ; i < len(l.sum); i++ {
		l.sum[i] += units
	}
}

// between sums the events in time in [from, to), and tells whether there are
// any.
func (l *line) between(from, to int64) (units int64, any bool) {
	lo, _ := slices.BinarySearch(l.at, from)
	hi, _ := slices.BinarySearch(l.at, to)
	if lo >= hi {
		return 0, false
	}
	units = l.sum[hi-1]
	if lo > 0 {
		units -= l.sum[lo-1]
	}
	return units, true
}
