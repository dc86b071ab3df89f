package foreign_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/record"
	"github.com/quotalab/quotalab/sim/foreign"
	"github.com/quotalab/quotalab/sim/run"
)

// A Go program without any shim that reads and then writes admits all that
// race, its commands are observed like those of any limiter, and every run is
// the same.
func TestRaceInAProcess(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	callers := testkit.Full(64, 8)
	text := race(t, callers, "", itself(t, "naive", ""))
	first := playOf(t, ".", text)
	if all := 8 * callers; first.allowed != all || first.trips[2] != all {
		t.Errorf("%d of %d allowed, %d in two round trips, expected all", first.allowed, all, first.trips[2])
	}
	o := first.first
	if o.Key != record.NotFound || o.Takes[0].Shard != "shard-1" || o.Done-o.Sent != int64(10*time.Millisecond) || o.Effect != int64(7500*time.Microsecond) || o.Remaining != 99 ||
		len(o.Touched) != 1 || o.Touched[0].Commands != 2 {
		t.Errorf("the first observation is %+v", o)
	}
	if v := first.result.Versions["limiter l"]; v != "test 1, quiet exact, clock none" {
		t.Errorf("versions tell %q", v)
	}
	for range testkit.Full(9, 1) {
		if again := playOf(t, ".", text); again.hash != first.hash {
			t.Errorf("hash %s, before %s", again.hash, first.hash)
		}
	}
}

// Two instances have two processes, shards are known by the client's names,
// and faults happen to processes too.
func TestProcessWithFaults(t *testing.T) {
	testkit.Live(t, "starts several processes")
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	more := `clients: {default: {instances: 2}}
faults: [{at: 41ms, restart: {shard: shard-1}}, {at: 61ms, for: 19ms, delay: {shard: shard-1, rtt: 2ms}}, {at: 90ms, for: 5ms, frozen: {shard: shard-1}},
  {at: 101ms, for: 10ms, read_only: {shard: shard-1}}, {at: 121ms, for: 10ms, down: {shard: shard-1}}, {at: 141ms, reset: {shard: shard-1}}]`
	text := race(t, 8, more, itself(t, "naive", ""))
	first := playOf(t, ".", text)
	if first.errors == 0 || first.allowed+first.errors != 64 {
		t.Errorf("%d allowed and %d errors, expected both", first.allowed, first.errors)
	}
	if again := playOf(t, ".", text); again.hash != first.hash {
		t.Error("another run differs")
	}
}

// Whatever goes wrong with a child ends the run with what it was, when in
// virtual time, what the threads did, and what the child wrote last; and nothing
// is left behind.
func TestFailures(t *testing.T) {
	for _, c := range []struct{ mode, want string }{
		{"spin", "it is still busy after 300ms: it computes without end"},
		{"crash", "foreign_test.beChild"},
		{"hang", "1 request had no answer at the end"},
		{"noise", `expected a line of JSON on its standard output, found "debug: here I am": print to standard error instead`},
		{"stranger", "it answered request 12345, which is not under way"},
		{"blocking", "it sent BLPOP, which waits for other clients"},
		{"nothing", "expected allowed or error in the answer to request 20"},
		{"kind", "expected the kind of the error of request 20 to be one of"},
		{"protocol", "expected a child of protocol 1, found one of protocol 2"},
		{"early", "it ended before it said {\"ready\":…}"},
	} {
		t.Run(c.mode, func(t *testing.T) {
			if c.mode != "crash" && c.mode != "early" {
				testkit.Live(t, "starts many processes")
			}
			t.Setenv("TMPDIR", t.TempDir())
			leaks := goleak.IgnoreCurrent()
			_, err := play(t, ".", race(t, 8, "", itself(t, c.mode, "")), run.Options{Patience: 300 * time.Millisecond})
			if !errors.Is(err, foreign.ErrFailed) || !strings.Contains(fmt.Sprint(err), c.want) {
				t.Errorf("expected %q, found: %v", c.want, err)
			}
			for _, part := range []string{"at the virtual instant ", "standard error"} {
				if !strings.Contains(fmt.Sprint(err), part) {
					t.Errorf("expected %q in: %v", part, err)
				}
			}
			if ended := strings.Contains(fmt.Sprint(err), "the process has ended: exit status "); ended != (c.mode == "crash" || c.mode == "early") || !ended && !strings.Contains(fmt.Sprint(err), "\n\tthread ") {
				t.Errorf("expected what its threads do, or how it ended: %v", err)
			}
			if found := left(t, childMode+"="+c.mode); len(found) > 0 {
				t.Errorf("left behind: %v", found)
			}
			if found, _ := filepath.Glob(filepath.Join(os.TempDir(), "quotalab-child-*")); len(found) > 0 {
				t.Errorf("left behind: %v", found)
			}
			goleak.VerifyNone(t, leaks)
		})
	}
}

// The command says the same, and ends with 107.
func TestFailuresOfTheCommand(t *testing.T) {
	testkit.Live(t, "builds quotalab and starts many processes")
	for mode, want := range map[string]string{
		"spin": "it is still busy after 10s", "crash": "foreign_test.beChild", "hang": "1 request had no answer at the end", "noise": "print to standard error instead",
		"stranger": "it answered request 12345, which is not under way", "silent": "it did not say {\"ready\":…} within 3s",
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			dir, temp, ready := t.TempDir(), t.TempDir(), "2m"
			if mode == "silent" {
				ready = "3s"
			}
			if err := os.WriteFile(filepath.Join(dir, "bad.yaml"), []byte(race(t, 8, "", itself(t, mode, ", ready_within: "+ready))), 0o644); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(testkit.Quotalab(t), "run", "bad.yaml")
			cmd.Dir, cmd.Env = dir, append(os.Environ(), "TMPDIR="+temp)
			out, err := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != 107 {
				t.Errorf("exit code %d (%v), expected 107", code, err)
			}
			parts := []string{want, "at the virtual instant ", "standard error"}
			if parts = append(parts, "thread "); mode == "crash" {
				parts[3] = "the process has ended: exit status "
			}
			if mode == "silent" {
				parts = append(parts, "thinking", "which has not said {\"ready\":…} yet; it has 3s")
			}
			for _, part := range parts {
				if !strings.Contains(string(out), part) {
					t.Errorf("expected %q in:\n%s", part, out)
				}
			}
			files, _ := filepath.Glob(filepath.Join(temp, "*"))
			if found := append(left(t, "TMPDIR="+temp), files...); len(found) > 0 {
				t.Errorf("left behind: %v", found)
			}
		})
	}
}

// A sleep of ten minutes takes no time but the run's.
func TestSleep(t *testing.T) {
	programs := map[string]string{
		"node": `const say = (o) => console.log(JSON.stringify(o))
require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const m = JSON.parse(line)
  if (m.hello) say({ ready: { protocol: 1 } })
  else setTimeout(() => say({ id: m.id, allowed: true }), 600000)
}).on('close', () => process.exit(0))
`,
		"python": `import json, sys, time
for line in sys.stdin:
    m = json.loads(line)
    if 'hello' in m:
        print(json.dumps({'ready': {'protocol': 1}}), flush=True)
    else:
        time.sleep(600)
        print(json.dumps({'id': m['id'], 'allowed': True}), flush=True)
`,
	}
	for _, clock := range slices.Sorted(maps.Keys(programs)) {
		t.Run(clock, func(t *testing.T) {
			program := testkit.Program(t, map[string]string{"node": "node", "python": "/usr/bin/python3"}[clock], clock)
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "sleeps"), []byte(programs[clock]), 0o644); err != nil {
				t.Fatal(err)
			}
			text := strings.Replace(race(t, 1, "", fmt.Sprintf("    process: {command: [%s, sleeps], clock: %s}\n", program, clock)), "every: 20ms", "every: 200ms", 1)
			begun := time.Now()
			got := playOf(t, dir, text)
			if o := got.first; got.allowed != 1 || o.Done-o.Sent != int64(10*time.Minute) {
				t.Errorf("%d allowed, the first after %s, expected one after 10m", got.allowed, time.Duration(o.Done-o.Sent))
			}
			if took := time.Since(begun); took > time.Minute {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// What a child starts ends with it, also in a session of its own and without the
// environment that it was given.
func TestGrandchildren(t *testing.T) {
	testkit.Live(t, "starts processes")
	for _, mode := range []string{"grandchild", "away", "bare"} {
		t.Setenv("TMPDIR", t.TempDir())
		playOf(t, ".", race(t, 2, "", itself(t, mode, "")))
		if found := append(left(t, childMode+"="+mode), left(t, os.TempDir())...); len(found) > 0 {
			t.Errorf("%s: left behind: %v", mode, found)
		}
		if found, _ := filepath.Glob(filepath.Join(os.TempDir(), "*")); len(found) > 0 {
			t.Errorf("%s: left behind: %v", mode, found)
		}
	}
}

func TestNoSuchProgram(t *testing.T) {
	_, err := play(t, ".", race(t, 1, "", "    process: {command: [/nowhere/limiter]}\n"), run.Options{})
	if !errors.Is(err, foreign.ErrFailed) || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("found %v", err)
	}
}

// A clock that is not the run's is found out by what the child says of it.
func TestClockThatIsNotVirtual(t *testing.T) {
	testkit.Live(t, "starts a process")
	_, err := play(t, ".", race(t, 8, "", itself(t, "clock", ", clock: node")), run.Options{})
	if !errors.Is(err, foreign.ErrFailed) || !strings.Contains(err.Error(), "ahead of the run's, which clock: node should have given it") {
		t.Errorf("found %v", err)
	}
}

// A Go program keeps its clock, and is refused another.
func TestClockThatCannotBeVirtual(t *testing.T) {
	_, err := play(t, ".", race(t, 1, "", itself(t, "naive", ", clock: preload")), run.Options{})
	if !errors.Is(err, foreign.ErrFailed) || !strings.Contains(err.Error(), "its clock cannot be virtual") {
		t.Errorf("found %v", err)
	}
}
