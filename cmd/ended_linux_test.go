package cmd_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/quotalab/quotalab/internal/testkit"
)

// endedScenario plays for longer than any test waits, in either clock.
const endedScenario = `name: ended
horizon: 30d
keys: {users: {uniform: {n: 50}}}
traffic: {a: {rate: 200/s, keys: users}}
limiters: {lua: {kind: tat, limit: {count: 1, period: 10m}, options: {write: lua}}}
`

// A run that is ended at any instant, also while its servers start, leaves a record
// that can be read, or none yet, and no folder: SIGKILL leaves its own at most, which
// the next start removes.
func TestEndedAtEveryInstant(t *testing.T) {
	if testkit.IsLive() {
		testkit.Program(t, "redis-server", "redis-server")
	}
	file, temp := filepath.Join(t.TempDir(), "ended.yaml"), t.TempDir()
	if err := os.WriteFile(file, []byte(endedScenario), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", temp)
	// leftBy expects no folders but those of processes that were killed, which
	// the next start of servers removes.
	leftBy := func(why string, killed ...string) {
		folders, _ := filepath.Glob(filepath.Join(temp, "quotalab-*"))
		for _, f := range folders {
			if !slices.ContainsFunc(killed, func(pid string) bool { return strings.Contains(f, pid) }) {
				t.Errorf("%s: %s is left", why, f)
			}
		}
	}
	var killed []string
	rng := rand.New(rand.NewPCG(14, 4))
	for i := range testkit.Full(60, 6) {
		live, sig := testkit.IsLive() && i%2 == 0, []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL, syscall.SIGINT}[i%3]
		after := time.Duration(rng.IntN(1000)) * time.Millisecond
		if i == 1 {
			after = 4 * time.Second // past the first part, and killed
		}
		dir := filepath.Join(t.TempDir(), "record")
		args := []string{"run", file, "-q", "--dir", dir}
		if live {
			args = append(args, "--spawn", "2")
		}
		why := fmt.Sprintf("%d: live %v, %v after %v", i, live, sig, after)
		c := exec.Command("quotalab", args...)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(after)
		_ = c.Process.Signal(sig)
		_ = c.Wait()
		if sig == syscall.SIGKILL {
			killed = append(killed, fmt.Sprintf("-%d-", c.Process.Pid))
		}
		leftBy(why, killed...)
		if _, err := os.Stat(filepath.Join(dir, "manifest.json")); os.IsNotExist(err) {
			continue // it ended before the record began
		}
		out, err := exec.Command("quotalab", "export", dir, "-o", "json=-").Output()
		var s struct {
			Valid        bool  `json:"valid"`
			Observations int64 `json:"observations"`
		}
		if jerr := json.Unmarshal(out, &s); jerr != nil || s.Valid {
			t.Errorf("%s: %v, %v: valid %v: %.200s", why, err, jerr, s.Valid, out)
		}
		if i == 1 && s.Observations == 0 {
			t.Errorf("%s: nothing was kept", why)
		}
	}
	if testkit.IsLive() {
		c := exec.Command("quotalab", "run", file, "-q", "--dir", filepath.Join(t.TempDir(), "record"), "--spawn", "2")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "servers start", func() bool { return len(redisChildren(c.Process.Pid)) == 2 })
		_ = c.Process.Signal(syscall.SIGINT)
		_ = c.Wait()
		leftBy("after the next start of servers")
	}
}
