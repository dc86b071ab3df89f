package cmd_test

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quotalab/quotalab/internal/testkit"
)

// TestBinary runs quotalab as its users build it: unlike a test's binary it
// knows the versions of what was linked into it.
func TestBinary(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out, err := exec.Command(testkit.Quotalab(t), "run", "race-lua", "--dir", filepath.Join(dir, "record"), "-o", "json=-", "-q").Output()
	if err != nil {
		t.Fatal(err)
	}
	var summary struct{ Versions map[string]string }
	if err := json.Unmarshal(out, &summary); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"boulder", "go-redis", "redis_rate"} {
		if !strings.HasPrefix(summary.Versions[name], "v") {
			t.Errorf("version of %s is %q, expected one such as v1.2.3", name, summary.Versions[name])
		}
	}
	if !strings.HasPrefix(summary.Versions["go"], "go1.") {
		t.Errorf("version of Go is %q", summary.Versions["go"])
	}
}
