package foreign

import (
	"errors"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// epollWaitExactly is epoll_pwait2.
func epollWaitExactly(fd int, events []unix.EpollEvent, wait time.Duration) (int, error) {
	limit := unix.NsecToTimespec(int64(wait))
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(fd), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), uintptr(unsafe.Pointer(&limit)), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// epollWait waits with the resolution of the kernel's timers.
func epollWait(fd int, events []unix.EpollEvent, wait time.Duration) (int, error) {
	if wait <= 0 {
		return unix.EpollWait(fd, events, 0)
	}
	n, err := epollWaitExactly(fd, events, wait)
	if errors.Is(err, unix.ENOSYS) { // Linux before 5.11
		return unix.EpollWait(fd, events, 1)
	}
	return n, err
}

// readable waits until a descriptor can be read, or hangs up.
func readable(fd int, limit time.Duration) (bool, error) {
	wait := unix.NsecToTimespec(int64(limit))
	n, err := unix.Ppoll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, &wait, nil)
	if errors.Is(err, unix.EINTR) {
		return false, nil
	}
	return n > 0, err
}
