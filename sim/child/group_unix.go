//go:build unix && !linux

package child

import "syscall"

// attributes returns those that keep a terminal's interrupt from a process: it gets the
// one that this program sends it, not two.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
