package present_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/quotalab/quotalab/internal/testkit"
)

// nodeModules is a folder with what testdata/node/package-lock.json pins,
// installed once for all runs of the tests. Without npm or its registry the test is
// skipped; in CI it fails.
func nodeModules(t *testing.T) string {
	t.Helper()
	npm := testkit.Program(t, "npm", "npm")
	lock, err := os.ReadFile(filepath.Join("testdata", "node", "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = t.TempDir()
	}
	cache = filepath.Join(cache, "quotalab-tests")
	dir := filepath.Join(cache, fmt.Sprintf("node-%.12x", sha256.Sum256(lock)))
	modules := filepath.Join(dir, "node_modules")
	if _, err := os.Stat(modules); err == nil {
		return modules
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	fresh, err := os.MkdirTemp(cache, "installing-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(fresh) }() // it has another name if all went well
	if err := os.CopyFS(fresh, os.DirFS(filepath.Join("testdata", "node"))); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-timeout=30000")
	install.Dir = fresh
	if out, err := install.CombinedOutput(); err != nil {
		const format = "npm ci: %v: is the npm registry reachable?\n%s"
		if os.Getenv("CI") != "" {
			t.Fatalf(format, err, out)
		}
		t.Skipf(format, err, out)
	}
	if err := os.Rename(fresh, dir); err != nil {
		if _, gone := os.Stat(dir); gone != nil { // else another test was faster
			t.Fatal(err)
		}
	}
	return modules
}
