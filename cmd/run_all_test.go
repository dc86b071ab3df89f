package cmd_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/scenarios"
)

// TestRunAll plays the museum and everything else of virtual time: all assertions hold.
func TestRunAll(t *testing.T) {
	testkit.Live(t, "it takes a minute")
	t.Parallel()
	c := exec.Command("quotalab", "run", "--all")
	c.Dir = t.TempDir()
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range scenarios.Museum() {
		if !strings.Contains(string(out), "\n  "+name+" ") {
			t.Errorf("no line of %s in\n%s", name, out)
		}
	}
}
