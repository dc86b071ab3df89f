//go:build unix

package cmd_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

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

// freeAddress returns an address of this machine where nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	return free.Addr().String()
}

// foreignServer starts a redis-server that is not quotalab's, on a free port.
func foreignServer(t *testing.T) (addr string, server *os.Process) {
	t.Helper()
	path := testkit.Program(t, "redis-server", "redis-server")
	addr = freeAddress(t)
	_, port, _ := net.SplitHostPort(addr)
	c := exec.Command(path, "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir())
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	eventually(t, "redis-server answers", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return addr, c.Process
}

// downLive lasts three seconds; a server goes down for good in the first.
const downLive = `
name: down-live
clock: real
horizon: 3s
shards: {names: [a, b]}
keys: {users: {uniform: {n: 50}}}
traffic: {a: {rate: 100/s, keys: users}}
limiters: {lua: {kind: tat, limit: {count: 1, period: 10m}, options: {write: lua}}}
clients: {app: {connection: {max_retries: 0, dialer_retries: 1, read_timeout: 100ms, dial_timeout: 100ms}}}
`

// A server that stays down, killed or frozen, does not cost the summary: the
// errors are counted, what could not be deleted is told with the command that
// does it, and the exit code is that of the run's own verdict.
func TestServerThatStaysDown(t *testing.T) {
	for _, how := range []struct {
		name string
		end  os.Signal
	}{{"killed", syscall.SIGKILL}, {"frozen", syscall.SIGSTOP}} {
		t.Run(how.name, func(t *testing.T) {
			a, _ := foreignServer(t)
			b, server := foreignServer(t)
			dir := t.TempDir()
			file, at := filepath.Join(dir, "down.yaml"), filepath.Join(dir, "record")
			if err := os.WriteFile(file, []byte(downLive), 0o600); err != nil {
				t.Fatal(err)
			}
			c := exec.Command("quotalab", "run", file, "--redis", "a="+a+",b="+b, "--dir", at, "-o", "json="+filepath.Join(dir, "summary.json"))
			var out bytes.Buffer
			c.Stdout, c.Stderr = &out, &out
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the run begins", func() bool {
				_, err := os.Stat(filepath.Join(at, "manifest.json"))
				return err == nil
			})
			time.Sleep(time.Second)
			if err := server.Signal(how.end); err != nil {
				t.Fatal(err)
			}
			_ = c.Wait()
			if code := c.ProcessState.ExitCode(); code != 0 && code != 113 { // on a busy machine it is off its schedule
				t.Errorf("exit code %d", code)
			}
			for _, part := range []string{"shard b", "the run's keys could not be deleted", "redis-cli -h 127.0.0.1"} {
				if !strings.Contains(out.String(), part) {
					t.Errorf("expected %q in\n%s", part, out.String())
				}
			}
			var s struct {
				Complete bool
				Metrics  []struct {
					Name  string
					Count int64
				}
				Servers []struct{ Shard, Leftover string }
			}
			if err := json.Unmarshal(contents(t, filepath.Join(dir, "summary.json")), &s); err != nil {
				t.Fatal(err)
			}
			var decisions, failed int64
			for _, m := range s.Metrics {
				switch m.Name {
				case "decisions":
					decisions += m.Count
				case "errors":
					failed += m.Count
				}
			}
			if decisions < 250 || failed == 0 || failed > decisions*9/10 {
				t.Errorf("%d decisions, %d errors", decisions, failed)
			}
			if len(s.Servers) != 2 || s.Servers[0].Leftover != "" || s.Servers[1].Leftover == "" {
				t.Errorf("servers: %+v", s.Servers)
			}
		})
	}
}

// livePrefix is what the keys of a run begin with.
var livePrefix = regexp.MustCompile(`quotalab:\d{8}T\d{6}\.\d{3}-[0-9a-f]{8}:`)

// A run that was killed leaves its keys. The next one says whose they are, and
// clean deletes them, and only them.
func TestCleanAfterAKilledRun(t *testing.T) {
	a, _ := foreignServer(t)
	dir := t.TempDir()
	file, at := filepath.Join(dir, "long.yaml"), filepath.Join(dir, "record")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(longLive, "count: 3", "names: [a]")), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("quotalab", "run", file, "-q", "--redis", "a="+a, "--dir", at)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	prefix := livePrefix
	clean := func(more ...string) string {
		out, err := exec.Command("quotalab", append([]string{"clean", "--redis", "a=" + a}, more...)...).Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	eventually(t, "the run writes keys", func() bool { return prefix.MatchString(clean()) })
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	client := redis.NewClient(&redis.Options{Addr: a})
	defer client.Close()
	for _, key := range []string{"theirs", "quotalab:mine", "quotalab:20260102T150405.000-xyz:k"} {
		if err := client.Set(t.Context(), key, 1, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command("quotalab", "run", file, "--redis", "a="+a).CombinedOutput()
	var exit *exec.ExitError
	p := prefix.FindString(string(out))
	if !errors.As(err, &exit) || exit.ExitCode() != 104 || p == "" || !strings.Contains(string(out), "quotalab clean "+p) {
		t.Fatalf("%v:\n%s\nwant exit code 104, and how to clean up", err, out)
	}
	if got := clean(p); !strings.HasSuffix(got, "deleted\n") {
		t.Errorf("clean says %q", got)
	}
	if got := clean(); got != "no run has keys on a\n" {
		t.Errorf("then it says %q", got)
	}
	if n := client.DBSize(t.Context()).Val(); n != 3 {
		t.Errorf("%d keys of others are left, expected 3", n)
	}
}
