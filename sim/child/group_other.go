//go:build !unix

package child

import "syscall"

// attributes are for systems whose terminals interrupt all processes at once.
func attributes() *syscall.SysProcAttr { return nil }
