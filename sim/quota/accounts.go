package quota

import (
	"context"
	"math"
	"slices"

	"github.com/quotalab/quotalab/models/usage"
)

// Unknown is an instant that an engine does not know.
const Unknown = math.MinInt64

// Account is what an engine knows about one account.
type Account struct {
	ID        int64
	Free      bool  // on a free plan, which counts the last 30 days
	FreeLimit int64 // limit of free plans
	// Cached says that there is a row about its subscription. Without one
	// Allowed has its default and the billing dates are unknown.
	Cached       bool
	Allowed      int64 // limit of paid plans
	BillingStart int64 // first day of the first period, or Unknown
	BillingEnd   int64 // or Unknown
	Recent       int64 // cached total of the last 30 days
	Cancelled    bool  // a date of cancellation is set
	Admins       int64
	Members      int64 // beside the admins
}

// Accounts are what an engine knows about its customers.
type Accounts interface {
	// IDs ascend. The slice must not be changed and is valid until an
	// account is added.
	IDs() []int64
	Account(id int64) (Account, bool)
	// SetRecent updates the cached total of the last 30 days.
	SetRecent(id, units int64)
}

// Directory is Accounts in memory. The zero value is empty.
type Directory struct {
	ids  []int64
	byID map[int64]*Account
}

// IDs returns the ids in ascending order.
func (d *Directory) IDs() []int64 { return d.ids }

// Account returns one account, false if there is none.
func (d *Directory) Account(id int64) (Account, bool) {
	a, ok := d.byID[id]
	if !ok {
		return Account{}, false
	}
	return *a, true
}

// SetRecent updates a cached total. An unknown account is left alone.
func (d *Directory) SetRecent(id, units int64) {
	if a, ok := d.byID[id]; ok {
		a.Recent = units
	}
}

// Put adds or replaces an account. Adding them in ascending order is cheap.
func (d *Directory) Put(a Account) {
	if old, ok := d.byID[a.ID]; ok {
		*old = a
		return
	}
	if d.byID == nil {
		d.byID = map[int64]*Account{}
	}
	d.byID[a.ID] = &a
	i, _ := slices.BinarySearch(d.ids, a.ID)
	d.ids = slices.Insert(d.ids, i, a.ID)
}

// Widths of the buckets of a downsampled database, and the length of its
// recent past.
const (
	quarter = 15 * 60 * second
	hour    = 60 * 60 * second
	second  = int64(1_000_000_000)
	recent  = usage.Window
)

// View is a UsageSource that reads Events. What it shows depends on when it is
// asked.
type View struct {
	Events *Events
	Clock  Clock
	Of     SourceKind
	// Downsample gives an event the end of its quarter of an hour for a
	// stamp (for Recent: of its hour) and shows it from then on. Otherwise
	// its stamp is when it happened.
	Downsample bool
	// Lag is how long after its stamp an event can be seen.
	Lag int64
}

// Kind returns the kind of the source.
func (v *View) Kind() SourceKind { return v.Of }

// Sum returns the usage in the range [from, to) as the kind interprets it.
func (v *View) Sum(_ context.Context, account, from, to int64) ([]SeriesUnits, error) {
	switch v.Of {
	case Postgres:
		from, to = nextMidnight(from), nextMidnight(to)
	case InfluxTotal:
		to = nextMidnight(to) - usage.Day
		fallthrough
	case Influx:
		if from >= to {
			return nil, ErrInfluxDB
		}
	}
	var sums []SeriesUnits
	for _, l := range v.Events.accounts[account] {
		units, any := v.sum(l, from, to, v.width(quarter))
		if !any {
			continue
		}
		if n := len(sums); n > 0 && sums[n-1].Series == l.series {
			sums[n-1].Units += units
		} else {
			sums = append(sums, SeriesUnits{l.series, units})
		}
	}
	return sums, nil
}

// Recent is the total of the last 30 days. On Influx, where events are filed
// under the account's name as well, it is that of only one name: the smallest.
func (v *View) Recent(_ context.Context, account int64) (int64, error) {
	now := v.Clock.Now()
	from, to, width := now-recent, now, v.width(hour)
	if v.Of == Postgres {
		to, width = math.MaxInt64, v.width(quarter)
	}
	var tags []SeriesUnits
	for _, l := range v.Events.accounts[account] {
		if units, any := v.sum(l, from, to, width); any {
			tags = addTo(tags, l.tag, units)
		}
	}
	if v.Of == Postgres {
		return total(tags), nil
	}
	return smallest(tags), nil
}

// width returns the width of buckets, 1 if events keep their own instants.
func (v *View) width(bucket int64) int64 {
	if v.Downsample {
		return bucket
	}
	return 1
}

// sum returns what can be seen by now of a line, with stamps of a width in
// [from, to).
func (v *View) sum(l *line, from, to, width int64) (units int64, any bool) {
	now := v.Clock.Now()
	lo, hi := firstStamped(from, width), firstStamped(to, width)
	seen := firstStamped(now-v.Lag+1, v.width(quarter))
	units, any = l.between(lo, min(hi, seen))
	for _, e := range l.late {
		if e.Arrive <= now && lo <= e.At && e.At < hi {
			units, any = units+e.Units, true
		}
	}
	return units, any
}

// firstStamped is the first instant whose stamp is at or after an instant.
// The stamp of t is the end of its bucket, (⌊t/w⌋ + 1)·w, which is at least s
// if t ≥ (⌈s/w⌉ − 1)·w; at width 1 it is t itself.
func firstStamped(stamp, width int64) int64 {
	if width == 1 || stamp == math.MaxInt64 {
		return stamp
	}
	return floor(stamp-1, width) // ⌈s/w⌉ − 1 = ⌊(s−1)/w⌋
}

// floor rounds t down to a multiple of width.
func floor(t, width int64) int64 {
	rest := t % width
	if rest < 0 {
		rest += width
	}
	return t - rest
}

func nextMidnight(t int64) int64 { return floor(t, usage.Day) + usage.Day }

func addTo(tags []SeriesUnits, tag string, units int64) []SeriesUnits {
	for i := range tags {
		if tags[i].Series == tag {
			tags[i].Units += units
			return tags
		}
	}
	return append(tags, SeriesUnits{tag, units})
}

func total(tags []SeriesUnits) int64 {
	var sum int64
	for _, t := range tags {
		sum += t.Units
	}
	return sum
}

func smallest(tags []SeriesUnits) int64 {
	if len(tags) == 0 {
		return 0
	}
	least := tags[0].Units
	for _, t := range tags[1:] {
		least = min(least, t.Units)
	}
	return least
}
