package cmd

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/quotalab/quotalab/cmd/campaign"
)

// TestEveryExitCodeHasAScript looks for scripts that run wherever the tests do:
// one that asks for a program, or for real time, may be skipped.
func TestEveryExitCodeHasAScript(t *testing.T) {
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts, error %v", err)
	}
	shown := map[string][]string{}
	for _, name := range scripts {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if regexp.MustCompile(`(?m)^\[!(exec:|live\])`).Match(text) {
			continue
		}
		for _, code := range regexp.MustCompile(`(?m)^(?:\[linux\] )?(?:exec exiting|exits) (\d+) `).FindAllStringSubmatch(string(text), -1) {
			shown[code[1]] = append(shown[code[1]], name)
		}
	}
	for _, e := range campaign.Statuses() {
		code := strconv.Itoa(int(e))
		if len(shown[code]) == 0 {
			t.Errorf("no script shows exit code %s: %s", code, e)
		}
		delete(shown, code)
	}
	for code, names := range shown {
		t.Errorf("%v: exit code %s is not in the table", names, code)
	}
}

func TestProgressText(t *testing.T) {
	tests := []struct {
		why              string
		elapsed, at, end time.Duration
		arrivals         int64
		want             string
	}{
		{"a quarter played in 10 s: 30 s left", 10 * time.Second, 15 * time.Minute, time.Hour, 50_000, " 5000 requests/s, 30s left"},
		{"nothing played yet", 2 * time.Second, 0, time.Hour, 0, " 0 requests/s, ? left"},
		{"at the end", 8 * time.Second, time.Hour, time.Hour, 8, " 1 requests/s, 0s left"},
	}
	for _, tt := range tests {
		if got := progressText(tt.elapsed, tt.at, tt.end, tt.arrivals); got != tt.want {
			t.Errorf("%s: got %q, expected %q", tt.why, got, tt.want)
		}
	}
}
