package threshold

import (
	"errors"
	"fmt"
)

// The errors that end an evaluation of the flagsmith engine have the names of
// upstream's exceptions: by these the recorded vectors tell them.
var (
	// ErrType: something is None: no billing start, no threshold reached, no
	// row counted.
	ErrType = errors.New("TypeError")
	// ErrAssertion: usage comes in more than one series.
	ErrAssertion = errors.New("AssertionError")
	// ErrZeroDivision: the limit is zero.
	ErrZeroDivision = errors.New("ZeroDivisionError")
	// ErrInfluxDB: the source was asked for an empty range.
	ErrInfluxDB = errors.New("InfluxDBError")
)

// ErrSourceDown: the usage source is down and says so.
var ErrSourceDown = errors.New("usage source down")

// AbortError says that an error at one account ended a run, so that no later
// account was looked at.
type AbortError struct {
	Run     int64
	Account int64 // the one that failed
	Err     error
}

func (e *AbortError) Error() string {
	return fmt.Sprintf("run %d ended at account %d: %v; the accounts after it were not looked at", e.Run, e.Account, e.Err)
}

func (e *AbortError) Unwrap() error { return e.Err }
