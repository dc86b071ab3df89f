package record

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the tables of columns in docs/record.md")

// The tables of docs/record.md are the columns of the files, with what the files'
// metadata says of them.
func TestColumnsOfTheDocs(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "record.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const mark = "\n## Columns\n"
	before, found, ok := strings.Cut(string(text), mark)
	if !ok {
		t.Fatalf("%s has no heading %q", path, strings.TrimSpace(mark))
	}
	var b strings.Builder
	for _, of := range []struct {
		dir string
		row reflect.Type
	}{
		{ObservationsDir, reflect.TypeFor[Observation]()}, {AccountsDir, reflect.TypeFor[Account]()}, {EvaluationsDir, reflect.TypeFor[Evaluation]()},
	} {
		fmt.Fprintf(&b, "\n### %s\n\n| column | holds | unit | meaning |\n| --- | --- | --- | --- |\n", of.dir)
		for _, d := range described(of.row, "") {
			if d.about == "" {
				t.Errorf("column %s of %s has no meaning", d.path, of.dir)
			}
			if d.nullable {
				d.holds += " or NULL"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", d.path, d.holds, d.unit, d.about)
		}
	}
	if *update {
		if err := os.WriteFile(path, []byte(before+mark+b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(b.String(), found); diff != "" {
		t.Errorf("%s lags behind the columns; go test ./results/record -run %s -update writes it (-columns +docs):\n%s", path, t.Name(), diff)
	}
}
