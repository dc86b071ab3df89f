//go:build !linux

package virtualredis

import "errors"

// SharedTime is a clock that other processes read, which needs Linux.
type SharedTime struct{}

// NewSharedTime fails.
func NewSharedTime(string, int64) (*SharedTime, error) {
	return nil, errors.New("virtual time for programs needs Linux")
}

// Set does nothing.
func (t *SharedTime) Set(int64) {}

// Close does nothing.
func (t *SharedTime) Close() error { return nil }
