package testkit

import (
	"syscall"
	"testing"
	"time"

	"github.com/quotalab/quotalab/sim/clock"
)

// Took returns how long do took, by the wall clock and in processor time of the process.
func Took(b *testing.B, do func()) (wall, cpu time.Duration) {
	b.Helper()
	begun, before := clock.Now(), processorTime(b)
	do()
	return clock.Since(begun), processorTime(b) - before
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
