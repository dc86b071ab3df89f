package cmd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"
)

func TestExitCodePrecedence(t *testing.T) {
	tests := []struct {
		why  string
		f    findings
		want int
	}{
		{"all is well", findings{valid: true, ok: true}, 0},
		{"an assertion failed", findings{valid: true}, 99},
		{"failed assertions of an invalid run mean nothing", findings{}, 113},
		{"an invalid run is never passed", findings{ok: true}, 113},
		{"a limiter that fails by itself explains drops and assertions", findings{unexpected: true}, 107},
		{"even where everything else is well", findings{unexpected: true, valid: true, ok: true}, 107},
		{"the user knows best why it ended early", findings{aborted: true, unexpected: true}, 105},
	}
	for _, tt := range tests {
		if got := tt.f.code(); got != tt.want {
			t.Errorf("%s: %+v gives %d, expected %d", tt.why, tt.f, got, tt.want)
		}
	}
}

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
		for _, code := range regexp.MustCompile(`(?m)^exec exits (\d+) `).FindAllStringSubmatch(string(text), -1) {
			shown[code[1]] = append(shown[code[1]], name)
		}
	}
	for _, e := range exitCodes {
		code := strconv.Itoa(e.code)
		if len(shown[code]) == 0 {
			t.Errorf("no script shows exit code %s: %s", code, e.meaning)
		}
		delete(shown, code)
	}
	for code, names := range shown {
		t.Errorf("%v: exit code %s is not in the table", names, code)
	}
}

func TestCodeOf(t *testing.T) {
	boom := errors.New("boom")
	tests := []struct {
		why  string
		err  error
		want int
	}{
		{"no error", nil, 0},
		{"an error that nobody thought of is internal", boom, 109},
		{"a mistake of the user's", invalid(boom), 104},
		{"the code survives wrapping", fmt.Errorf("while x: %w", usagef("boom")), 104},
		{"the innermost place knows best", withCode(109, invalid(boom)), 104},
		{"no error has no code", withCode(104, nil), 0},
	}
	for _, tt := range tests {
		if got := codeOf(tt.err); got != tt.want {
			t.Errorf("%s: %v gives %d, expected %d", tt.why, tt.err, got, tt.want)
		}
	}
	if !errors.Is(invalid(boom), boom) {
		t.Error("the error is lost on the way")
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
