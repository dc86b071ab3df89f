package threshold

import (
	"context"
	"slices"
)

// Span is [From, To).
type Span struct {
	From, To int64
}

// Spans are times at which something is down.
type Spans []Span

// Cover tells whether t lies in one of them.
func (s Spans) Cover(t int64) bool {
	return slices.ContainsFunc(s, func(x Span) bool { return x.From <= t && t < x.To })
}

// Unreliable is a UsageSource that takes time and is sometimes down.
type Unreliable struct {
	UsageSource
	Clock   Clock
	Sleep   Sleep
	Latency int64 // of one Sum
	Down    Spans
	// Says makes it fail with ErrSourceDown while it is down. Otherwise it
	// answers then, as upstream's client of Influx does, that there is no
	// usage.
	Says bool
}

// Sum asks the source, or not if it is down.
func (u *Unreliable) Sum(ctx context.Context, account, from, to int64) ([]SeriesUnits, error) {
	if u.Down.Cover(u.Clock.Now()) {
		if u.Says {
			return nil, ErrSourceDown
		}
		return nil, u.Sleep.pass(ctx, u.Latency)
	}
	sums, err := u.UsageSource.Sum(ctx, account, from, to)
	if err != nil {
		return nil, err
	}
	return sums, u.Sleep.pass(ctx, u.Latency)
}

// Recent asks the source, or not if it is down.
func (u *Unreliable) Recent(ctx context.Context, account int64) (int64, error) {
	if u.Down.Cover(u.Clock.Now()) {
		if u.Says {
			return 0, ErrSourceDown
		}
		return 0, nil
	}
	return u.UsageSource.Recent(ctx, account)
}

// Post is a Mailer that takes time and is sometimes down.
type Post struct {
	Clock   Clock
	Sleep   Sleep
	Latency int64 // of one notice
	Down    Spans
}

// Send delivers, unless mail is down or nobody is there to get it.
func (p *Post) Send(ctx context.Context, n Notice) (bool, error) {
	if err := p.Sleep.pass(ctx, p.Latency); err != nil {
		return false, err
	}
	return n.Recipients > 0 && !p.Down.Cover(p.Clock.Now()), nil
}
