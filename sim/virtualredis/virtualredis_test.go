package virtualredis

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/quotalab/quotalab/internal/testkit"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func start(t *testing.T, o Options) *Server {
	t.Helper()
	leaks := goleak.IgnoreCurrent()
	o.Epoch = epoch
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		goleak.VerifyNone(t, leaks)
	})
	return s
}

// ask sends an inline command and returns the answer's first lines.
func ask(t *testing.T, conn net.Conn, command string, lines int) string {
	t.Helper()
	if _, err := fmt.Fprintf(conn, "%s\r\n", command); err != nil {
		t.Fatal(err)
	}
	r, text := bufio.NewReader(conn), ""
	for range lines {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		text += strings.TrimSpace(line) + " "
	}
	return strings.TrimSpace(text)
}

func TestServerHasTheTimeThatIsSet(t *testing.T) {
	s := start(t, Options{Server: testkit.Program(t, "redis-server", "redis-server")})
	conn, err := net.Dial("unix", s.Socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := ask(t, conn, "SET k v PX 1000", 1); got != "+OK" {
		t.Fatal(got)
	}
	for i, step := range []struct {
		after time.Duration
		left  string
	}{{0, ":1000"}, {400 * time.Millisecond, ":600"}, {1000 * time.Millisecond, ":0"}, {1001 * time.Millisecond, ":-2"}, {time.Hour, ":-2"}} {
		s.SetTime(epoch.Add(step.after))
		if got := ask(t, conn, "PTTL k", 1); got != step.left {
			t.Errorf("step %d: PTTL %s after %v, expected %s", i, got, step.after, step.left)
		}
		at := epoch.Add(step.after)
		want := fmt.Sprintf("*2 $10 %d $", at.Unix())
		if got := ask(t, conn, "TIME", 5); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, fmt.Sprintf(" %d", at.Nanosecond()/1000)) {
			t.Errorf("step %d: TIME %s, expected the time of %v", i, got, at)
		}
	}
	// A timer of the server follows too: nothing but it removes a key that nobody asks for.
	ask(t, conn, "SET other v PX 10", 1)
	for i := range 1000 {
		s.SetTime(epoch.Add(2*time.Hour + time.Duration(i)*time.Second))
		if ask(t, conn, "DBSIZE", 1) == ":0" {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("a key that expired is still counted after 1,000 s: the timers do not run in virtual time")
}

func TestStopLeavesNothing(t *testing.T) {
	s := start(t, Options{Server: testkit.Program(t, "redis-server", "redis-server")})
	dir := filepath.Dir(s.Socket)
	for range 2 {
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("folder %s is still there: %v", dir, err)
	}
	if _, err := os.Stat(fmt.Sprintf("/proc/%d", s.Pid())); !os.IsNotExist(err) {
		t.Errorf("process %d is still there: %v", s.Pid(), err)
	}
}

func TestStartThatFails(t *testing.T) {
	server := testkit.Program(t, "redis-server", "redis-server")
	real := filepath.Join(t.TempDir(), "real-time") // as a static program would: without the library
	script := fmt.Sprintf("#!/bin/sh\nunset LD_PRELOAD\nexec %s \"$@\"\n", server)
	if err := os.WriteFile(real, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	silent := filepath.Join(t.TempDir(), "silent")
	if err := os.WriteFile(silent, []byte("#!/bin/sh\nexec sleep 60\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	canceled, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("why it was ended"))
	for name, c := range map[string]struct {
		ctx  context.Context
		o    Options
		want string
	}{
		"no such program":     {t.Context(), Options{Server: "/nowhere/redis-server"}, "no such file"},
		"ends at once":        {t.Context(), Options{Server: "/bin/false"}, "ended before it answered: exit status 1"},
		"a wrong argument":    {t.Context(), Options{Server: server, Args: []string{"--no-such-setting", "1"}}, "no-such-setting"},
		"without the library": {t.Context(), Options{Server: real}, "LD_PRELOAD has no effect"},
		"a long folder":       {t.Context(), Options{Server: server, Dir: "/tmp/" + strings.Repeat("x", 120)}, "at most 107 bytes"},
		"nobody waits":        {canceled, Options{Server: silent}, "why it was ended"},
	} {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
			c.o.Epoch = epoch
			s, err := Start(c.ctx, c.o)
			if err == nil {
				t.Fatalf("started process %d, expected an error: %v", s.Pid(), s.Stop())
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q, expected %q in it", err, c.want)
			}
		})
	}
}

// A library that was damaged is built anew, not loaded.
func TestLibraryIsChecked(t *testing.T) {
	testkit.Program(t, "cc", "gcc")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	path, err := Library(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, whole[:100], 0o600); err != nil {
		t.Fatal(err)
	}
	if path, err = Library(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(path); err != nil || len(again) != len(whole) {
		t.Errorf("the library has %d bytes (%v), expected %d again", len(again), err, len(whole))
	}
}
