package virtualredis

import (
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sharedTime is a clock that other processes read: eight bytes of a file that
// are mapped into memory.
type sharedTime struct{ mapped []byte }

func newSharedTime(path string, now int64) (*sharedTime, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("file of the virtual clock: %w", err)
	}
	defer f.Close() // the mapping stays, and what was written is in memory
	if err := f.Truncate(8); err != nil {
		return nil, fmt.Errorf("file of the virtual clock: %w", err)
	}
	mapped, err := unix.Mmap(int(f.Fd()), 0, 8, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping the virtual clock: %w", err)
	}
	t := &sharedTime{mapped}
	t.set(now)
	return t, nil
}

func (t *sharedTime) set(now int64) {
	atomic.StoreInt64((*int64)(unsafe.Pointer(&t.mapped[0])), now)
}

func (t *sharedTime) close() error { return unix.Munmap(t.mapped) }
