package cmd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/quotalab/quotalab/internal/testkit"
)

// TestRecomputedInAnotherLanguage has a script in Python recompute five summaries
// from their exported CSV: counts by outcome, percentiles, over- and
// under-admission, and the spread of keys over shards.
func TestRecomputedInAnotherLanguage(t *testing.T) {
	testkit.Live(t, "recomputes five records with Python")
	t.Parallel()
	python := testkit.Program(t, "python3", "python3")
	quotalab := testkit.Quotalab(t)
	script, err := filepath.Abs("testdata/recompute.py")
	if err != nil {
		t.Fatal(err)
	}
	for _, scenario := range []string{"race-set", "race-setnx", "race-redis-rate", "boulder-not-found", "shard-lost"} {
		t.Run(scenario, func(t *testing.T) {
			dir := t.TempDir()
			rec, csv := filepath.Join(dir, "record"), filepath.Join(dir, "observations.csv")
			for _, args := range [][]string{
				{quotalab, "run", scenario, "--dir", rec, "-q"},
				{quotalab, "export", rec, "-o", "csv=" + csv},
				{python, script, filepath.Join(rec, "manifest.json"), filepath.Join(rec, "summary.json"), csv},
			} {
				cmd := exec.Command(args[0], args[1:]...)
				cmd.Env = os.Environ()
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("%v: %v\n%s", args, err, out)
				}
				if args[0] == python {
					t.Logf("%s", out)
				}
			}
		})
	}
}
