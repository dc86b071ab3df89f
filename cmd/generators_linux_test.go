package cmd_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/quotalab/quotalab/internal/testkit"
)

const tenSeconds = `name: ten
clock: real
horizon: 10s
keys: {k: {uniform: {n: 100}}}
traffic: {main: {rate: 50/s, keys: k}}
limiters: {main: {kind: tat, limit: {count: 1, period: 1s, burst: 5}}}
`

// A run whose generators are ended, or whose coordinator is frozen or interrupted, says what it is worth, and leaves no
// process behind.
func TestGeneratorsOfARunEnd(t *testing.T) {
	testkit.Live(t, "plays in real time")
	testkit.Program(t, "redis-server", "redis-server")
	for _, tt := range []struct {
		why  string
		do   func(t *testing.T, run *os.Process, generators []int)
		code int
		told string
	}{
		{"a generator is killed", func(_ *testing.T, _ *os.Process, generators []int) { _ = syscall.Kill(generators[1], syscall.SIGKILL) }, 113, "generator 1 is lost: it ended"},
		{"a generator is frozen", func(_ *testing.T, _ *os.Process, generators []int) { _ = syscall.Kill(generators[0], syscall.SIGSTOP) }, 113, "generator 0 is lost: it was silent for "},
		{"the coordinator is frozen", func(t *testing.T, run *os.Process, _ []int) {
			_ = run.Signal(syscall.SIGSTOP)
			eventually(t, "its generators end", func() bool { return len(generatorsOf(t, run.Pid)) == 0 })
			_ = run.Signal(syscall.SIGCONT)
		}, 113, " stopped: the coordinator is lost: it was silent for 5s)"},
		{"the user ends it", func(_ *testing.T, run *os.Process, _ []int) { _ = run.Signal(os.Interrupt) }, 105, "record: "},
	} {
		t.Run(tt.why, func(t *testing.T) {
			t.Parallel() // each waits more than it works
			dir := t.TempDir()
			file := filepath.Join(dir, "ten.yaml")
			if err := os.WriteFile(file, []byte(tenSeconds), 0o644); err != nil {
				t.Fatal(err)
			}
			c := exec.Command("quotalab", "run", file, "--spawn", "1", "--generators", "2", "--dir", filepath.Join(dir, "record"))
			var told bytes.Buffer
			c.Stdout, c.Stderr = &told, &told
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			var generators []int
			eventually(t, "its generators begin", func() bool { generators = generatorsOf(t, c.Process.Pid); return len(generators) == 2 })
			time.Sleep(5 * time.Second) // which begin 3 s after they are ready
			tt.do(t, c.Process, generators)
			err := c.Wait()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != tt.code || !strings.Contains(told.String(), tt.told) {
				t.Errorf("expected exit code %d and %q, found %v and\n%s", tt.code, tt.told, err, &told)
			}
			if out, err := exec.Command("quotalab", "verify", filepath.Join(dir, "record")).CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
			for _, pid := range generators {
				if _, err := os.Stat(fmt.Sprint("/proc/", pid)); err == nil {
					t.Errorf("process %d is left", pid)
				}
			}
		})
	}
}

// generatorsOf lists the generators that a process has started, in the order of their numbers.
func generatorsOf(t *testing.T, pid int) (all []int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		line, err2 := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		if err != nil || err2 != nil || !bytes.Contains(line, []byte("\x00generate\x00")) {
			continue // it has ended meanwhile
		}
		_, after, _ := strings.Cut(string(stat), ") ")
		if f := strings.Fields(after); len(f) < 2 || f[0] == "Z" || f[1] != strconv.Itoa(pid) {
			continue
		}
		if one, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			all = append(all, one)
		}
	}
	return all
}
