package cmd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/quotalab/quotalab/internal/testkit"
)

// TestNewInGo compiles the modules that new writes, against this source, and runs
// their tests, which play their scenarios.
func TestNewInGo(t *testing.T) {
	testkit.Live(t, "it compiles quotalab within another module")
	root, err := testkit.Root()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"limiter", "engine"} {
		dir := filepath.Join(t.TempDir(), kind)
		output(t, "new", kind, dir)
		sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, line := range [][]string{{"mod", "edit", "-replace", "github.com/quotalab/quotalab=" + root}, {"mod", "tidy"}, {"vet", "."}, {"test", "."}} {
			c := exec.Command("go", line...)
			c.Dir = dir
			if out, err := c.CombinedOutput(); err != nil {
				t.Fatalf("go %q: %v\n%s", line, err, out)
			}
		}
	}
}
