package vtime

import (
	"context"
	"time"
)

// Now returns the wall clock's time. Nothing that enters a record's hash may
// depend on it.
func Now() time.Time { return time.Now() }

// Since returns the wall time that passed since t, by the monotonic clock.
func Since(t time.Time) time.Duration { return time.Since(t) }

// Sleep waits for d of wall time, or until ctx ends and then returns its
// error. It wakes up to a millisecond late: what must be precise has a Pacer.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
