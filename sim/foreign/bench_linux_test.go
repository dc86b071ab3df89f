package foreign_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/sim/limiter"
)

// What the ways to play a limiter cost may be, in microseconds of processor time a
// decision: child and harness take turns, so that the sum is what a decision takes on
// a quiet machine.
const (
	mostOfHarness = 150
	mostOfBatched = 400 // 2,500 decisions a second
)

// usage is what was used so far: processor time of this process and of those that
// it has waited for, and time.
type usage struct{ own, children, wall time.Duration }

func used(t *testing.T) usage {
	t.Helper()
	var own, children unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &own); err != nil {
		t.Fatal(err)
	}
	if err := unix.Getrusage(unix.RUSAGE_CHILDREN, &children); err != nil {
		t.Fatal(err)
	}
	sum := func(r unix.Rusage) time.Duration { return time.Duration(r.Utime.Nano() + r.Stime.Nano()) }
	return usage{sum(own), sum(children), time.Since(began)}
}

var began = time.Now()

// checked returns the fields of a process that is played in a mode which it is
// said to have been checked for.
func checked(t *testing.T, dir, language string, command []string, mode, name string) string {
	t.Helper()
	p := limiter.Process{Command: command, Directory: dir, Quiet: mode, Clock: language}
	digest, err := p.Digest(map[string]string{"limiter": name})
	if err != nil {
		t.Fatal(err)
	}
	line := fmt.Sprintf("command: [%s], clock: %s, ready_within: 2m, quiet: %s", strings.Join(command, ", "), language, mode)
	if mode != limiter.Exact {
		line += fmt.Sprintf(", checked: %q", digest)
	}
	return line
}

// The costs of a decision in each way to play a naive limiter, which reads and then
// writes. Starts are not in them: each is the difference of a long run and a short
// one.
func TestBenchmark(t *testing.T) {
	testkit.Live(t, "measures")
	testkit.Program(t, "node", "nodejs")
	testkit.Program(t, "npm", "npm")
	python := testkit.Program(t, "/usr/bin/python3", "python3")
	testkit.Program(t, "/usr/lib/python3/dist-packages/redis/__init__.py", "python3-redis")
	nodes := adapter(t, "node", "node_modules", "npm ci --no-audit --no-fund")
	pythons := adapter(t, "python", "child.py")
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "limiter\tquiet\tin flight\tdecisions\tchild µs\tharness µs\tdecisions/s of CPU\tdecisions/s of wall time\t")
	for _, c := range []struct {
		name, language, quiet string
		inFlight              int
	}{
		{"Node", "node", limiter.Exact, 1}, {"Node", "node", limiter.Exact, 64}, {"Node", "node", limiter.Fast, 1}, {"Node", "node", limiter.Fast, 64},
		{"Node", "node", limiter.Batched, 64}, {"Python", "python", limiter.Exact, 64}, {"Python", "python", limiter.Fast, 64}, {"Go, in this process", "", "", 64},
	} {
		t.Run(fmt.Sprintf("%s %s %d", c.name, c.quiet, c.inFlight), func(t *testing.T) {
			dir, limiterLines := ".", "    kind: tat\n    limit: {count: 1000000000, period: 1h}\n"
			if c.language != "" {
				command := []string{"node", "child.cjs"}
				if dir = nodes; c.language == "python" {
					dir, command = pythons, []string{python, "child.py"}
				}
				limiterLines = fmt.Sprintf("    kind: process\n    limit: {count: 1000000000, period: 8760h}\n    options: {limiter: naive}\n    process: {%s}\n",
					checked(t, dir, c.language, command, c.quiet, "naive"))
			}
			text := func(herds int) string {
				return fmt.Sprintf("name: bench\nhorizon: %dms\nnetwork: {rtt: 5ms}\nkeys: {some: {as: id, uniform: {n: 64}}}\n"+
					"traffic: {callers: {rate: {herd: {size: %d, every: 20ms}}, gaps: even, keys: some}}\nlimiters:\n  l:\n%s", 20*herds, c.inFlight, limiterLines)
			}
			begun := used(t)
			few := playOf(t, dir, text(5))
			middle := used(t)
			many := playOf(t, dir, text(5+testkit.Full(2560, 256)/(c.inFlight+7)))
			end := used(t)
			n := time.Duration(many.allowed - few.allowed)
			if many.errors > 0 || n <= 0 {
				t.Fatalf("%s: %d allowed and %d failed", c.name, many.allowed, many.errors)
			}
			each := func(f func(usage) time.Duration) time.Duration { return (f(end) - 2*f(middle) + f(begun)) / n }
			child, own := each(func(u usage) time.Duration { return u.children }), each(func(u usage) time.Duration { return u.own })
			wall := each(func(u usage) time.Duration { return u.wall })
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%.0f\t%.0f\t\n", c.name, c.quiet, c.inFlight, n, child.Microseconds(), own.Microseconds(), 1/(child+own).Seconds(), 1/wall.Seconds())
			// What is wished for is told and not judged: it is of two quiet cores.
			if c.quiet == limiter.Fast && c.language == "node" {
				t.Logf("Node fast, %d in flight: %s of the harness a decision; wished for: at most %d µs", c.inFlight, own, mostOfHarness)
			}
			if sum := child + own; c.quiet == limiter.Batched {
				t.Logf("Node batched: %s a decision; wished for: at most %d µs", sum, mostOfBatched)
			}
		})
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	load, _ := os.ReadFile("/proc/loadavg") // what it says is for people
	t.Logf("processor time a decision, at a load of %s\n%s", strings.TrimSpace(string(load)), &b)
}
