//go:build unix && !linux

package child

import "syscall"

// attributes returns those that keep a terminal's interrupt from a process: it gets the
// one that this program sends it, not two.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// Tree returns what kills what the process started too, with its process group.
func (p *Process) Tree() (end func()) {
	return func() { _ = syscall.Kill(-p.Pid(), syscall.SIGKILL) } // an error says that all have ended
}
