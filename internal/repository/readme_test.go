package repository_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/scenarios"
)

// testCommand is the line of the README that these tests are run by.
const testCommand = "go test ./..."

// block is one fenced block of the README: ```language mark.
type block struct{ language, mark, text string }

func readmeBlocks(t *testing.T) []block {
	t.Helper()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []block
	fence := regexp.MustCompile("(?ms)^```(\\S+) ?(\\S*)\n(.*?)^```$")
	for _, m := range fence.FindAllStringSubmatch(string(readme), -1) {
		blocks = append(blocks, block{m[1], m[2], m[3]})
	}
	return blocks
}

// readmeLines are the lines of the README's sh blocks that are not marked not-run or live.
func readmeLines(t *testing.T) []string {
	t.Helper()
	var lines []string
	for _, b := range readmeBlocks(t) {
		if b.language == "sh" && b.mark != "not-run" && b.mark != "live" {
			lines = append(lines, strings.Split(strings.TrimSpace(b.text), "\n")...)
		}
	}
	return lines
}

// copySources copies what is under version control, more or less, so that
// commands leave nothing behind.
func copySources(t *testing.T) string {
	t.Helper()
	to := t.TempDir()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "quotalab-out"}, path):
			return filepath.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, path), 0o755)
		case !d.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, path), data, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func runIn(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
}

// runLive runs a command whose run in real time may be called invalid: beside
// other tests the machine may be too slow for its schedule, and it says so.
func runLive(t *testing.T, dir, line string) {
	t.Helper()
	testkit.Program(t, "redis-server", "redis-server")
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", line)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil && !strings.Contains(string(out), "the generator was late") {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
}

// long is the README's command that takes long and needs no other.
const long = "go run ./cmd/quotalab sweep sweep-capacity"

// shell returns what bash runs for a line of the README: the line as it stands
// where everything is asked for, otherwise the built quotalab in the place of go run.
func shell(t *testing.T, line string) string {
	t.Helper()
	if testkit.IsLive() {
		return line
	}
	if line == long {
		testkit.Live(t, "takes long")
	}
	return strings.ReplaceAll(line, "go run ./cmd/quotalab ", "'"+testkit.Quotalab(t)+"' ")
}

// TestReadmeCommands runs the README's commands in their order, in one folder;
// those of blocks that are marked live on real Redis.
func TestReadmeCommands(t *testing.T) {
	t.Parallel()
	dir := copySources(t)
	for _, line := range readmeLines(t) {
		if line == testCommand {
			continue // it would run itself
		}
		t.Run(line, func(t *testing.T) { runIn(t, dir, "bash", "-euo", "pipefail", "-c", shell(t, line)) })
	}
	for _, b := range readmeBlocks(t) {
		if b.language != "sh" || b.mark != "live" {
			continue
		}
		for line := range strings.SplitSeq(strings.TrimSpace(b.text), "\n") {
			t.Run(line, func(t *testing.T) { runLive(t, dir, line) })
		}
	}
}

// TestReadmeLimiter vets the README's own limiter with the sources that are here.
func TestReadmeLimiter(t *testing.T) {
	t.Parallel()
	programs := 0
	for _, b := range readmeBlocks(t) {
		if b.language != "go" {
			continue
		}
		programs++
		file := filepath.Join(t.TempDir(), "main.go")
		if err := os.WriteFile(file, []byte(b.text), 0o644); err != nil {
			t.Fatal(err)
		}
		runIn(t, ".", "go", "vet", file)
	}
	if programs != 1 {
		t.Errorf("the README has %d Go programs; expected one, the limiter of one's own", programs)
	}
}

// TestReadmeFirstScreen: the two commands come first, and CI runs the second
// exactly as it stands there.
func TestReadmeFirstScreen(t *testing.T) {
	want := []string{"go run ./cmd/quotalab run boulder-new-account", testCommand}
	lines := readmeLines(t)
	if len(lines) < len(want) || !slices.Equal(lines[:len(want)], want) {
		t.Errorf("the README's first commands are %q, expected %q", lines[:min(len(lines), len(want))], want)
	}
	ci, err := os.ReadFile(filepath.Join(".ci", "run"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(strings.Split(string(ci), "\n"), testCommand) {
		t.Errorf(".ci/run has no line %q", testCommand)
	}
}

// TestReadmeYAML: the README's sweep and rules are what the language takes.
func TestReadmeYAML(t *testing.T) {
	seen := map[string]int{}
	for _, b := range readmeBlocks(t) {
		var problems scenarios.Problems
		switch {
		case b.language != "yaml":
			continue
		case b.mark == "gate":
			_, problems = scenarios.DecodeGate("README.md", []byte(b.text))
		case b.mark == "sweep":
			shipped, _ := scenarios.Source("sweep-limiters")
			played, _, _ := strings.Cut(string(shipped), "\nsweep:")
			_, problems = scenarios.Decode("README.md", []byte(played+"\n"+b.text))
		}
		seen[b.mark]++
		if len(problems) > 0 {
			t.Error(problems)
		}
	}
	if seen["gate"] != 1 || seen["sweep"] != 1 {
		t.Errorf("the README has yaml blocks marked %v, expected one of each of gate and sweep", seen)
	}
}
