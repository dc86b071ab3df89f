package virtualredis

import (
	"fmt"
	"math"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// SharedTime is a clock that other processes read: eight bytes of a file that
// are mapped into memory. Behind them a process writes when its next timer is
// due.
type SharedTime struct{ mapped []byte }

// NewSharedTime makes the file, with a time in nanoseconds since 1970.
func NewSharedTime(path string, now int64) (*SharedTime, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("file of the virtual clock: %w", err)
	}
	defer f.Close() // the mapping stays, and what was written is in memory
	if err := f.Truncate(16); err != nil {
		return nil, fmt.Errorf("file of the virtual clock: %w", err)
	}
	mapped, err := unix.Mmap(int(f.Fd()), 0, 16, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping the virtual clock: %w", err)
	}
	t := &SharedTime{mapped}
	t.Set(now)
	atomic.StoreInt64(t.word(8), math.MaxInt64)
	return t, nil
}

func (t *SharedTime) word(at int) *int64 { return (*int64)(unsafe.Pointer(&t.mapped[at])) }

// Set sets the time.
func (t *SharedTime) Set(now int64) { atomic.StoreInt64(t.word(0), now) }

// Timer returns when the process' next timer is due, math.MaxInt64 where it
// has none.
func (t *SharedTime) Timer() int64 { return atomic.LoadInt64(t.word(8)) }

// Close ends the mapping.
func (t *SharedTime) Close() error { return unix.Munmap(t.mapped) }
