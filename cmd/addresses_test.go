//go:build unix

package cmd_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/quotalab/quotalab/internal/testkit"
)

// addressesScenario cuts its clients off for a while, so that they go through a proxy.
const addressesScenario = `name: addresses
horizon: 1s
clock: real
keys: {k: {sequence: {n: 5}}}
shards: {names: [a]}
traffic: {s: {rate: 20/s, keys: k}}
faults: [{delay: {shard: a, rtt: 5ms}, at: 300ms, for: 300ms}]
assert: {errors: [count == 0], latency: [count >= 10]}
limiters: {lua: {kind: tat, limit: {count: 10, period: 1h}, options: {write: lua}}}
`

// TestAddresses runs on one server by its Unix socket and by its URLs, and cleans up there.
// The password is in no output and no file.
func TestAddresses(t *testing.T) {
	path, dir := testkit.Program(t, "redis-server", "redis-server"), t.TempDir()
	socket := filepath.Join(dir, "r.sock")
	addr := freeAddress(t)
	c := exec.Command(path, "--port", addr[strings.LastIndex(addr, ":")+1:], "--bind", "127.0.0.1", "--unixsocket", socket, "--save", "", "--dir", dir,
		"--user", "joe", "on", ">geheim", "~*", "&*", "+@all")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	eventually(t, "redis-server listens", func() bool { _, err := os.Stat(socket); return err == nil })
	admin := redis.NewClient(&redis.Options{Addr: socket, DB: 2})
	defer admin.Close()
	scenario := filepath.Join(dir, "addresses.yaml")
	if err := os.WriteFile(scenario, []byte(addressesScenario), 0o600); err != nil {
		t.Fatal(err)
	}
	quotalab := func(args ...string) string {
		c := exec.Command("quotalab", args...)
		c.Env = append(os.Environ(), "QUOTALAB_REDIS_PASSWORD=geheim")
		out, _ := c.CombinedOutput() // the machine may be too slow for its schedule
		if strings.Contains(string(out), "geheim") {
			t.Errorf("%q shows the password:\n%s", args, out)
		}
		return string(out)
	}
	for i, address := range []string{"a=unix:" + socket + " --redis-user joe --redis-db 2", "a=unix://joe@" + socket + "?db=2", "a=redis://joe@" + addr + "/2"} {
		record, flags := filepath.Join(dir, "record", fmt.Sprint(i)), strings.Fields("--redis "+address)
		if out := quotalab(append([]string{"run", scenario, "--dir", record}, flags...)...); !strings.Contains(out, "2 of 2 assertions hold") {
			t.Errorf("%s: %s", address, out)
		}
		const prefix = "quotalab:20260102T150405.000-0123abcd:"
		if err := admin.Set(t.Context(), prefix+"lua:k", 1, 0).Err(); err != nil {
			t.Fatal(err)
		}
		if out := quotalab(append([]string{"clean"}, flags...)...); !strings.Contains(out, prefix) {
			t.Errorf("%s: clean lists %s, expected %s", address, out, prefix)
		}
		if out := quotalab(append([]string{"clean", prefix}, flags...)...); !strings.Contains(out, "1 key deleted") {
			t.Errorf("%s: clean says %s", address, out)
		}
		if n, err := admin.DBSize(t.Context()).Result(); err != nil || n != 0 {
			t.Errorf("%s: %d keys are left, error %v", address, n, err)
		}
	}
	out := quotalab("run", scenario, "--redis", "a=redis://joe:geheim@"+addr)
	if !strings.Contains(out, "--redis: address 1: expected a URL without a password") {
		t.Errorf("a URL with a password: %s", out)
	}
	if out, err := exec.Command("grep", "-r", "geheim", filepath.Join(dir, "record")).CombinedOutput(); err == nil {
		t.Errorf("the record has the password: %s", out)
	}
}
