package scenarios

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite golden files")

// TestWrongScenarios compares every problem of every wrong file with its
// golden list: file:line:column: path: message.
func TestWrongScenarios(t *testing.T) { wrongFiles(t, "testdata/wrong/*.yaml", 45) }

// TestWrongAccountsAndEngines is the same for accounts, engines and faults.
func TestWrongAccountsAndEngines(t *testing.T) { wrongFiles(t, "testdata/wrong-engines/*.yaml", 16) }

// TestWrongSweeps is the same for the sweep block.
func TestWrongSweeps(t *testing.T) { wrongFiles(t, "testdata/wrong-sweeps/*.yaml", 22) }

func wrongFiles(t *testing.T, pattern string, least int) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) < least {
		t.Fatalf("%d wrong files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			wrong(t, file, data)
		})
	}
}

func wrong(t *testing.T, file string, data []byte) {
	t.Helper()
	_, problems := Decode(filepath.Base(file), data)
	if strings.Contains(file, "wrong-gates") {
		_, problems = DecodeGate(filepath.Base(file), data)
	}
	if len(problems) == 0 {
		t.Fatal("no problem found")
	}
	inside(t, data, problems)
	var lines []string
	for _, p := range problems {
		lines = append(lines, p.Error())
	}
	golden(t, strings.TrimSuffix(file, ".yaml")+".golden", strings.Join(lines, "\n")+"\n")
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (−want +got; go test -update rewrites it): %s", file, d)
	}
}

// inside checks that problems are in order and have places in the text.
func inside(t *testing.T, data []byte, problems Problems) {
	t.Helper()
	lines := strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
	for i, p := range problems {
		if p.Pos.Line < 1 || p.Pos.Line > len(lines) || p.Pos.Column < 1 || p.Pos.Column > utf8.RuneCountInString(lines[p.Pos.Line-1])+1 {
			t.Errorf("%v is outside of the file", p)
		}
		if i > 0 && p.Pos.Compare(problems[i-1].Pos) < 0 {
			t.Errorf("%v comes after %v", p, problems[i-1])
		}
		if p.Msg == "" {
			t.Errorf("problem without a message at %v", p.Pos)
		}
	}
}

// addFiles seeds a fuzz test with the files of a pattern.
func addFiles(f *testing.F, pattern string) {
	f.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
}

func FuzzDecode(f *testing.F) {
	for _, name := range Shipped() {
		data, _ := Source(name)
		f.Add(data)
	}
	addFiles(f, "testdata/wrong*/*.yaml")
	f.Fuzz(func(t *testing.T, data []byte) {
		s, problems := Decode("fuzz.yaml", data)
		inside(t, data, problems)
		if s == nil && len(problems) == 0 {
			t.Error("neither a scenario nor a problem")
		}
		if s != nil && s.Sweep != nil && len(problems) == 0 {
			for _, place := range s.Sweep.Grid()[:1] {
				cell, wrong := s.With(place, 1)
				inside(t, data, wrong)
				if cell == nil || cell.Sweep != nil {
					t.Error("no cell, or one with a sweep")
				}
			}
		}
		if problems.Error() == "" && len(problems) > 0 {
			t.Error("problems without text")
		}
	})
}
