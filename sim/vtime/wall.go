package vtime

import "time"

// Now returns the wall clock's time. Nothing that enters a record's hash may
// depend on it.
func Now() time.Time { return time.Now() }

// Since returns the wall time that passed since t, by the monotonic clock.
func Since(t time.Time) time.Duration { return time.Since(t) }
