package cmd_test

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/quotalab/quotalab/cmd/certify"
	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/sim/foreign"
)

var updateLeague = flag.Bool("update-league", false, "rewrite docs/league.md")

// modules of kinds whose code is not quotalab's own.
var modules = map[string]string{
	"boulder": "github.com/letsencrypt/boulder", "redis_rate": "github.com/go-redis/redis_rate/v10",
	"throttled": "github.com/throttled/throttled/v2", "ulule": "github.com/ulule/limiter/v3",
}

// TestLeague keeps docs/league.md, and its short form in the README, what certify finds of every kind and of the packages
// that the adapters of Node and Python come with, with the versions that it examined. All of them take a quarter of an
// hour: but for -update-league it plays every kind and one package of each language, whose lines must be there.
func TestLeague(t *testing.T) {
	testkit.Live(t, "it certifies every kind, and the packages of two languages")
	t.Parallel()
	testkit.Program(t, "node", "nodejs")
	testkit.Program(t, "npm", "npm")
	testkit.Program(t, "/usr/lib/python3/dist-packages/limits/__init__.py", "python3-limits")
	testkit.Program(t, "cc", "gcc")
	node := testkit.Project(t, "node", func(dir string) ([]string, error) { return foreign.WriteAdapter("node", dir) }, "node_modules", "npm ci --no-audit --no-fund")
	python := testkit.Project(t, "python", func(dir string) ([]string, error) { return foreign.WriteAdapter("python", dir) }, "child.py")
	result := filepath.Join(t.TempDir(), "result.json")
	nodes, pythons := filepath.Join(node, "node-packages.yaml"), filepath.Join(python, "python-packages.yaml")
	plays := [][]string{{"--all", nodes, pythons}}
	if !*updateLeague {
		plays = [][]string{{"--all"}, {nodes, "--limiter", "rate-limiter-flexible"}, {pythons, "--limiter", "limits-fixed-window"}}
	}
	var r certify.Result
	for _, args := range plays {
		c := exec.Command(testkit.Quotalab(t), append([]string{"certify", "-q", "--summary-mode", "disabled", "-o", "json=" + result}, args...)...) // a test has no versions
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		data, err := os.ReadFile(result)
		if err != nil {
			t.Fatal(err)
		}
		var part certify.Result
		if err := json.Unmarshal(data, &part); err != nil {
			t.Fatal(err)
		}
		r.Limiters = append(r.Limiters, part.Limiters...)
	}
	packages, own := leagues(t, &r)
	checkPage(t, "../docs/league.md", func(string) string { return leaguePage(t, packages, own) })
	checkPage(t, "../README.md", func(page string) string { return withShortLeague(t, page, packages) })
}

// entry is a limiter of the league that is a package of its own.
type entry struct {
	certify.Certificate
	language, version string
}

// leagues divides what was found into packages and quotalab's own kinds.
func leagues(t *testing.T, r *certify.Result) (packages []entry, own certify.Result) {
	t.Helper()
	for _, c := range r.Limiters {
		version, _, _ := strings.Cut(c.Versions["limiter "+c.Limiter], ", ")
		switch e := (entry{c, "Go", ""}); {
		case modules[c.Kind] != "":
			e.version = modules[c.Kind] + " " + c.Versions[c.Kind]
			packages = append(packages, e)
		case c.Kind == "process" || c.Kind == "http":
			if e.language = "Node"; strings.Contains(c.Versions["limiter "+c.Limiter], "clock python") {
				e.language = "Python"
			}
			if e.version = version; c.Kind == "http" { // it says nothing of itself
				e.version = c.Limiter + " " + nodeVersion(t, c.Limiter)
			}
			packages = append(packages, e)
		default:
			own.Limiters = append(own.Limiters, c)
		}
	}
	for _, e := range packages {
		if !regexp.MustCompile(` v?\d`).MatchString(e.version) {
			t.Errorf("%s: version %q, expected a package with its version", e.Limiter, e.version)
		}
	}
	return packages, own
}

// nodeVersion is the version that the adapter's package.json has of a package.
func nodeVersion(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile("../sim/foreign/adapters/node/package.json")
	if err != nil {
		t.Fatal(err)
	}
	var p struct{ Dependencies map[string]string }
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatal(err)
	}
	return p.Dependencies[name]
}

const leagueIntro = `# What limiters guarantee

Made by ` + "`go test ./cmd -run TestLeague -update-league`" + ` with ` + "`QUOTALAB_LIVE=1`" + `, out of ` + "`quotalab certify --all node/node-packages.yaml python/python-packages.yaml`" + `,
with the files of ` + "`quotalab adapter node node` and `quotalab adapter python python`" + `: do not edit. [certify.md](certify.md) says what each
property asserts; *–* is what was not examined, such as a change of limits that a program has no way to be told, or metrics that it does not have.
` + "`quotalab certify KIND --option NAME=VALUE`, or `FILE --limiter NAME`" + `, has the cases behind each number, and the command that plays one alone.

## Packages

Unmodified, connected as files of the adapters show. Clients in Node and Python are given one shard, so that they ask no other.
The errors of bottleneck in exactness and cost have one cause: when a limiter's keys have expired, its script fails with ` + "`SETTINGS_KEY_NOT_FOUND`" + `, on which the client would begin anew;
Redis 7.0.15 answers ` + "`ERR SETTINGS_KEY_NOT_FOUND`" + `, and the client compares the whole text (` + "`lib/RedisDatastore.js`" + `, line 176).

`

// leaguePage is docs/league.md.
func leaguePage(t *testing.T, packages []entry, own certify.Result) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(leagueIntro)
	all := certify.Result{}
	for _, e := range packages {
		fmt.Fprintf(&b, "- `%s` is %s (%s).\n", e.Limiter, e.version, e.language)
		all.Limiters = append(all.Limiters, e.Certificate)
	}
	b.WriteString("\n")
	for _, r := range []*certify.Result{&all, &own} {
		if err := r.League().Markdown(&b); err != nil {
			t.Fatal(err)
		}
		if r == &all {
			b.WriteString("\n## Kinds of quotalab's own\n\nReferences of their algorithms, and ways to write them that race.\n\n")
		}
	}
	return b.String()
}

// Where the README has the short form.
const leagueBegins, leagueEnds = "<!-- league -->\n", "<!-- end of league -->\n"

// withShortLeague returns the README with what is broken in each package.
func withShortLeague(t *testing.T, page string, packages []entry) string {
	t.Helper()
	before, rest, found := strings.Cut(page, leagueBegins)
	_, behind, ends := strings.Cut(rest, leagueEnds)
	if !found || !ends {
		t.Fatalf("README.md: expected %q and %q", leagueBegins, leagueEnds)
	}
	var b strings.Builder
	b.WriteString("| package | what does not hold |\n| --- | --- |\n")
	for _, e := range packages {
		var broken []string
		for _, p := range e.Properties {
			if p.Verdict == certify.Broken {
				broken = append(broken, fmt.Sprintf("%s (%s)", p.Name, p.Amount()))
			}
		}
		fmt.Fprintf(&b, "| %s, of %s (%s) | %s |\n", e.Limiter, strings.TrimPrefix(e.version, "github.com/"), e.language, cmp.Or(strings.Join(broken, ", "), "–"))
	}
	return before + leagueBegins + b.String() + leagueEnds + behind
}

// checkPage compares a page with what it should be, or rewrites it.
func checkPage(t *testing.T, path string, should func(page string) string) {
	t.Helper()
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := should(string(page))
	if *updateLeague {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	is := strings.Split(string(page), "\n")
	for line := range strings.Lines(want) {
		if line = strings.TrimSuffix(line, "\n"); !slices.Contains(is, line) {
			t.Errorf("%s has no line\n%s", path, line)
		}
	}
}
