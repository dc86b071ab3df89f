package clock

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// threadPacer sleeps in the kernel, to the nanosecond, on the thread of its
// caller: Go's own timers wake by a poll that rounds up to a millisecond.
type threadPacer struct {
	fd     int // eventfd that Wake writes to
	slack  bool
	thread int // that was urged
	urgent bool
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

// resetOnFork has what the thread starts begin without its priority.
const resetOnFork = 1

func (p *threadPacer) Urge() bool {
	p.thread = unix.Gettid()
	p.urgent = p.schedule(unix.SCHED_FIFO, 1) == nil // EPERM: less punctual on a busy machine
	tasks, _ := os.ReadDir("/proc/self/task")
	for _, t := range tasks { // Go's threads sleep for microseconds before they take over a goroutine: with the usual slack, 50
		_ = os.WriteFile("/proc/"+t.Name()+"/timerslack_ns", []byte("1"), 0) // they are less punctual without
	}
	return p.urgent
}

func (p *threadPacer) schedule(policy, priority uint32) error {
	return unix.SchedSetAttr(p.thread, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: policy, Priority: priority, Flags: resetOnFork}, 0)
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

func (p *threadPacer) Close() error {
	if p.urgent {
		_ = p.schedule(unix.SCHED_NORMAL, 0) // fails where the thread has ended, and its priority with it
	}
	return unix.Close(p.fd)
}

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

func (p *pollPacer) Urge() bool { return false }

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
