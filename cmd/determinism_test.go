package cmd_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/results/summary"
	"github.com/quotalab/quotalab/scenarios"
)

// TestRunDeterminism runs scenarios as a user does, each time in a process
// of its own: everything but the wall clock's times is the same, on any
// number of processors; another seed gives another record. The default run has two
// processes to compare with, on one processor and on four.
func TestRunDeterminism(t *testing.T) {
	tests := []struct {
		why, scenario string
		random        bool // whether the seed decides anything
	}{
		{"64 clients race for one key, at fixed instants over constant delays", "race-boulder", false},
		{"random delays, jittered retries, two sources", "determinism.yaml", true},
	}
	for _, tt := range tests {
		t.Run(tt.scenario, func(t *testing.T) {
			t.Parallel()
			if filepath.Ext(tt.scenario) != "" {
				tt.scenario = filepath.Join("testdata", tt.scenario)
			}
			first := runSummary(t, nil, tt.scenario)
			if first.Observations < 500 {
				t.Fatalf("%s: only %d observations; the test looks at nothing", tt.why, first.Observations)
			}
			for _, env := range testkit.Full([][]string{nil, nil, {"GOMAXPROCS=1"}, {"GOMAXPROCS=4"}, {"GOGC=10"}}, [][]string{{"GOMAXPROCS=1"}}) {
				if diff := cmp.Diff(text(t, first), text(t, runSummary(t, env, tt.scenario))); diff != "" {
					t.Errorf("%s: another summary with %q (−first +this):\n%s", tt.why, env, diff)
				}
			}
			other := runSummary(t, nil, tt.scenario, "--seed", "2")
			if other.Seed != 2 || first.Seed == 2 || other.PlanHash == first.PlanHash {
				t.Errorf("%s: seed %d and plan %s, with --seed 2 seed %d and plan %s", tt.why, first.Seed, first.PlanHash, other.Seed, other.PlanHash)
			}
			if differ := other.RecordHash != first.RecordHash; differ != tt.random {
				t.Errorf("%s: another seed gives another record: %v, expected %v", tt.why, differ, tt.random)
			}
		})
	}
}

// TestOneRecordWithAndWithoutFusedMultiplyAdd: a processor that multiplies and
// adds in one rounding gives the records that any other gives. This one does, and
// gives the reference: TestShippedScenariosGiveTheirReference.
func TestOneRecordWithAndWithoutFusedMultiplyAdd(t *testing.T) {
	for _, name := range testkit.Full(scenarios.Shipped(), []string{"growth-patterns"}) {
		s, problems, err := scenarios.Load(name)
		if err != nil || len(problems) > 0 {
			t.Fatal(err, problems)
		}
		if s.Clock == "real" || s.Sweep != nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			without := runSummary(t, []string{"GODEBUG=cpu.fma=off,cpu.avx2=off"}, name).RecordHash
			if with := testkit.ReferenceHash(t, name); without != with {
				t.Errorf("record %q with fused multiply-add, %q without", with, without)
			}
		})
	}
}

// runSummary runs a scenario and returns its JSON summary without what the
// wall clock gave.
func runSummary(t *testing.T, env []string, args ...string) summary.Summary {
	t.Helper()
	c := exec.Command("quotalab", append([]string{"run", "--dir", filepath.Join(t.TempDir(), "record"), "-o", "json=-", "-q"}, args...)...)
	c.Env = append(os.Environ(), env...)
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s: %v", c, err)
	}
	var s summary.Summary
	if err := json.Unmarshal(out, &s); err != nil {
		t.Fatal(err)
	}
	if s.Started.IsZero() || s.WallSeconds <= 0 {
		t.Errorf("started %v and took %g s, expected the wall clock's times", s.Started, s.WallSeconds)
	}
	s.Started, s.WallSeconds = time.Time{}, 0
	return s
}

func text(t *testing.T, s summary.Summary) string {
	t.Helper()
	var b bytes.Buffer
	if err := s.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
