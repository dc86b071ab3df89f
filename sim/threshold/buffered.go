package threshold

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/quotalab/quotalab/models/usage"
)

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

// Interval at which everything is counted.
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
