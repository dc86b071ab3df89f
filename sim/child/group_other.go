//go:build !unix

package child

import "syscall"

// attributes returns none: terminals of such systems interrupt all processes at once.
func attributes() *syscall.SysProcAttr { return nil }

// Tree returns what does nothing: such systems have no process groups.
func (p *Process) Tree() (end func()) { return func() {} }
