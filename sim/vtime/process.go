package vtime

import "time"

// Clock is what a run goes by: a Scheduler in virtual time, a Real in real
// time. The steps of a run, calls and Processes alike, never run at the same
// time, so that what they share needs no lock of its own; only what a Process
// does Outside runs beside them.
type Clock interface {
	// Now is the present instant, in nanoseconds after the epoch.
	Now() int64
	// Time is the present instant as a time.
	Time() time.Time
	// Call runs f at the instant at (at the earliest: now). It must not wait.
	Call(at int64, f func())
	// Start begins a Process at the present instant.
	Start(f func(Process))
	// Run plays all steps, and those that they schedule, to the last.
	Run()
}

// Process is a step of a run that may wait.
type Process interface {
	Now() int64
	Sleep(d time.Duration)
	SleepUntil(at int64)
	// Outside runs f, which must not touch what the run's steps share: the
	// system under test.
	Outside(f func())
	// Carry lets the Process carry something for its owner, until its end.
	Carry(v any)
}
