//go:build !linux

package clock

// NewPacer returns the most precise Pacer of this system.
func NewPacer() (Pacer, error) { return NewTimerPacer(), nil }

// NewPollPacer returns a Pacer that needs no thread of its own.
func NewPollPacer() (Pacer, error) { return NewTimerPacer(), nil }
