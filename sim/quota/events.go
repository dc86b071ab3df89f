package quota

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/quotalab/quotalab/models/usage"
)

// Events is the usage of many accounts in memory, from which Views read. The
// zero value is empty. It is not for use by several goroutines at once.
//
// Usage is kept as an entry of 16 bytes, with a running sum over the account,
// series and tag, so that a range costs two binary searches.
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

// reached is the sum of all units up to and including an instant.
type reached struct{ at, sum int64 }

func (r reached) compare(instant int64) int { return cmp.Compare(r.at, instant) }

// line is the usage of one account, series and tag.
type line struct {
	series, tag string
	at          []reached // does not fall
	late        []Event
	until       *int64 // what is later cannot be seen yet; nil: all can
	ends        [2]int // of the last range in at
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
		l.at, l.late = l.at[:0], l.late[:0]
	}
}

// Until returns the same usage in the same memory, as it is seen when what is
// later than *at has not been counted yet. To the accounts that have usage
// here none must be added, here or there.
func (s *Events) Until(at *int64) *Events {
	seen := &Events{accounts: make(map[int64][]*line, len(s.accounts))}
	for account, lines := range s.accounts {
		for _, l := range lines {
			copied := *l
			copied.until = at
			seen.accounts[account] = append(seen.accounts[account], &copied)
		}
	}
	return seen
}

// From appends the entries of an account that has one line, from entry n on and
// not later than an instant, whether they can be seen yet or not. Those that were
// added by ascending instants are in that order.
func (s *Events) From(us []Usage, account int64, n int, until int64) []Usage {
	lines := s.accounts[account]
	if len(lines) == 0 {
		return us
	}
	for l := lines[0]; n < len(l.at) && l.at[n].at <= until; n++ {
		us = append(us, Usage{Account: account, At: l.at[n].at, Units: l.sum(n+1) - l.sum(n)})
	}
	return us
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

// sum returns the units of the first n entries.
func (l *line) sum(n int) int64 {
	if n == 0 {
		return 0
	}
	return l.at[n-1].sum
}

func (l *line) add(at, units int64) {
	n := len(l.at)
	if n == 0 || at >= l.at[n-1].at {
		l.at = append(l.at, reached{at, l.sum(n) + units})
		return
	}
	i, found := slices.BinarySearchFunc(l.at, at, reached.compare)
	if !found {
		l.at = slices.Insert(l.at, i, reached{at, l.sum(i)})
	}
	for ; i < len(l.at); i++ {
		l.at[i].sum += units
	}
}

// search returns the first entry that is not before an instant. It looks first
// near the last answer, as who polls asks for instants that ascend.
func (l *line) search(last *int, instant int64) int {
	const near = 4
	i := min(*last, len(l.at))
	if i > 0 && l.at[i-1].at >= instant {
		i, _ = slices.BinarySearchFunc(l.at[:i-1], instant, reached.compare)
	}
	for end := min(i+near, len(l.at)); i < end && l.at[i].at < instant; i++ {
	}
	if i < len(l.at) && l.at[i].at < instant {
		more, _ := slices.BinarySearchFunc(l.at[i:], instant, reached.compare)
		i += more
	}
	*last = i
	return i
}

// between sums the events in time in [from, to), and tells whether there are
// any.
func (l *line) between(from, to int64) (units int64, any bool) {
	if l.until != nil {
		to = min(to, *l.until+1)
	}
	lo, hi := l.search(&l.ends[0], from), l.search(&l.ends[1], to)
	if lo >= hi {
		return 0, false
	}
	return l.sum(hi) - l.sum(lo), true
}

// Buffered keeps usage back while it cannot matter, and so saves most of an
// Inline's calls: the last reply said how many units an account is below its
// next threshold, and less than that makes nothing due. What reaches it is
// counted at once, behind what was kept back, so the crossing is found at its
// instant. Corrections, usage with a token, and usage of another
// period than the last are counted at once as well.
//
// That holds for the process that counts all of an account's usage. What
// others count, and a limit that others announce, it learns with its next
// call, which a Poll makes at the latest: with several, a crossing may be found
// that much later, and its instant be that of the last usage kept back, but
// none is missed. What is kept back when the process dies
// is not counted.
type Buffered struct {
	in    *Inline
	every int64

	mu   sync.Mutex
	kept map[int64]*kept
}

// kept is what is kept back of one account.
type kept struct {
	start, end int64 // of the period that was counted last
	room       int64 // units below the next threshold then; 0 unknown
	units, at  int64 // kept back, and when the last of it was used
}

// NewBuffered keeps usage back for up to every nanoseconds, which must be less
// than counters outlive their period.
func NewBuffered(in *Inline, every int64) (*Buffered, error) {
	switch {
	case in == nil:
		return nil, errors.New("buffered: expected an Inline, found nil")
	case every < 1 || every >= in.slack:
		return nil, fmt.Errorf("buffered: expected an interval of 1 ns to less than the slack of %d, found %d", in.slack, every)
	}
	return &Buffered{in: in, every: every, kept: map[int64]*kept{}}, nil
}

// Interval returns the time after which everything is counted.
func (f *Buffered) Interval() time.Duration { return time.Duration(f.every) }

// Add counts usage or keeps it back. An InDoubtError also names what was kept
// back and went with it.
func (f *Buffered) Add(ctx context.Context, u Usage) error {
	us := f.keep(&u)
	if us == nil {
		return nil
	}
	return f.in.addBatch(ctx, us, f.learn)
}

// Poll counts all that is kept back.
func (f *Buffered) Poll(ctx context.Context) error {
	f.mu.Lock()
	var accounts []int64
	for a, k := range f.kept {
		if k.units > 0 {
			accounts = append(accounts, a)
		}
	}
	slices.Sort(accounts)
	us := make([]Usage, 0, len(accounts))
	for _, a := range accounts {
		us = f.kept[a].take(us, a)
	}
	f.mu.Unlock()
	return f.in.addBatch(ctx, us, f.learn)
}

// SetLimit counts what is kept back of the account, then announces the limit.
func (f *Buffered) SetLimit(ctx context.Context, account, limit, at int64) error {
	f.mu.Lock()
	var us []Usage
	if k := f.kept[account]; k != nil {
		us = k.take(us, account)
	}
	f.mu.Unlock()
	err := f.in.addBatch(ctx, us, nil)
	return errors.Join(err, f.in.SetLimit(ctx, account, limit, at))
}

// keep keeps a usage back, or returns what is to be counted now.
func (f *Buffered) keep(u *Usage) []Usage {
	f.mu.Lock()
	defer f.mu.Unlock()
	k := f.kept[u.Account]
	if k == nil {
		k = &kept{at: math.MinInt64}
		f.kept[u.Account] = k
	}
	if u.Token != "" || u.Units < 0 || u.At < k.start || u.At >= k.end || u.Units >= min(k.room, largestUnits)-k.units {
		return append(k.take(nil, u.Account), *u)
	}
	k.units, k.at = k.units+u.Units, max(k.at, u.At)
	return nil
}

// take empties what is kept. Until the next reply nothing is kept.
func (k *kept) take(us []Usage, account int64) []Usage {
	if k.units > 0 {
		us = append(us, Usage{Account: account, At: k.at, Units: k.units})
	}
	k.units, k.at, k.room = 0, math.MinInt64, 0
	return us
}

// learn takes from a reply how far an account is from its next threshold.
func (f *Buffered) learn(p period, after, limit int64) {
	room := int64(math.MaxInt64)
	for _, t := range f.in.thresholds {
		if n := usage.Need(t, limit); n > after {
			room = n - after
			break
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	k := f.kept[p.account]
	if p.start < k.start {
		return // late usage of a period before
	}
	k.start, k.end, k.room = p.start, p.end, room
}
