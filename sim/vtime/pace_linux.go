package vtime

import (
	"encoding/binary"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// threadPacer sleeps in the kernel, to the nanosecond, on the thread of its
// caller: Go's own timers wake by a poll that rounds up to a millisecond.
type threadPacer struct {
	fd    int // eventfd that Wake writes to
	slack bool
}

// NewPacer returns the most precise Pacer of this system. Its Sleep is for
// one goroutine, which is locked to its thread.
func NewPacer() (Pacer, error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("making a pacer: %w", err)
	}
	return &threadPacer{fd: fd}, nil
}

func (p *threadPacer) Sleep(d time.Duration) {
	if !p.slack { // the kernel may else wake the thread 50 µs later than asked
		p.slack = true
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // less precise without
	}
	ts := unix.NsecToTimespec(int64(d))
	n, err := unix.Ppoll([]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}, &ts, nil)
	if err == nil && n > 0 {
		var count [8]byte
		_, _ = unix.Read(p.fd, count[:]) // empties it; nothing is lost if another Wake comes between
	}
}

func (p *threadPacer) Wake() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, _ = unix.Write(p.fd, one[:]) // fails only if 2⁶⁴ wakes are pending: then it is awake
}

func (p *threadPacer) Close() error { return unix.Close(p.fd) }
