//go:build !linux

package vtime

// NewPacer returns the most precise Pacer of this system.
func NewPacer() (Pacer, error) { return NewTimerPacer(), nil }
