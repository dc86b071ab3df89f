//go:build unix

package campaign

import (
	"os/exec"
	"syscall"
)

// ownGroup keeps a terminal's interrupt from a child: it gets the one that we
// send it, not two, of which the second would end it at once.
func ownGroup(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
