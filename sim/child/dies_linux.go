package child

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// attributes returns those that have the kernel kill a process, also a stopped one, when the thread
// that started it ends, for which even a SIGKILL of this program does. A process
// group of its own keeps the terminal's Ctrl-C from it: this program asks it to end
// when it is time.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// Servers returns an error where servers could outlive this program.
func Servers() error { return nil }

// Freezing returns the signal that freezes a process, or lets it go on.
func Freezing(frozen bool) (os.Signal, error) {
	if frozen {
		return syscall.SIGSTOP, nil
	}
	return syscall.SIGCONT, nil
}

// Tree returns what kills the process' group and all that it has started by now,
// also what has left the group since and does not show where it comes from. It is
// for once.
func (p *Process) Tree() (end func()) {
	var all []*os.Process
	for _, pid := range descendants(p.Pid()) {
		if one, err := os.FindProcess(pid); err == nil { // it stays that one, also when another process gets its number
			all = append(all, one)
		}
	}
	return func() {
		_ = syscall.Kill(-p.Pid(), syscall.SIGKILL) // an error says that all have ended
		for _, one := range all {
			_ = one.Kill()
			_ = one.Release()
		}
	}
}

// descendants returns the processes below one.
func descendants(pid int) (all []int) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // fails for a wrong pattern
	for _, file := range files {
		text, _ := os.ReadFile(file) // "" where the thread ended
		for _, word := range strings.Fields(string(text)) {
			if one, err := strconv.Atoi(word); err == nil {
				all = append(append(all, one), descendants(one)...)
			}
		}
	}
	return all
}
