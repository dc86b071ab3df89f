package scenarios

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestShippedScenariosDecode(t *testing.T) {
	names := Shipped()
	if !slices.IsSorted(names) || len(names) < 13 {
		t.Fatalf("shipped: %v", names)
	}
	for _, name := range names {
		s, problems, err := Load(name)
		if err != nil || len(problems) > 0 {
			t.Errorf("%s: %v\n%v", name, err, problems)
			continue
		}
		if s.Name != name {
			t.Errorf("%s calls itself %s", name, s.Name)
		}
		if len(s.About) < 40 {
			t.Errorf("%s does not say what it shows: %q", name, s.About)
		}
		data, ok := Source(name)
		schema := "schema.json"
		if slices.Contains(Museum(), name) {
			schema = "../schema.json"
		}
		if !ok || !strings.HasPrefix(string(data), "# yaml-language-server: $schema="+schema+"\n") {
			t.Errorf("%s does not begin with its schema", name)
		}
	}
}

func TestLoadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mine.yaml")
	data, _ := Source("race-lua")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	s, problems, err := Load(path)
	if err != nil || len(problems) > 0 || s.File != path || s.Name != "race-lua" {
		t.Errorf("got %+v, %v, %v", s, problems, err)
	}
	if err := os.WriteFile(path, []byte("nmae: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, problems, err := Load(path); err != nil || len(problems) == 0 || !strings.HasPrefix(problems[0].Error(), path+":1:1: ") {
		t.Errorf("got %v, %v", problems, err)
	}
}

func TestLoadNotFound(t *testing.T) {
	for name, want := range map[string]string{
		"race-lau":      `(did you mean "race-lua"?)`,
		"hot-key.yml":   `(did you mean "hot-key"?)`,
		"zzzzzzzzzzzzz": `no such file "zzzzzzzzzzzzz": `,
		"./nope.yaml":   "reading the scenario",
	} {
		_, _, err := Load(name)
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
	if _, ok := Source("nope"); ok {
		t.Error("Source found a scenario that does not exist")
	}
}

// TestEncodedScenarioDecodesToItself of every shipped one, without what cannot be
// written.
func TestEncodedScenarioDecodesToItself(t *testing.T) {
	for _, name := range Shipped() {
		want, problems, err := Load(name)
		if err != nil || len(problems) > 0 {
			t.Fatal(name, err, problems)
		}
		want.Assert, want.Sweep = nil, nil
		text, err := Encode(want)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, problems := Decode(want.File, text)
		if len(problems) > 0 {
			t.Fatalf("%s: %v\nin\n%s", name, problems, text)
		}
		if d := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Scenario{}), cmpopts.IgnoreFields(Scenario{}, "Positions")); d != "" {
			t.Errorf("%s: %s\nin\n%s", name, d, text)
		}
	}
}
