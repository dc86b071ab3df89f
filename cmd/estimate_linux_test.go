package cmd_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"

	"github.com/quotalab/quotalab/cmd/campaign"
	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/sim/limiter"
)

// mostMemory runs a scenario in a process of its own and returns the most memory
// in bytes that it took, and what was estimated.
func mostMemory(t *testing.T, scenario string) (taken, estimated float64) {
	t.Helper()
	l := campaign.Loader{Kinds: limiter.Builtin()}
	p, err := l.Load(scenario, campaign.Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("quotalab", "run", "-q", "--no-assert", "--dir", filepath.Join(t.TempDir(), "record"), scenario)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", c, err, out)
	}
	return float64(c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss) * 1024, p.Estimate().Memory
}

// TestEstimateOfMemory compares the memory that runs take with the estimate, and
// what a key adds with the figure of docs/record.md: both within a factor of two.
func TestEstimateOfMemory(t *testing.T) {
	testkit.Live(t, "plays three scenarios alone")
	const keys = 200_000
	near := func(what string, found, expected float64) {
		t.Logf("%s: %.3g bytes taken, %.3g expected", what, found, expected)
		if found > 2*expected || found < expected/2 {
			t.Errorf("%s: %.3g bytes of memory, expected %.3g within a factor of two", what, found, expected)
		}
	}
	sequence := filepath.Join(t.TempDir(), "sequence.yaml")
	taken := map[int]float64{}
	for _, n := range []int{1, keys} {
		text := fmt.Sprintf("name: sequence\nhorizon: 10s\nkeys: {k: {sequence: {n: %d}}}\ntraffic: {s: {rate: 20001/s, keys: k}}\nlimiters: {l: {kind: tat, limit: {count: 10, period: 1h}}}\n", n)
		if err := os.WriteFile(sequence, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		var estimated float64
		taken[n], estimated = mostMemory(t, sequence)
		near(fmt.Sprintf("%d keys", n), taken[n], estimated)
	}
	shipped, estimated := mostMemory(t, "boulder-not-found")
	near("boulder-not-found", shipped, estimated)

	page, err := os.ReadFile(filepath.Join("..", "docs", "record.md"))
	if err != nil {
		t.Fatal(err)
	}
	told := regexp.MustCompile(`every new key adds some ([0-9.]+) kB`).FindSubmatch(page)
	if told == nil {
		t.Fatal("docs/record.md does not say what a new key adds")
	}
	kB, err := strconv.ParseFloat(string(told[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	near("a key, by docs/record.md", (taken[keys]-taken[1])/(keys-1), kB*1e3)
}
