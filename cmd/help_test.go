package cmd_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// outputs returns a function that returns the output of quotalab with arguments that
// must succeed.
func outputs(t *testing.T) (output func(args ...string) string) {
	s := &server{}
	t.Cleanup(s.stop)
	return func(args ...string) string {
		t.Helper()
		a, err := s.ask(request{Dir: ".", Env: os.Environ(), Args: args})
		if err != nil || a.Code != 0 {
			t.Fatalf("quotalab %q: exit code %d, %v\n%s", args, a.Code, err, a.Stderr)
		}
		return a.Stdout
	}
}

// verbs that the root's help lists.
func verbs(output func(args ...string) string) []string {
	_, list, _ := strings.Cut(output("--help"), "Available Commands:\n")
	list, _, _ = strings.Cut(list, "\n\n")
	var names []string
	for line := range strings.Lines(list) {
		names = append(names, strings.Fields(line)[0])
	}
	return names
}

func TestHelpOfEachVerb(t *testing.T) {
	output := outputs(t)
	names := verbs(output)
	want := []string{"adapter", "certify", "check", "check-child", "clean", "compare", "completion", "explain", "export", "gate", "help", "list", "new", "plot", "report", "run", "schema", "shards", "show", "sweep", "verify", "version", "worker"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("verbs (−want +got):\n%s", diff)
	}
	for _, verb := range names {
		help := output(verb, "--help")
		examples := regexp.MustCompile(`(?m)^  .*quotalab `+verb+`( |$)`).FindAllString(section(help, "Examples:"), -1)
		if len(examples) < 2 {
			t.Errorf("help of %s has %d examples of it, expected two", verb, len(examples))
		}
		for _, code := range []string{"    0  ", "  104  "} {
			if !strings.Contains(section(help, "Exit codes:"), code) {
				t.Errorf("help of %s does not say what exit code %s means", verb, strings.TrimSpace(code))
			}
		}
	}
}

// section of a help text, from its title to the next empty line.
func section(help, title string) string {
	_, after, _ := strings.Cut(help, title+"\n")
	text, _, _ := strings.Cut(after, "\n\n")
	return text
}

// TestExitCodesDocumented: root, run and docs/commands.md list the same codes, all.
func TestExitCodesDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "commands.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "## Exit codes")
	table, _, _ = strings.Cut(table, "\n## ")
	output := outputs(t)
	want := []string{"0", "99", "104", "105", "107", "109", "112", "113", "114"}
	for what, got := range map[string][][]string{
		"docs/commands.md": regexp.MustCompile(`(?m)^\| (\d+) \|`).FindAllStringSubmatch(table, -1),
		"quotalab":         regexp.MustCompile(`(?m)^ +(\d+)  `).FindAllStringSubmatch(section(output(), "Exit codes:"), -1),
		"quotalab run":     regexp.MustCompile(`(?m)^ +(\d+)  `).FindAllStringSubmatch(section(output("run", "--help"), "Exit codes:"), -1),
		"quotalab -h":      regexp.MustCompile(`(?m)^ +(\d+)  `).FindAllStringSubmatch(section(output("-h"), "Exit codes:"), -1),
		"help by a verb":   regexp.MustCompile(`(?m)^ +(\d+)  `).FindAllStringSubmatch(section(output("help", "run"), "Exit codes:"), -1),
	} {
		var codes []string
		for _, m := range got {
			codes = append(codes, m[1])
		}
		if diff := cmp.Diff(want, codes); diff != "" {
			t.Errorf("%s (−want +got):\n%s", what, diff)
		}
	}
}
