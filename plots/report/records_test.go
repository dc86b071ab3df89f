package report_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/quotalab/quotalab/plots/report"
)

// folder of the records that tests play, removed at the end.
var folder string

func TestMain(m *testing.M) {
	os.Exit(inFolder(m))
}

func inFolder(m *testing.M) int {
	var err error
	if folder, err = os.MkdirTemp("", "quotalab-report-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	return m.Run()
}

// binary is quotalab itself: a figure must not import the simulator, a test of
// figures may run it.
var binary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(folder, "quotalab")
	cmd := exec.Command("go", "build", "-o", path, "./cmd/quotalab")
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return path, nil
})

// notFound is boulder-not-found, one minute of it.
var notFound = sync.OnceValues(func() (report.Input, error) {
	return playShort("boulder-not-found", "horizon: 5m", "horizon: 90s", "count > 20_000", "count > 1_000")
})

// flagsmith is flagsmith-5069 with fewer accounts, for five weeks.
var flagsmith = sync.OnceValues(func() (report.Input, error) {
	return playShort("flagsmith-5069", "horizon: 90d", "horizon: 35d", "count: 500", "count: 40", "count: 200", "count: 20", "count: 100", "count: 10")
})

// playShort plays a shipped scenario after some changes, old and new in turn.
func playShort(name string, changes ...string) (in report.Input, err error) {
	path, err := binary()
	if err != nil {
		return in, err
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "scenarios", name+".yaml"))
	if err != nil {
		return in, err
	}
	for i := 0; i < len(changes); i += 2 {
		if !strings.Contains(string(text), changes[i]) {
			return in, fmt.Errorf("scenario %s has no %q to shorten it by", name, changes[i])
		}
		text = []byte(strings.ReplaceAll(string(text), changes[i], changes[i+1]))
	}
	file, dir := filepath.Join(folder, name+".yaml"), filepath.Join(folder, name)
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return in, err
	}
	if out, err := exec.Command(path, "run", file, "--dir", dir, "--no-assert").CombinedOutput(); err != nil {
		return in, fmt.Errorf("playing %s: %w\n%s", name, err, out)
	}
	return read(dir)
}

// must have played.
func must(t *testing.T, play func() (report.Input, error)) report.Input {
	t.Helper()
	if testing.Short() {
		t.Skip("plays a scenario")
	}
	in, err := play()
	if err != nil {
		t.Fatal(err)
	}
	return in
}
