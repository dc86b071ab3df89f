package report_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/quotalab/quotalab/internal/testkit"
	"github.com/quotalab/quotalab/plots/report"
)

// folder of the records that tests play, removed at the end.
var folder string

func TestMain(m *testing.M) {
	os.Exit(inFolder(m))
}

func inFolder(m *testing.M) int {
	var err error
	if folder, err = os.MkdirTemp("", "report-test-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	return m.Run()
}

// shortened is a shipped scenario after some changes, old and new in turn, and the
// record of it once it was played.
type shortened struct {
	name    string
	changes []string

	once sync.Once
	in   report.Input
	err  error
}

// notFound is boulder-not-found, one minute of it.
var notFound = &shortened{name: "boulder-not-found", changes: []string{"horizon: 5m", "horizon: 90s", "count > 20_000", "count > 1_000"}}

// flagsmith is flagsmith-5069 with fewer accounts, for five weeks.
var flagsmith = &shortened{name: "flagsmith-5069", changes: []string{"horizon: 90d", "horizon: 35d", "count: 500", "count: 40", "count: 200", "count: 20", "count: 100", "count: 10"}}

// play runs the scenario with quotalab itself: a figure must not import the
// simulator, a test of figures may run it.
func (s *shortened) play(quotalab string) (in report.Input, err error) {
	text, err := os.ReadFile(filepath.Join("..", "..", "scenarios", s.name+".yaml"))
	if err != nil {
		return in, err
	}
	for i := 0; i < len(s.changes); i += 2 {
		if !strings.Contains(string(text), s.changes[i]) {
			return in, fmt.Errorf("scenario %s has no %q to shorten it by", s.name, s.changes[i])
		}
		text = []byte(strings.ReplaceAll(string(text), s.changes[i], s.changes[i+1]))
	}
	file, dir := filepath.Join(folder, s.name+".yaml"), filepath.Join(folder, s.name)
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return in, err
	}
	if out, err := exec.Command(quotalab, "run", file, "--dir", dir, "--no-assert").CombinedOutput(); err != nil {
		return in, fmt.Errorf("playing %s: %w\n%s", s.name, err, out)
	}
	return read(dir)
}

// must returns the record of a scenario, which is played once for all tests.
func must(t *testing.T, s *shortened) report.Input {
	t.Helper()
	quotalab := testkit.Quotalab(t)
	s.once.Do(func() { s.in, s.err = s.play(quotalab) })
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.in
}
