package cmd_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/quotalab/quotalab/internal/testkit"
)

// someCells is a sweep of 4 limiters × 4 shard counts × the rates from 10/s to %d/s,
// each twice the one before.
const someCells = `name: cells
horizon: 1s
network: {rtt: 1ms}
shards: {service: 100us}
keys: {many: {as: ipv4, uniform: {n: 20}}}
traffic: {main: {rate: 10/s, keys: many}}
limiters: {main: {kind: tat, limit: {count: 1, period: 1s, burst: 2}}}
assert: {over_admission: ["count == 0"], latency: ["p(99) < 5ms"]}
sweep:
  axes:
    limiters.main.kind: [tat, redis_rate, broken, always]
    shards.count: [1, 2, 4, 8]
    traffic.main.rate: {from: 10/s, to: %d/s, factor: 2}
  pareto: ["latency p(99)", "over_admission count"]
`

// A sweep that is killed at any instant and started again ends with the table of
// one that was not, byte for byte, and no cell that was finished is played
// again: its directory and its first file stay what they were. The default run kills
// it five times.
func TestSweepIsKilledAndGoesOn(t *testing.T) {
	t.Parallel()
	temp := t.TempDir()
	file := filepath.Join(temp, "cells.yaml")
	cells := testkit.Full(128, 32)
	if err := os.WriteFile(file, fmt.Appendf(nil, someCells, testkit.Full(1280, 20)), 0o644); err != nil {
		t.Fatal(err)
	}
	whole := killedSweep{dir: filepath.Join(temp, "whole"), file: file}
	whole.finish(t, cells, 0)
	parts := killedSweep{dir: filepath.Join(temp, "parts"), file: file}
	rng := rand.New(rand.NewPCG(6, 3))
	finished := map[string]os.FileInfo{}
	for round := range testkit.Full(12, 4) {
		more, later := rng.IntN(testkit.Full(14, 6)), rng.IntN(60) // cells that the process may finish before it is killed; ms
		if round < 3 {
			more, later = 0, rng.IntN(500) // while it begins
		}
		parts.kill(t, len(finished)+more, time.Duration(later)*time.Millisecond)
		finished = parts.check(t, finished)
		t.Logf("killed: %d cells are finished, %d half done", len(finished), len(parts.partial(t)))
	}
	if n := len(finished); n == 0 || n == cells {
		t.Fatalf("%d cells were finished before the last start: nothing to go on with", n)
	}
	parts.finish(t, cells-len(finished), len(finished))
	parts.check(t, finished)
	if left := parts.partial(t); len(left) > 0 {
		t.Errorf("half done cells are left: %q", left)
	}
	for _, name := range []string{"table.txt", "table.csv", "bench.txt", "sweep.json"} {
		want, got := contents(t, filepath.Join(whole.dir, name)), contents(t, filepath.Join(parts.dir, name))
		if len(want) == 0 || !bytes.Equal(want, got) {
			t.Errorf("%s is not that of a sweep that was not killed", name)
		}
	}
	parts.finish(t, 0, cells)
}

// killedSweep is a sweep in a directory.
type killedSweep struct{ dir, file string }

func (k killedSweep) command() *exec.Cmd {
	return exec.Command("quotalab", "sweep", k.file, "--dir", k.dir, "-o", "csv="+filepath.Join(k.dir, "table.csv"), "-o", "bench="+filepath.Join(k.dir, "bench.txt"))
}

// finish lets the sweep come to its end, with so many cells that are played and
// so many that were finished before.
func (k killedSweep) finish(t *testing.T, played, before int) {
	t.Helper()
	if err := os.MkdirAll(k.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	c := k.command()
	var stderr bytes.Buffer
	c.Stderr = &stderr
	table, err := c.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	told := fmt.Sprintf(", %d runs played", played)
	if before > 0 {
		told += fmt.Sprintf(", %d finished before", before)
	}
	if !strings.Contains(stderr.String(), told) {
		t.Errorf("expected %q, found %q", told, stderr.String())
	}
	if err := os.WriteFile(filepath.Join(k.dir, "table.txt"), table, 0o644); err != nil {
		t.Fatal(err)
	}
}

// kill the sweep a while after at least so many cells are finished, in the
// midst of whatever it is doing.
func (k killedSweep) kill(t *testing.T, cells int, later time.Duration) {
	t.Helper()
	if err := os.MkdirAll(k.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	c := k.command()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for begun := time.Now(); len(k.cells(t)) < cells && time.Since(begun) < time.Minute; {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(later)
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // it was killed
}

var hashName = regexp.MustCompile(`^[0-9a-f]{16}$`)

func (k killedSweep) names(t *testing.T, is func(string) bool) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(k.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if is(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names
}

func (k killedSweep) cells(t *testing.T) []string { return k.names(t, hashName.MatchString) }

func (k killedSweep) partial(t *testing.T) []string {
	return k.names(t, func(name string) bool { return strings.HasSuffix(name, ".partial") })
}

// check that the cells that were finished are as they were, and that all that
// are now can be read, and return these.
func (k killedSweep) check(t *testing.T, before map[string]os.FileInfo) map[string]os.FileInfo {
	t.Helper()
	now := map[string]os.FileInfo{}
	for _, name := range k.cells(t) {
		info, err := os.Stat(filepath.Join(k.dir, name, "manifest.json"))
		if err != nil {
			t.Fatal(err)
		}
		now[name] = info
		if len(contents(t, filepath.Join(k.dir, name, "summary.json"))) == 0 {
			t.Errorf("the summary of %s is empty", name)
		}
	}
	for name, was := range before {
		if is := now[name]; is == nil || !os.SameFile(is, was) || !is.ModTime().Equal(was.ModTime()) {
			t.Errorf("the finished cell %s was made again", name)
		}
	}
	return now
}

func contents(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
