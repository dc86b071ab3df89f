package cmd_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/quotalab/quotalab/internal/testkit"
)

// mutation is a mistake that somebody could make in what is under test, as a
// change of the shipped scenarios.
type mutation struct {
	name      string
	changes   [][2]string // regular expressions, and what takes the place of what they match
	metric    string      // that a gate must name
	scenarios []string    // that have what is changed, but for some that take long
	long      []string    // more of them, played only where everything is asked for
}

func mutations() []mutation {
	all := []mutation{
		{"a script is no longer atomic", [][2]string{{`write: lua`, "write: set"}}, "round_trips",
			[]string{"race-lua"}, []string{"access-log", "retry-storm", "shard-lost"}},
		{"a limiter admits one too many", [][2]string{{`(?m)^ +options: .*\n|,? options: \{[^}]*\},?`, ","}, {`(?m)^,|,(\})`, "$1"}, {`kind: (tat|redis_rate|boulder)`, "kind: broken"}}, "over_admission",
			[]string{"race-incr", "race-lua"}, []string{"access-log", "race-redis-rate", "race-set", "shard-lost"}},
		{"an engine forgets accounts", [][2]string{{`(?m)^(  [\w-]+: )\{kind: (?:flagsmith|hybrid|catch_up|inline).*\}$`, "$1{kind: broken, every: 12h, offset: 10m}"}}, "missed",
			[]string{"flagsmith-overlapping-runs", "flagsmith-two-organisations"}, []string{"flagsmith-rolling-window", "flagsmith-31-day-month", "threshold-corrections", "threshold-limit-change"}},
		{"a shard is dropped from the ring", [][2]string{{`shards: \{count: 4`, "shards: {count: 3"}, {`shards: \{count: 2`, "shards: {count: 1"}}, "shard_keys",
			nil, []string{"boulder-new-account", "shard-lost"}},
	}
	for i := range all {
		if m := &all[i]; testkit.Full(true, testkit.IsLive() && len(m.scenarios) == 0) {
			m.scenarios = append(m.scenarios, m.long...)
		}
	}
	return all
}

// mutate writes changed copies of the shipped scenarios, of the same names.
func (m mutation) mutate(t *testing.T) (files []string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range m.scenarios {
		text, err := os.ReadFile(filepath.Join("..", "scenarios", name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		changed := text
		for _, c := range m.changes {
			changed = regexp.MustCompile(c[0]).ReplaceAll(changed, []byte(c[1]))
		}
		if string(changed) == string(text) {
			t.Fatalf("%s has nothing that could be changed so", name)
		}
		file := filepath.Join(dir, name+".yaml")
		if err := os.WriteFile(file, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// judgeFiles gates scenarios against the reference results and returns the exit
// code, the text and, of each scenario, the metrics that failed.
func judgeFiles(t *testing.T, scenarios []string) (code int, text string, failed map[string][]string) {
	t.Helper()
	report := filepath.Join(t.TempDir(), "gate.json")
	c := exec.Command("quotalab", append([]string{"gate", "--quiet", "--baseline", filepath.Join("..", "results", "reference"), "-o", "json=" + report}, scenarios...)...)
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	data, err := os.ReadFile(report)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var r struct {
		Figures []struct{ Scenario, Metric, Outcome string }
	}
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	failed = map[string][]string{}
	for _, f := range r.Figures {
		if f.Outcome == "failed" {
			failed[f.Scenario] = append(failed[f.Scenario], f.Metric)
		}
	}
	return c.ProcessState.ExitCode(), string(out), failed
}

// Each mistake fails the gate in each scenario, and the gate names the metric.
func TestGateCatchesMutations(t *testing.T) {
	for _, m := range mutations() {
		t.Run(m.name, func(t *testing.T) {
			if len(m.scenarios) == 0 {
				testkit.Live(t, "plays scenarios that take long")
			}
			t.Parallel()
			code, text, failed := judgeFiles(t, m.mutate(t))
			if code != 112 || !strings.HasPrefix(text, "FAILED: ") {
				t.Errorf("exit code %d, expected 112\n%s", code, text)
			}
			for _, name := range m.scenarios {
				if !slices.Contains(failed[name], m.metric) {
					t.Errorf("%s: %s is not among what failed: %v", name, m.metric, slices.Compact(failed[name]))
				}
				if named := regexp.MustCompile(`(?m)^  ` + name + ` +` + m.metric + `\{.* failed$`); !named.MatchString(text) {
					t.Errorf("the text does not name %s of %s:\n%s", m.metric, name, text)
				}
			}
		})
	}
}

// As they are, they pass.
func TestGatePassesWhatDidNotChange(t *testing.T) {
	t.Parallel()
	var names []string
	for _, m := range mutations() {
		names = append(names, m.scenarios...)
	}
	slices.Sort(names)
	code, text, failed := judgeFiles(t, slices.Compact(names))
	if code != 0 || !strings.HasPrefix(text, "PASSED: ") || len(failed) > 0 {
		t.Errorf("exit code %d, expected 0\n%s", code, text)
	}
}
