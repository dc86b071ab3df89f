package cmd_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLanguagePage keeps docs/language.md the one that explain writes.
func TestLanguagePage(t *testing.T) {
	t.Parallel()
	const page = "../docs/language.md"
	got := outputs(t)("explain", "--all")
	want, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("quotalab explain --all > %s (−want +got):\n%s", page[3:], diff)
	}
}
