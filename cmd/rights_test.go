package cmd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/sim/realredis"
)

// TestLeastRights has all kinds of limiter run as the user of docs/redis.md, whose line
// is executed as it stands.
func TestLeastRights(t *testing.T) {
	testkit.Program(t, "redis-server", "redis-server")
	docs, err := os.ReadFile(filepath.Join("..", "docs", "redis.md"))
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^ACL SETUSER (\S+) .*>(\S+) .*$`).FindStringSubmatch(string(docs))
	if line == nil {
		t.Fatal("docs/redis.md has no line ACL SETUSER")
	}
	servers, err := realredis.Spawn(t.Context(), []string{"a"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := servers.Close(); err != nil {
			t.Error(err)
		}
	}()
	var words []any
	for word := range strings.FieldsSeq(line[0]) {
		words = append(words, word)
	}
	if err := servers.Admin(0).Do(t.Context(), words...).Err(); err != nil {
		t.Fatalf("%s: %v", line[0], err)
	}
	scenario := filepath.Join(t.TempDir(), "rights.yaml")
	text := "name: rights\nhorizon: 1s\nclock: real\nkeys: {k: {sequence: {n: 5}}}\ntraffic: {s: {rate: 20/s, keys: k}}\nassert: {errors: [count == 0]}\nlimiters:\n"
	for _, kind := range []string{"tat, options: {write: lua}", "tat, options: {write: set}", "tat, options: {write: incr}", "tat, options: {write: setnx}", "redis_rate", "boulder"} {
		name := regexp.MustCompile(`\w+`).FindAllString(kind, -1)
		text += "  " + name[len(name)-1] + ": {kind: " + kind + ", limit: {count: 10, period: 1h}}\n"
	}
	if err := os.WriteFile(scenario, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("quotalab", "run", "--redis", "a="+servers.Hosts()[0], "--redis-user", line[1], "--dir", filepath.Join(t.TempDir(), "record"), scenario)
	c.Env = append(os.Environ(), "QUOTALAB_REDIS_PASSWORD="+line[2])
	said, err := c.CombinedOutput() // the machine may be too slow for its schedule
	for _, want := range []string{"1 of 1 assertions hold", "the user may not ask it: NOPERM"} {
		if !strings.Contains(string(said), want) {
			t.Errorf("expected %q: %v\n%s", want, err, said)
		}
	}
	if n, err := servers.Admin(0).DBSize(t.Context()).Result(); err != nil || n != 0 {
		t.Errorf("%d keys are left, error %v", n, err)
	}
}
