package foreign

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// watcher tells whether a process and its descendants are quiescent, without
// their help. It looks twice at every thread: one that was in a system call that
// waits, sleeps at the second look, and was not on a processor in between (its
// count in /proc/…/schedstat is the same), was asleep throughout. As that holds
// for all threads, there was an instant between the two looks at which all were
// asleep together. If they have also read all that was written to them, nothing
// can happen any more but by the next stimulus, or a timer of theirs.
//
// The system call alone does not show that a thread sleeps: of one that was woken,
// and whose processor has not taken it on yet, Linux still shows the call that it
// waited in. On a virtual machine whose processors have others to serve, that
// lasts for milliseconds. Its state is R by then.
type watcher struct {
	root    int
	dirs    map[int]int // task directory by process
	threads map[int]*thread
	pids    []int // of the last list
	buf     [512]byte
	entries [8192]byte
}

// thread is one thread's files in /proc.
type thread struct {
	pid                             int
	sched, syscall, stat, offspring int
	count                           string
	seen                            bool
}

// waits are the system calls in which a thread that sleeps waits for events,
// by architecture. Not nanosleep: a runtime that polls with short sleeps (Go's
// monitor thread, the JVM before a safepoint) has work to do although all of
// its threads sleep. Nor what waits for a disk or the kernel's own locks, which
// ends by itself. Reading waits for events unless it is of a file: then the
// thread's state is D, not S.
var waits = map[string]map[int]string{
	"amd64": {232: "epoll_wait", 281: "epoll_pwait", 441: "epoll_pwait2", 202: "futex", 449: "futex_waitv", 7: "poll", 271: "ppoll", 23: "select", 270: "pselect6",
		45: "recvfrom", 47: "recvmsg", 43: "accept", 288: "accept4", 61: "wait4", 247: "waitid", 34: "pause", 130: "rt_sigsuspend", 128: "rt_sigtimedwait",
		426: "io_uring_enter", 0: "read"},
	"arm64": {22: "epoll_pwait", 441: "epoll_pwait2", 98: "futex", 449: "futex_waitv", 73: "ppoll", 72: "pselect6", 207: "recvfrom", 212: "recvmsg", 202: "accept",
		242: "accept4", 260: "wait4", 95: "waitid", 133: "rt_sigsuspend", 137: "rt_sigtimedwait", 426: "io_uring_enter", 63: "read"},
}

// newWatcher fails where this machine does not show what a watcher needs.
func newWatcher(pid int) (*watcher, error) {
	if _, ok := waits[runtime.GOARCH]; !ok {
		return nil, fmt.Errorf("limiters in a process of their own need Linux on amd64 or arm64, found %s", runtime.GOARCH)
	}
	w := &watcher{root: pid, dirs: map[int]int{}, threads: map[int]*thread{}}
	for _, name := range []string{"schedstat", "syscall", "children"} {
		path := fmt.Sprintf("/proc/%d/task/%d/%s", pid, pid, name)
		_, err := os.ReadFile(path)
		if _, ended := os.Stat(fmt.Sprint("/proc/", pid)); err != nil && ended == nil && !errors.Is(err, unix.ESRCH) {
			return nil, fmt.Errorf("whether a process is quiescent is read from %s: %w: the kernel needs CONFIG_SCHED_INFO, CONFIG_HAVE_ARCH_TRACEHOOK and CONFIG_PROC_CHILDREN, and must let a process look at its children", path, err)
		}
	}
	return w, nil
}

// quiet reports whether nothing moves.
func (w *watcher) quiet() bool {
	if t := w.threads[w.root]; t != nil && !w.asleep(t) || !w.list() { // the first thread is the likeliest to move
		return false
	}
	for tid, t := range w.threads {
		if !t.seen {
			w.drop(tid)
			continue
		}
		if t.count = w.runs(t); t.count == "" || !w.asleep(t) {
			return false
		}
	}
	n := len(w.threads)
	if !w.list() || len(w.threads) != n {
		return false // one was born since the first look
	}
	for _, t := range w.threads {
		if !t.seen || w.state(t) != 'S' || w.runs(t) != t.count { // first the state, then that it is an old one
			return false
		}
	}
	return true
}

// list looks for the threads of all processes of the tree.
func (w *watcher) list() bool {
	for _, t := range w.threads {
		t.seen = false
	}
	w.pids = append(w.pids[:0], w.root)
	for i := 0; i < len(w.pids); i++ {
		if err := w.listProcess(w.pids[i]); err != nil {
			return false
		}
	}
	return true
}

// listProcess looks for the threads of one process, and for its children.
func (w *watcher) listProcess(pid int) error {
	dir, ok := w.dirs[pid]
	if !ok {
		var err error
		if dir, err = unix.Open(fmt.Sprintf("/proc/%d/task", pid), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
			return err
		}
		w.dirs[pid] = dir
	}
	if _, err := unix.Seek(dir, 0, 0); err != nil {
		return err
	}
	for {
		n, err := unix.Getdents(dir, w.entries[:])
		if err != nil {
			_ = unix.Close(dir) // the process is gone
			delete(w.dirs, pid)
			return err
		}
		if n == 0 {
			return nil
		}
		if err := w.listThreads(pid, w.entries[:n]); err != nil {
			return err
		}
	}
}

// listThreads reads directory entries, which are as getdents64 writes them.
func (w *watcher) listThreads(pid int, b []byte) error {
	for len(b) > 0 {
		length := int(b[16]) | int(b[17])<<8
		name, _, _ := bytes.Cut(b[19:length], []byte{0})
		b = b[length:]
		tid, err := strconv.Atoi(string(name))
		if err != nil {
			continue // . and ..
		}
		t := w.threads[tid]
		if t == nil {
			if t, err = openThread(pid, tid); err != nil {
				return err // it ended already: look again
			}
			w.threads[tid] = t
		}
		t.seen = true
		n, err := unix.Pread(t.offspring, w.buf[:], 0)
		if err != nil {
			w.drop(tid)
			return err
		}
		for _, text := range strings.Fields(string(w.buf[:n])) {
			if child, err := strconv.Atoi(text); err == nil && !slices.Contains(w.pids, child) {
				w.pids = append(w.pids, child)
			}
		}
	}
	return nil
}

func openThread(pid, tid int) (*thread, error) {
	t := &thread{pid: pid}
	for _, f := range []struct {
		name string
		fd   *int
	}{{"schedstat", &t.sched}, {"syscall", &t.syscall}, {"stat", &t.stat}, {"children", &t.offspring}} {
		fd, err := unix.Open(fmt.Sprintf("/proc/%d/task/%d/%s", pid, tid, f.name), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.close()
			return nil, err
		}
		*f.fd = fd
	}
	return t, nil
}

func (t *thread) close() {
	for _, fd := range []int{t.sched, t.syscall, t.stat, t.offspring} {
		if fd > 0 {
			_ = unix.Close(fd)
		}
	}
}

func (w *watcher) drop(tid int) {
	w.threads[tid].close()
	delete(w.threads, tid)
}

// runs returns how often the thread was put on a processor, "" if it is gone.
func (w *watcher) runs(t *thread) string {
	n, err := unix.Pread(t.sched, w.buf[:], 0)
	if err != nil || n <= 0 {
		return ""
	}
	b := bytes.TrimSpace(w.buf[:n])
	return string(b[bytes.LastIndexByte(b, ' ')+1:])
}

// spent returns how long all threads together have run, and have waited for a
// processor.
func (w *watcher) spent() (ran, queued time.Duration) {
	w.list()
	for _, t := range w.threads {
		n, err := unix.Pread(t.sched, w.buf[:], 0)
		if err != nil || n <= 0 {
			continue // it ended
		}
		fields := strings.Fields(string(w.buf[:n]))
		for i, sum := range []*time.Duration{&ran, &queued} {
			if ns, err := strconv.ParseInt(fields[i], 10, 64); err == nil {
				*sum += time.Duration(ns)
			}
		}
	}
	return ran, queued
}

// asleep reports whether the thread is in a system call that waits for events,
// or was woken there just now.
func (w *watcher) asleep(t *thread) bool {
	n, err := unix.Pread(t.syscall, w.buf[:], 0)
	if err != nil || n <= 0 || w.buf[0] == 'r' { // "running"
		return false
	}
	word, _, _ := bytes.Cut(w.buf[:n], []byte(" "))
	call, err := strconv.Atoi(string(word))
	if err != nil {
		return false
	}
	_, ok := waits[runtime.GOARCH][call]
	return ok
}

// state returns the letter of the thread's state.
func (w *watcher) state(t *thread) byte {
	n, err := unix.Pread(t.stat, w.buf[:], 0)
	if err != nil {
		return 0
	}
	_, after, _ := bytes.Cut(w.buf[:n], []byte(") "))
	if len(after) == 0 {
		return 0
	}
	return after[0]
}

// String says what every thread is doing, for errors.
func (w *watcher) String() string {
	w.list()
	var b strings.Builder
	for _, tid := range sorted(w.threads) {
		t := w.threads[tid]
		if !t.seen {
			continue
		}
		comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/comm", t.pid, tid)) // "" where it ended
		n, _ := unix.Pread(t.syscall, w.buf[:], 0)
		word, _, _ := strings.Cut(strings.TrimSpace(string(w.buf[:max(n, 0)])), " ")
		call, err := strconv.Atoi(word)
		what := "waits in " + cmp.Or(waits[runtime.GOARCH][call], "system call "+word)
		if err != nil {
			what = "runs"
		}
		fmt.Fprintf(&b, "\n\tthread %d (%s) %s, state %c", tid, bytes.TrimSpace(comm), what, max(w.state(t), '?'))
	}
	return b.String()
}

func (w *watcher) close() {
	for tid := range w.threads {
		w.drop(tid)
	}
	for _, dir := range w.dirs {
		_ = unix.Close(dir)
	}
	clear(w.dirs)
}
