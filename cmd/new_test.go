package cmd_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quotalab/quotalab/cmd/certify"
	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/sim/foreign"
)

// TestNewInGo compiles the modules that new writes, against this source, runs their
// tests, which play their scenarios, and certifies the limiter.
func TestNewInGo(t *testing.T) {
	testkit.Live(t, "it compiles quotalab within another module")
	t.Parallel()
	root, err := testkit.Root()
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	for kind, more := range map[string][]string{
		"engine": nil,
		"limiter": {
			"go build -o mine .",
			"./mine certify my_limiter --only race,reset,hygiene --require race,reset,hygiene -q -o json=certificate.json",
		},
	} {
		dir := filepath.Join(t.TempDir(), kind)
		outputs(t)("new", kind, dir)
		if err := os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, line := range append([]string{"go mod edit -replace github.com/quotalab/quotalab=" + root, "go mod tidy", "go vet .", "go test ."}, more...) {
			shell(t, dir, line)
		}
		if kind == "limiter" {
			replay(t, dir, "./mine certify my_limiter --case race/fresh-100 | ./mine run -", "PASSED")
		}
	}
}

// ownNode is a limiter as somebody writes it who tries it for the first time. Its counter
// has no deadline if the connection dies between its two commands.
const ownNode = `'use strict'
const { default: Redis } = require('ioredis')

module.exports = async (hello) => {
  const shard = hello.shards[0]
  const redis = new Redis({ path: shard.socket })
  redis.on('error', (e) => console.error(e.message))
  const { count, period_ms: period } = Object.values(hello.limits)[0]
  return {
    name: 'mine',
    take: async ({ key, cost }) => {
      const spent = await redis.incrby('mine:' + key, cost)
      if (spent === cost) await redis.pexpire('mine:' + key, period)
      return { allowed: spent <= count, remaining: Math.max(0, count - spent) }
    }
  }
}
`

const ownFile = `limiters:
  mine:
    kind: process
    limit: {count: 100, period: 1h}
    process: {command: [node, child.cjs], clock: node, algorithm: fixed_window_first_hit}
`

// TestOwnLimiterInNode certifies twenty lines in Node by one command, and finds what is
// wrong with them.
func TestOwnLimiterInNode(t *testing.T) {
	testkit.Program(t, "node", "nodejs")
	testkit.Program(t, "npm", "npm")
	write := func(dir string) ([]string, error) {
		files, err := foreign.WriteAdapter("node", dir)
		own := filepath.Join(dir, "mine.yaml")
		return append(files, own), errors.Join(err, os.WriteFile(filepath.Join(dir, "limiter.cjs"), []byte(ownNode), 0o600), os.WriteFile(own, []byte(ownFile), 0o600))
	}
	dir := testkit.Project(t, "own-node", write, "node_modules", "npm ci --no-audit --no-fund")
	t.Setenv("PATH", filepath.Dir(testkit.Quotalab(t))+string(filepath.ListSeparator)+os.Getenv("PATH"))
	shell(t, dir, "quotalab certify mine.yaml --only race,reset --require race -q -o json=certificate.json")
	replay(t, dir, "quotalab certify mine.yaml --case reset/fresh-1 | quotalab run -", "PASSED")
	if text := shell(t, dir, "quotalab certify mine.yaml --only reset -q"); !strings.Contains(text, "locked out") {
		t.Errorf("found\n%s\nexpected that keys without a deadline lock their owners out", text)
	}
}

// shell runs a line of a shell.
func shell(t *testing.T, dir, line string) string {
	t.Helper()
	c := exec.Command("sh", "-c", line)
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return string(out)
}

// replay finds a command in a certificate, and plays it.
func replay(t *testing.T, dir, command, want string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "certificate.json"))
	if err != nil {
		t.Fatal(err)
	}
	var r certify.Result
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	for _, p := range r.Limiters[0].Properties {
		for _, c := range p.Cases {
			if c.Replay != command {
				continue
			}
			if text := shell(t, dir, command); !strings.Contains(text, want) {
				t.Errorf("%s: found\n%s\nexpected %s", command, text, want)
			}
			return
		}
	}
	t.Errorf("the certificate has no case that %q plays again", command)
}
