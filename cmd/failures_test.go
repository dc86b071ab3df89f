package cmd_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/cmd"
	"github.com/quotalab/quotalab/models/metric"
	"github.com/quotalab/quotalab/models/metric/unit"
	"github.com/quotalab/quotalab/results/summary"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/limiter"
)

var updateFailures = flag.Bool("update-failures", false, "rewrite docs/failures.md")

// docs/failures.md is the table of the known failures that scenarios show, made of
// these and of their reference results. Each failure shows, and is absent of the
// healthy counterpart.
func TestTableOfFailures(t *testing.T) {
	const path = "../docs/failures.md"
	var b strings.Builder
	b.WriteString("# Known failures\n\nMade by `go test ./cmd -run TableOfFailures -update-failures` of the scenarios in scenarios/museum and their reference results: do not edit.\n" +
		"Each scenario plays what fails beside what does not; its assertions pin the numbers. *Should be* is the number of the healthy one.\n" +
		"Packages that the binary holds (throttled, ulule, redis_rate, today's Boulder) play themselves; what an older version or a family of limiters did is\n" +
		"rebuilt with quotalab's own kinds, such as `tat` with Boulder's sequence of commands of that time: `quotalab show NAME` says which.\n\n" +
		"| failure | known of | number | should be | seen | command |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, name := range scenarios.Museum() {
		s, problems, err := scenarios.Load(name)
		if err != nil || len(problems) > 0 || s.Failure == nil {
			t.Fatalf("%s: failure %v, %v, %v", name, s.Failure, problems, err)
		}
		f := s.Failure
		checkVersion(t, name, f.In)
		title := f.Title
		if f.Issue != "" {
			title = fmt.Sprintf("[%s](%s)", title, f.Issue)
		}
		should, seen := columnOf(t, name, f.Should), columnOf(t, name, f.Seen)
		if should == seen {
			t.Errorf("%s: the healthy counterpart shows the failure too: %s", name, seen)
		}
		fmt.Fprintf(&b, "| %s | %s | `%s` | %s | %s | `quotalab run %s` |\n", title, f.In, number(f.Seen), should, seen, name)
	}
	if *updateFailures {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), b.String()); d != "" {
		t.Errorf("%s (−is +should be; go test ./cmd -run TableOfFailures -update-failures rewrites it): %s", path, d)
	}
}

// checkVersion finds a version that is told in go.mod.
func checkVersion(t *testing.T, name, in string) {
	t.Helper()
	of := regexp.MustCompile(`([a-z-]+/[a-z-]+)(?:/v\d+)? (v\d\S*[0-9])`).FindStringSubmatch(in)
	if of == nil {
		return
	}
	data, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`github\.com/` + of[1] + `(/v\d+)? ` + regexp.QuoteMeta(of[2]) + `\b`).Match(data) {
		t.Errorf("%s: %s %s is not the version in go.mod", name, of[1], of[2])
	}
}

// number is a column without what it is of.
func number(c metric.Column) string {
	var tags []string
	for _, tag := range c.Selector.Tags {
		if tag.Name == "decision" || tag.Name == "error" || tag.Name == "verdict" {
			tags = append(tags, tag.Name+"="+tag.Value)
		}
	}
	text := c.Selector.Metric
	if len(tags) > 0 {
		text += "{" + strings.Join(tags, ",") + "}"
	}
	return text + " " + c.Aggregation()
}

// columnOf reads a column out of a scenario's reference summary. What is not
// there was never counted.
func columnOf(t *testing.T, name string, c metric.Column) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../results/reference", name, "summary.json"))
	if err != nil {
		t.Fatal(err)
	}
	var s summary.Summary
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	count, most := int64(0), 0.0
	for _, m := range s.Metrics {
		if m.Name != c.Selector.Metric || !matches(m.Tags, c.Selector.Tags) {
			continue
		}
		count += m.Count
		for _, v := range []*float64{m.Value, m.Max} {
			if v != nil {
				most = max(most, *v)
			}
		}
	}
	switch c.Agg {
	case "count":
		return unit.Thousands(count)
	case "max", "value":
		return unit.Quantity(most, c.Unit())
	}
	t.Fatalf("%s: the table does not have %s", name, c.Aggregation())
	return ""
}

func matches(tags map[string]string, wanted []metric.Tag) bool {
	for _, w := range wanted {
		if tags[w.Name] != w.Value {
			return false
		}
	}
	return true
}

// mutant is quotalab whose kind of the name in MUTANT is the double "broken", in all but the name.
func mutant() {
	name, kinds := os.Getenv("MUTANT"), limiter.Builtin()
	kind, broken := kinds[name], kinds["broken"]
	kind.New, kind.TAT, kind.OneKey, kind.ScriptCalls, kind.Telemetry = broken.New, broken.TAT, nil, nil, nil
	os.Exit(cmd.Main(limiter.Kinds{name: kind}))
}

// TestMuseumFailsOnBrokenLimiters: whichever kind of limiter is replaced by "broken", a scenario of
// the museum that has it does not hold any more.
func TestMuseumFailsOnBrokenLimiters(t *testing.T) {
	t.Parallel()
	shows := map[string]string{
		"boulder": "boulder-fast-denials", "fixed_window": "window-edge-burst", "redis_rate": "frozen-shard-stall", "sliding_counter": "window-edge-burst",
		"sliding_log": "sliding-log-same-instant", "tat": "boulder-lost-spends", "throttled": "throttled-contention", "ulule": "ulule-noscript",
	}
	used := map[string]bool{}
	for _, name := range scenarios.Museum() {
		s, problems, err := scenarios.Load(name)
		if err != nil || len(problems) > 0 {
			t.Fatal(err, problems)
		}
		for _, l := range s.Limiters {
			used[l.Value.Kind] = true
			if shows[l.Value.Kind] == "" {
				t.Errorf("%s: no scenario is known to fail with a broken %s", name, l.Value.Kind)
			}
		}
	}
	for kind, name := range shows {
		if !used[kind] {
			t.Errorf("no scenario of the museum has the kind %s", kind)
		}
		c := exec.Command("mutant", "run", name, "-q", "--dir", filepath.Join(t.TempDir(), "record"))
		c.Env = append(os.Environ(), "MUTANT="+kind)
		out, err := c.CombinedOutput()
		if code := c.ProcessState.ExitCode(); code != 99 {
			t.Errorf("%s with a broken %s: exit code %d (%v), expected 99:\n%s", name, kind, code, err, out)
		}
	}
}

// TestMuseumFailsOnBrokenEngines: so it is with kinds of engines, which are replaced in the
// scenario's file, since a binary has none of its own.
func TestMuseumFailsOnBrokenEngines(t *testing.T) {
	t.Parallel()
	failed := map[string]bool{} // by kind
	for _, name := range scenarios.Museum() {
		s, problems, err := scenarios.Load(name)
		if err != nil || len(problems) > 0 {
			t.Fatal(err, problems)
		}
		kinds := map[string]bool{}
		for _, e := range s.Engines {
			kinds[e.Value.Kind] = true
		}
		for kind := range kinds {
			text := regexp.MustCompile(`(?m)\{kind: `+kind+`\b.*(every: .*\})$`).ReplaceAllString(s.Text(), "{kind: broken, $1")
			file := filepath.Join(t.TempDir(), name+".yaml")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			c := exec.Command("quotalab", "run", file, "-q", "--dir", filepath.Join(t.TempDir(), "record"))
			out, _ := c.CombinedOutput() // its exit code tells
			t.Logf("%s with a broken %s: exit code %d\n%.1500s", name, kind, c.ProcessState.ExitCode(), out)
			failed[kind] = failed[kind] || c.ProcessState.ExitCode() == 99
		}
	}
	if d := cmp.Diff(map[string]bool{"flagsmith": true}, failed); d != "" {
		t.Errorf("kinds of engines that a scenario fails without (−want +got): %s", d)
	}
}
