package child

import (
	"os"
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

// EndGroup kills what the process started too, with its process group.
func (p *Process) EndGroup() { _ = syscall.Kill(-p.Pid(), syscall.SIGKILL) } // an error says that all have ended
