package vtime

import (
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// pollPacer sleeps on a timer of the kernel that Go's poller waits for as it
// does for a connection: as precise as a threadPacer, without a thread.
type pollPacer struct {
	timer *os.File
	fd    int
	woken atomic.Bool
}

// NewPollPacer returns a precise Pacer that needs no thread of its own, for
// helpers such as a proxy: goroutines that it makes runnable begin on the same
// processor. When all processors are busy it wakes no sooner than they poll.
func NewPollPacer() (Pacer, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("making a pacer: %w", err)
	}
	return &pollPacer{timer: os.NewFile(uintptr(fd), "timerfd"), fd: fd}, nil
}

func (p *pollPacer) Sleep(d time.Duration) {
	p.set(max(d, 1)) // 0 would disarm it
	if p.woken.Swap(false) {
		return // it may have been before the timer was set
	}
	var expirations [8]byte
	_, _ = p.timer.Read(expirations[:]) // fails only after Close
	p.woken.Store(false)
}

func (p *pollPacer) Wake() {
	p.woken.Store(true)
	p.set(1)
}

func (p *pollPacer) set(d time.Duration) {
	_ = unix.TimerfdSettime(p.fd, 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}, nil) // fails only after Close
}

func (p *pollPacer) Close() error { return p.timer.Close() }
