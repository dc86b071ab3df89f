// Package clock is the one clock of quotalab.
//
// Virtual time is a Scheduler: one event loop over a heap ordered by
// (instant, sequence number). Every request is a Proc, a coroutine made with
// iter.Pull, and exactly one of them runs at any moment. A Proc that sleeps
// gives the loop back; nothing else lets time pass. The same calls in the
// same order give the same interleaving, on any number of processors.
//
// Real time is a Real: the same steps, and goroutines for what they do outside,
// paced by a thread that sleeps to the nanosecond. What runs by either clock
// sees a Clock and Processes.
//
// Wall time is Now, for the little that needs it (when a run started, how
// long it took). No other package of quotalab reads the wall clock.
package clock
