package cmd_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/cmd/certify"
	"github.com/quotalab/quotalab/internal/testkit"
)

var updateLeague = flag.Bool("update-league", false, "rewrite docs/league.md")

// modules of kinds whose code is not quotalab's own.
var modules = map[string]string{
	"boulder": "github.com/letsencrypt/boulder", "redis_rate": "github.com/go-redis/redis_rate/v10",
	"throttled": "github.com/throttled/throttled/v2", "ulule": "github.com/ulule/limiter/v3",
}

// TestLeague keeps docs/league.md what certify --all finds, with the versions that it examined.
func TestLeague(t *testing.T) {
	testkit.Live(t, "it certifies every kind")
	const path = "../docs/league.md"
	dir := t.TempDir()
	table, result := filepath.Join(dir, "table.md"), filepath.Join(dir, "result.json")
	c := exec.Command(testkit.Quotalab(t), "certify", "--all", "-q", "-o", "markdown="+table, "-o", "json="+result) // a test has no versions
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	rows, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(result)
	if err != nil {
		t.Fatal(err)
	}
	var r certify.Result
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	b.WriteString("# What limiters guarantee\n\nMade by `go test ./cmd -run TestLeague -update-league` with `QUOTALAB_LIVE=1`, out of `quotalab certify --all`: do not edit.\n" +
		"[certify.md](certify.md) says what each property asserts; *–* is what was not examined. `quotalab certify KIND --option NAME=VALUE` has the\n" +
		"cases behind each number, and the command that plays one alone.\n\n")
	for _, kind := range slices.Sorted(maps.Keys(modules)) {
		i := slices.IndexFunc(r.Limiters, func(c certify.Certificate) bool { return c.Kind == kind })
		if i < 0 || r.Limiters[i].Versions[kind] == "" {
			t.Fatalf("no version of %s, the module of %s", modules[kind], kind)
		}
		fmt.Fprintf(&b, "- `%s` is %s %s, unmodified.\n", kind, modules[kind], r.Limiters[i].Versions[kind])
	}
	b.WriteString("- The others are quotalab's own: references of their algorithms, and ways to write them that race.\n\n")
	b.Write(rows)
	if *updateLeague {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(b.String(), "\n")); d != "" {
		t.Errorf("%s (−is +should be): %s", path, d)
	}
}
