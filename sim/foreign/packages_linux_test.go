package foreign_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/scenarios"
	"github.com/quotalab/quotalab/sim/foreign"
	"github.com/quotalab/quotalab/sim/limiter"
)

// adapter writes an adapter out and builds it, once for all tests.
func adapter(t *testing.T, language, product string, build ...string) string {
	t.Helper()
	return testkit.Project(t, language, func(dir string) ([]string, error) { return foreign.WriteAdapter(language, dir) }, product, build...)
}

// load makes two busy loops until the test ends.
func load(t *testing.T) {
	for range 2 {
		cmd := exec.Command("sh", "-c", "while :; do :; done")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
	}
}

// races plays the race of 64 callers by 8 against limiters of an adapter, and
// compares what was admitted, and with QUOTALAB_LIVE=full ten runs under load with one
// another.
func races(t *testing.T, dir, process string, admitted map[string]int) {
	t.Helper()
	runs := testkit.Full(10, 1)
	if runs > 1 {
		load(t)
	}
	for name, want := range admitted {
		t.Run(name, func(t *testing.T) {
			text := race(t, 64, "shards: {count: 2}", fmt.Sprintf("    options: {limiter: %s}\n    process: {%s, ready_within: 10m}\n", name, process)) // a busy machine starts slowly
			hash := ""
			for i := range runs {
				got := playOf(t, dir, text)
				if got.allowed != want || got.errors > 0 {
					t.Errorf("%d were admitted and %d failed, expected %d and none", got.allowed, got.errors, want)
				}
				if i > 0 && got.hash != hash {
					t.Errorf("run %d differs from the first", i+1)
				}
				hash = got.hash
			}
		})
	}
}

func TestNodePackages(t *testing.T) {
	testkit.Program(t, "node", "nodejs")
	testkit.Program(t, "npm", "npm")
	dir := adapter(t, "node", "node_modules", "npm ci --no-audit --no-fund")
	races(t, dir, "command: [node, child.cjs], clock: node", map[string]int{
		"naive": 512, "naive-pool": 512, "naive-node-redis": 512, "thread-pool": 512, "rate-limiter-flexible-non-atomic": 512,
		"script": 100, "script-retry": 100, "all-shards": 100, "rate-limiter-flexible": 100, "rate-limit-redis": 100, "upstash": 100, "bottleneck": 100,
	})
}

func TestPythonPackages(t *testing.T) {
	python := testkit.Program(t, "/usr/bin/python3", "python3")
	testkit.Program(t, "/usr/lib/python3/dist-packages/limits/__init__.py", "python3-limits")
	testkit.Program(t, "/usr/lib/python3/dist-packages/redis/__init__.py", "python3-redis")
	testkit.Program(t, "cc", "gcc")
	dir := adapter(t, "python", "child.py")
	races(t, dir, "command: ["+python+", child.py], clock: python", map[string]int{
		"naive": 512, "script": 100, "script-retry": 100, "limits-fixed-window": 100, "limits-moving-window": 100, "limits-fixed-window-test-then-hit": 128,
	})
}

// The scenarios of the adapters hold: also those of Java, Go and an unmodified
// Express service, which have no shim.
func TestAdaptersScenarios(t *testing.T) {
	for _, c := range []struct {
		language, program, debian, product, build string
		scenarios                                 []string
	}{
		{"node", "npm", "npm", "node_modules", "npm ci --no-audit --no-fund", []string{"foreign-node", "foreign-http", "node-packages"}},
		{"python", "/usr/lib/python3/dist-packages/limits/__init__.py", "python3-limits", "child.py", "true", []string{"foreign-python", "foreign-job", "python-packages"}},
		{"java", "javac", "default-jdk-headless", "Child.class", "javac Child.java", []string{"foreign-java"}},
		{"go", "go", "golang-go", "adapter", "go mod tidy && go build -o adapter .", []string{"foreign-go"}},
	} {
		t.Run(c.language, func(t *testing.T) {
			testkit.Program(t, c.program, c.debian)
			dir := adapter(t, c.language, c.product, c.build)
			for _, name := range testkit.Full(c.scenarios, c.scenarios[:min(2, len(c.scenarios))]) { // without the races of packages
				file, out := filepath.Join(dir, name+".yaml"), t.TempDir()
				hash := regexp.MustCompile(`hash [0-9a-f]{16,}`)
				first := hash.FindString(quotalab(t, out, "run", file, "--dir", filepath.Join(out, "first")))
				if !slices.Contains(testkit.Full(c.scenarios, c.scenarios[:1]), name) {
					continue
				}
				if again := hash.FindString(quotalab(t, out, "run", file, "--dir", filepath.Join(out, "again"))); first == "" || first != again {
					t.Errorf("%s: %s, and again %s", name, first, again)
				}
			}
		})
	}
}

// The scenarios of all adapters can be read and compiled where nothing of them
// is installed.
func TestAdaptersAreScenarios(t *testing.T) {
	n := 0
	for _, language := range foreign.Adapters() {
		files, err := foreign.WriteAdapter(language, filepath.Join(t.TempDir(), language))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if !strings.HasSuffix(f, ".yaml") {
				continue
			}
			n++
			if _, problems, err := scenarios.Load(f); err != nil || len(problems) > 0 {
				t.Errorf("%s: %v %v", f, err, problems)
			}
		}
	}
	if n < 5 {
		t.Errorf("%d scenarios, expected at least 5", n)
	}
}

// A run that is interrupted, or killed, leaves neither processes nor files, also
// where the child spins and has started another in a session of its own.
func TestEndedRunLeavesNothing(t *testing.T) {
	testkit.Live(t, "builds, interrupts and kills quotalab")
	for _, c := range []struct {
		mode string
		sig  os.Signal
		code int
	}{{"away", os.Interrupt, 105}, {"away", os.Kill, -1}, {"spin", os.Kill, -1}} {
		t.Run(fmt.Sprint(c.mode, " ", c.sig), func(t *testing.T) {
			dir, temp := t.TempDir(), t.TempDir()
			text := strings.Replace(race(t, 8, "", itself(t, c.mode, "")), "horizon: 160ms", "horizon: 1h", 1)
			if err := os.WriteFile(filepath.Join(dir, "long.yaml"), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(testkit.Quotalab(t), "run", "long.yaml")
			cmd.Dir, cmd.Env = dir, append(os.Environ(), "TMPDIR="+temp)
			memory, _ := filepath.Glob("/dev/shm/*")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			await := func(fine func(processes, files []string) bool) (processes, files []string) {
				for range 800 {
					files, _ = filepath.Glob(filepath.Join(temp, "*"))
					if processes = left(t, "TMPDIR="+temp); fine(processes, files) {
						return nil, nil
					}
					time.Sleep(25 * time.Millisecond)
				}
				return processes, files
			}
			const most = 3 // quotalab, the child, and the guard or what the child has started
			if processes, _ := await(func(processes, files []string) bool { return len(processes) >= most && len(files) > 0 }); processes != nil {
				t.Errorf("the child did not start: %v", processes)
			}
			time.Sleep(300 * time.Millisecond)
			if err := cmd.Process.Signal(c.sig); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != c.code {
				t.Errorf("exit code %d, expected %d", code, c.code)
			}
			if processes, files := await(func(processes, files []string) bool { return len(processes)+len(files) == 0 }); len(processes)+len(files) > 0 {
				t.Errorf("left behind: %v %v", processes, files)
			}
			if now, _ := filepath.Glob("/dev/shm/*"); !slices.Equal(now, memory) {
				t.Errorf("/dev/shm holds %v, before %v", now, memory)
			}
		})
	}
}

// A child can be checked, also in a faster mode. One that goes by the wall clock or
// chance is found out, and so is one that has not done all when it has done one thing
// for each request, as fast without a shim takes it.
func TestCheckChild(t *testing.T) {
	testkit.Live(t, "starts a child several times")
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ mode, quiet, want string }{
		{"naive", limiter.Exact, ""}, {"naive", limiter.Fast, ""}, {"both", limiter.Exact, ""}, {"both", limiter.Fast, "say quiet: exact"}, {"chance", limiter.Exact, "runs came to"},
	} {
		var told []*foreign.Checked
		err := foreign.Check(t.Context(), checkSpec(path, c.mode, c.quiet), 2, func(c *foreign.Checked) { told = append(told, c) })
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v, expected %q", c.mode, c.quiet, err, c.want)
		}
		if c.want == "" && (len(told) != 4 || told[1].Allowed != 128 || told[2].Allowed != 128 || told[1].OtherKeys > 0) {
			t.Errorf("%s %s: %+v", c.mode, c.quiet, told)
		}
	}
}
