package foreign

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

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
