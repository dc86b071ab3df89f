package cmd_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/quotalab/quotalab/internal/testkit"
)

// manyWorlds has 12 worlds that take some seconds together.
const manyWorlds = `name: worlds
horizon: 60s
shards: {count: 4}
network: {rtt: {lognormal: {median: 1ms, p99: 20ms}}}
keys: {k: {zipf: {n: 500, s: 1}}}
traffic: {main: {rate: 200/s, keys: k}}
limiters:
  tat: {kind: tat, limit: {count: 2, period: 1s, burst: 3}}
  rate: {kind: redis_rate, limit: {count: 2, period: 1s}}
  set: {kind: tat, options: {write: set}, limit: {count: 2, period: 1s, burst: 3}}
`

// The worlds of a run on three workers come to the record of one process though workers are killed and
// the coordinator is, and is started again by the same command; worlds that are finished are not played again.
func TestWorldsOnWorkersThatAreKilled(t *testing.T) {
	testkit.Live(t, "kills processes")
	temp := t.TempDir()
	file, whole := filepath.Join(temp, "worlds.yaml"), filepath.Join(temp, "whole")
	if err := os.WriteFile(file, []byte(manyWorlds), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("quotalab", "run", file, "--dir", whole).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	m := newMachines(t, temp, file)
	m.command = func() *exec.Cmd { return exec.Command("quotalab", "run", file, "--dir", m.k.dir) }
	all := []string{"coordinator", "w1", "w2", "w3"}
	for _, name := range all {
		m.start(name)
	}
	for i, name := range []string{"w1", "coordinator", "w2", "w3", "coordinator"} {
		m.await(func() bool {
			worlds, err := filepath.Glob(filepath.Join(m.k.dir, ".worlds", "*-*[0-9]", "world.zst"))
			return err == nil && len(worlds) > 2*i
		})
		m.signal(name, syscall.SIGKILL)
		_ = m.all[name].Wait() // it was killed
		m.start(name)
	}
	m.end()
	if a, b := recordHash(t, whole), recordHash(t, m.k.dir); a != b {
		t.Errorf("expected the record %s, found %s", a, b)
	}
	a, b := contents(t, filepath.Join(whole, "plan.txt")), contents(t, filepath.Join(m.k.dir, "plan.txt"))
	if !bytes.Equal(a, b) {
		t.Errorf("expected the plan\n%s\nfound\n%s", a, b)
	}
	if _, err := os.Stat(filepath.Join(m.k.dir, ".worlds")); err == nil {
		t.Error("what the worlds came to is left")
	}
	told := ""
	for _, log := range m.logs {
		told += log.String()
	}
	unsaid := 0 // a worker may be killed between its commit and its next breath
	for i := range 12 {
		done := regexp.MustCompile(fmt.Sprintf(`(?m)^world [0-9a-f]+-%d \(world %d\): .* bytes$`, i+1, i+1))
		n := len(done.FindAllString(told, -1))
		if n > 2 {
			t.Errorf("world %d was played to its end %d times", i+1, n)
		}
		if n == 0 {
			unsaid++
		}
	}
	if unsaid > 3 {
		t.Errorf("no worker says that it played %d worlds to their end, and 3 workers were killed", unsaid)
	}
	if strings.Contains(told, "differently") {
		t.Error(told)
	}
}

var hashInManifest = regexp.MustCompile(`"recordHash": "([0-9a-f]{64})"`)

// recordHash returns what a record's manifest says of its content.
func recordHash(t *testing.T, dir string) string {
	t.Helper()
	m := hashInManifest.FindSubmatch(contents(t, filepath.Join(dir, "manifest.json")))
	if m == nil {
		t.Fatalf("%s has no hash", dir)
	}
	return string(m[1])
}
