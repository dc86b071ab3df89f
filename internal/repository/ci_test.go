package repository_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/quotalab/quotalab/internal/testkit"
)

// action is what GitHub reads of action.yml.
type action struct {
	Inputs map[string]struct {
		Description, Default string
		Required             bool
	}
	Outputs map[string]struct{ Description, Value string }
	Runs    struct {
		Using string
		Steps []step
	}
	Name, Description, Author string
	Branding                  map[string]string
}

type step struct {
	ID, Uses, If, Shell, Run string
	With, Env                map[string]string
}

// runner plays the steps of an action as GitHub's runner does, but for those of
// other actions, of which it only works out what they are given.
type runner struct {
	t         *testing.T
	action    action
	workspace string            // where the user's files are
	values    map[string]string // of expressions, such as inputs.version
	summary   string
	given     map[string]map[string]string // to other actions, by name
	code      int                          // of the first step that failed
}

func newRunner(t *testing.T, workspace string, inputs map[string]string) *runner {
	t.Helper()
	text, err := os.ReadFile("action.yml")
	if err != nil {
		t.Fatal(err)
	}
	source, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	r := &runner{t: t, workspace: workspace, values: map[string]string{"github.action_path": source, "github.action_ref": ""}, given: map[string]map[string]string{}}
	if err := yaml.UnmarshalWithOptions(text, &r.action, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	if r.action.Runs.Using != "composite" {
		t.Fatalf("runs.using: expected composite, found %q", r.action.Runs.Using)
	}
	for name, in := range r.action.Inputs {
		value, given := inputs[name]
		if !given {
			value = in.Default
		}
		if in.Required && value == "" {
			t.Fatalf("the input %s is required", name)
		}
		r.values["inputs."+name] = value
	}
	return r
}

var (
	expression = regexp.MustCompile(`\$\{\{ *([^ }]+) *\}\}`)
	condition  = regexp.MustCompile(`^(\S+) (==|!=) ''$`)
	reference  = regexp.MustCompile(`^[a-z0-9-]+/[a-z0-9-]+@v[0-9]+$`)
)

// fill puts values in the place of expressions. What a step that did not run
// would have put out is empty.
func (r *runner) fill(text string) string {
	return expression.ReplaceAllStringFunc(text, func(e string) string {
		name := expression.FindStringSubmatch(e)[1]
		value, known := r.values[name]
		if !known && !strings.HasPrefix(name, "steps.") {
			r.t.Errorf("%s is not known", e)
		}
		return value
	})
}

// due tells whether a step runs.
func (r *runner) due(s step) bool {
	conditions := strings.Split(s.If, " && ")
	due := r.code == 0
	for _, c := range conditions {
		m := condition.FindStringSubmatch(c)
		switch {
		case c == "":
		case c == "always()":
			due = true
		case m == nil:
			r.t.Errorf("if: %s: cannot tell", s.If)
		default:
			value, known := r.values[m[1]]
			if !known && r.code == 0 {
				r.t.Errorf("if: %s: %s is not known", s.If, m[1])
			}
			due = due && (value == "") == (m[2] == "==")
		}
	}
	return due
}

func (r *runner) play(environment ...string) {
	r.t.Helper()
	temp := r.t.TempDir()
	for i, s := range r.action.Runs.Steps {
		if !r.due(s) {
			continue
		}
		if s.Uses != "" {
			if !reference.MatchString(s.Uses) {
				r.t.Errorf("step %d: uses: %s", i, s.Uses)
			}
			with := map[string]string{}
			for k, v := range s.With {
				with[k] = r.fill(v)
			}
			r.given[strings.Split(s.Uses, "@")[0]] = with
			continue
		}
		if expression.MatchString(s.Run) {
			r.t.Errorf("step %d: an expression in the text of a command can be more than a value", i)
		}
		if code := r.command(s, temp, i, environment); code != 0 && r.code == 0 {
			r.code = code
		}
	}
}

// command runs a step as the runner does with `shell: bash`, and reads what it
// puts out.
func (r *runner) command(s step, temp string, i int, environment []string) int {
	r.t.Helper()
	if s.Shell != "bash" {
		r.t.Fatalf("step %d: shell: expected bash, found %q", i, s.Shell)
	}
	output, summary := filepath.Join(temp, fmt.Sprintf("output-%d", i)), filepath.Join(temp, fmt.Sprintf("summary-%d", i))
	env := append(os.Environ(), environment...)
	env = append(env, "GITHUB_ACTIONS=true", "CI=true", "RUNNER_OS=Linux", "RUNNER_ARCH=X64", "RUNNER_TEMP="+temp, "GITHUB_OUTPUT="+output, "GITHUB_STEP_SUMMARY="+summary)
	for k, v := range s.Env {
		env = append(env, k+"="+r.fill(v))
	}
	code := bash(r.t, s.Run, r.workspace, env)
	for line := range strings.Lines(readIfThere(r.t, output)) {
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if !ok {
			r.t.Errorf("step %d puts out %q, expected name=value", i, line)
		}
		r.values["steps."+s.ID+".outputs."+name] = value
	}
	r.summary += readIfThere(r.t, summary)
	return code
}

// bash runs a script as both services do, and returns its exit code.
func bash(t *testing.T, script, dir string, env []string) int {
	t.Helper()
	cmd := exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script)
	cmd.Dir, cmd.Env = dir, env
	out, err := cmd.CombinedOutput()
	t.Logf("%s%s", script, out)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
}

func readIfThere(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(text)
}

// ciWorkspace returns a user's folder with a scenario and its baseline, and a
// quotalab that is built already.
func ciWorkspace(t *testing.T) (dir, quotalab string) {
	t.Helper()
	dir, quotalab = t.TempDir(), testkit.Quotalab(t)
	shown, err := exec.Command(quotalab, "show", "race-set").Output()
	if err != nil {
		t.Fatal(err)
	}
	scenario := strings.Replace(string(shown), "name: race-set", "name: mine", 1)
	scenario = scenario[:strings.Index(scenario, "\nassert:")]
	if err := os.WriteFile(filepath.Join(dir, "mine.yaml"), []byte(scenario), 0o644); err != nil {
		t.Fatal(err)
	}
	if code := bash(t, quotalab+" gate mine.yaml race-lua --baseline base --update", dir, os.Environ()); code != 0 {
		t.Fatalf("writing the baseline: exit code %d", code)
	}
	return dir, quotalab
}

// slower changes the limiter of the scenario for one with more round trips.
func slower(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, "mine.yaml")
	text := readIfThere(t, path)
	changed := strings.Replace(text, "{write: set}", "{write: setnx}", 1)
	if changed == text {
		t.Fatal("the scenario has changed: nothing to make slower")
	}
	if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
}

// fakeNet returns a folder with a go that can reach a registry, where it "installs"
// quotalab, and a curl that finds releases: v2.0.0, v2.0.1, whose checksum is not that
// of its archive, and v2.0.2, whose checksums leave it out.
func fakeNet(t *testing.T, quotalab string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	write := func(name, text string) {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755), os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	write("go", `#!/usr/bin/env bash
set -eu
if [ "$*" != "install github.com/quotalab/quotalab/cmd/quotalab@v1.2.3" ]; then echo "unexpected: go $*"; exit 1; fi
mkdir -p "$GOBIN"
cp "`+quotalab+`" "$GOBIN"
`)
	write("curl", `#!/usr/bin/env bash
set -eu
while [ $# -gt 1 ]; do
	if [ "$1" = -o ]; then to=$2; fi
	shift
done
file=${1#https://github.com/quotalab/quotalab/releases/download/}
if [ ! -e "`+dir+`/$file" ]; then echo "404: $1" >&2; exit 22; fi
cp "`+dir+`/$file" "$to"
`)
	const archive = "quotalab_linux_amd64.tar.gz"
	write("v2.0.0/about", "")
	runIn(t, dir, "tar", "-czf", filepath.Join("v2.0.0", archive), "-C", filepath.Dir(quotalab), "quotalab")
	bytes, err := os.ReadFile(filepath.Join(dir, "v2.0.0", archive))
	if err != nil {
		t.Fatal(err)
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(bytes))
	write("v2.0.0/checksums.txt", strings.Repeat("0", 64)+"  other.tar.gz\n"+sum+"  "+archive+"\n")
	write("v2.0.1/"+archive, string(bytes))
	write("v2.0.1/checksums.txt", strings.Repeat("0", 64)+"  "+archive+"\n")
	write("v2.0.2/"+archive, string(bytes))
	write("v2.0.2/checksums.txt", sum+"  my-"+archive+"\n")
	return dir
}

func checkReports(t *testing.T, dir, verdict string) {
	t.Helper()
	for name, want := range map[string]string{
		"junit.xml": `<testsuite name="mine"`, "verdict.json": `"verdict": "` + verdict + `"`, "verdict.md": "## " + verdict + ": ", "bench.txt": "BenchmarkScenario/limiter=set",
	} {
		if text := readIfThere(t, filepath.Join(dir, name)); !strings.Contains(text, want) {
			t.Errorf("%s: no %q in %.300q", name, want, text)
		}
	}
}

// The commands of the GitHub action, with what a runner sets: they pass, tell a
// regression, and say what is wrong with how they are called.
func TestGitHubAction(t *testing.T) {
	testkit.Live(t, "gates with a built binary")
	t.Parallel()
	workspace, quotalab := ciWorkspace(t)
	net := fakeNet(t, quotalab)
	for _, c := range []struct {
		why     string
		inputs  map[string]string
		path    string // in front of PATH
		ref     string // of the action
		built   bool
		change  func(*testing.T, string)
		code    string
		verdict string // "" for none
	}{
		{why: "nothing got worse", inputs: map[string]string{"scenarios": "mine.yaml\nrace-lua", "baseline": "base", "binary": quotalab}, code: "0", verdict: "PASSED"},
		{why: "built from source, patterns", inputs: map[string]string{"scenarios": "m*.yaml race-lua", "baseline": "base", "artifact": ""}, built: true, code: "0", verdict: "PASSED"},
		{why: "installed", inputs: map[string]string{"scenarios": "mine.yaml", "baseline": "base", "version": "v1.2.3"}, path: net, built: true, code: "0", verdict: "PASSED"},
		{why: "released", inputs: map[string]string{"scenarios": "mine.yaml", "baseline": "base", "version": "v2.0.0"}, path: net, code: "0", verdict: "PASSED"},
		{why: "the action's own release", inputs: map[string]string{"scenarios": "mine.yaml", "baseline": "base"}, ref: "v2.0.0", path: net, code: "0", verdict: "PASSED"},
		{why: "a release that was tampered with", inputs: map[string]string{"scenarios": "mine.yaml", "baseline": "base", "version": "v2.0.1"}, path: net, code: "1"},
		{why: "a release without a checksum", inputs: map[string]string{"scenarios": "mine.yaml", "baseline": "base", "version": "v2.0.2"}, path: net, code: "1"},
		{why: "nothing to compare with", inputs: map[string]string{"scenarios": "mine.yaml", "binary": quotalab}, code: "104"},
		{why: "rules that are not there", inputs: map[string]string{"scenarios": "mine.yaml", "baseline": "base", "binary": quotalab, "rules": "nowhere.yaml"}, code: "104"},
		{why: "a value that is more than a value", inputs: map[string]string{"scenarios": "mine.yaml $(touch injected)", "baseline": "base", "binary": quotalab}, code: "104"},
		{why: "a regression", inputs: map[string]string{"scenarios": "mine.yaml", "baseline": "base", "binary": quotalab}, change: slower, code: "112", verdict: "FAILED"},
	} {
		t.Run(c.why, func(t *testing.T) {
			if c.change != nil {
				c.change(t, workspace)
			}
			r := newRunner(t, workspace, c.inputs)
			r.values["github.action_ref"] = c.ref
			r.play("PATH=" + c.path + string(os.PathListSeparator) + os.Getenv("PATH"))
			gated := c.code != "1"
			if got := r.fill(r.action.Outputs["exit-code"].Value); gated && got != c.code || !gated && got != "" || fmt.Sprint(r.code) != c.code {
				t.Errorf("exit code %d, put out as %q, expected %s", r.code, got, c.code)
			}
			if _, setUp := r.given["actions/setup-go"]; setUp != c.built {
				t.Errorf("Go is set up: %t", setUp)
			}
			upload, uploaded := r.given["actions/upload-artifact"]
			if artifact, given := c.inputs["artifact"]; uploaded != (!given || artifact != "") {
				t.Errorf("uploaded: %t", uploaded)
			}
			if uploaded && gated && (upload["name"] != "quotalab-gate" || upload["path"] != r.fill(r.action.Outputs["reports"].Value)) {
				t.Errorf("upload of %v", upload)
			}
			if c.verdict == "" {
				if r.summary != "" {
					t.Errorf("a summary of nothing: %q", r.summary)
				}
			} else {
				checkReports(t, r.fill(r.action.Outputs["reports"].Value), c.verdict)
				if !strings.HasPrefix(r.summary, "## "+c.verdict+": ") {
					t.Errorf("the job's summary is %.200q", r.summary)
				}
			}
			if _, err := os.Stat(filepath.Join(workspace, "injected")); err == nil {
				t.Error("an input was executed")
			}
		})
	}
}

// The job for GitLab, line by line as its runner does, with its variables.
func TestGitLabJob(t *testing.T) {
	testkit.Live(t, "gates with a built binary")
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("ci", "gitlab.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var file map[string]struct {
		Stage, Image string
		Variables    map[string]string
		Script       []string
		Cache        struct {
			Key   string
			Paths []string
		}
		Artifacts struct {
			When    string
			Paths   []string
			Reports map[string]string
		}
	}
	if err := yaml.UnmarshalWithOptions(text, &file, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	job := file["quotalab"]
	workspace, quotalab := ciWorkspace(t)
	net := fakeNet(t, quotalab)
	for _, c := range []struct {
		why, version, verdict string
		code                  int
		change                func(*testing.T, string)
	}{
		{"a release that was tampered with", "v2.0.1", "", 1, nil},
		{"a release without a checksum", "v2.0.2", "", 1, nil},
		{"nothing got worse", "v1.2.3", "PASSED", 0, nil},
		{"nothing got worse, released", "v2.0.0", "PASSED", 0, nil},
		{"a regression", "v2.0.0", "FAILED", 112, slower},
	} {
		if c.change != nil {
			c.change(t, workspace)
		}
		env := slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "GOBIN=") })
		env = append(env, "CI=true", "GITLAB_CI=true", "CI_PROJECT_DIR="+workspace, "PATH="+net+string(os.PathListSeparator)+os.Getenv("PATH"))
		for k, v := range job.Variables {
			env = append(env, k+"="+strings.ReplaceAll(v, "$CI_PROJECT_DIR", workspace))
		}
		env = append(env, "VERSION="+c.version, "SCENARIOS=mine.yaml race-lua", "QUOTALAB_BASELINE=base")
		if code := bash(t, strings.Join(job.Script, "\n"), workspace, env); code != c.code {
			t.Errorf("%s: exit code %d, expected %d", c.why, code, c.code)
		}
		if job.Artifacts.When != "always" || !slices.Equal(job.Artifacts.Paths, []string{"quotalab-gate/"}) || job.Artifacts.Reports["junit"] != "quotalab-gate/junit.xml" {
			t.Errorf("artefacts: %+v", job.Artifacts)
		}
		if c.verdict != "" {
			checkReports(t, filepath.Join(workspace, "quotalab-gate"), c.verdict)
		}
	}
}
