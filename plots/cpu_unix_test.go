//go:build !windows

package plots

import (
	"syscall"
	"testing"
	"time"
)

// cpu time of the process so far: the machine may have other work.
func cpu(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
