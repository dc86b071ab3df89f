package cmd_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/quotalab/quotalab/internal/testkit"
)

// pseudoTerminal returns the two ends of a terminal.
func pseudoTerminal(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { _ = ours.Close() })
	if err := unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(ours.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 120}); err != nil {
		t.Fatal(err)
	}
	theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

// TestProgressBar runs a long scenario with standard error on a terminal: a
// bar with rate and remaining time is there, until it is told to end, and the summary
// on standard output knows nothing of it.
func TestProgressBar(t *testing.T) {
	testkit.Live(t, "plays until a bar was seen")
	seen, stdout := onTerminal(t, "requests/s", "run", filepath.Join("testdata", "long.yaml"), "--dir", filepath.Join(t.TempDir(), "record"))
	for _, part := range []string{" requests/s, ", " left", "%", "interrupt: finishing the record"} {
		if !strings.Contains(seen, part) {
			t.Errorf("the terminal does not show %q:\n%q", part, seen)
		}
	}
	if strings.Contains(stdout, "requests/s") || strings.Contains(stdout, "\x1b") || !strings.Contains(stdout, "aborted (interrupt)") {
		t.Errorf("expected the summary alone, without a bar or colours, found:\n%q", stdout)
	}
}

// TestSweepBars runs a sweep of one short cell and two long ones: a bar tells how
// many are done, and each of those that run has a line with its settings.
func TestSweepBars(t *testing.T) {
	testkit.Live(t, "plays until a bar was seen")
	long, err := os.ReadFile(filepath.Join("testdata", "long.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "long.yaml")
	const axes = "sweep: {axes: {horizon: [1s, 29d, 30d]}, metrics: [\"decisions count\"]}\n"
	if err := os.WriteFile(file, append(long, axes...), 0o644); err != nil {
		t.Fatal(err)
	}
	seen, stdout := onTerminal(t, "horizon=30d", "sweep", file, "--jobs", "2", "--dir", filepath.Join(t.TempDir(), "sweep"))
	for _, part := range []string{"1 of 3 runs", "horizon=29d ", "horizon=30d ", " requests/s, ", " left", "1 run finished and kept in"} {
		if !strings.Contains(seen, part) {
			t.Errorf("the terminal does not show %q:\n%q", part, seen)
		}
	}
	if stdout != "" {
		t.Errorf("a sweep that was interrupted has no table, found:\n%q", stdout)
	}
}

// onTerminal runs quotalab with standard error on a terminal, ends it in good
// order once a text is there, and returns what it showed.
func onTerminal(t *testing.T, until string, args ...string) (terminal, output string) {
	t.Helper()
	ours, theirs := pseudoTerminal(t)
	var stdout bytes.Buffer
	c := exec.Command("quotalab", args...)
	c.Stdout, c.Stderr = &stdout, theirs
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if err := theirs.Close(); err != nil {
		t.Error(err)
	}
	interrupted := false
	var seen strings.Builder
	buf := make([]byte, 4096)
	for begun := time.Now(); ; {
		n, err := ours.Read(buf)
		seen.Write(buf[:n])
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.EIO) { // EIO: the other end is closed
				t.Error(err)
			}
			break
		}
		if !interrupted && (strings.Contains(seen.String(), until) || time.Since(begun) > time.Minute) {
			interrupted = true
			if err := c.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
		}
	}
	var exit *exec.ExitError
	if err := c.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 105 {
		t.Errorf("got %v, expected exit code 105", err)
	}
	return seen.String(), stdout.String()
}

// TestLimiterLines: in a terminal a run in real time has a line for each limiter.
func TestLimiterLines(t *testing.T) {
	testkit.Program(t, "redis-server", "redis-server")
	file := filepath.Join(t.TempDir(), "long.yaml")
	if err := os.WriteFile(file, []byte(longLive), 0o600); err != nil {
		t.Fatal(err)
	}
	seen, _ := onTerminal(t, "latency p50", "run", file, "--dir", filepath.Join(t.TempDir(), "record"))
	for _, part := range []string{"lua: ", "/s, allowed ", " p99 ", ", lag p50 "} {
		if !strings.Contains(seen, part) {
			t.Errorf("the terminal does not show %q:\n%q", part, seen)
		}
	}
}
