package child

import (
	"os"
	"syscall"
)

// diesWithUs has the kernel kill a process, also a stopped one, when the
// thread that started it ends, for which even a SIGKILL of this program does.
// A process group of its own keeps the terminal's Ctrl-C from it: this
// program still has to ask it what happened.
func diesWithUs() (*syscall.SysProcAttr, error) {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}, nil
}

// Freezing returns the signal that freezes a process, or lets it go on.
func Freezing(frozen bool) (os.Signal, error) {
	if frozen {
		return syscall.SIGSTOP, nil
	}
	return syscall.SIGCONT, nil
}
