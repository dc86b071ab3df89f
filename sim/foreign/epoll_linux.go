package foreign

import (
	"errors"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What follows asks the kernel past Go's scheduler. A child answers within some
// ten microseconds. Told of a thread that waits, the scheduler has another look for
// work on the processor that the child needs, and its monitor look every 20 µs
// whether the wait is over, which cost more than all else that a decision takes here.

// shortWait is the longest wait that Go's scheduler is not told of: a collection
// may have to wait for its end.
const shortWait = time.Millisecond

// readRaw reads what is there.
func readRaw(fd int, b []byte) (int, error) {
	return result(unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b))))
}

// writeRaw writes what there is room for; b is not empty.
func writeRaw(fd int, b []byte) (int, error) {
	return result(unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b))))
}

func result(n, _ uintptr, errno unix.Errno) (int, error) {
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// epollWait waits with the resolution of the kernel's timers.
func epollWait(fd int, events []unix.EpollEvent, wait time.Duration) (int, error) {
	limit := unix.NsecToTimespec(int64(max(wait, 0)))
	call := unix.RawSyscall6
	if wait > shortWait {
		call = unix.Syscall6
	}
	n, err := result(call(unix.SYS_EPOLL_PWAIT2, uintptr(fd), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), uintptr(unsafe.Pointer(&limit)), 0, 0))
	if errors.Is(err, unix.ENOSYS) { // Linux before 5.11
		return unix.EpollWait(fd, events, min(int(wait/time.Microsecond), 1))
	}
	return n, err
}
