package cmd_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/quotalab/quotalab/internal/testkit"
)

const longLive = `
name: long-live
clock: real
horizon: 10m
shards: {count: 3}
keys: {users: {uniform: {n: 10}}}
traffic: {a: {rate: 50/s, keys: users}}
limiters: {lua: {kind: tat, limit: {count: 1, period: 1s}, options: {write: lua}}}
`

// A run that is refused because the database holds other keys leaves them as
// they are, and no record of nothing.
func TestRefusedRunLeavesNothing(t *testing.T) {
	s := miniredis.RunT(t)
	s.Set("precious", "42")
	dir := t.TempDir()
	file, at := filepath.Join(dir, "long.yaml"), filepath.Join(dir, "record")
	if err := os.WriteFile(file, []byte(longLive), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("quotalab", "run", file, "--redis", "a="+s.Addr(), "--dir", at).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 104 || !strings.Contains(string(out), `it holds 1 keys that are not this run's, e.g. "precious"`) {
		t.Errorf("%v:\n%s\nwant exit code 104, and which key it is", err, out)
	}
	if _, err := os.Stat(at); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the record's directory: error %v, want that there is none", err)
	}
	if v, err := s.Get("precious"); v != "42" || err != nil || len(s.Keys()) != 1 {
		t.Errorf("the database holds %q, the key %q, error %v", s.Keys(), v, err)
	}
}

// However a run ends, none of its redis-servers stays behind: not after an
// interrupt, and not after a SIGKILL, which it cannot see coming.
func TestNoServerStaysBehind(t *testing.T) {
	testkit.Program(t, "redis-server", "redis-server")
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("children are looked for in /proc")
	}
	for _, s := range []struct {
		name string
		end  os.Signal
	}{{"interrupt", os.Interrupt}, {"kill", os.Kill}} {
		t.Run(s.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "long.yaml")
			if err := os.WriteFile(file, []byte(longLive), 0o600); err != nil {
				t.Fatal(err)
			}
			c := exec.Command("quotalab", "run", file, "-q", "--dir", filepath.Join(t.TempDir(), "record"))
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			var servers []int
			eventually(t, "3 redis-servers start", func() bool {
				servers = redisChildren(c.Process.Pid)
				return len(servers) == 3
			})
			if err := c.Process.Signal(s.end); err != nil {
				t.Fatal(err)
			}
			_ = c.Wait() // it was told to end
			eventually(t, fmt.Sprintf("redis-servers %v end", servers), func() bool {
				for _, pid := range servers {
					if isRedis(pid) {
						return false
					}
				}
				return true
			})
		})
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for range 1000 {
		if holds() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("waited 20 s that %s", what)
}

// redisChildren are the processes below pid that are redis-servers.
func redisChildren(pid int) []int {
	var found []int
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		data, err := os.ReadFile(path)
		if err != nil {
			continue // has ended
		}
		_, rest, _ := strings.Cut(string(data), ") ")
		if fields := strings.Fields(rest); len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			if child, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil && isRedis(child) {
				found = append(found, child)
			}
		}
	}
	return found
}

func isRedis(pid int) bool {
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return err == nil && strings.HasPrefix(string(name), "redis-server")
}
