package present_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/results/present"
)

// The real benchstat finds every figure of a summary.
func TestBenchstatFindsEveryFigure(t *testing.T) {
	_, s := sample(t)
	found := map[string]string{}
	for unit, tables := range benchstat(t, bench(t, s.Summary)) {
		for _, table := range tables {
			for _, row := range table {
				found[row[0]+" "+unit] = row[1]
			}
		}
	}
	figures := present.Figures(s.Summary)
	for _, f := range figures {
		got, err := strconv.ParseFloat(found["Scenario"+f.Name+" "+f.Unit], 64)
		if err != nil || got != f.Value {
			t.Errorf("%s %s: %v (%v), the summary has %v", f.Name, f.Unit, got, err, f.Value)
		}
	}
	if len(found) != len(figures) || len(figures) == 0 {
		t.Errorf("benchstat has %d figures, the summary %d", len(found), len(figures))
	}
}

// benchstat puts the runs of one scenario into one table, whatever their
// seeds and plans: in one file, in files that are appended, and in files that are
// compared. What the user tags a run with splits, as elsewhere.
func TestBenchstatOfSeveral(t *testing.T) {
	first, again, other, tagged := several(t)
	const limiter = "Scenario/limiter=boulder"
	for _, c := range []struct {
		why   string
		files []string
		want  [][][]string // tables of over_admission: rows
	}{
		{"one file", []string{bench(t, first, again, again)}, [][][]string{{{limiter, "8", "62%"}}}},
		{"appended", []string{bench(t, first) + bench(t, again) + bench(t, again)}, [][][]string{{{limiter, "8", "62%"}}}},
		{"compared", []string{bench(t, first), bench(t, again)}, [][][]string{{{limiter, "3", "0%", "8", "0%", "+166.67%", "n=1"}}}},
		{"another scenario", []string{bench(t, first, other)}, [][][]string{{{limiter, "3", "0%"}}, {{limiter, "3", "0%"}}}},
		{"a tag", []string{bench(t, first, tagged)}, [][][]string{{{limiter, "3", "0%"}}, {{limiter, "3", "0%"}}}},
	} {
		if diff := cmp.Diff(c.want, benchstat(t, c.files...)["over_admission"]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, diff)
		}
	}
}

// benchstat's tables of files, by unit: rows of a name and then for each file
// the middle and its range, with the change in between.
func benchstat(t *testing.T, files ...string) map[string][][][]string {
	t.Helper()
	args := []string{"tool", "benchstat", "-format", "csv"}
	for i, text := range files {
		path := filepath.Join(t.TempDir(), fmt.Sprintf("%d.txt", i))
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	out, err := exec.Command("go", args...).Output()
	if err != nil {
		t.Fatalf("benchstat: %v", err)
	}
	r := csv.NewReader(bytes.NewReader(out))
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatalf("benchstat: %v in\n%s", err, out)
	}
	tables, unit := map[string][][][]string{}, ""
	for _, row := range rows {
		switch {
		case row[0] == "" && len(row) > 2 && row[2] == "CI":
			unit = row[1]
			tables[unit] = append(tables[unit], nil)
		case strings.HasPrefix(row[0], "Scenario"):
			last := len(tables[unit]) - 1
			tables[unit][last] = append(tables[unit][last], row)
		}
	}
	return tables
}
