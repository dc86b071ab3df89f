//go:build !unix

package child

import "syscall"

// attributes returns none: terminals of such systems interrupt all processes at once.
func attributes() *syscall.SysProcAttr { return nil }

// EndGroup does nothing: such systems have no process groups.
func (p *Process) EndGroup() {}
