//go:build unix

package child

import (
	"fmt"
	"io"
	"os/exec"
	"syscall"
)

// Guard ends what a process leaves behind: those that it started too, however
// they left its group, and its folder. It is a shell, so that it does that also
// where this program was killed.
type Guard struct {
	in  io.WriteCloser
	cmd *exec.Cmd
}

// guardScript waits for the end of its input. Then it ends the process group
// that it was told, and again and again each process with the folder's path in its
// environment, until there is none, and removes the folder. Where there is no
// /proc that is the group alone.
const guardScript = `trap "" INT TERM HUP
read -r group
read -r _
[ -n "$group" ] && kill -KILL -- "-$group"
n=0
while [ $n -lt 100 ]; do
	left=$(grep -lsF -- "$0/" /proc/[0-9]*/environ)
	[ -n "$left" ] || break
	for file in $left; do
		pid=${file#/proc/}
		kill -KILL "${pid%/environ}"
	done
	n=$((n+1))
done
rm -rf -- "$0"`

// NewGuard starts the guard of a folder.
func NewGuard(dir string) (*Guard, error) {
	cmd := exec.Command("/bin/sh", "-c", guardScript, dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("starting the shell that cleans up: %w", err)
	}
	return &Guard{in, cmd}, nil
}

// Watch tells the guard the process, which leads a group of its own.
func (g *Guard) Watch(p *Process) error {
	_, err := fmt.Fprintln(g.in, p.Pid())
	return err
}

// Close has the guard do its work, and returns when it is done.
func (g *Guard) Close() error {
	err := g.in.Close()
	_ = g.cmd.Wait() // its status is that of rm, and a folder that is left has another remover
	return err
}
