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
	ours, theirs := pseudoTerminal(t)
	var stdout bytes.Buffer
	c := exec.Command("quotalab", "run", filepath.Join("testdata", "long.yaml"), "--dir", filepath.Join(t.TempDir(), "record"))
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
		if !interrupted && (strings.Contains(seen.String(), "requests/s") || time.Since(begun) > time.Minute) {
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
	for _, part := range []string{" requests/s, ", " left", "%", "interrupt: finishing the record"} {
		if !strings.Contains(seen.String(), part) {
			t.Errorf("the terminal does not show %q:\n%q", part, seen.String())
		}
	}
	if strings.Contains(stdout.String(), "requests/s") || strings.Contains(stdout.String(), "\x1b") || !strings.Contains(stdout.String(), "aborted (interrupt)") {
		t.Errorf("expected the summary alone, without a bar or colours, found:\n%q", stdout.String())
	}
}
