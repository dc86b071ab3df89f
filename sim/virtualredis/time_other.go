//go:build !linux

package virtualredis

import "errors"

type sharedTime struct{}

func newSharedTime(string, int64) (*sharedTime, error) {
	return nil, errors.New("virtual time for programs needs Linux")
}

func (t *sharedTime) set(int64) {}

func (t *sharedTime) close() error { return nil }
