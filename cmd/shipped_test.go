package cmd_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/summary"
	"github.com/quotalab/quotalab/scenarios"
)

// isLive tells which shipped scenarios run in real time.
func isLive(t *testing.T, name string) bool {
	t.Helper()
	s, problems, err := scenarios.Load(name)
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	return s.Clock == "real"
}

// long are shipped scenarios that take a second or more each.
var long = []string{"boulder-new-account", "boulder-new-order", "boulder-not-found", "flagsmith-31-day-month", "flagsmith-5069", "flagsmith-stale-prefilter", "hot-key", "retry-storm", "shard-lost",
	"threshold-corrections", "threshold-limit-change", "threshold-shard-lost", "usage-and-limiter"}

// Every shipped scenario in virtual time gives the summary, the benchmark lines
// and the figures that are committed as its reference, byte for byte, and its
// assertions hold. The default run leaves out the museum and those that take long, and with them
// the README of all.
func TestShippedScenariosGiveTheirReference(t *testing.T) {
	t.Parallel()
	const dir = "../results/reference"
	args := []string{"reference", "--check", "-q", "--dir", dir}
	if !testkit.IsLive() {
		args = append(args, slices.DeleteFunc(slices.Clone(scenarios.Shipped()), func(name string) bool {
			return slices.Contains(long, name) || slices.Contains(scenarios.Museum(), name) || isLive(t, name)
		})...)
	}
	if out, err := exec.Command("quotalab", args...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for _, name := range scenarios.Shipped() {
		if isLive(t, name) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, name, "summary.json"))
		if err != nil {
			t.Error(err)
			continue
		}
		var s summary.Summary
		if err := json.Unmarshal(data, &s); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !s.OK || !s.Valid || len(s.Assertions) == 0 {
			t.Errorf("%s: ok %v, valid %v %q, %d assertions: %+v", name, s.OK, s.Valid, s.Invalid, len(s.Assertions), s.Assertions)
		}
		t.Logf("%s: %d observations, %d assertions hold", name, s.Observations, len(s.Assertions))
	}
}

// Every shipped scenario in real time runs, its assertions hold, and the
// servers counted what the clients sent. One after another: beside a test of
// another package the machine may be too slow for the schedule, and then the
// run says so; that is not what is tested here. CI plays three.
func TestShippedLiveScenariosHold(t *testing.T) {
	testkit.Program(t, "redis-server", "redis-server")
	for _, name := range testkit.Full(scenarios.Shipped(), []string{"live-hot-key", "live-quickstart", "live-shard-killed"}) {
		if !isLive(t, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			s := liveSummary(t, name)
			late := slices.DeleteFunc(slices.Clone(s.Invalid), func(why string) bool {
				return strings.HasPrefix(why, "the generator") || strings.HasPrefix(why, "lag decides")
			})
			if len(late) > 0 {
				t.Errorf("invalid: %q", late)
			}
			for _, a := range s.Assertions {
				if !a.OK {
					t.Errorf("%s: %s does not hold: %+v", a.Metric, a.Check, a)
				}
			}
			t.Logf("%d observations, %d assertions hold, invalid %q", s.Observations, len(s.Assertions), s.Invalid)
		})
	}
}

// liveSummary runs a scenario in real time and returns its summary, whatever
// the exit code is.
func liveSummary(t *testing.T, args ...string) summary.Summary {
	t.Helper()
	c := exec.Command("quotalab", append([]string{"run", "--dir", filepath.Join(t.TempDir(), "record"), "-o", "json=-", "-q"}, args...)...)
	c.Stderr = os.Stderr
	out, err := c.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	var s summary.Summary
	if err := json.Unmarshal(out, &s); err != nil {
		t.Fatalf("%s: %v\n%s", c, err, out)
	}
	return s
}
