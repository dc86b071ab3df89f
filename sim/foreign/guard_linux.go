package foreign

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/quotalab/quotalab/sim/virtualredis"
)

// The sources of a clock: the program's own, one of a shim that its runtime
// loads, or of a library that is loaded before the C library.
const (
	clockNode    = "node"
	clockPython  = "python"
	clockPreload = "preload"
)

// isShim reports whether a clock comes with timers, which run in virtual time.
func isShim(clock string) bool { return clock == clockNode || clock == clockPython }

// dress gives the child its clock.
func (p *program) dress(ctx context.Context, cmd *exec.Cmd, clock string) error {
	add := func(text ...string) { cmd.Env = append(cmd.Env, text...) }
	if clock == clockPreload || clock == clockPython {
		path := cmd.Path
		if !filepath.IsAbs(path) {
			path = filepath.Join(cmd.Dir, path)
		}
		path, err := exec.LookPath(path)
		if err == nil {
			err = virtualredis.Fit(path)
		}
		if _, no := buildinfo.ReadFile(path); err == nil && no == nil {
			err = fmt.Errorf("%s is a Go program, which asks the kernel for the time past the C library", path)
		}
		if err != nil && clock == clockPreload {
			return fmt.Errorf("its clock cannot be virtual: %w; or say clock: none, and let it judge by Redis' time", err)
		}
		library, err := virtualredis.Library(ctx)
		if err != nil {
			return err
		}
		add("LD_PRELOAD="+library, "QUOTALAB_CLOCK_SCOPE=wall")
	}
	shim := map[string]string{clockNode: "node.cjs", clockPython: "sitecustomize.py"}[clock]
	if shim != "" {
		text, err := shims.ReadFile("shims/" + shim)
		if err != nil {
			return err
		}
		path := filepath.Join(p.dir, shim)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return fmt.Errorf("the clock's shim: %w", err)
		}
		switch clock {
		case clockNode:
			add("NODE_OPTIONS=" + os.Getenv("NODE_OPTIONS") + " --require " + path)
		case clockPython:
			add("PYTHONPATH="+p.dir+string(os.PathListSeparator)+os.Getenv("PYTHONPATH"), "PYTHONHASHSEED=0", "PYTHONDONTWRITEBYTECODE=1")
		}
	}
	if clock != "" && clock != "none" {
		add("QUOTALAB_CLOCK=" + filepath.Join(p.dir, "clock"))
	}
	return nil
}

// guardScript waits for the end of its input. If that comes without the word
// that all is well, it does what is left to do: it ends the process group that
// it was told first, and removes the folder.
const guardScript = `trap "" INT TERM HUP
read group
read well && exit
[ -n "$group" ] && kill -KILL -- "-$group"
rm -rf -- "$0"`

// guard starts a shell that cleans up after this program where that ends
// without closing it, as by SIGKILL. It is told the process group's number.
func guard(dir string) (io.WriteCloser, error) {
	cmd := exec.Command("/bin/sh", "-c", guardScript, dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("starting the shell that cleans up: %w", err)
	}
	return &guarding{in, cmd}, nil
}

type guarding struct {
	io.WriteCloser
	cmd *exec.Cmd
}

// Close tells that there is nothing left to do.
func (g *guarding) Close() error {
	_, err := io.WriteString(g, "\nwell\n") // an empty line for the group that it may never have been told
	_ = g.cmd.Wait()                        // it closes the input; the script cannot fail
	return err
}

// epollWait waits with the resolution of the kernel's timers.
func epollWait(fd int, events []unix.EpollEvent, wait time.Duration) (int, error) {
	if wait <= 0 {
		return unix.EpollWait(fd, events, 0)
	}
	n, err := epollWaitExactly(fd, events, wait)
	if errors.Is(err, unix.ENOSYS) { // Linux before 5.11
		return unix.EpollWait(fd, events, 1)
	}
	return n, err
}
